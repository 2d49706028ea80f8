"""A workbook is read by its first sheet; a damaged or oversized one is refused."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.datasets import read_gdsc_fitted
from sklearn_csg2a.exceptions import DataFileError

openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed")

SHEET = pd.DataFrame(
    {
        "COSMIC_ID": [906826, 687983],
        "SANGER_MODEL_ID": ["SIDM1", "SIDM2"],
        "DRUG_NAME": ["Camptothecin", "NA"],
        "LN_IC50": [-1.46, 2.0],
    }
)
SPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
FIRST = "xl/worksheets/sheet1.xml"


@pytest.fixture
def workbook(tmp_path):
    path = tmp_path / "fitted.xlsx"
    SHEET.to_excel(path, index=False)
    return path


def _rewrite(path, name, change, method=zipfile.ZIP_DEFLATED):
    """Change the text of one member of a workbook."""
    with zipfile.ZipFile(path) as archive:
        members = {key: archive.read(key) for key in archive.namelist()}
    members[name] = change(members.get(name, b"").decode()).encode()
    with zipfile.ZipFile(path, "w", method) as archive:
        for key, content in members.items():
            archive.writestr(key, content)


def _add_cells(path, cells):
    _rewrite(
        path, FIRST, lambda xml: xml.replace("</sheetData>", f"{cells}</sheetData>")
    )


def test_numbers_of_a_workbook_are_spelt_as_in_text(workbook):
    with pytest.warns(UserWarning, match="1 of 2 rows"):
        data = read_gdsc_fitted(
            workbook, cell_line="COSMIC_ID", compounds={"Camptothecin": "CCO"}
        )
    assert data.X["cell_line"].tolist() == ["906826"]
    assert data.y.tolist() == [-1.46]


def test_empty_rows_and_notes_beside_the_table_do_not_matter(workbook):
    book = openpyxl.load_workbook(workbook)
    sheet = book.active
    sheet.insert_rows(1, 2)
    sheet["G4"] = "a note"
    sheet["A12"] = None
    book.create_sheet("other")["A1"] = "nothing"
    book.save(workbook)
    np.testing.assert_array_equal(read_gdsc_fitted(workbook).y, [-1.46, 2.0])


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ('<row r="9999999999"><c r="A9999999999"><v>1</v></c></row>', "more rows"),
        (
            "".join(
                f'<row r="{row}"><c r="ZZZ{row}"><v>1</v></c></row>'
                for row in range(4, 2000)
            ),
            "more rows, cells",
        ),
        (
            '<row r="4"><c r="ZZZ4"><v>1</v></c></row>'
            + "".join(
                f'<row r="{row}"><c r="A{row}"><v>1</v></c></row>'
                for row in range(5, 2000)
            ),
            "a cell far from the others",
        ),
    ],
)
def test_cells_far_from_the_table_do_not_fill_the_memory(workbook, cells, message):
    _add_cells(workbook, cells)
    with pytest.raises(DataFileError, match=message):
        read_gdsc_fitted(workbook)


def test_a_text_that_occurs_often_does_not_fill_the_memory(workbook):
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    _rewrite(
        workbook,
        "xl/sharedStrings.xml",
        lambda _: f'<sst xmlns="{SPACE}"><si><t>{"A" * 30_000}</t></si></sst>',
    )
    _rewrite(
        workbook,
        "[Content_Types].xml",
        lambda xml: xml.replace(
            "</Types>",
            f'<Override PartName="/xl/sharedStrings.xml" '
            f'ContentType="{kind}.sharedStrings+xml"/></Types>',
        ),
    )
    cells = "".join(
        f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>'
        for row in range(4, 4000)
    )
    _add_cells(workbook, cells)
    with pytest.raises(DataFileError, match="more rows, cells or text"):
        read_gdsc_fitted(workbook)


def test_a_workbook_that_unpacks_to_more_than_any_has_is_refused(workbook):
    _add_cells(workbook, "<row/>" * 2_000_000)
    with pytest.raises(DataFileError, match=r"members of \d+ bytes in all"):
        read_gdsc_fitted(workbook)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda xml: "<a>" * 200 + "</a>" * 200, "nested more than 100 deep"),
        (
            lambda xml: '<!DOCTYPE a [<!ENTITY b "c">]>' + xml.partition("?>")[2],
            "document type",
        ),
        (lambda xml: xml[: len(xml) // 2], "cannot be read"),
        (lambda xml: xml.replace("<sheetData>", "<sheetData/><no>"), "cannot be read"),
        (lambda xml: "<worksheet/>", "no cell in its first sheet"),
        (
            lambda xml: xml.replace('r="A2"', 'r="1A2"'),
            "cannot be read",
        ),
    ],
)
def test_xml_that_is_no_sheet_is_refused(workbook, change, message):
    _rewrite(workbook, FIRST, change)
    with pytest.raises(DataFileError, match=message) as caught:
        read_gdsc_fitted(workbook)
    assert str(workbook) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("[Content_Types].xml", lambda xml: xml.replace("sheet.main", "sheet.none")),
        ("xl/workbook.xml", lambda xml: xml.replace("<sheet ", "<shoot ")),
        ("xl/_rels/workbook.xml.rels", lambda xml: xml.replace("sheet1.xml", "s.xml")),
        ("xl/styles.xml", lambda xml: xml.replace("<fonts", "<fonds")),
    ],
)
def test_parts_of_a_workbook_that_do_not_fit_are_refused_or_read(
    workbook, name, change
):
    _rewrite(workbook, name, change)
    try:
        y = read_gdsc_fitted(workbook).y.tolist()
    except DataFileError as error:
        y = [-1.46, 2.0] if str(workbook) in str(error) else []
    assert y == [-1.46, 2.0]


def test_a_header_without_rows_or_names_is_refused(workbook):
    pd.DataFrame(columns=SHEET.columns).to_excel(workbook, index=False)
    with pytest.raises(DataFileError, match="has no rows"):
        read_gdsc_fitted(workbook)
    pd.DataFrame([[None] * 3]).to_excel(workbook, index=False, header=False)
    with pytest.raises(DataFileError, match="no cell in its first sheet"):
        read_gdsc_fitted(workbook)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archives_are_stored_or_deflated(workbook, tmp_path, method):
    _rewrite(workbook, FIRST, str, method)
    with pytest.raises(DataFileError, match="compressed by method"):
        read_gdsc_fitted(workbook)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        archive.writestr("fitted.csv", SHEET.to_csv(index=False))
    (tmp_path / "fitted.zip").write_bytes(content.getvalue())
    with pytest.raises(DataFileError, match="compressed by method"):
        read_gdsc_fitted(tmp_path / "fitted.zip")


def test_a_zip_archive_with_a_wrong_place_is_refused(tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("fitted.csv", SHEET.to_csv(index=False))
    raw = bytearray(content.getvalue())
    directory = raw.index(b"PK\x01\x02")
    end = raw.index(b"PK\x05\x06")
    for place in (directory + 42, end + 16):  # of the file, of the directory
        damaged = raw.copy()
        damaged[place : place + 4] = b"\xff\xff\xff\xfe"
        (tmp_path / "fitted.zip").write_bytes(damaged)
        with pytest.raises(DataFileError, match="cannot be"):
            read_gdsc_fitted(tmp_path / "fitted.zip")
