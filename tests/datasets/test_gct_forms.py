"""GCT files are read as programs and people leave them; counts must be right."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from sklearn_csg2a.datasets import read_gct
from sklearn_csg2a.exceptions import DataFileError, InputError

PLAIN = "#1.2\n2\t2\nName\tDescription\tA1\tA2\nTP53\tx\t6.5\t7.5\nEGFR\ty\t1\t2\n"
NO_DESCRIPTION = "#1.2\n2\t2\nName\tA1\tA2\nTP53\t6.5\t7.5\nEGFR\t1\t2\n"
FULL = (
    "#1.3\n2\t2\t1\t1\nid\tsymbol\tA1\tA2\ndose\tna\t-666\t10\n"
    "TP53\tx\t6.5\t7.5\nEGFR\ty\t1\t2\n"
)
VALUES = [[6.5, 1.0], [7.5, 2.0]]


@pytest.fixture
def write(tmp_path):
    def _write(content):
        path = tmp_path / "plate.gct"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return _write


def _quote(text):
    first, sizes, *rest = text.splitlines()
    quoted = ["\t".join(f'"{field}"' for field in line.split("\t")) for line in rest]
    return "\n".join([first, sizes, *quoted])


@pytest.mark.parametrize("text", [PLAIN, NO_DESCRIPTION, FULL])
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: "\ufeff" + text,
        lambda text: text.encode("utf-16"),
        lambda text: gzip.compress(("\ufeff" + text).encode()),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace("\n", "\t\n"),
        lambda text: text.replace("\n", "\t\t\t\r\n"),
        lambda text: text.rstrip("\n"),
        lambda text: text + "\n\t\t\n \n",
        lambda text: text.replace("Name", "name").replace("id\t", "Id\t"),
        lambda text: text.replace("\t", " \t "),
        _quote,
    ],
)
def test_a_table_is_the_same_however_it_was_saved(text, change, write):
    data = read_gct(write(change(text)))
    np.testing.assert_array_equal(data.expression, VALUES)
    assert data.expression.index.tolist() == ["A1", "A2"]
    assert data.expression.columns.tolist() == ["TP53", "EGFR"]


def test_other_columns_than_values_are_kept(write):
    assert read_gct(write(PLAIN)).genes["Description"].tolist() == ["x", "y"]
    assert read_gct(write(NO_DESCRIPTION)).genes.columns.empty
    unnamed = PLAIN.replace("Description", "")
    assert read_gct(write(unnamed)).expression.to_numpy().tolist() == VALUES


@pytest.mark.parametrize("text", ["", "na", "NA", "NaN", "#N/A", "null"])
def test_values_that_are_not_known_are_missing(text, write):
    data = read_gct(write(PLAIN.replace("7.5", text)))
    assert data.expression.isna().sum().sum() == 1


@pytest.mark.parametrize(
    "code",
    ["-666", "-666.0", "-666.000000", "-666.0|-666.000000", "-666 -666", "na", '""'],
)
def test_every_code_of_l1000_files_is_missing(code, write):
    profiles = read_gct(write(FULL.replace("-666", code))).profiles
    np.testing.assert_array_equal(profiles["dose"], [np.nan, 10.0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PLAIN + "MYC\tz\t1\t2\n", r"line 6: 'MYC' follows after the 2 genes"),
        (FULL + "\nMYC\tz\t1\t2\n", r"line 8: 'MYC' follows"),
        (PLAIN.replace("2\t2\n", "3\t2\n", 1), "ends before line 6"),
        (PLAIN.replace("2\t2\n", "2\t3\n", 1), "line 3: 4 fields .* announces 5"),
        (PLAIN.replace("2\t2\n", "2\t1\n", 1), "line 3: 4 fields .* announces 3"),
        (PLAIN.replace("x\t6.5", "6.5"), "line 4: 3 fields"),
        (PLAIN.replace("\n2\t2\n", "\n2\t2\t0\n"), "line 2"),
        (PLAIN.replace("\n2\t2\n", "\n2\t\u00b2\n"), "line 2"),
        (PLAIN.replace("\n2\t2\n", f"\n{'9' * 5000}\t2\n"), "line 2"),
        (PLAIN.replace("\n2\t2\n", "\n900000000000\t2\n"), "more than a file of its"),
    ],
)
def test_counts_that_do_not_fit_are_named_with_their_line(text, message, write):
    with pytest.raises(DataFileError, match=message) as caught:
        read_gct(write(text))
    assert isinstance(caught.value, InputError)
    with pytest.raises(DataFileError, match=message):
        read_gct(write(gzip.compress(text.encode())))


def test_a_file_that_ends_within_a_character_is_refused(write):
    with pytest.raises(DataFileError, match=r"plate\.gct"):
        read_gct(write(PLAIN.encode("utf-16")[:-1]))


def test_ids_must_come_as_a_list(write):
    with pytest.raises(InputError, match="give a list"):
        read_gct(write(PLAIN), genes=7)
