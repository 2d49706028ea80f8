"""What a data folder lacks is said per loader, and docs/data.md lists all of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sklearn_csg2a import datasets
from sklearn_csg2a.datasets import DataNotFoundError, check_data_home
from sklearn_csg2a.datasets._catalog import CATALOG
from sklearn_csg2a.exceptions import InputError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data.md"


def test_every_loader_of_public_files_is_known():
    loaders = {data.loader.split("(")[0] for data in CATALOG}
    assert loaders == {name for name in datasets.__all__ if name.startswith("load_")}


def test_the_page_lists_every_file_and_its_columns():
    text = PAGE.read_text("utf-8")
    for data in CATALOG:
        for file in data.files:
            assert f"`{file.name}`" in text, file.name
            missing = [name for name in file.columns if f"`{name}`" not in text]
            assert missing == [], file.name


def test_what_is_said_to_fetch_exists():
    for data in CATALOG:
        word = data.how.split("(")[0]
        assert not word.startswith("fetch_") or word in datasets.__all__


def test_missing_damaged_and_foreign_files_are_told_apart(tmp_path):
    folder = tmp_path / "gdsc2"
    folder.mkdir()
    (folder / "cells.csv").write_text("cell_line,tissue\nA,lung\n")
    (folder / "compounds.csv").write_text("drug,SMILES\nx,CCO\n")
    (folder / "response.csv.gz").write_bytes(b"\x1f\x8b damaged")
    files = check_data_home(tmp_path, loaders=["gdsc2"]).set_index("file")
    problems = files["problem"].fillna("")
    assert problems["gdsc2/cells.csv"] == ""
    assert problems["gdsc2/mutations.csv.gz"] == "missing"
    assert "lacks the columns 'smiles'; 'target'" in problems["gdsc2/compounds.csv"]
    assert problems["gdsc2/response.csv.gz"].startswith("cannot be read")
    assert files["terms"].str.contains("non-commercial").all()


def test_arrays_and_gene_sets_are_looked_into(tmp_path):
    for name in ("lincs", "gene_sets"):
        (tmp_path / name).mkdir()
    np.savez(tmp_path / "lincs" / "level3.npz", genes=np.array(["TP53"]))
    files = check_data_home(tmp_path, loaders=["load_lincs"]).set_index("file")
    assert "'perturbed'; 'control'" in files.loc["lincs/level3.npz", "problem"]


def test_a_folder_and_loaders_must_be_known(tmp_path, monkeypatch):
    monkeypatch.delenv("SKLEARN_CSG2A_DATA", raising=False)
    with pytest.raises(DataNotFoundError, match="No data folder is known"):
        check_data_home()
    with pytest.raises(DataNotFoundError, match="is not a folder"):
        check_data_home(tmp_path / "nowhere")
    with pytest.raises(InputError, match="'ccle' is not a loader"):
        check_data_home(tmp_path, loaders=["ccle"])
    with pytest.raises(InputError, match="give a list"):
        check_data_home(tmp_path, loaders="gdsc2")
    monkeypatch.setenv("SKLEARN_CSG2A_DATA", str(tmp_path))
    assert set(check_data_home()["problem"]) == {"missing"}


@pytest.mark.slow
def test_the_real_data_are_complete(data_home):
    assert check_data_home(data_home)["problem"].isna().all()
