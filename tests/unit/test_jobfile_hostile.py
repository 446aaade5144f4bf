"""Job files that mean harm, or are broken: each ends as a job or as problems with places, never in a traceback."""

from __future__ import annotations

import json
import math
import random
import string
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkim.errors import InputError
from bulkim.jobfile import load
from bulkim.model import Job
from bulkim.vendors import PROVIDERS
from bulkim.yamltree import parse

VALID = """\
provider: easemob
operation: register
connection:
  base_url: https://a1.easemob.com
  org: "1122"
  app: testapp
  auth: {client_id: id, client_secret: "s3cret"}
source:
  items:
    - {username: u1, password: p1}
params: {}
rate: {limit: 100, share: 0.7, pools: {users: 5}}
concurrency: auto
timeout: 10
guard: {protect: ["admin.*"], max_items: 10000, max_failures: "2%"}
"""


def attempt(path) -> Job | InputError:
    """Anything else that is raised fails the test."""
    try:
        return load(path, env={"HOME": "/root"}, providers=PROVIDERS, now=0.0)
    except InputError as error:
        return error


@pytest.fixture
def complaint(tmp_path):
    def complaint(raw: bytes) -> str:
        path = tmp_path / "job.yaml"
        path.write_bytes(raw)
        found = attempt(path)
        assert isinstance(found, InputError)
        return str(found).replace(f"{path.parent}/", "")

    return complaint


BOMB = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "job.yaml: is empty"),
        (b" \n\n", "job.yaml: is empty"),
        (b"# only a comment\n", "job.yaml: is empty"),
        (b"- a\n- b\n", "job.yaml:1:1: a job is a mapping, this is a list"),
        (b"just text", "job.yaml:1:1: a job is a mapping, this is text"),
        (b"name: a\n---\nname: b\n", "job.yaml:2:1: only one document fits in a file"),
        (b"name: \xff\xfe\n", "job.yaml:1:7: is not UTF-8 text: byte 0xff at offset 6"),
        (VALID.encode("utf-16"), "job.yaml:1:1: is not UTF-8 text: byte 0xff at offset 0"),
        (b"name: a\nprovider: \x00", "job.yaml:2:11: holds a control character, U+0000"),
        (b"name: a\n\tprovider: b\n", "job.yaml:2:1: a tab: YAML is indented with spaces"),
        (
            b"name: a: b\n",
            "job.yaml:1:8: is not YAML: mapping values are not allowed here (quote text that holds ': ')",
        ),
        (b"name: [a\n", "job.yaml:2:1: is not YAML"),
        (b"name: 'a\n", "job.yaml:2:1: is not YAML: while scanning a quoted scalar"),
        (b"name: @a\n", "job.yaml:1:7: is not YAML"),
        (
            b"connection: {auth: {token: ${TOKEN}}}\n",
            "job.yaml:1:29: is not YAML: while parsing a flow mapping, expected ',' or '}', but got '{' (quote it: \"${NAME}\")",
        ),
        (b"name: *a\n", "job.yaml:1:7: aliases (*name) are not supported (quote text that begins with *)"),
        (b"name: &a b\n", "job.yaml:1:7: anchors (&name) are not supported"),
        (b"name: !!python/object:os.system x\n", "job.yaml:1:7: tags (!name) are not supported"),
        (b'name: "\\ud800"\n', "job.yaml:1:7: holds half of a surrogate pair"),
        (b'name: "\\UFFFFFFFF"\n', "job.yaml: is not YAML that can be read"),
        (b"timeout: " + b"9" * 5000, "job.yaml:1:10: is too long for a number (quote it)"),
        (b"[" * 100_000, "job.yaml:1:25: is nested deeper than 24 levels"),
        (b"{a: " * 100_000, "job.yaml:1:97: is nested deeper than 24 levels"),
        (b"- " * 100_000, "job.yaml:1:49: is nested deeper than 24 levels"),
        (b"%YAML 9.9\n---\nname: a\n", "job.yaml"),
        (BOMB.encode(), "job.yaml:1:4: anchors (&name) are not supported"),
        (b"a: 1\n" * 200_001, "job.yaml: is longer than 1 MB (long lists of users belong in a CSV file"),
    ],
)
def test_what_is_no_job_is_one_clear_problem(complaint, raw, expected):
    began = time.process_time()
    assert any(line.startswith(expected) for line in complaint(raw).splitlines())
    assert time.process_time() - began < 3


