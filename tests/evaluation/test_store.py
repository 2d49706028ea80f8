"""The file of results survives kills and other writers."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from sklearn_csg2a.exceptions import DataFileError

store = pytest.importorskip(
    "sklearn_csg2a.evaluation.store", reason="the benchmarks folder is not importable"
)


@pytest.fixture
def table(tmp_path):
    return store.Table(
        tmp_path / "results" / "t.csv", ["fold", "model"], COLUMNS, ["fold", "rmse"]
    )


COLUMNS = ["fold", "model", "rmse", "note"]


def test_rows_are_read_by_key_and_in_natural_order(table):
    assert table.read() == {}
    table.add([{"fold": 10, "model": "a", "rmse": 1 / 3, "note": 'x, "y"'}])
    table.add([{"fold": 2, "model": "b", "rmse": float("nan")}])
    assert list(table.read()) == [("2", "b"), ("10", "a")]
    assert table.read()["10", "a"]["rmse"] == "0.333333"
    assert table.read()["10", "a"]["note"] == 'x, "y"'
    assert table.read()["2", "b"]["rmse"] == table.read()["2", "b"]["note"] == ""


def test_row_of_the_same_key_replaces_the_former_one(table):
    table.add([{"fold": 0, "model": "a", "rmse": 1.0}])
    table.add([{"fold": 0, "model": "a", "rmse": 2.0}])
    assert [row["rmse"] for row in table.read().values()] == ["2"]


def test_writers_at_the_same_time_lose_nothing(table):
    """Each call opens the folder anew, so that threads exclude each other too."""

    def add(fold):
        table.add([{"fold": fold, "model": "a", "rmse": float(fold)}])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    assert len(table.read()) == 40


def test_kill_while_writing_leaves_the_former_file(table, monkeypatch):
    table.add([{"fold": 0, "model": "a", "rmse": 1.0}])
    before = table.path.read_bytes()

    def die(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(store.csv.DictWriter, "writerows", die)
    with pytest.raises(KeyboardInterrupt):
        table.add([{"fold": 1, "model": "a", "rmse": 2.0}])
    assert table.path.read_bytes() == before
    assert [path.name for path in table.path.parent.iterdir()] == ["t.csv"]


def test_columns_added_later_are_empty_in_former_rows(table):
    table.add([{"fold": 0, "model": "a", "rmse": 1.0}])
    wider = store.Table(table.path, table.key, [*COLUMNS, "skill"])
    wider.add([{"fold": 1, "model": "a", "skill": 0.5}])
    assert [row["skill"] for row in wider.read().values()] == ["", "0.5"]


def test_file_of_another_kind_is_refused(table):
    table.path.parent.mkdir()
    table.path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"has no columns \['fold', 'model'\]"):
        table.read()


HEADER = b"fold,model,rmse,note\n"


def test_a_file_that_a_spreadsheet_has_written_is_read(table):
    table.path.parent.mkdir()
    table.path.write_bytes(b"\xef\xbb\xbf" + HEADER + b"0,a,1.5,x\r\n")
    assert table.read()["0", "a"]["rmse"] == "1.5"


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        (b"0,a,1,x\n1,a\n", "line 3: more or fewer fields than the header"),
        (b"0,a,1,x,y\n", "line 2: more or fewer fields"),
        (b"0,a,1.5.2,x\n", "line 2: rmse is '1.5.2'"),
        (b"0,a,1_0,x\n", "line 2: rmse is '1_0'"),
        (b"0,a,nan,x\n", "line 2: rmse is 'nan'"),
        (b"one,a,1,x\n", "line 2: fold is 'one'"),
        (b"0,a,1,\xff\n", "not a table of text"),
    ],
)
def test_a_damaged_file_is_refused_by_name_and_line(table, rows, where):
    table.path.parent.mkdir()
    table.path.write_bytes(HEADER + rows)
    with pytest.raises(DataFileError, match=re.escape(where)) as caught:
        table.read()
    assert str(table.path) in str(caught.value)
    assert "delete the line" in str(caught.value)
