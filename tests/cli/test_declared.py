"""What the command line says of providers that files declare: check, schema, operations, explain."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.json_schema import Validator

from bulkim.catalogue.load import load
from bulkim.catalogue.published import provider_schema
from bulkim.catalogue.written import written
from bulkim.jobfile import json_schema
from bulkim.vendors import PROVIDERS
from bulkim.yamltree import parse

VENDORS = Path(__file__).parents[1] / "vendors"


@pytest.fixture
def folder(shell):
    for name in ("acme", "synapse"):
        shutil.copy(VENDORS / f"{name}.yaml", shell.folder)
    return shell.folder


def test_a_provider_is_told_from_a_job_and_held_to_its_cases(shell, folder):
    said = shell("check", "synapse.yaml")
    assert said.code == 0
    assert "synapse: 2 operations (1 cased, 1 declared), 1 case" in said.out
    assert "synapse.yaml:32:5: warning: get-user has no case" in said.out


def test_a_case_that_is_not_met_is_said_with_its_place(shell, folder):
    file = folder / "synapse.yaml"
    file.write_text(
        file.read_text()
        .replace("json: {erase: true}", "json: {erase: 1}")
        .replace("outcomes: [succeeded]", "outcomes: [already]")
    )
    said = shell("check", "synapse.yaml")
    assert said.code == 3
    assert (
        'synapse.yaml:28:9: deactivate, case 1: body: {"erase": true} is sent where the case has {"erase": 1}'
        in said.out
    )
    assert "deactivate, case 1: item 1 is succeeded where the case has already" in said.out
    assert "2 cases not met" in said.out


def test_several_files_at_once(shell, folder):
    (folder / "bad.yaml").write_text("provider: 1\nname: bad\n")
    said = shell("check", "acme.yaml", "bad.yaml", "synapse.yaml", "--json")
    assert said.code == 3
    documents = said.json
    assert [each.get("ok") for each in documents] == [True, False, True]
    assert documents[2]["operations"] == {"deactivate": "cased", "get-user": "declared"}
    plain = shell("check", "acme.yaml", "nothing.yaml", "bad.yaml")
    assert plain.code == 3
    assert "nothing.yaml: no such file" in plain.err
    assert "bad.yaml:2:1: needs the key 'label'" in plain.err.replace("bad.yaml:1:1", "bad.yaml:2:1")


def test_a_page_that_was_read_long_ago_is_warned_about(shell, folder):
    file = folder / "synapse.yaml"
    file.write_text(file.read_text().replace("read_on: 2026-11", "read_on: 2024-01"))
    assert (
        "the page was read in 2024-01: more than a year ago (read it again)"
        in shell("check", "synapse.yaml").out
    )


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_built_in_provider_is_printed_as_a_file_would_declare_it(shell, name):
    said = shell("operations", "--provider", name, "--as", "yaml")
    assert load(said.out, "copy.yaml") == PROVIDERS[name]


def test_one_operation_is_printed_with_what_it_names(shell):
    said = shell("operations", "show", "mute", "--provider", "tencent", "--as", "yaml")
    copy = load(said.out, "copy.yaml")
    assert [each.name for each in copy.operations] == ["mute", "get-mute"]
    assert [each.name for each in copy.pools] == ["set-mute", "get-mute"]


def test_operations_and_explain_know_a_declared_provider(shell, folder):
    assert "deactivate" in shell("operations", "--provider", "./synapse.yaml").out
    told = shell("operations", "deactivate", "--provider", "./synapse.yaml")
    assert "cased: it does what its cases show" in told.out
    assert "check the spelling" in shell("explain", "./synapse.yaml", "M_NOT_FOUND").out
    assert shell("explain", "./nobody.yaml", "1").code == 3


def test_a_provider_in_the_users_configuration_folder_has_a_name(shell, folder, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    (folder / "config/bulkim/providers").mkdir(parents=True)
    shutil.copy(folder / "synapse.yaml", folder / "config/bulkim/providers/synapse.yaml")
    (folder / "job.yaml").write_text(
        "provider: synapse\noperation: deactivate\n"
        "connection: {base_url: 'https://m.example', server_name: e, auth: {token: t}}\n"
        "source: {items: [{user_id: '@a:e'}, '@b:e', nonsense]}\n"
    )
    said = shell("check", "job.yaml")
    assert (said.code, "user_id 'nonsense' is not allowed" in said.out) == (1, True), said.out + said.err
    planned = shell("plan", "job.yaml", "--json").json["first_request"]
    assert planned["url"] == "https://m.example/_synapse/admin/v1/deactivate/%40a%3Ae"
    assert json.loads(planned["body"]) == {"erase": True}


def test_a_token_goes_nowhere_but_to_the_declared_hosts(shell, folder):
    file = folder / "synapse.yaml"
    file.write_text(file.read_text().replace("https://*", "https://*.example.com"))
    job = "provider: ./synapse.yaml\noperation: get-user\nsource: {items: ['@a:e']}\n"
    for address, code in [
        ("https://m.example.com", 0), ("http://127.0.0.1:8008", 0), ("http://localhost:1", 0), ("https://example.com", 3),
        ("https://m.example.com.evil.example", 3), ("http://m.example.com", 3), ("https://m.example.com:8443", 3),
        ("https://127.evil.example", 3),
    ]:  # fmt: skip
        connection = (
            f"connection: {{base_url: '{address}', server_name: e, auth: {{token: t}}, allow_http: true}}\n"
        )
        (folder / "job.yaml").write_text(job + connection)
        said = shell("check", "job.yaml")
        assert said.code == code, (address, said.err)
        assert ("is declared for other hosts" in said.err) is bool(code)


def test_the_published_schema_takes_what_the_loader_takes(folder):
    fits = Validator(provider_schema()).fits
    for file in folder.glob("*.yaml"):
        root, _ = parse(file.read_text(), file.name, number_keys=True)
        assert fits(root.plain()), file
    for each in PROVIDERS.values():
        assert fits(json.loads(json.dumps(written(each))))
    for wrong in ({"provider": 2}, {"provider": 1, "name": "x"}, {"provider": 1, "extends": "easemob"}):
        assert not fits(wrong)


def test_the_jobs_schema_takes_a_declared_provider():
    fits = Validator(json_schema(PROVIDERS)).fits
    job = {"provider": "./synapse.yaml", "operation": "deactivate", "source": {"csv": "u.csv"}}
    assert fits({**job, "connection": {"base_url": "https://h", "server_name": "e", "auth": {"token": "t"}}})
    assert not fits({**job, "provider": "easmob", "connection": "c"})
    assert not fits({**job, "provider": "easemob", "connection": "c"})


def test_schema_of_a_provider(shell):
    assert shell("schema", "provider").json == provider_schema()


def test_the_jobs_schema_knows_providers_of_the_configuration_folder(shell, folder, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    own = tmp_path / "config" / "bulkim" / "providers"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text((folder / "synapse.yaml").read_text())
    (own / "broken.yaml").write_text("provider: 1\n")
    (own / "easemob.yaml").write_text("provider: 1\n")  # a built-in's name is the built-in
    fits = Validator(shell("schema").json).fits
    job = {"operation": "deactivate", "source": {"csv": "u.csv"}, "connection": "c"}
    assert fits({**job, "provider": "mine"})
    assert not fits({**job, "provider": "mine", "operation": "deactivat"})
    assert not fits({**job, "provider": "mine", "params": {"erase": 3}})
    assert fits({**job, "provider": "broken", "operation": "whatever"})
    assert not fits({**job, "provider": "others"})


def test_a_list_by_another_name_is_told_what_it_must_be_called(shell):
    text = (Path(__file__).parents[2] / "examples" / "providers" / "clerk.yaml").read_text(encoding="utf-8")
    shell.write("clerk.yaml", text.replace("list-users", "all-users"))
    connection = {"base_url": "https://api.clerk.com", "instance": "one", "auth": {"token": "t"}}
    job = {"provider": "./clerk.yaml", "operation": "ban", "connection": connection}
    shell.write("job.yaml", json.dumps({**job, "source": {"listing": "users"}}))
    said = shell("check", "job.yaml")
    assert said.code == 3
    assert "source.listing: clerk has no list of users" in said.err
    assert "an operation called 'list-users': is 'all-users' that one? Then call it so" in said.err


def test_an_api_without_tenants_is_named_by_its_host(shell, folder):
    """No key has to be invented: the address and the token say where it is, and the host stands where an app's name would."""
    file = folder / "acme.yaml"
    before = next(line for line in file.read_text().splitlines() if line.startswith("apps:"))
    file.write_text(file.read_text().replace(before, "apps: [{root: /v1}]"))
    job = (
        "provider: ./acme.yaml\noperation: delete\nsource: {items: [ann]}\n"
        "connection: {base_url: 'https://api.acme.example:8443', auth: {api_key: k}, environment: production}\n"
    )
    (folder / "job.yaml").write_text(job)
    assert shell("check", "job.yaml").code == 0
    planned = shell("plan", "job.yaml", "--json").json
    assert planned["app"] == "api.acme.example:8443"
    assert planned["first_request"]["url"] == "https://api.acme.example:8443/v1/users/ann"
    refused = shell("run", "job.yaml", "--confirm", "acme:1")
    assert "goes to 'api.acme.example:8443'" in refused.err
    (folder / "job.yaml").write_text(job.replace("auth:", "org: x, auth:"))
    assert "connection.org is not for acme (it has base_url and auth alone)" in shell("check", "job.yaml").err


