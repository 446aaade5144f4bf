"""What is written: ordinary files in one piece, everything else through."""

from __future__ import annotations

import os
import stat
import threading

import pytest

from bulkim import files


def put(path, text="new\n", **options):
    with files.written(path, **options) as stream:
        stream.write(text)


def names(folder):
    return [each.name for each in folder.iterdir()]


def test_an_ordinary_file_is_private_and_whole(tmp_path):
    path = tmp_path / "out.csv"
    put(path)
    assert path.read_text() == "new\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    put(path, "newer\n", mode=0o644)
    assert path.read_text() == "newer\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert names(tmp_path) == ["out.csv"]


def test_what_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old\n")

    def half() -> None:
        with files.written(path) as stream:
            stream.write("half of")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert path.read_text() == "old\n"
    assert names(tmp_path) == ["out.csv"]


def test_a_link_goes_on_pointing(tmp_path):
    (tmp_path / "www").mkdir()
    real, link, loose = tmp_path / "www" / "real.csv", tmp_path / "latest.csv", tmp_path / "loose.csv"
    real.write_text("old\n")
    link.symlink_to("www/real.csv")
    loose.symlink_to("www/none.csv")
    put(link)
    put(loose)
    assert link.is_symlink()
    assert real.read_text() == (tmp_path / "www" / "none.csv").read_text() == "new\n"


def test_a_fifo_is_written_through(tmp_path):
    path, got = tmp_path / "ff", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: got.append(path.read_text()))
    reader.start()
    put(path)
    reader.join(10)
    assert got == ["new\n"]
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_reader_that_left_is_no_error(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        put(tmp_path.__class__(f"/dev/fd/{writing}"), "x" * 200_000)
    finally:
        os.close(writing)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a device")
def test_a_device_stays_one(tmp_path):
    path = tmp_path / "null"
    os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    put(path)
    assert stat.S_ISCHR(path.stat().st_mode)


@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}"])
def test_an_open_descriptor_is_written_where_it_stands(tmp_path, name):
    """`{ echo first; bulkim results last -o /dev/stdout; } > file` has both."""
    path = tmp_path / "out"
    with path.open("w") as stream:
        stream.write("first\n")
        stream.flush()
        put(tmp_path.__class__(name.format(stream.fileno())))
        stream.write("last\n")
    assert path.read_text() == "first\nnew\nlast\n"


def test_a_file_that_cannot_be_renamed_over_is_written_in_its_place(tmp_path, monkeypatch):
    """One that is a mount of its own (`docker run -v $PWD/out.csv:/out.csv`)."""
    path = tmp_path / "out.csv"
    path.write_text("old, and longer than the new\n")
    number = path.stat().st_ino

    def busy(*_: object) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr("pathlib.Path.replace", busy)
    put(path)
    assert (path.read_text(), path.stat().st_ino) == ("new\n", number)
    assert names(tmp_path) == ["out.csv"]


def test_a_folder_that_takes_no_new_file(tmp_path, monkeypatch):
    path = tmp_path / "out.csv"
    path.write_text("old\n")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refused)
    put(path)
    assert path.read_text() == "new\n"
    with pytest.raises(PermissionError):
        put(tmp_path / "other.csv")


def test_text_that_no_encoding_has(tmp_path):
    put(tmp_path / "out", "half \ud83d of an emoji, 😀\n")
    assert (tmp_path / "out").read_bytes() == "half \\ud83d of an emoji, 😀\n".encode()


def test_the_same_file_is_known_under_every_name(tmp_path):
    file, link = tmp_path / "users.csv", tmp_path / "link.csv"
    file.touch()
    link.symlink_to(file)
    assert files.one_of(link, [tmp_path / "none", file]) == file
    assert files.one_of(tmp_path / "new.csv", [file]) is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("mut.yaml", "mute.yaml"), ("mute", "mute.yaml"), ("users.cvs", "users.csv"), ("USERS.yml", "users.yaml"), ("nope.yaml", None)],
)  # fmt: skip
def test_the_near_file_is_one_that_is_called_so(tmp_path, typed, meant):
    """Not one that merely ends like it."""
    for name in ("mute.yaml", "users.csv", "users.yaml", "e2.yaml"):
        (tmp_path / name).touch()
    hint = files.near(tmp_path / typed)
    assert hint == (f"did you mean '{tmp_path / meant}'?" if meant else None)
