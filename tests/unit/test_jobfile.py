"""Job files: what they become, and what is said of those that cannot become anything."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bulkim.errors import InputError
from bulkim.jobfile import load
from bulkim.model import Guard, Rate, Where
from bulkim.vendors import PROVIDERS

NOW = 1_700_000_000.0
DAY_S = 86_400

HEAD = """\
provider: easemob
operation: delete
connection:
  base_url: https://a1.easemob.com
  org: "1122"
  app: testapp
  auth: {token: t0ken}
"""
WHOLE = HEAD + "source: {csv: users.csv}\n"


@pytest.fixture
def job_file(tmp_path):
    def write(text: str | bytes, name: str = "job.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def loaded(path: Path, *, env=None, **options):
    return load(path, env=env or {}, providers=PROVIDERS, now=NOW, **options)


def complaints(path: Path, **options) -> list[str]:
    """The problems of a file that cannot be loaded, without its folder."""
    with pytest.raises(InputError) as raised:
        loaded(path, **options)
    assert raised.value.exit_code == 3
    return [str(problem).replace(f"{path.parent}/", "") for problem in raised.value.problems]


# ------------------------------------------------------------------------------------------- whole


def test_a_job_with_everything(job_file, tmp_path):
    text = """\
name: purge
provider: easemob
operation: mute
connection:
  base_url: https://a1.easemob.com/
  org: "1122161011178276"
  app: testapp
  auth: {client_id: "${ID}", client_secret: "${SECRET}"}
  environment: production
source: {csv: lists/users.csv, columns: {username: user_id}, encoding: gb18030, delimiter: tab}
params: {chat: 3600, groupchat: -1}
rate: {limit: 50, share: 0.5, pools: {mutes-get: 10}}
concurrency: 8
timeout: 2.5
retries: 0
batch: 1
guard: {protect: ["admin.*"], max_items: 10, max_failures: 2%, canary: 3}
"""
    job = loaded(job_file(text), env={"ID": "id", "SECRET": "s3cret"})
    assert job.name == "purge"
    assert job.connection.base_url == "https://a1.easemob.com"
    assert (job.connection.auth.kind, job.connection.auth.identity, job.connection.auth.secret) == (
        "client_secret", "id", "s3cret"
    )  # fmt: skip
    assert job.connection.environment == "production"
    assert job.source.path == tmp_path / "lists/users.csv"
    assert (dict(job.source.columns), job.source.encoding, job.source.delimiter) == (
        {"username": "user_id"}, "gb18030", "\t"
    )  # fmt: skip
    assert job.params == {"chat": 3600, "groupchat": -1}
    assert job.rate == Rate(50, 0.5, {"mutes-get": 10})
    assert (job.concurrency, job.timeout_s, job.retries, job.batch) == (8, 2.5, 0, 1)
    assert job.guard == Guard(("admin.*",), 10, "2%", 3)
    assert "s3cret" not in repr(job)


def test_what_is_left_out_has_the_documented_default(job_file):
    job = loaded(job_file(WHOLE, "purge-test-accounts.yaml"))
    assert job.name == "purge-test-accounts"
    assert (job.rate, job.guard, job.params) == (Rate(), Guard(), {})
    assert (job.concurrency, job.timeout_s, job.retries, job.batch) == (None, 10.0, 5, None)


def test_json_is_yaml_even_with_tabs_and_surrogates(job_file):
    text = (
        '{\n\t"name": "\\ud83d\\ude00 \\/",\n\t"provider": "easemob",\n\t"operation": "delete",\n\t"connection": '
        '{"base_url": "https:\\/\\/a1.easemob.com", "org": "1", "app": "a",\n\t\t"auth": {"token": "x"}},\n'
        '\t"source": {"items": ["u1"]}\n}'
    )
    assert loaded(job_file(text, "job.json")).name == "\U0001f600 /"


@pytest.mark.parametrize(
    ("written", "path"), [("-", None), ("/data/u.csv", "/data/u.csv"), ("u.csv", "{folder}/u.csv")]
)
def test_paths_are_relative_to_the_job_file(job_file, tmp_path, written, path):
    found = loaded(job_file(HEAD + f"source: {{csv: {written}}}")).source.path
    assert found == (path and Path(path.format(folder=tmp_path)))


def test_items_know_their_lines(job_file):
    source = loaded(job_file(HEAD + "source:\n  items:\n  - alice\n  - username: bob\n    team: x\n")).source
    assert source.items == ({"username": "alice"}, {"username": "bob", "team": "x"})
    assert source.item_lines == (10, 11)


def test_a_listing_with_ages_and_dates(job_file):
    where = "{match: 'test_.*', created_before: 7d, created_after: 2024-05-01, activated: false}"
    source = loaded(job_file(HEAD + f"source: {{listing: users, where: {where}}}")).source
    after = datetime(2024, 5, 1, tzinfo=UTC).timestamp()
    assert source.where == Where("test_.*", NOW - 7 * DAY_S, after, activated=False)


def test_a_run_as_a_source(job_file):
    source = loaded(
        job_file(HEAD + "source: {run: last, outcome: [failed, unknown], code: ['70107']}")
    ).source
    assert (source.run, source.outcome, source.code) == ("last", ("failed", "unknown"), ("70107",))


def test_an_operation_that_pages_has_no_source(job_file):
    text = HEAD.replace("delete", "delete-oldest") + "params: {count: 100}"
    assert loaded(job_file(text)).source.kind == "none"


def test_open_registration_is_one_user_a_request(job_file):
    text = WHOLE.replace("delete", "register").replace("{token: t0ken}", "none")
    job = loaded(job_file(text))
    assert (job.connection.auth.kind, job.batch) == ("none", 1)
    assert complaints(job_file(text + "batch: 2")) == [
        "job.yaml:9:8: batch 2: open registration takes one user a request"
    ]


# ---------------------------------------------------------------------------------------- problems


def test_all_problems_at_once_in_file_order(job_file):
    text = """\
