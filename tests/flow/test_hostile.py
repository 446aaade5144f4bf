"""Bad input through the command line: each gets its line and its reason, never a traceback, never a request."""

from __future__ import annotations

import json

import pytest
from support.apps import KEYS, write_job
from support.here import bulkim_here


@pytest.fixture
def server(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server.seed([f"victim{n}" for n in range(5)])
    yield server
    if not getattr(server, "expected", False):
        assert server.requests() == [], "nothing was sent"
        assert all(user["exists"] for user in server.users().values())
    server.expected = False


def refused(ended, *words: str, code: int = 3) -> None:
    assert ended.code == code, (ended.code, ended.out, ended.err[:2000])
    assert "Traceback" not in ended.err
    assert "internal error" not in ended.err
    for word in words:
        assert word in ended.err, (word, ended.err[:2000])


IDS = {
    "empty": "", "blank": "   ", "dot": ".", "dots": "..", "slash": "a/b", "query": "x?limit=100",
    "encoded": "%2e%2e", "encoded slash": "a%2Fb", "fragment": "x#y", "backslash": "a\\b", "semicolon": "a;b",
    "long by bytes": "é" * 40, "long": "x" * 65, "bell": "a\x07b", "zero": "a\x00b", "delete": "a\x7fb", "line": "a\nb",
    "cyrillic a": "\u0430dmin", "full width": "\uff41dmin", "zero width": "ad\u200bmin", "bidi": "ad\u202emin", "bom": "\ufeffa",
    "accent": "jose\u0301", "emoji": "a😀", "nbsp": "a\u00a0b",
}  # fmt: skip


@pytest.mark.parametrize("operation", ["delete", "get-user", "ban"])
def test_no_hostile_id_is_ever_sent(server, tmp_path, operation):
    lines = [json.dumps({"username": name}) for name in IDS.values()]
    (tmp_path / "ids.jsonl").write_text("\n".join(lines) + "\n")
    write_job(tmp_path, "job", "easemob", server.base_url, operation, {"jsonl": "ids.jsonl"})
    checked = bulkim_here("check", "job.yaml")
    refused(checked, code=1)
    for number, (what, name) in enumerate(IDS.items(), 1):
        assert f"ids.jsonl:{number}: " in checked.err + checked.out, (what, name)
    ran = bulkim_here("run", "job.yaml", "--yes", "--json")
    assert ran.code == 1
    assert ran.json["counts"]["skipped"] == len(IDS)
    assert ran.json["requests"] == 0


@pytest.mark.parametrize(
    "name", [name for name in IDS.values() if not all(" " <= c <= "~" for c in name) or not name]
)
def test_nor_one_that_tencent_does_not_have(server, tmp_path, name):
    server.call("POST", "/reset")
    server.seed(["victim0"], app=KEYS["tencent"])
    write_job(tmp_path, "job", "tencent", server.base_url, "delete", [{"username": name}])
    ended = bulkim_here("run", "job.yaml", "--yes")
    refused(ended, code=ended.code)
    assert ended.code in {1, 3}


TABLES = {
    "ragged": (b"username,password,nickname\nann,longenough\nbob,longenough,Bob,more\n", 1, "2"),
    "zero byte": (b"username,password\na\x00nn,longenough\n", None, "2"),
    "twice the same column": (b"username,username,password\na,b,longenough\n", 3, "username"),
    "no such column": (b"name,password\nann,longenough\n", 3, "username"),
    "no header": (b"", 3, "people.csv"),
    "binary": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, 3, "people.csv"),
    "zip": (b"PK\x03\x04" + b"\x00" * 4000, 3, "people.csv"),
    "gzip": (b"\x1f\x8b\x08\x00" + bytes(range(200, 256)) * 40, 3, "people.csv"),
    "half a character": ("username,password\njosé,longenough\n".encode()[:-14] + b"\xc3\n", None, ""),
    "one long line": (b"username,password\n" + b"x" * 5_000_000, None, "2"),
    "an open quote": (b'username,password\nann,"longenough\nbob,longenough\n', None, ""),
}


@pytest.mark.parametrize("what", TABLES)
def test_tables(server, tmp_path, what):
    content, code, word = TABLES[what]
    (tmp_path / "people.csv").write_bytes(content)
    write_job(tmp_path, "job", "easemob", server.base_url, "register", {"csv": "people.csv"})
    ended = bulkim_here("check", "job.yaml")
    refused(ended, code=ended.code)
    assert ended.code in ({1, 3} if code is None else {code}), (ended.code, ended.err[:600])
    assert word in ended.err + ended.out


