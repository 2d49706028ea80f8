"""Files are there whole or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from sklearn_csg2a._utils.files import replacing, write_atomically


def _write_half(path):
    with replacing(path) as part:
        part.write_text("ha", encoding="utf-8")
        raise KeyboardInterrupt


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_appears_when_it_is_complete(tmp_path, durable):
    path = tmp_path / "new" / "table.csv"
    with replacing(path, durable=durable) as part:
        part.write_text("whole", encoding="utf-8")
        assert not path.exists()
        assert part.suffix == ".csv"  # some writers look at it
    assert list(path.parent.iterdir()) == [path]
    assert path.read_text(encoding="utf-8") == "whole"


@pytest.mark.parametrize("before", [None, "old"])
def test_what_stops_in_between_changes_nothing(tmp_path, before):
    path = tmp_path / "table.csv"
    if before is not None:
        path.write_text(before, encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        _write_half(path)
    assert [file.read_text(encoding="utf-8") for file in tmp_path.iterdir()] == (
        [] if before is None else [before]
    )


def test_other_users_may_read_what_they_may_read_of_any_file(tmp_path):
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    write_atomically(tmp_path / "written", b"content")
    assert (tmp_path / "written").stat().st_mode == plain.stat().st_mode


KILLED = """
import os, signal, sys
from pathlib import Path
from sklearn_csg2a._utils.files import replacing
with replacing(Path(sys.argv[1])) as part:
    part.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_goes_with_the_next_file(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a.csv")], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    write_atomically(tmp_path / "other", b"content")
    assert [file.name for file in tmp_path.iterdir()] == ["other"]


def test_what_another_process_still_writes_stays(tmp_path):
    with replacing(tmp_path / "a.csv") as part:
        part.write_bytes(b"half")
        write_atomically(tmp_path / "b", b"content")
        with replacing(tmp_path / "a.csv") as second:
            second.write_bytes(b"second")
        assert part.read_bytes() == b"half"
    assert (tmp_path / "a.csv").read_bytes() == b"half"
    assert len(list(tmp_path.iterdir())) == 2


def test_what_another_machine_left_goes_after_a_day(tmp_path):
    left = tmp_path / ".a.part-0123abcd-7-0123abcd.csv"
    left.touch()
    write_atomically(tmp_path / "b", b"content")
    assert left.exists()
    os.utime(left, (0, 0))
    write_atomically(tmp_path / "b", b"content")
    assert not left.exists()


def test_a_file_that_is_written_at_once_has_no_other_name(tmp_path, monkeypatch):
    names = []
    monkeypatch.setattr(os, "fsync", lambda _: names.extend(tmp_path.iterdir()))
    write_atomically(tmp_path / "a", b"content")
    assert set(names) <= {tmp_path / "a"}


def test_systems_without_nameless_files_write_the_same(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    write_atomically(tmp_path / "a", b"content")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"content"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_P35_an_error_of_the_disk_names_file_folder_and_reason(
    tmp_path, monkeypatch, code
):
    def fail(*_):
        raise OSError(code, os.strerror(code))

    (tmp_path / "model").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=os.strerror(code)) as caught:
        write_atomically(tmp_path / "model", b"new")
    assert caught.value.errno == code
    assert "model cannot be written" in str(caught.value)
    assert caught.value.filename == str(tmp_path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]


def test_an_error_of_another_file_stays_as_it_is(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "a"):
        (tmp_path / "no" / "such").read_bytes()
    assert caught.value.filename == str(tmp_path / "no" / "such")
