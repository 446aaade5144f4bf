"""Where a job comes from: its name, its folder and its source follow from the place that was typed."""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path

import pytest

from bulkim import jobfile
from bulkim.errors import InputError
from bulkim.jobfile.place import is_stream
from bulkim.vendors import PROVIDERS

TEXT = (
    "provider: easemob\noperation: mute\nparams: {chat: 60}\n"
    "connection: {base_url: 'http://127.0.0.1:1', org: sandbox, app: demo, auth: {token: t}}\n"
)


def load(path: Path, **changes: str):
    return jobfile.load(path, env={}, providers=PROVIDERS, overrides=list(changes.items()))


def test_a_link_keeps_its_name_its_folder_and_its_source(tmp_path):
    """A Kubernetes ConfigMap: /etc/bulkim/job.yaml -> ..data/job.yaml -> ..2026_11/job.yaml."""
    (tmp_path / "..2026_11").mkdir()
    (tmp_path / "..2026_11" / "4f2a").write_text(TEXT + "source: {text: users.txt}\n")
    (tmp_path / "..data").symlink_to("..2026_11")
    (tmp_path / "purge.yaml").symlink_to(Path("..data") / "4f2a")
    job = load(tmp_path / "purge.yaml")
    assert job.name == "purge"
    assert job.path == tmp_path / "purge.yaml"
    assert job.source.path == tmp_path / "users.txt"


def test_a_place_is_absolute_whichever_folder_it_was_typed_in(tmp_path, monkeypatch):
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "job.yaml").write_text(TEXT + "source: {items: [anna]}\n")
    monkeypatch.chdir(tmp_path)
    assert load(Path("jobs/../jobs/job.yaml")).path == tmp_path / "jobs" / "job.yaml"
    monkeypatch.chdir(tmp_path / "jobs")
    assert load(Path("job.yaml")).path == tmp_path / "jobs" / "job.yaml"


def test_two_dots_after_a_link_to_a_folder_are_not_reckoned_away(tmp_path):
    (tmp_path / "far" / "off").mkdir(parents=True)
    (tmp_path / "far" / "job.yaml").write_text(TEXT + "source: {items: [anna]}\n")
    (tmp_path / "link").symlink_to(tmp_path / "far" / "off")
    job = load(tmp_path / "link" / ".." / "job.yaml")
    assert job.path is not None
    assert job.path.samefile(tmp_path / "far" / "job.yaml")


def piped(text: str) -> tuple[Path, threading.Thread, int]:
    """What `<(...)` gives: a path to a pipe."""
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "w") as file:
            file.write(text)

    thread = threading.Thread(target=write)
    thread.start()
    return Path(f"/dev/fd/{reading}"), thread, reading


def test_a_job_from_a_pipe_has_the_name_that_its_text_gives(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, thread, reading = piped("name: mon\n" + TEXT + "source: {text: users.txt}\n")
    job = load(path)
    thread.join()
    os.close(reading)
    assert (job.name, job.path) == ("mon", None)
    assert job.source.path == Path("users.txt"), "relative to the folder that it was typed in"


@pytest.mark.parametrize("given", [{}, {"name": "tue"}])
def test_a_job_from_a_pipe_without_a_name_asks_for_one(given):
    path, thread, reading = piped(TEXT + "source: {items: [anna]}\n")
    try:
        if given:
            assert load(path, **given).name == "tue"
        else:
            with pytest.raises(InputError, match=r"needs the key 'name'.*--set name=NAME"):
                load(path)
    finally:
        thread.join()
        os.close(reading)


def test_a_fifo_is_a_pipe_too(tmp_path):
    os.mkfifo(tmp_path / "job.yaml")
    thread = threading.Thread(
        target=lambda: (tmp_path / "job.yaml").write_text(TEXT + "source: {items: [anna]}\n")
    )
    thread.start()
    with pytest.raises(InputError, match="needs the key 'name'"):
        load(tmp_path / "job.yaml")
    thread.join()


class Stdin:
    def __init__(self, text: str) -> None:
        self.buffer = io.BytesIO(text.encode())


def test_standard_input_is_a_job(monkeypatch):
    monkeypatch.setattr(sys, "stdin", Stdin("name: wed\n" + TEXT + "source: {items: [anna]}\n"))
    job = load(Path("-"))
    assert (job.name, job.path) == ("wed", None)


def test_standard_input_cannot_be_the_job_and_the_list(monkeypatch):
    monkeypatch.setattr(sys, "stdin", Stdin("name: wed\n" + TEXT + "source: {text: '-'}\n"))
    with pytest.raises(
        InputError, match=r"<stdin>:\d+:\d+: source.text: standard input is the job file already"
    ):
        load(Path("-"))


def test_a_closed_standard_input_is_no_job(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="<stdin>: cannot be read: standard input is closed"):
        load(Path("-"))


@pytest.mark.parametrize(
    ("place", "stream"),
    [
        ("-", True),
        ("/dev/stdin", True),
        ("/dev/fd/63", True),
        ("/proc/self/fd/0", True),
        ("/dev/shm/job.yaml", False),
    ],
)
def test_a_folder_in_memory_is_a_folder(place, stream):
    assert is_stream(Path(place)) == stream