nme: x
provider: easmob
operation: delete
connection:
  base_url: https://a1.easemob.com
  org: 1122161011178276
  app: testapp
  auth: {token: "${NO_TOKEN}"}
  enviroment: production
source: {csv: users.csv}
rate: {limit: 0, share: 1.5}
timeout: "10"
retries: 5
retries: 6
"""
    assert complaints(job_file(text)) == [
        "job.yaml:1:1: unknown key 'nme' (did you mean 'name'?)",
        "job.yaml:2:11: provider: there is no provider 'easmob' (did you mean 'easemob'?)",
        "job.yaml:6:8: connection.org: expected text, got 1122161011178276 (quote it)",
        "job.yaml:8:17: the environment variable NO_TOKEN is not set (export NO_TOKEN=...)",
        "job.yaml:9:3: unknown key 'enviroment' under connection (did you mean 'environment'?)",
        "job.yaml:11:15: rate.limit 0 must be more than 0",
        "job.yaml:11:25: rate.share 1.5 must be at most 1",
        "job.yaml:12:10: timeout: expected a number, got '10' (without quotes and units)",
        "job.yaml:14:1: key 'retries' is there twice (the first is on line 13)",
    ]


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("operaton: x", "9:1: unknown key 'operaton' (did you mean 'operation'?)"),
        ("concurrency: many", "9:14: concurrency 'many' must be auto, or a whole number from 1 to 1000"),
        ("concurrency: 1001", "9:14: concurrency 1001 must be auto, or a whole number from 1 to 1000"),
        ("concurrency: true", "9:14: concurrency true must be auto, or a whole number from 1 to 1000"),
        ("timeout: 0", "9:10: timeout 0 must be at least 0.1"),
        ("timeout: .inf", "9:10: timeout inf must be a finite number"),
        ("timeout: 601", "9:10: timeout 601 must be at most 600"),
        ("retries: 101", "9:10: retries 101 must be at most 100"),
        ("retries: 1.5", "9:10: retries: expected a whole number, got 1.5"),
        ("batch: 2", "9:8: batch 2: delete takes at most 1 a request"),
        (
            "guard: {max_failures: lots}",
            "9:23: guard.max_failures 'lots' must be a count like 25 or a percentage like \"2%\"",
        ),
        ("guard: {max_failures: 101%}", "9:23: guard.max_failures '101%' must not be more than 100%"),
        ("guard: {max_items: 0}", "9:20: guard.max_items 0 must be at least 1"),
        ("guard: {protect: admin}", "9:18: guard.protect: expected a list, got 'admin' (write [one, two])"),
        (
            "guard: {protect: ['ok', '(']}",
            "9:25: guard.protect.1 '(' is not a regular expression: missing ), unterminated subpattern at position 0",
        ),
        (
            "guard: {protect: ['[[a]']}",
            "9:19: guard.protect.0 '[[a]' is not a regular expression: Possible nested set at position 1",
        ),
        ("rate: {share: 0}", "9:15: rate.share 0 must be more than 0"),
        ("rate: {limit: .nan}", "9:15: rate.limit nan must be a finite number"),
        ("rate: {pools: {usrs: 1}}", "9:16: rate.pools: easemob has no pool 'usrs' (did you mean 'users'?)"),
        ("rate: fast", "9:7: rate: expected a mapping, got 'fast'"),
        ("params: {chat: 1}", "9:10: unknown key 'chat' under params: delete has no such param"),
        (
            "params: {username: u}",
            "9:10: 'username' belongs to each item, not under params (give it in the source)",
        ),
        ("5: x", "9:1: a key is text, this is 5 (quote it)"),
        ("? [a]\n: b", "9:3: a key is text, this is a list (quote it)"),
    ],
)
def test_each_wrong_value_is_told_apart(job_file, added, expected):
    assert complaints(job_file(WHOLE + added)) == [f"job.yaml:{expected}"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "{cvs: u.csv}",
            (
                "8:9: source: expected a mapping with one of the keys csv, text, jsonl, items, listing, run"
                " (did you mean 'csv'?)"
            ),
        ),
        (
            "users.csv",
            (
                "8:9: source: expected a mapping with one of the keys csv, text, jsonl, items, listing, run, got"
                " 'users.csv' (for a CSV file write {csv: FILE})"
            ),
        ),
        (
            "{csv: u.csv, text: u.txt}",
            ("8:22: source takes one of csv, text, jsonl, items, listing, run, not two (remove one of them)"),
        ),
        (
            "{csv: u.csv, columns: {user: u}}",
            ("8:32: source.columns: delete has no field 'user' (did you mean 'username'?)"),
        ),
        (
            "{csv: u.csv, columns: {username: 7}}",
            ("8:42: source.columns.username: expected text, got 7 (quote it)"),
        ),
        (
            "{csv: u.csv, encoding: klingon}",
            (
                "8:32: source.encoding 'klingon' is not the name of an encoding; try utf-8, gb18030, utf-16 or latin-1"
            ),
        ),
        (
            "{csv: u.csv, delimiter: ab}",
            "8:33: source.delimiter 'ab' must be one character, such as , ; | or tab",
        ),
        ('{csv: "a\\0b"}', "8:15: source.csv 'a\\x00b' must be printable text"),
        ("{items: [a, 7]}", "8:21: source.items.1: expected text, got 7 (quote it)"),
        ("{items: [{username: 7}]}", "8:29: source.items: username: expected text, got 7 (quote it)"),
        (
            "{listing: users, columns: {username: id}}",
            "8:26: source.columns: a listing has usernames and no columns (`params` gives every user the same; several columns are a file's)",
        ),
        (
            "{listing: users, trim: false}",
            "8:26: source.trim: a listing has usernames and no columns (`params` gives every user the same; several columns are a file's)",
        ),
        ("{items: [{usernme: a}]}", "8:19: source.items: unknown key 'usernme' (did you mean 'username'?)"),
        ("{items: []}", "8:17: source.items must not be empty"),
        (
            "{listing: usrs}",
            "8:19: source.listing: expected users or mutes, got 'usrs' (did you mean 'users'?)",
        ),
        (
            "{listing: mutes, where: {activated: true}}",
            ("8:34: source.where.activated: a list of mutes says nothing about that (only match narrows it)"),
        ),
        (
            "{listing: users, where: {created_before: soon}}",
            (
                "8:50: source.where.created_before 'soon' must be an age like 7d or 12h, or a date like 2024-05-01"
            ),
        ),
        (
            "{run: last, outcome: [lost]}",
            (
                "8:31: source.outcome.0: expected succeeded, unchanged, failed, unknown,"
                " skipped or pending, got 'lost'"
            ),
        ),
        ("{run: last, code: [70107]}", "8:28: source.code.0: expected text, got 70107 (quote it)"),
    ],
)
def test_sources_that_cannot_be(job_file, source, expected):
    assert complaints(job_file(HEAD + "source: " + source)) == [f"job.yaml:{expected}"]


@pytest.mark.parametrize(
    ("provider", "operation", "expected"),
    [
        ("easemob", "delet", "there is no operation 'delet' at easemob (did you mean 'delete'?)"),
        (
            "tencent",
            "offline-count",
            "there is no operation 'offline-count' at tencent (easemob and agora can)",
        ),
    ],
)
def test_operations_that_are_not_there(job_file, provider, operation, expected):
    text = WHOLE.replace("easemob\n", f"{provider}\n", 1).replace("delete", operation)
    assert complaints(job_file(text))[0] == f"job.yaml:2:12: operation: {expected}"


def test_missing_keys_are_named(job_file):
    assert complaints(job_file("provider: easemob\n")) == [
        "job.yaml:1:1: needs the key 'operation'",
        "job.yaml:1:1: needs the key 'connection'",
    ]
    assert complaints(job_file(HEAD)) == ["job.yaml:1:1: needs the key 'source' (delete works on items)"]


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("", "2:1: delete-oldest needs params: count or all"),
        ("params: {count: 5, all: true}", "8:9: delete-oldest needs params: count or all, not both"),
        ("params: {all: false}", "8:9: delete-oldest needs params: count or all"),
        ("params: {count: 0}", "8:17: params: count 0 is less than 1"),
        (
            "params: {cont: 1, all: true}",
            (
                "8:10: unknown key 'cont' under params: delete-oldest has no such param"
                " (did you mean 'count'?)"
            ),
        ),
        (
            "params: {count: 1}\nsource: {items: [a]}",
            ("9:1: delete-oldest takes no items: it works through what the vendor lists (leave source out)"),
        ),
        (
            "params: {count: 1}\nguard: {protect: [a]}",
            (
                "9:18: guard.protect: delete-oldest cannot honour it: the vendor"
                " chooses the users (use a listing with delete instead)"
            ),
        ),
    ],
)
def test_deleting_the_oldest(job_file, tail, expected):
    assert complaints(job_file(HEAD.replace("delete", "delete-oldest") + tail)) == [f"job.yaml:{expected}"]


def test_a_listing_takes_no_items_but_may_be_narrowed(job_file):
    head = HEAD.replace("delete", "list-users")
    assert (
        loaded(job_file(head + "source: {listing: users, where: {match: 'a.*'}}")).source.where.match == "a.*"
    )
    (complaint,) = complaints(job_file(head + "source: {items: [a]}"))
    assert "list-users takes no items" in complaint
    assert "leave source out, or narrow it: source: {listing: users, where: {…}}" in complaint


# ------------------------------------------------------------------------------------------- --set


def test_set_overrides_and_makes_sections(job_file):
    changes = [
        ("rate.limit", "50"),
        ("guard.protect", "[a, b]"),
        ("name", "other"),
        ("connection.app", "prod"),
    ]
    job = loaded(job_file(WHOLE), overrides=changes)
    assert (job.rate.limit, job.guard.protect, job.name, job.connection.app_name) == (
        50,
        ("a", "b"),
        "other",
        "prod",
    )


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (
            "timeout",
            "soon",
            "--set timeout: timeout: expected a number, got 'soon' (without quotes and units)",
        ),
        ("rat.limit", "5", "--set rat.limit: unknown key 'rat' (did you mean 'rate'?)"),
        ("name.x", "5", None),
        ("provider.x", "5", "--set provider.x: provider is 'easemob', and has no keys"),
        ("a..b", "5", "--set a..b: is not a key such as rate.limit"),
        ("timeout", "[1", "--set timeout: is not YAML"),
        ("timeout", "*x", "--set timeout: aliases (*name) are not supported"),
        ("timeout", "1\x00", "--set timeout: holds a control character, U+0000"),
    ],
)
def test_set_problems_name_the_option(job_file, key, value, expected):
    found = complaints(job_file(WHOLE), overrides=[(key, value)])
    assert expected is None or any(each.startswith(expected) for each in found)


# -------------------------------------------------------------------------------------------- text


def test_the_text_is_kept_without_secrets(job_file):
    text = """\
