"""Tables of expression and treatments in the forms that people have them."""

from __future__ import annotations

import gzip
import zipfile

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.datasets import read_expression, read_table
from sklearn_csg2a.exceptions import DataFileError, InputError

TABLE = pd.DataFrame(
    {"TP53": [1.5, 2.5, 3.5], "EGFR": [-1.0, 0.0, 1.25], "KRAS": [0.5, 8.0, 9.0]},
    index=pd.Index(["007", "P-2", "P-3"]),
)
TEXT = TABLE.to_csv()
FORMS = {
    "plain": TEXT,
    "tabs": TEXT.replace(",", "\t"),
    "semicolons": TEXT.replace(",", ";"),
    "decimal commas": TABLE.to_csv(sep=";", decimal=","),
    "byte order mark": "\ufeff" + TEXT,
    "note of Excel": "sep=,\n" + TEXT,
    "lines of Windows": TEXT.replace("\n", "\r\n"),
    "quotes": TABLE.to_csv(quoting=1),
    "blanks": TEXT.replace(",", ", "),
    "separator at line ends": TEXT.replace("\n", ",\n"),
    "R, no name of the ids": TEXT[1:],
    "named ids": TABLE.rename_axis("sample_id").to_csv(),
    "rows counted": TABLE.rename_axis("sample").reset_index().to_csv(),
    "Entrez ids behind symbols": TABLE.rename(columns=lambda g: f"{g} (7157)").to_csv(),
    "genes in rows": TABLE.T.to_csv(),
    "genes in rows, named": TABLE.T.rename_axis("Gene").to_csv(sep="\t"),
}


@pytest.mark.filterwarnings("ignore:.*columns left out")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packing", ["none", "gzip", "zip"])
def test_expression_is_read_in_any_form_of_text(tmp_path, form, packing):
    path = tmp_path / "cells.csv"
    content = FORMS[form].encode()
    if packing == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("cells.csv", content)
    else:
        path.write_bytes(gzip.compress(content) if packing == "gzip" else content)
    read = read_expression(path)
    assert read.index.name == "cell_line"
    assert (read.dtypes == np.float32).all()
    pd.testing.assert_frame_equal(
        read[TABLE.columns], TABLE.astype(np.float32), check_names=False
    )


def test_workbooks_are_read_with_columns_of_text_left_out(tmp_path):
    path = tmp_path / "cells.xlsx"
    TABLE.rename_axis("cell_line").assign(tissue="lung").to_excel(path)
    with pytest.warns(UserWarning, match="1 columns left out .*'tissue'"):
        read = read_expression(path)
    np.testing.assert_allclose(read, TABLE)
    assert read.index.tolist() == TABLE.index.tolist()
    TABLE.T.to_excel(path)
    np.testing.assert_allclose(read_expression(path), TABLE)


def test_rows_can_be_said_to_be_genes(tmp_path):
    names = {"TP53": "G1", "EGFR": "G2", "KRAS": "G3"}
    path = tmp_path / "cells.csv"
    TABLE.rename(columns=names).T.to_csv(path)
    assert read_expression(path).index.tolist() == ["G1", "G2", "G3"]
    read = read_expression(path, rows="genes")
    assert read.columns.tolist() == ["G1", "G2", "G3"]
    with pytest.raises(InputError, match="rows='cells' is unknown"):
        read_expression(path, rows="cells")


def test_repeated_genes_are_an_error_or_averaged(tmp_path):
    path = tmp_path / "cells.csv"
    path.write_text("id,TP53,TP53,EGFR\nA,1,3,5\nB,2,4,6\n")
    with pytest.raises(InputError, match="1 gene symbols occur more than once: 'TP53'"):
        read_expression(path)
    read = read_expression(path, duplicates="mean")
    assert read["TP53"].tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"id,TP53,EGFR\n", "no rows below its header"),
        (b"id\nA\n", "no column of numbers beside the ids"),
        (b"id,TP53,EGFR\nA,1,2\n,3,4\n", "no id in column 'id', row 1"),
        (b"id,TP53,EGFR\nA,1,2\nB,x,4\n", "'x' is not a number"),
        (b"PAR1\x15\x04\x15", "is Parquet"),
        (b"\x80\x04\x95\x10", "is a Python pickle"),
        (b"\x89HDF\r\n\x1a\n", "HDF5|h5ad"),
    ],
)
def test_what_is_no_table_of_expression_is_refused_by_name(tmp_path, content, said):
    path = tmp_path / "cells.csv"
    path.write_bytes(content)
    with pytest.raises(DataFileError, match=said) as caught:
        read_expression(path)
    assert "cells.csv" in str(caught.value)


def test_columns_of_numbers_become_numbers_and_ids_stay_text(tmp_path):
    path = tmp_path / "screen.csv"
    path.write_text(
        "cell_line;dose;smiles;plate;ln_ic50\n1;0,5;CCO;01;-1,5\n2;10;CCN;02;\n"
    )
    table = read_table(path, text=["cell_line"])
    assert table["cell_line"].tolist() == ["1", "2"]
    assert table["plate"].tolist() == ["01", "02"]
    assert table["dose"].tolist() == [0.5, 10.0]
    assert table["ln_ic50"].tolist()[0] == -1.5
    assert table["ln_ic50"].isna().tolist() == [False, True]


def test_thousands_separators_are_not_taken_for_decimals(tmp_path):
    path = tmp_path / "screen.csv"
    path.write_text('cell_line,dose\nA,"1,500"\nB,"2,500"\n')
    assert read_table(path)["dose"].tolist() == ["1,500", "2,500"]
