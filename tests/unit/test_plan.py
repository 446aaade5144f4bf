"""Rows -> planned items: merged, told apart, spared, counted."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.jobs import at

from bulkim.errors import InputError
from bulkim.model import Auth, Connection, Guard, Job, Rate, Source
from bulkim.planning import batch_size, batches, estimate, limits, prepare, survey
from bulkim.planning.columns import Columns
from bulkim.planning.intake import Intake
from bulkim.planning.suspects import Suspects
from bulkim.source import open_source
from bulkim.vendors import PROVIDERS

CONNECTION = at("easemob", "https://h", Auth("token", secret="t"), org="1", app="a")


@pytest.fixture
def plan(tmp_path):
    """The planned items of a job over a CSV, text, JSON-lines or inline source."""

    def plan(operation, content, *, provider="easemob", kind="csv", columns=None, **job):
        if kind == "items":
            source = Source("items", items=content, item_lines=range(1, len(content) + 1))
        else:
            path = tmp_path / "users"
            path.write_text(content)
            source = Source(kind, path=path, columns=columns or {})
        vendor = PROVIDERS[provider]
        wanted = vendor.operation(operation)
        made = Job("j", provider, operation, CONNECTION, source, **job)
        return list(prepare(made, vendor, wanted, open_source(source, secret_fields=wanted.secrets)))

    return plan


def skips(planned):
    return [each.skip and (each.line, each.skip.code, each.skip.reason) for each in planned]


def test_a_row_becomes_an_item(plan):
    (item,) = plan("register", "username,password,nickname,team\nLi.Wei,pw,,sales\n")
    assert (item.position, item.line, item.key, item.username) == (1, 2, "li.wei", "Li.Wei")
    assert item.fields == {"username": "Li.Wei", "password": "pw"}
    assert item.extra == {"team": "sales"}
    assert item.skip is None
    assert "pw" not in repr(item)


def test_an_items_own_value_goes_before_the_params(plan):
    planned = plan(
        "mute", "username,chat,groupchat\na,,\nb,60,\nc,-1,5\n", params={"chat": 3600, "chatroom": 0}
    )
    assert [{**each.fields} for each in planned] == [
        {"username": "a", "chat": 3600, "chatroom": 0},
        {"username": "b", "chat": 60, "chatroom": 0},
        {"username": "c", "chat": -1, "groupchat": 5, "chatroom": 0},
    ]


def test_at_least_one_of_several_fields(plan):
    planned = plan("mute", "username,chat\na,60\nb,\n")
    assert skips(planned) == [
        None, (3, "invalid", "none of chat, groupchat, chatroom: at least one is needed")
    ]  # fmt: skip
    assert plan("unmute", "username\na\n")[0].skip is None  # the codec lifts all scopes then


def test_duplicates_are_found_as_the_vendor_compares(plan):
    content = "username\nAlice\nbob\nalice\nALICE\nbob\n"
    assert skips(plan("delete", content)) == [
        None,
        None,
        (4, "duplicate", "same user as line 2"),
        (5, "duplicate", "same user as line 2 (Easemob ignores case)"),
        (6, "duplicate", "same user as line 3"),
    ]
    assert skips(plan("delete", content, provider="tencent")) == [
        None, None, None, None, (6, "duplicate", "same user as line 3")
    ]  # fmt: skip


def test_an_identity_of_two_fields(plan):
    planned = plan("offline-message-status", "username,message_id\na,1\nA,2\na,1\na,1\x1f\n")
    assert [each.key for each in planned] == ["a\x1f1", "a\x1f2", "a\x1f1", None]
    assert planned[2].skip.reason == "same username and message_id as line 2"
    assert planned[3].skip.code == "invalid"


def test_protected_names(plan):
    content = "username\nadmin_1\nAdmin\nmy-admin\nroot\nadmin_1\n"
    guard = Guard(protect=("admin.*", "roo?t"))
    assert skips(plan("delete", content, guard=guard)) == [
        (2, "protected", "protected by 'admin.*'"),
        (3, "protected", "protected by 'admin.*'"),
        None,  # the whole name must match
        (5, "protected", "protected by 'roo?t'"),
        (6, "protected", "protected by 'admin.*'"),
    ]
    assert skips(plan("delete", content, provider="tencent", guard=guard))[1] is None


def test_invalid_items_keep_their_lines_and_lose_their_secrets(plan):
    content = "username,password,team\n,pw1,x\na/b,pw2,x\nok,,x\nragged,pw3\nok,pw4,x\n"
    planned = plan("register", content)
    assert skips(planned) == [
        (2, "invalid", "no username"),
        (3, "invalid", "username 'a/b' has a character that is not allowed: '/' at 2"),
        (4, "invalid", "no password"),
        (5, "invalid", "has 2 cells where the header has 3"),
        None,
    ]
    assert [each.username for each in planned] == ["", "a/b", "ok", "ragged", "ok"]
    assert [each.key for each in planned] == [None, None, None, None, "ok"]
    assert all("pw" not in str([each.fields, each.extra]) for each in planned[:4])


def test_an_invalid_username_is_fit_for_showing(plan):
    (item,) = plan("delete", '{"username": "a\\u0000\\u202eb"}', kind="jsonl")
    assert item.username == r"a\x00\u202eb"
    (item,) = plan("delete", '{"username": 7}', kind="jsonl")
    assert (item.username, item.skip.reason) == ("7", "username 7 is a number, not text: quote it")
    (item,) = plan("delete", "{broken", kind="jsonl")
    assert (item.username, item.skip.code) == ("", "invalid")


def test_other_columns_go_along_without_what_looks_like_a_secret(plan):
    header = "username,team,API_Token,passwd,userSig,Certificate,note,code,empty"
    (item,) = plan("delete", f"{header}\na,x,s1,s2,s3,s4,hi,77,\n")
    assert item.extra == {"team": "x", "note": "hi", "source_code": "77"}
    assert plan("delete", "username,password\na,s\n")[0].extra == {}


def test_a_mapped_secret_does_not_go_along(plan):
    (item,) = plan("register", "id,pin\na,s3cret\n", columns={"username": "id", "password": "pin"})
    assert (item.extra, item.fields["password"]) == ({}, "s3cret")


def test_the_columns_of_a_results_file_are_not_taken_along_twice(plan):
    header = "ordinal,username,outcome,code,reason,attempts,http_status,finished_at,data,team"
    (item,) = plan("delete", f"{header}\n1,a,failed,404,gone,1,404,2024-05-01,,x\n")
    assert item.extra == {"team": "x"}


def test_what_a_json_line_has_beside_the_fields(plan):
    line = '{"username": "a", "team": "x", "tags": ["p", "q"], "n": 5, "auth": {"token": "s"}, "pwd": "s", "nil": null}'
    (item,) = plan("delete", line, kind="jsonl")
    assert item.extra == {"team": "x", "tags": '["p", "q"]', "n": "5"}


def test_inline_items(plan):
    planned = plan(
        "set-attributes", ({"username": "a", "attributes": {"team": "x"}}, {"username": "b"}), kind="items"
    )
    assert planned[0].fields == {"username": "a", "attributes": {"team": "x"}}
    assert skips(planned)[1] == (2, "invalid", "no attributes")


def test_usernames_only(plan):
    assert [each.key for each in plan("delete", "Alice\nbob\n", kind="text")] == ["alice", "bob"]


# ----------------------------------------------------------------------------- whole files at fault


@pytest.mark.parametrize(
    ("operation", "kind", "content", "expected"),
    [
        ("delete", "csv", "user_name,x\na,b\n",
         [":1: has no column 'username' (its columns: user_name, x; write under source: columns: {username: user_name})"]),
        ("delete", "csv", "User ID,Last Name\na,b\n",
         [":1: has no column 'username' (its columns: User ID, Last Name; write under source: columns: {username: User ID})"]),
        ("register", "csv", "id,secretword\na,b\n",
         [(":1: has no column 'username' (its columns: id, secretword; write under source: columns: {username: COLUMN,"
           " password: COLUMN})"),
          (":1: has no column 'password' (its columns: id, secretword; write under source: columns: {username: COLUMN,"
           " password: COLUMN})")]),
        ("register", "csv", "alice,hunter22\nb,longenough\n",
         [f":1: has no column '{name}' (the first line names the columns; source: {{columns: {{field: column}}}} says which is which)"
          for name in ("username", "password")]),
        ("register", "text", "a\n", [": gives usernames only, and register needs password too (use a csv or jsonl source)"]),
        ("mute", "csv", "username\na\n",
         [": mute needs at least one of chat, groupchat, chatroom (write params: {chat: ...} in the job, or add a column)"]),
    ],
)  # fmt: skip
def test_what_no_row_can_have_is_missed_once(plan, operation, kind, content, expected):
    with pytest.raises(InputError) as raised:
        plan(operation, content, kind=kind)
    assert [str(each).partition("users")[2] for each in raised.value.problems] == expected


def test_params_that_do_not_fit_are_a_problem_of_the_job(plan):
    with pytest.raises(InputError, match="params: chat 'x' is not a whole number"):
        plan("mute", "username\na\n", params={"chat": "x"})


# ------------------------------------------------------------------------------------------- costs


def job(operation="register", provider="easemob", **options):
    return Job("j", provider, operation, options.pop("connection", CONNECTION), Source("none"), **options)


def op(name, provider="easemob"):
    return PROVIDERS[provider].operation(name)


@pytest.mark.parametrize(
    ("items", "operation", "options", "expected"),
    [
        (6000, "register", {}, 100), (6001, "register", {}, 101), (0, "register", {}, 0), (1, "register", {}, 1),
        (100, "register", {"batch": 10}, 10), (1500, "delete", {}, 1500),
        (5, "register", {"connection": Connection("easemob", "https://h", Auth("none"))}, 5),
    ],
)  # fmt: skip
def test_requests(items, operation, options, expected):
    assert batches(items, op(operation), job(operation, **options)) == expected


def test_a_batch_is_never_larger_than_the_vendor_takes():
    assert batch_size(op("register"), job(batch=500)) == 60


@pytest.mark.parametrize(
    ("operation", "rate", "expected"),
    [
        ("register", Rate(), {"users": 100}),
        ("register", Rate(limit=500, share=0.7), {"users": 350}),
        ("delete-oldest", Rate(limit=20, share=0.5), {"mass-delete": 10, "users": 50}),
        ("delete-oldest", Rate(pools={"users": 10}), {"mass-delete": 30, "users": 10}),
        ("delete-oldest", Rate(limit=20, pools={"mass-delete": 5}), {"mass-delete": 20, "users": 100}),
        ("mute", Rate(limit=50), {"mutes-set": 50, "mutes-get": 100}),  # the probe's pool is there too
    ],
)
def test_limits(operation, rate, expected):
    assert limits(job(operation, rate=rate), PROVIDERS["easemob"], op(operation)) == expected


def test_one_item_a_request_may_be_another_endpoint_with_another_pool():
    agora = PROVIDERS["agora"]
    status = agora.operation("online-status")
    assert list(limits(job("online-status", "agora"), agora, status)) == ["status-batch"]
    one = job("online-status", "agora", batch=1, rate=Rate(limit=7))
    assert limits(one, agora, status) == {"status": 7}


def test_an_estimate():
    counts = {"send": 6000, "duplicate": 5, "protected": 1, "invalid": 2}
    found = estimate(job(rate=Rate(share=0.5)), PROVIDERS["easemob"], op("register"), counts)
    assert (found.items, found.send, found.requests, found.batch) == (6008, 6000, 100, 60)
    assert found.skipped == {"duplicate": 5, "protected": 1, "invalid": 2}
    assert (found.pool, found.limit_per_s, found.least_s) == ("users", 50.0, 2.0)


def test_the_pool_that_is_tightest_decides():
    found = estimate(job("delete-oldest"), PROVIDERS["easemob"], op("delete-oldest"), {"send": 3000})
    assert (found.pool, found.requests, found.least_s) == ("mass-delete", 30, 1.0)


def test_a_survey_counts_everything_and_keeps_little(plan):
    rows = "".join(f"u{number},p\n" for number in range(100)) + "u1,p\n" + "a/b,p\n" * 50
    found = survey(
        plan("register", "username,password\n" + rows), name="users.csv", problems_max=3, head_max=2
    )
    assert found.counts == {"send": 100, "duplicate": 1, "protected": 0, "invalid": 50}
    assert found.items == 151
    assert [each.username for each in found.head] == ["u0", "u1"]
    assert [str(each).partition(" ")[0] for each in found.problems] == [
        f"users.csv:{line}:" for line in (103, 104, 105)
    ]


def test_a_long_list_costs_little_memory(tmp_path):
    path = tmp_path / "users.csv"
    path.write_text("username\n" + "".join(f"user_{number}\n" for number in range(20_000)))
    source = Source("csv", path=path)
    made = Job("j", "easemob", "delete", CONNECTION, source)
    tracemalloc.start()
    try:
        found = survey(prepare(made, PROVIDERS["easemob"], op("delete"), open_source(source)), name="users")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.counts["send"] == 20_000
    assert peak < 3_000_000


CELLS = st.text("aAbB1/\x01é\ud800😀 ", max_size=4) | st.sampled_from(
    ["x" * 64, "x" * 65, "é" * 33, "0012", "1.0", "root"]
)


@given(
    st.lists(st.lists(CELLS, min_size=4, max_size=4), max_size=12),
    st.sampled_from(["register", "delete", "set-password"]),
    st.sampled_from(["username,password,nickname,team", "team,username,note,password"]),
    st.sampled_from([((), {}), (("ROOT|ab?",), {}), ((), {"password": "secret99"})]),
)
def test_rows_judged_together_are_judged_as_one_by_one(tmp_path_factory, rows, name, header, terms):
    protect, params = terms
    path = tmp_path_factory.getbasetemp() / "alike.csv"
    path.write_text("\n".join([header, *map(",".join, rows)]), errors="replace")
    vendor = PROVIDERS["easemob"]
    operation = vendor.operation(name)
    guard = Guard(protect=protect)
    job = Job("j", "easemob", name, CONNECTION, Source("csv", path=path), params=params, guard=guard)

    def planned():
        suspects = Suspects()
        reader = open_source(job.source, secret_fields=operation.secrets, required=operation.required)
        try:
            found = [tuple(each) for each in prepare(job, vendor, operation, reader, suspects)]
        except InputError as error:
            return error.problems
        return (
            found,
            [list(fields) for _, _, _, _, fields, _, _ in found],
            suspects.notes(),
            reader.noticed.notes(),
        )

    together = planned()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Columns, "of", lambda *_, **__: None)
        assert planned() == together


@given(
    st.lists(st.tuples(CELLS, CELLS), max_size=8),
    st.sampled_from(["username,password", "password,username,x", "username"]),
)
def test_secrets_are_found_again_by_column_as_by_row(tmp_path_factory, rows, header):
    path = tmp_path_factory.getbasetemp() / "secrets.csv"
    text = "\n".join([header, *map(",".join, rows)])
    assume(text.count("\x01") <= 8)  # more, and it is refused as a binary file
    path.write_text(text, errors="replace")
    vendor = PROVIDERS["easemob"]
    job = Job("j", "easemob", "register", CONNECTION, Source("csv", path=path))
    intake = Intake(None, job, vendor, vendor.operation("register"))
    reader = open_source(job.source, secret_fields={"password"}, required={"username"})
    found = list(intake.secrets(reader))
    assert [position for position, _, _ in found] == list(range(1, len(found) + 1))
    assert found[1:] == list(intake.secrets(reader, 1))
