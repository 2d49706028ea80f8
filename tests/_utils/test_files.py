"""Files are there whole or not at all."""

from __future__ import annotations

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
