"""Nothing secret in a log, and events where they belong."""

from __future__ import annotations

import json
import logging

import pytest

from bulkim import redact
from bulkim.errors import UsageError
from bulkim.log import events
from bulkim.log import handlers as log


@pytest.fixture(autouse=True)
def _clean():
    yield
    redact._hidden.clear()
    log.close()


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer {}",
        "authorization=bearer {}",
        "https://h/v4/x?sdkappid=1&usersig={}&random=3",
        '{{"grant_type": "client_credentials", "client_secret": "{}"}}',
        "{{'password': '{}'}}",
        "access_token={} was refused",
        "client_secret={}&x=1",
    ],
)
def test_secrets_are_known_by_their_place(text):
    shown = redact.redact(text.format("s3cr3t-v4lue"))
    assert "s3cr3t" not in shown
    assert redact.MASK in shown


@pytest.mark.parametrize(
    "text",
    [
        "the vendor gives no token: reason",
        "password is longer than 64 characters",
        "basic rules",
        "export X_SECRET=...)",
    ],
)
def test_ordinary_words_stay(text):
    assert redact.redact(text) == text


def test_hidden_values_are_masked_in_every_spelling():
    redact.hide(['p/ss w"rd', "abc"])
    assert redact.redact('x p/ss w"rd y p%2Fss%20w%22rd z p/ss w\\"rd') == "x *** y *** z ***"
    assert redact.redact("abc") == "abc", "three characters would mask half of every text"


def test_values_under_telling_names_are_masked_whole():
    shown = redact.redacted(
        {"password": 123456, "client_secret": ["a"], "tokens": 3, "nested": {"usersig": "x"}, "ok": None}
    )
    assert shown == {
        "password": "***",
        "client_secret": "***",
        "tokens": 3,
        "nested": {"usersig": "***"},
        "ok": None,
    }


def test_levels(capsys):
    for verbose, expected in ((0, ["c"]), (1, ["b", "c"]), (2, ["a", "b", "c"])):
        log.set_up(verbose=verbose, style="json")
        events.log.debug("a")
        events.log.info("b")
        events.log.warning("c")
        out, err = capsys.readouterr()
        assert out == ""
        assert [json.loads(each)["event"] for each in err.splitlines()] == expected


def test_the_file_gets_info_and_is_private(tmp_path, capsys):
    path = tmp_path / "bulkim.log.handlers"
    log.set_up(style="json", file=path)
    events.log.info("run.started", token="abcdef")
    assert capsys.readouterr().err == ""
    (event,) = map(json.loads, path.read_text().splitlines())
    assert (event["event"], event["token"], event["level"]) == ("run.started", "***", "info")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_file_that_cannot_be_written(tmp_path):
    with pytest.raises(UsageError):
        log.set_up(file=tmp_path / "none" / "x.log")


def test_tracebacks_are_redacted(capsys):
    redact.hide(["hunter2hunter2"])
    log.set_up()
    try:
        int("hunter2hunter2")
    except ValueError:
        logging.getLogger(events.LOGGER).exception("broken")
    err = capsys.readouterr().err
    assert "ValueError: invalid literal" in err
    assert "hunter2" not in err


def test_libraries_are_heard_from_warning_up(capsys):
    log.set_up(verbose=2, style="json")
    logging.getLogger("httpx").info("HTTP Request: POST https://h/x?usersig=abcdefg")
    logging.getLogger("httpcore.connection").debug("connect")
    logging.getLogger("somebody").warning("usersig=abcdefg is in the way")
    (event,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert event["event"] == "library.log"
    assert event["message"] == "usersig=*** is in the way"


@pytest.mark.parametrize(
    "name",
    ["password", "newpassword", "app_token", "client-secret", "Authorization", "usersig", "user_sig", "secret_key",
     "app_certificate", "credentials", "passwd", "pwd"],
)  # fmt: skip
def test_one_list_knows_a_secrets_name(name):
    assert redact.names_secret(name)
    assert redact.looks_secret(name)
    assert redact.MASK in redact.without_assigned(f"# {name}: s3cr3t-v4lue")
    assert "s3cr3t" not in redact.redact(f'{{"{name}": "s3cr3t-v4lue"}}')


@pytest.mark.parametrize("name", ["username", "tokens", "signature", "passport", "nickname"])
def test_other_names_are_no_secrets(name):
    assert not redact.names_secret(name)
