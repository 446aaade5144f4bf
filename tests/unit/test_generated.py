"""The file of generated secrets: found again whatever happened to it, each user once, in a few bytes of memory."""

from __future__ import annotations

import csv
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkim.errors import InputError
from bulkim.journal.records import Entry
from bulkim.planning import generated
from bulkim.planning.generated import GeneratedSecrets

NAMES = st.one_of(
    st.sampled_from(["ann", "Ann", "bob", 'c"yd', "d,an", " e v a ", "=1+1", "研发", "username", "\ufeffx", "'", '"']),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8),
)  # fmt: skip
# What a session adds, and how many bytes of that reach the disk before it is killed; None: it lives.
SESSIONS = st.lists(
    st.tuples(st.lists(NAMES, max_size=6), st.one_of(st.none(), st.integers(0, 200))), max_size=6
)


def entries(names):
    return [Entry(n, n + 1, name.casefold(), name, None, None) for n, name in enumerate(names, 1)]


def opened(path, size=12):
    return GeneratedSecrets(path, "password", size, str.casefold)


def added(path, names):
    secrets = opened(path)
    list(secrets.of(entries(names)))
    return secrets


def cells(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SESSIONS)
def test_who_has_one_keeps_it(tmp_path_factory, sessions):
    """A session that was killed sent nothing: of it the file may have any beginning. What was once on disk stays."""
    path = tmp_path_factory.getbasetemp() / "made.csv"
    path.unlink(missing_ok=True)
    kept: dict[str, str] = {}
    for names, cut in sessions:
        before = path.stat().st_size if path.exists() else 0
        secrets = added(path, names)
        now = {name.casefold(): secrets.find(name.casefold()) for name in names}
        assert None not in now.values()
        assert {key: now.get(key, secret) for key, secret in kept.items()} == kept
        if cut is None:
            kept |= now
        else:
            with path.open("r+b") as file:
                file.truncate(min(before + cut, path.stat().st_size))
        if path.stat().st_size:
            found = opened(path)
            assert {key: found.find(key) for key in kept} == kept
    added(path, [])
    header, *rows = cells(path)
    assert header == ["username", "password"]
    assert len({name.casefold() for name, _ in rows}) == len(rows)
    assert kept.items() <= {name.casefold(): secret for name, secret in rows}.items()
    assert {len(secret) for _, secret in rows} <= {12}


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from(["username,password\n", "ann,aaaaaaaaaaaa", "\n", "\r", "\r\n", '"', ",", "\0", "é", "b"]), max_size=12)
    .map(lambda parts: "".join(parts).encode())
)  # fmt: skip
def test_whatever_the_file_is(tmp_path_factory, raw):
    """It is taken for what it says, or left as it is: with words, and without a byte changed above its end."""
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(raw)
    secrets = None
    with suppress(InputError):
        secrets = added(path, ["zoe"])
    if secrets is None:
        assert path.read_bytes() == raw
        return
    assert len(secrets.find("zoe")) == 12
    assert path.read_bytes().startswith(raw[: raw.rfind(b"\n") + 1])


def test_a_file_with_other_line_ends(tmp_path):
    path = tmp_path / "made.csv"
    path.write_bytes(b"username,password\r\nann,aaaaaaaaaaaa\r\nbob,bbbbbbbbbbbb")
    secrets = added(path, ["ann", "bob", "cyd"])
    assert (secrets.find("ann"), secrets.find("bob")) == ("aaaaaaaaaaaa", "bbbbbbbbbbbb")
    assert [name for name, _ in cells(path)] == ["username", "ann", "bob", "cyd"]


def test_a_file_that_is_changed_under_a_run(tmp_path):
    """Who is looked for where somebody else stands now has none any more; nobody gets another's."""
    path = tmp_path / "made.csv"
    secrets = added(path, ["ann", "bob"])
    path.write_text("username,password\nbob\nann,aaaaaaaaaaaa,more\n")
    assert {secrets.find("ann"), secrets.find("bob")} == {None}


def test_two_processes_do_not_make_at_once(tmp_path):
    path = tmp_path / "made.csv"
    first = opened(path).of(entries(["ann"]))
    next(first)
    with pytest.raises(InputError, match="another process is making secrets in it"):
        list(opened(path).of(entries(["ann"])))
    assert list(first) == []
    assert [name for name, _ in cells(path)] == ["username", "ann"]


def test_what_one_adds_the_other_finds(tmp_path):
    """The same users in two jobs with one file have one secret each."""
    path = tmp_path / "made.csv"
    one, other = opened(path), opened(path)
    list(one.of(entries(["ann", "bob"])))
    list(other.of(entries(["Bob", "cyd"])))
    assert [name for name, _ in cells(path)] == ["username", "ann", "bob", "cyd"]
    assert other.find("bob") == one.find("bob")


@pytest.mark.slow
def test_memory_is_a_few_bytes_a_user(tmp_path: Path):
    peaks = {}
    for users in (10_000, 100_000):
        path = tmp_path / f"{users}.csv"
        tracemalloc.start()
        secrets = opened(path)
        for _ in secrets.of(entry(n) for n in range(users)):
            pass
        again = opened(path)
        peaks[users] = tracemalloc.get_traced_memory()[1] - generated._BLOCK
        tracemalloc.stop()
        assert again.find("user-77") == secrets.find("user-77") is not None
    a_user = (peaks[100_000] - peaks[10_000]) / 90_000
    assert a_user <= 2 * 48, f"{a_user:.0f} bytes a user, in two of them"


def entry(n):
    name = f"user-{n}"
    return Entry(n + 1, n + 2, name, name, None, None)