def test_what_many_rows_have_hides_nothing_that_few_have(shell, folder):
    """Fifty times the same complaint was all that one saw."""
    file = folder / "acme.yaml"
    field = "- {name: nickname, optional: true}"
    file.write_text(
        file.read_text().replace(field, f"{field}\n      - {{name: admin, type: bool, optional: true}}")
    )
    rows = ["username,admin", *(f"u{number},no" for number in range(60)), "x/y,true", "ann,TRUE", "bob,nein"]
    (folder / "users.csv").write_text("\n".join(rows))
    (folder / "job.yaml").write_text(
        "provider: ./acme.yaml\noperation: register\nsource: {csv: users.csv}\n"
        "connection: {base_url: 'https://a.example', workspace: w, auth: {api_key: k}}\n"
    )
    said = shell("check", "job.yaml")
    assert said.code == 1
    many, one, total, *_ = said.out.splitlines()
    assert many == (
        "users.csv:2: admin 'no' is not true or false; 61 rows like this, the first of them here"
        " (the column takes true and false, in any case; no job makes them of other words)"
    )
    assert one == "users.csv:62: username 'x/y' has a character that is not allowed: '/' at 2"
    assert total == "62 invalid items: `bulkim check -v` names all"
    assert len(shell("check", "job.yaml", "--json").json["problems"]) == 50
    assert shell("check", "job.yaml", "-v").out.count("is not true or false") == 61
