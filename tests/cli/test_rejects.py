"""What failed goes back in after one mended cell."""

from __future__ import annotations

HEAD = "username,password,nickname\r\n"
ROWS = [
    "ann,longenough1,安\r\n",
    "b b,longenough2,研发\r\n",
    "cyd,longenough3,丙\r\n",
    "ann,other1,again\r\n",
]


def job(shell, server, encoding="gb18030", more=""):
    name = shell.job("new", server.base_url, "register", [], more)
    (shell.folder / "new.csv").write_bytes((HEAD + "".join(ROWS)).encode(encoding))
    return name


def test_mend_and_run_again(shell, server):
    before = (HEAD + "".join(ROWS)).encode("gb18030")
    assert shell("run", job(shell, server), "-q").code == 1
    said = shell("results", "new", "--rejects", "-o", "mend.csv")
    assert said.code == 0
    assert "2 rows" in said.err
    found = (shell.folder / "mend.csv").read_bytes()
    assert (shell.folder / "mend.csv").stat().st_mode & 0o777 == 0o600
    lines = found.decode("gb18030").splitlines(keepends=True)
    assert lines[0] == HEAD.rstrip() + ",_outcome,_code,_reason,_line\r\n"
    assert lines[1].startswith(ROWS[1].rstrip() + ",skipped,invalid,")
    assert lines[1].endswith(",3\r\n")
    assert (
        lines[2]
        == ROWS[3].rstrip()
        + ',skipped,duplicate,"same user as line 2, with other values: a contradiction",5\r\n'
    )
    assert "1 row of users whose first row was taken is among them" in said.err
    (shell.folder / "mend.csv").write_bytes(found.replace(b"b b,", b"bob,"))
    for command in ("check", "plan", "run"):
        said = shell(
            command, "new.yaml", "--set", "source.csv=mend.csv", *(["--sandbox"] if command == "run" else [])
        )
        assert (
            "`_code` of 1 row (line 3) is duplicate: the earlier run took another row of the same user"
            in said.err
        ), said
    shell("results", "new", "--rejects", "--without", "duplicate", "-o", "without.csv")
    assert "is duplicate" not in shell("check", "new.yaml", "--set", "source.csv=without.csv").err
    said = shell("run", "new.yaml", "--set", "source.csv=mend.csv", "--json", "-q")
    assert said.json["counts"] | {"succeeded": 1, "unchanged": 1} == said.json["counts"], said
    assert sorted(server.users()) == ["ann", "bob", "cyd"]
    assert (shell.folder / "new.csv").read_bytes() == before


def test_it_is_said_what_sends_them_when_they_are_mended(shell, server):
    """The command works as it is printed, wherever the job is."""
    shell("run", job(shell, server), "-q", "--set", "rate.limit=50")
    (shell.folder / "jobs").mkdir()
    for place, words in (("mend.csv", "mend.csv"), ("jobs/mend.csv", "jobs/mend.csv")):
        said = shell("results", "new", "--rejects", "-o", place)
        way = f"bulkim run new.yaml --set rate.limit=50 --set source.csv={words} --missing"
        assert f"next: mend the rows; then {way}\n" in said.err
    found = (shell.folder / "mend.csv").read_bytes().replace(b"b b,", b"bob,")
    (shell.folder / "jobs" / "mend.csv").write_bytes(found)
    assert shell(*way.split()[1:], "-q").code == 0
    assert sorted(server.users()) == ["ann", "bob", "cyd"]
    assert "next:" not in shell("results", "last", "--rejects").err, "nothing that could be mended in a pipe"


def test_the_place_is_told_from_the_jobs_folder(shell, server):
    name = job(shell, server)
    (shell.folder / "jobs").mkdir()
    for each in (name, "new.csv"):
        (shell.folder / each).rename(shell.folder / "jobs" / each)
    shell("run", "jobs/new.yaml", "-q")
    said = shell("results", "new", "--rejects", "-o", "mend.csv")
    assert "then bulkim run jobs/new.yaml --set source.csv=../mend.csv --missing\n" in said.err


def test_of_a_run_that_is_not_finished_the_pending_rows_are_counted(shell, server):
    name = job(shell, server, more="batch: 1\nconcurrency: 1\n")
    refused = {"error": {"http": 403, "error": "forbidden_op", "description": "no"}}
    server.faults({"match": {"operation": "register"}, "after": 1, "do": refused})
    assert shell("run", name, "-q").code == 6
    said = shell("results", "new", "--rejects", "-o", "mend.csv")
    run = shell("show", "last", "--json").json
    assert run["counts"]["pending"] == 1
    assert f"run {run['run']} is not finished: 1 pending row is among them; --outcome failed" in said.err
    assert "next:" not in said.err
    less = shell("results", "new", "--rejects", "--outcome", "skipped", "-o", "mend.csv")
    assert "pending" not in less.err


def test_they_have_the_inputs_encoding(shell, server):
    shell("run", job(shell, server, "utf-16"), "-q")
    shell("results", "new", "--rejects", "-o", "mend.csv")
    shell("results", "new", "--rejects", "-o", "mend.csv")  # over its own earlier output
    found = (shell.folder / "mend.csv").read_bytes()
    assert found.startswith("username,password,nickname,_outcome".encode("utf-16")[:30])


