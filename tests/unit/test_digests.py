"""Keyed digests of what is sent, and where their key is kept."""

from __future__ import annotations

import stat
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkim.planning.digests import KEY_BYTES, Digests
from bulkim.work import digest_key

KEY = bytes(range(KEY_BYTES))
FIELDS = st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.booleans(), st.lists(st.text())))


@given(FIELDS, FIELDS)
def test_digests_differ_when_the_fields_do(one, other):
    digests = Digests(KEY)
    assert (digests.of(one) == digests.of(other)) == (
        one == other and list(map(type, one.values())) == list(map(type, [other[name] for name in one]))
    )


def test_the_order_of_fields_does_not_matter():
    assert Digests(KEY).of({"a": 1, "b": 2}) == Digests(KEY).of({"b": 2, "a": 1})


def test_only_what_is_named_counts():
    digests = Digests(KEY)
    assert digests.of({"password": "x", "nickname": "y"}, ["password"]) == digests.of({"password": "x"})


@given(FIELDS, st.lists(st.text()), st.text(alphabet='"\\\n\x1f\u2028\ud800é'))
def test_the_fast_way_makes_the_same_digests(fields, names, text):
    fields["password"] = text
    digests, names = Digests(KEY), [*names, "password", *list(fields)[:1]]
    assert digests.of_named(names)(fields) == digests.of(fields, names)


def test_another_key_gives_other_digests_and_has_another_name():
    other = Digests(bytes(KEY_BYTES))
    assert other.of({"password": "x"}) != Digests(KEY).of({"password": "x"})
    assert other.key_name != Digests(KEY).key_name


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def test_the_key_is_made_once_and_is_ours_alone(home):
    first = digest_key.digests(home / "work" / "bulkim.db")
    again = digest_key.digests(home / "other" / "bulkim.db")
    assert first is not None
    assert again is not None
    assert first.key_name == again.key_name
    (kept,) = home.rglob(digest_key.NAME)
    assert kept == home / "state" / "bulkim" / digest_key.NAME
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [each.name for each in kept.parent.iterdir()] == [digest_key.NAME]


def test_the_key_is_never_in_the_journals_folder(home):
    folder = home / "state" / "bulkim"
    assert digest_key.digests(folder / "bulkim.db") is not None
    assert not (folder / digest_key.NAME).exists()


def test_without_a_home_nothing_is_compared(tmp_path, monkeypatch):
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, "/proc/nowhere")
    assert digest_key.digests(tmp_path / "bulkim.db") is None


def test_two_who_come_at_once_get_one_key(home):
    found: list[str] = []
    together = threading.Barrier(8)

    def come() -> None:
        together.wait()
        digests = digest_key.digests(home / "bulkim.db")
        found.append(digests.key_name if digests else "")

    threads = [threading.Thread(target=come) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(found)) == 1
    assert found[0]


def test_a_damaged_key_is_not_used(home):
    (home / "state" / "bulkim").mkdir(parents=True)
    (home / "state" / "bulkim" / digest_key.NAME).write_bytes(b"short")
    found = digest_key.digests(home / "bulkim.db")
    assert found is not None
    assert (home / "config" / "bulkim" / digest_key.NAME).exists()