def test_files_that_cannot_be_read(tmp_path):
    assert "no such file (`bulkim init` writes one to start from)" in str(attempt(tmp_path / "none.yaml"))
    assert "cannot be read: Is a directory" in str(attempt(tmp_path))


def test_secrets_are_in_no_problem(complaint):
    text = VALID.replace('client_secret: "s3cret"', "client_secret: 31337000, tokn: s3cret").replace(
        "password: p1", "password: 31337001"
    )
    found = complaint(text.encode())
    assert "31337" not in found
    assert "s3cret" not in found
    assert found.count("quote it") == 2


@pytest.mark.slow
def test_thousands_of_inline_items_are_read_in_time(tmp_path):
    lines = "".join(f"    - {{username: u{i:05}, password: pw{i:05}x}}\n" for i in range(5_000))
    path = tmp_path / "job.yaml"
    path.write_text(VALID.replace("    - {username: u1, password: p1}\n", lines))
    began = time.process_time()
    found = attempt(path)
    assert isinstance(found, Job)
    assert time.process_time() - began < 5
    assert len(found.source.items) == 5_000
    assert "pw00001x" not in found.text


# ------------------------------------------------------------------------------------------- fuzz

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["easemob", "tencent", "delete", "mute", "none", "users", "${HOME}", "${X}", "7d", "2%", "(", "-"]),
)  # fmt: skip
KEYS = (
    "name provider operation connection source params rate concurrency timeout retries batch guard base_url org app"
    " app_id sdk_app_id auth token client_id client_secret app_certificate identifier secret_key environment allow_http"
    " csv columns encoding delimiter text jsonl items listing where match created_before created_after activated run"
    " outcome code limit share pools protect max_items max_failures canary username password chat count all"
)
words = st.sampled_from(KEYS.split()) | st.text(max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "job.yaml"


fuzzed = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@fuzzed
@given(document=st.dictionaries(words, values, max_size=8))
def test_any_document_is_a_job_or_problems(scratch, document):
    base = {"provider": "easemob", "operation": "delete"}
    scratch.write_text(json.dumps({**base, **document}))
    attempt(scratch)


@fuzzed
@given(changes=st.dictionaries(words, values, min_size=1, max_size=2), data=st.data())
def test_any_change_to_a_job_is_a_job_or_problems(scratch, changes, data):
    document = {
        "provider": data.draw(st.sampled_from(["easemob", "agora", "tencent"])),
        "operation": data.draw(st.sampled_from(["register", "mute", "delete-oldest", "set-attributes"])),
        "connection": {"base_url": "https://h", "org": "1", "app": "a", "auth": {"token": "t"}},
        "source": {"items": ["u"]},
    }
    section = data.draw(st.sampled_from([document, document["connection"], document["source"]]))
    section.update(changes)
    scratch.write_text(json.dumps(document))
    attempt(scratch)


@fuzzed
@given(st.text(alphabet=string.ascii_lowercase[:4] + " \n\t:-[]{}&*!|>'\"#%@`,?\\0$~", max_size=60))
def test_any_text_is_a_job_or_problems(scratch, text):
    scratch.write_text(text)
    attempt(scratch)


@fuzzed
@given(seed=st.integers(0, 2**32))
def test_a_damaged_job_is_a_job_or_problems(scratch, seed):
    chance = random.Random(seed)
    damaged = bytearray(VALID.encode())
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(damaged))
        damaged[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 2))
    scratch.write_bytes(bytes(damaged))
    attempt(scratch)


@fuzzed
@given(document=values)
def test_json_means_what_it_says(document):
    root, problems = parse(json.dumps({"a": document}, allow_nan=False) if _finite(document) else "a: 1", "f")
    if _finite(document) and not problems:
        assert root.plain() == {"a": document}


def _finite(value) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    return all(map(_finite, value)) if isinstance(value, list) else True