def test_a_mark_makes_them_utf8(shell, server):
    """A spreadsheet that expects no GB18030 reads them, and so does the job, unless it names the encoding."""
    shell("run", job(shell, server), "-q")
    plain = shell("results", "new", "--rejects", "-o", "plain.csv")
    marked = shell("results", "new", "--rejects", "--bom", "-o", "mend.csv")
    text = (shell.folder / "plain.csv").read_bytes().decode("gb18030")
    found = (shell.folder / "mend.csv").read_bytes()
    assert plain.code == marked.code == 0
    assert found.decode("utf-8") == "\ufeff" + text
    (shell.folder / "mend.csv").write_bytes(found.replace(b"b b,", b"bob,"))
    assert shell("run", "new.yaml", "--set", "source.csv=mend.csv", "-q").code == 0
    assert sorted(server.users()) == ["ann", "bob", "cyd"]
    shell("run", "new.yaml", "--set", "source.encoding=gb18030", "--new", "-q")
    said = shell("results", "last", "--rejects", "--bom", "-o", "named.csv")
    assert "no byte order mark: the rows are gb18030" in said.err
    assert (shell.folder / "named.csv").read_bytes().decode("gb18030").startswith(HEAD.rstrip())


def test_never_over_the_source(shell, server):
    shell("run", job(shell, server), "-q")
    said = shell("results", "new", "--rejects", "-o", "new.csv")
    assert said.code == 2
    assert "which the run needs" in said.err
    assert shell("results", "new", "--rejects", "--format", "csv").code == 2


def test_secrets_are_not_shown_on_a_terminal(shell, server):
    shell("run", job(shell, server), "-q")
    screen = shell.at_terminal("results", "new", "--rejects")
    assert "longenough" not in screen
    assert "-o FILE" in screen


def test_rows_that_are_not_sent_have_all_their_fields(shell, server):
    shell.write("m.csv", "username,chat,groupchat,team\nann,60,70,x\nbob,soon,-1,y\nANN,80,,z\n")
    shell.job("m", server.base_url, "mute", [])
    shell.write("m.csv", "username,chat,groupchat,team\nann,60,70,x\nbob,soon,-1,y\nANN,80,,z\n")
    server.seed(["ann"])
    said = shell("run", "m.yaml", "-q")
    rows = [line.split(",") for line in shell("results", "last", "--format", "csv").out.splitlines()]
    own = [dict(zip(rows[0], row[-len(rows[0]) :], strict=True)) for row in rows[1:]]
    assert [[row[name] for name in ("chat", "groupchat", "team")] for row in own] == [
        ["60", "70", "x"], ["soon", "-1", "y"], ["80", "", "z"]
    ], said  # fmt: skip
    report = shell("report", "last", "-o", "r.html")
    assert report.code == 0
    page = (shell.folder / "r.html").read_text()
    assert "not a whole number" in page
    assert "ANN" in page


def test_not_imported_has_a_reason(shell, server):
    shell.write(
        "t.yaml",
        f"provider: tencent\noperation: get-user\nconnection: {{base_url: '{server.base_url}', sdk_app_id: 1400000000,"
        " auth: {identifier: administrator, secret_key: sandbox-secret-key}}\nsource: {items: [nobody]}\n",
    )
    shell("run", "t.yaml", "-q")
    assert (
        ",failed,NotImported,AccountStatus: NotImported," in shell("results", "last", "--format", "csv").out
    )


def test_what_was_read_feeds_the_next_job(shell, server):
    """Without a program between: from the run, or from its results as a file."""
    server.seed(["ann", "bob"])
    look = shell.job("look", server.base_url, "get-user", ["ann", "bob"])
    assert shell("run", look, "-q").code == 0
    shell("results", "look", "--format", "csv", "-o", "seen.csv")
    for name, source in (("one", "run: look"), ("two", "csv: seen.csv")):
        columns = 'columns: {nickname: "{data.username} of {data.type}"}, where: {data.type: {equals: user}, username: {in: [ann]}}'
        job = shell.job(name, server.base_url, "set-nickname", [])
        text = (shell.folder / job).read_text().replace(f"csv: {name}.csv", f"{source}, {columns}")
        said = shell("run", shell.write(job, text), "-q", "--json")
        assert said.code == 0, said
        assert said.json["counts"]["succeeded"] + said.json["counts"]["unchanged"] == said.json["items"] == 1
        sent = shell("results", name, "--format", "jsonl").out
        assert '"nickname": "ann of user"' in sent


def test_a_duplicate_in_json_lines_is_told_of(shell, server):
    name = shell.job("new", server.base_url, "mute", [], "params: {chat: 60}\n")
    shell.write("new.jsonl", '{"username": "ann"}\n{"username": "ann", "chat": 5}\n')
    shell.write(name, (shell.folder / name).read_text().replace("csv: new.csv", "jsonl: new.jsonl"))
    shell("run", name, "-q")
    shell("results", "new", "--rejects", "--outcome", "skipped", "-o", "mend.jsonl")
    said = shell("check", name, "--set", "source.jsonl=mend.jsonl")
    assert "`_code` of 1 row (line 1) is duplicate" in said.err