# old token: abcdef123456
provider: easemob
operation: register
connection:
  base_url: https://a1.easemob.com
  org: "1"
  app: a
  auth:
    client_id: "${ID}"
    client_secret: hunter2hunter2 # not hunter2hunter2 again
source:
  items:
    - {username: u1, password: 'pa''ss', my_token: zzz}
    - username: u2
      password: |
        block secret
      nickname: n
"""
    job = loaded(
        job_file(text), env={"ID": "x"}, overrides=[("timeout", "5"), ("connection.auth.client_id", "cid")]
    )
    for secret in ("abcdef123456", "hunter2", "pa'", "zzz", "block secret"):
        assert secret not in job.text
    assert '    client_secret: "***" # not *** again\n' in job.text
    assert '{username: u1, password: "***", my_token: "***"}' in job.text
    assert '      password: "***"\n      nickname: n\n' in job.text
    assert job.text.endswith("# --set timeout=5\n# --set connection.auth.client_id=***\n")
    assert job.source.items[0]["password"] == "pa'ss"


def test_references_to_the_environment_stay_in_the_text(job_file):
    text = WHOLE.replace("t0ken", '"${TOKEN}"')
    assert loaded(job_file(text), env={"TOKEN": "very-secret"}).text == text


def test_masked_text_of_a_windows_file(job_file):
    job = loaded(job_file(b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode()))
    assert 'auth: {token: "***"}\r\n' in job.text


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("notify: {ur: https://h/x}", "unknown key 'ur' under notify (did you mean 'url'?)"),
        (
            "notify: {url: https://h/x, when: 1}",
            "unknown key 'when' under notify (known: url, format, secret, allow_http)",
        ),
        ("window: {hours: '01:00-02:00', tz: UTC}", "unknown key 'tz' under window (known: hours, zone)"),
        ("rate: {colour: 1}", "unknown key 'colour' under rate (known: limit, share, pools, max_rest)"),
    ],
)
def test_an_unknown_key_offers_the_keys_of_its_own_section(job_file, section, expected):
    assert expected in [each.partition(": ")[2] for each in complaints(job_file(f"{WHOLE}{section}\n"))]


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("name", "007", "007"), ("name", "true", "true"), ("name", "a: b # c", "a: b # c"), ("name", "[x", "[x"), ("name", "'q'", "q"),
        ("name", "null", None), ("name", "2024-05-01", "2024-05-01"), ("connection.org", "1122161011178276", "1122161011178276"),
        ("provider", "easemob", "easemob"), ("source.csv", "{a}.csv", "{a}.csv"), ("source.csv", "[a.csv, b.csv]", ["a.csv", "b.csv"]),
        ("source.columns.nickname", "{first} {last}", "{first} {last}"), ("source.columns.nickname", "{first}", "{first}"),
        ("source.columns.nickname", "{default: x}", {"default": "x"}), ("source.where.dept.equals", "5", 5),
        ("source.delimiter", ";", ";"), ("source.encoding", "gb18030", "gb18030"), ("guard.max_failures", "25", 25),
        ("window", "null", None), ("timeout", "5", 5), ("guard.protect", "[a.*]", ["a.*"]), ("rate.limit", "60/min", "60/min"),
    ],
)  # fmt: skip
def test_text_is_as_the_shell_gives_it(key, text, expected):
    from bulkim.jobfile.catalogued import job_shape
    from bulkim.jobfile.overrides import value_of
    from bulkim.yamltree import Mark

    node, problems = value_of(key, text, Mark("--set"), job_shape(PROVIDERS))
    assert not problems
    assert node.plain() == expected


def test_a_param_that_is_text_is_as_the_shell_gives_it(job_file):
    text = WHOLE.replace("operation: delete", "operation: add-to-group")
    for given, expected in (("66016455491585", "66016455491585"), ("007", "007"), ('"x"', "x")):
        found = loaded(job_file(text), overrides=[("params.group_id", given)])
        assert found.params["group_id"] == expected


@pytest.mark.parametrize(("line", "hidden"), [
    ("notify: {url: 'ftp://h/s3cret-token'}", "s3cret"), ("connection.auth.token", "\x07s3cret"),
    ("connection.base_url", "https://user:s3cret@h"),
])  # fmt: skip
def test_a_value_that_may_be_a_secret_is_not_shown(job_file, line, hidden):
    changes = [(line, hidden)] if line.startswith("connection") else []
    found = complaints(job_file(WHOLE + ("" if changes else f"{line}\n")), overrides=changes)
    assert found
    assert "s3cret" not in str(found)


@pytest.mark.parametrize(("before", "after", "said"), [
    ("{token: t0ken}", "{token: 471147114711}", "connection.auth.token: expected text, got a number"),
    ("{token: t0ken}", "471147114711", "connection.auth: "),
    ("{csv: users.csv}", "{items: [{username: ann, password: 471147114711}]}", "password: expected text, got a number"),
])  # fmt: skip
def test_a_secret_without_its_quotes_is_not_shown(job_file, before, after, said):
    text = WHOLE.replace("operation: delete", "operation: register").replace(before, after)
    found = str(complaints(job_file(text)))
    assert said in found
    assert "4711" not in found
