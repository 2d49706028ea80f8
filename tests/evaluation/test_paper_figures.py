"""The benchmark of the paper's figures: parts are stored, and computed once."""

from __future__ import annotations

import pandas as pd
import pytest
from sklearn.utils import Bunch

paper_figures = pytest.importorskip(
    "benchmarks.paper_figures", reason="the benchmarks folder is not importable"
)
paper_models = pytest.importorskip("benchmarks.models.paper")
pathways = pytest.importorskip("benchmarks.studies.paper.pathways")
setting = pytest.importorskip("benchmarks.studies.paper.setting")
responses = pytest.importorskip("benchmarks.studies.paper.responses")
row = setting.row


@pytest.fixture
def parts(monkeypatch):
    """Two parts that count their calls."""
    calls = []

    def make(name):
        def part(_):
            calls.append(name)
            yield row("Figure 9", "number", name, 0.5, p=0.01, effect="yes")

        return part

    monkeypatch.setattr(
        paper_figures, "PARTS", {name: make(name) for name in ("first", "second")}
    )
    monkeypatch.setattr(paper_figures, "load_transfer", lambda _: Bunch())
    monkeypatch.setattr(
        paper_figures, "stored", lambda _: [row("Table 9", "RMSE", "model", 1.0)]
    )
    return calls


def test_parts_are_stored_and_not_computed_again(parts, tmp_path, capsys):
    assert paper_figures.main(["--results", str(tmp_path), "--parts", "second"]) == 0
    assert paper_figures.main(["--results", str(tmp_path)]) == 0
    assert parts == ["second", "first"]
    table = pd.read_csv(tmp_path / paper_figures.NAME)
    assert table["part"].tolist() == ["stored", "first", "second"]
    assert table["effect"].tolist()[1:] == ["yes", "yes"]
    paper_figures.main(["--results", str(tmp_path), "--parts", "first", "--again"])
    assert parts == ["second", "first", "first"]
    assert len(pd.read_csv(tmp_path / paper_figures.NAME)) == 3
    assert "Figure 9" in capsys.readouterr().out


def test_the_stored_results_of_other_benchmarks_are_taken():
    table = pd.DataFrame(responses.stored(paper_figures.RESULTS))
    assert {"Table 1", "Figure 2"} <= set(table["figure"])
    assert table["ours"].notna().all()


def test_compounds_are_exchanged_in_all_rows():
    X = pd.DataFrame({"smiles": list("CCONNNO"), "dose": range(7)})
    permuted = paper_models.permute_compounds(X, seed=1)
    assert permuted["dose"].equals(X["dose"])
    pairs = pd.DataFrame({"old": X["smiles"], "new": permuted["smiles"]})
    assert len(pairs.drop_duplicates()) == 3
    assert set(permuted["smiles"]) == set(X["smiles"])


def test_every_drug_is_laid_out_in_the_same_cells():
    X = pd.DataFrame({"cell_line": list("abcdef"), "drug": "x", "smiles": "C"})
    given = setting.Setting(Bunch(X=X), None, None)
    drugs = pd.DataFrame({"drug": ["x", "y"], "smiles": ["C", "CC"]})
    grid = given.grid(drugs, n_cells=3)
    of_drug = [rows["cell_line"].tolist() for _, rows in grid.groupby("drug")]
    assert of_drug[0] == of_drug[1]
    assert len(grid) == 6


def test_pathways_are_known_by_their_id():
    assert pathways._pathway_id("WP1984:Integrated Breast Cancer Pathway") == "WP1984"
    assert pathways._pathway_id("no id") == "no id"