def test_a_wrong_encoding_that_is_named(server, tmp_path):
    (tmp_path / "people.csv").write_bytes("username,password\nännchen,longenough\n".encode("latin-1"))
    write_job(
        tmp_path, "job", "easemob", server.base_url, "register", {"csv": "people.csv", "encoding": "utf-8"}
    )
    refused(bulkim_here("check", "job.yaml"), "people.csv")


GOOD = (
    "provider: easemob\noperation: delete\n"
    "connection: {base_url: 'http://127.0.0.1:9', org: o, app: a, auth: {token: abcdefgh}}\nsource: {items: [u]}\n"
)
JOBS = {
    "alias bomb": "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n" + GOOD,
    "deep": "params: " + "[" * 5000 + "]" * 5000 + "\n" + GOOD,
    "deep mapping": "params: " + "{a: " * 2000 + "1" + "}" * 2000 + "\n" + GOOD,
    "twice the same key": GOOD + "operation: ban\n",
    "a key that is a list": GOOD + "? [a]\n: 1\n",
    "unknown key": GOOD + "sourec: {}\n",
    "wrong type": GOOD.replace("{items: [u]}", "7"),
    "a list": "- 1\n- 2\n",
    "text": "just words",
    "empty": "",
    "nothing but a comment": "# nothing\n",
    "a tag": GOOD + "name: !!python/object/apply:os.system ['true']\n",
    "two documents": GOOD + "---\n" + GOOD,
    "control character": GOOD + "name: \x01\n",
    "half a surrogate": GOOD + 'name: "\\ud800"\n',
    "huge number": GOOD + "retries: " + "9" * 10_000 + "\n",
    "not a number": GOOD + "timeout: .nan\n",
    "negative": GOOD + "retries: -1\n",
    "merge key": GOOD + "<<: {a: 1}\n",
    "unset variable": GOOD.replace("abcdefgh", "'${NOBODY_SETS_THIS}'"),
    "a variable that is code": GOOD.replace("abcdefgh", "'${NOBODY:-$(id)}'"),
    "a variable in a variable": GOOD.replace("abcdefgh", "'${${HOME}}'"),
    "a variable in the items": GOOD.replace("[u]", "['${HOME}']"),
    "an open regular expression": GOOD + "guard: {protect: ['(']}\n",
    "a url with a path": GOOD.replace("127.0.0.1:9", "127.0.0.1:9/users?limit=100"),
    "an org with a slash": GOOD.replace("org: o", "org: 'o/../p'"),
    "binary": "\x89PNG\x00\x01",
}


@pytest.mark.parametrize("what", JOBS)
def test_job_files(server, tmp_path, what):
    (tmp_path / "job.yaml").write_text(JOBS[what], encoding="utf-8", errors="surrogatepass")
    for command in ("check", "plan", "run"):
        ended = bulkim_here(command, "job.yaml")
        if what == "unset variable" and command != "run":  # the rest is checked, and what is missing is named
            assert (ended.code, "NOBODY_SETS_THIS" in ended.err) == (0, True)
        elif what == "a variable in the items":  # it is expanded nowhere but in `connection`: a bad username
            refused(ended, code=ended.code)
            assert ended.code in {0, 1, 3}
            assert "/root" not in ended.out + ended.err
        else:
            refused(ended, "job.yaml")


def test_a_variable_is_never_expanded_twice(server, tmp_path, monkeypatch):
    monkeypatch.setenv("OUTER", "${INNER}")
    monkeypatch.setenv("INNER", "planted-inner-value")
    (tmp_path / "job.yaml").write_text(GOOD.replace("org: o", "org: '${OUTER}'"))
    ended = bulkim_here("check", "job.yaml")
    assert "planted-inner-value" not in ended.out + ended.err
    assert "Traceback" not in ended.err


def test_a_spreadsheet_runs_nothing_of_what_is_exported(server, tmp_path):
    server.expected = True
    evil = '=HYPERLINK("http://x")'
    rows = f'username,note\nvictim0,"{evil.replace(chr(34), chr(34) * 2)}"\nvictim1,+1+cmd|x\nvictim2,@SUM(1)\nvictim3,-2+3\n'
    (tmp_path / "people.csv").write_text(rows)
    write_job(tmp_path, "job", "easemob", server.base_url, "get-user", {"csv": "people.csv"})
    assert bulkim_here("run", "job.yaml").code == 0
    exported = bulkim_here("results", "last", "--format", "csv").out
    import csv
    import io

    for row in list(csv.reader(io.StringIO(exported)))[1:]:
        assert not [
            cell for cell in row if cell[:1] in set("=+@\t\r") or (cell[:1] == "-" and not cell[1:].isdigit())
        ], row
