"""Models are fitted, and tables predicted, as the package does it in Python."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a import compare, load_model, rank_drugs, save_model
from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.cli._models import MODELS
from sklearn_csg2a.patients import keep_reference, predict_grid
from sklearn_csg2a.preprocessing import NormalScores


@pytest.fixture
def expected(screen):
    model = PairwiseKernelRidge(expression=screen.expression, random_state=0)
    patients = (screen.expression.iloc[:3] + 0.1).set_axis(["P1", "P2", "P3"])
    drugs = screen.X[["drug", "smiles"]].drop_duplicates().head(4)
    return predict_grid(model.fit(screen.X, screen.y), patients, drugs)


def _grid(table):
    return table.pivot_table(index="sample", columns="drug", values="ln_ic50")


def test_predictions_are_those_of_the_package(run, expected):
    code, out, err = run(
        *("predict", "model.csg2a", "--expression", "patients.csv"),
        *("--smiles", "drugs.csv", "-o", "out.csv", "--html", "page.html"),
    )
    assert (code, out) == (0, "")
    table = pd.read_csv("out.csv")
    assert table.columns.tolist() == ["sample", "drug", "ln_ic50"]
    np.testing.assert_allclose(_grid(table), expected, rtol=1e-5)
    assert "Wrote 12 predictions to out.csv." in err
    page = Path("page.html").read_text("utf-8")
    assert "P2" in page
    assert "in the order of predicted ln IC50" in page


@pytest.mark.parametrize(
    "name", ["out.tsv", "out.csv.gz", "out.tsv.gz", "out.xlsx", "OUT.CSV"]
)
def test_tables_are_written_by_the_name_of_the_file(run, expected, name):
    code, *_ = run(
        *("predict", "model.csg2a", "--expression", "patients.csv"),
        *("--smiles", "drugs.csv", "-o", name),
    )
    assert code == 0
    if name.endswith(".xlsx"):
        table = pd.read_excel(name)
    else:
        table = pd.read_csv(name, sep="\t" if ".tsv" in name else ",")
    np.testing.assert_allclose(_grid(table), expected, rtol=1e-5)


def test_without_an_output_the_table_goes_to_the_standard_output(run):
    arguments = ("predict", "model.csg2a", "--expression", "patients.csv", "-q")
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "sample,drug,ln_ic50"
    assert len(out.splitlines()) == 1 + 3 * 10
    assert run(*arguments, "-o", "-")[1] == out


@pytest.mark.parametrize("kind", ["T.csv", "xlsx", "semicolon.csv", "h5ad", "gct"])
def test_patients_may_be_in_any_kind_of_table(run, expected, kind):
    patients = pd.read_csv("patients.csv", index_col=0)
    path = f"those.{kind}"
    if kind == "T.csv":
        patients.T.to_csv(path)
    elif kind == "xlsx":
        cohort = pd.DataFrame({"cohort": "A"}, index=patients.index)
        pd.concat([cohort, patients], axis=1).to_excel(path)
    elif kind == "semicolon.csv":
        patients.to_csv(path, sep=";", decimal=",")
    elif kind == "h5ad":
        _write_h5ad(path, patients)
    else:
        _write_gct(path, patients)
    code, _, err = run(
        *("predict", "model.csg2a", "--expression", path),
        *("--smiles", "drugs.csv", "-o", "out.csv"),
    )
    assert code == 0, err
    np.testing.assert_allclose(_grid(pd.read_csv("out.csv")), expected, rtol=1e-4)


def _write_h5ad(path, table):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(path, "w") as file:
        file["X"] = table.to_numpy(np.float32)
        for name, ids in (("obs", table.index), ("var", table.columns)):
            group = file.create_group(name)
            group.attrs["encoding-type"] = "dataframe"
            group.attrs["_index"] = "ids"
            group.attrs["column-order"] = np.array([], dtype="S1")
            group["ids"] = ids.to_numpy().astype("S")


def _write_gct(path, table):
    lines = ["#1.2", f"{table.shape[1]}\t{len(table)}"]
    lines.append("\t".join(["NAME", "Description", *table.index]))
    lines += ["\t".join([gene, "", *map(str, table[gene])]) for gene in table]
    Path(path).write_text("\n".join(lines) + "\n", "utf-8")


def test_lines_of_smiles_and_names_are_compounds(run, expected):
    drugs = pd.read_csv("drugs.csv")
    text = "\n".join(f"{row.smiles} {row.drug}" for row in drugs.itertuples())
    Path("drugs.smi").write_text(f"{text}\n\n", "utf-8")
    run(
        *("predict", "model.csg2a", "--expression", "patients.csv"),
        *("--smiles", "drugs.smi", "-o", "out.csv"),
    )
    np.testing.assert_allclose(_grid(pd.read_csv("out.csv")), expected, rtol=1e-5)


def test_rows_of_a_table_are_predicted_beside_its_columns(run, screen):
    arguments = ("predict", "model.csg2a", "--expression", "cells.csv")
    code, *_ = run(*arguments, "--treatments", "screen.csv", "-o", "out.csv")
    assert code == 0
    table = pd.read_csv("out.csv")
    assert table.columns[:-1].tolist() == pd.read_csv("screen.csv").columns.tolist()
    assert table.columns[-1] == "predicted_ln_ic50"
    model = load_model("model.csg2a").set_params(expression=screen.expression)
    np.testing.assert_allclose(
        table["predicted_ln_ic50"], model.predict(screen.X), rtol=1e-5
    )


def test_models_around_others_predict_rows_and_limits(run):
    arguments = ("predict", "whole.csg2a", "--expression", "cells.csv")
    run(*arguments, "--treatments", "screen.csv", "-o", "rows.csv")
    rows = pd.read_csv("rows.csv")
    assert (rows["lower"] < rows["predicted_ln_ic50"]).all()
    code, *_ = run("predict", "whole.csg2a", "-o", "grid.csv", "--html", "page.html")
    assert code == 0
    grid = pd.read_csv("grid.csv")
    assert len(grid) == 12 * 10
    assert (grid["lower"] < grid["ln_ic50"]).all()
    assert (grid["upper"] > grid["ln_ic50"]).all()
    page = Path("page.html").read_text("utf-8")
    assert "Percentile" in page


def test_a_naive_model_needs_no_expression(run):
    code, _, err = run("predict", "mean.csg2a", "--treatments", "screen.csv", "-o", "-")
    assert code == 0, err


def test_ranking_is_that_of_the_package(run, screen):
    code, *_ = run(
        *("rank", "model.csg2a", "--expression", "patients.csv", "--top", "2"),
        *("--reference", "cells.csv", "-o", "out.csv", "--html", "page.html"),
    )
    assert code == 0
    model = load_model("model.csg2a")
    patients = (screen.expression.iloc[:3] + 0.1).set_axis(["P1", "P2", "P3"])
    drugs = screen.X[["drug", "smiles"]]
    expected = rank_drugs(model, patients, drugs, reference=screen.expression)
    expected = expected[expected["rank"] <= 2].reset_index(drop=True)
    table = pd.read_csv("out.csv")
    assert table[["sample", "drug", "rank"]].equals(
        expected[["sample", "drug", "rank"]].astype({"rank": "int64"})
    )


def test_a_stored_table_of_expression_is_the_reference(run):
    code, out, _ = run("rank", "whole.csg2a", "--expression", "patients.csv")
    assert code == 0
    assert len(out.splitlines()) == 1 + 3 * 10


def test_samples_are_scaled_as_the_model_says_in_both_commands(run, screen):
    scores = NormalScores().fit_transform(screen.expression)
    model = PairwiseKernelRidge(expression=scores).fit(screen.X, screen.y)
    keep_reference(model, reference=scores, transformer=NormalScores())
    save_model(model.set_params(expression=None), "kept.csg2a")
    (2 ** (screen.expression + 3)).to_csv("raw.csv")
    arguments = ("kept.csg2a", "--expression", "raw.csv")
    code, _, err = run("predict", *arguments, "-o", "out.csv", "--html", "page.html")
    assert code == 0, err
    assert "warning: Expression in samples is on another" in err
    code, *_ = run("rank", *arguments, "-o", "ranking.csv")
    assert code == 0
    ranking = pd.read_csv("ranking.csv")
    predicted = pd.read_csv("out.csv").merge(ranking, on=["sample", "drug"])
    assert len(predicted) == len(ranking) == 12 * 10
    assert predicted["ln_ic50_x"].tolist() == predicted["ln_ic50_y"].tolist()
    assert "Percentile" in Path("page.html").read_text("utf-8")


def test_columns_may_have_other_names(run, expected):
    table = pd.read_csv("screen.csv").rename(
        columns={"smiles": "SMILES", "cell_line": "DepMap_ID", "ln_ic50": "LN_IC50"}
    )
    table.to_csv("other.tsv", sep="\t", index=False)
    code, _, err = run(
        *("fit", "other.tsv", "--expression", "cells.csv", "--model", "kernel_ridge"),
        *("--column", "smiles=SMILES", "--column", "cell_line=DepMap_ID"),
        *("--response", "ln_ic50", "-o", "other.csg2a"),
    )
    assert code == 0, err
    assert "The response is column 'LN_IC50'." in err
    run(
        *("predict", "other.csg2a", "--expression", "patients.csv"),
        *("--smiles", "drugs.csv", "-o", "out.csv"),
    )
    np.testing.assert_allclose(_grid(pd.read_csv("out.csv")), expected, rtol=1e-5)


def test_structures_may_be_in_a_table_of_their_own(run, screen, expected):
    table = pd.read_csv("screen.csv").drop(columns="smiles")
    table = table.rename(columns={"drug": "DRUG_NAME"})
    table.to_csv("named.csv", index=False)
    drugs = screen.X[["drug", "smiles"]].drop_duplicates()
    drugs.rename(columns={"drug": "name"}).to_csv("all.csv", index=False)
    drugs.iloc[1:].to_csv("fewer.csv", index=False)
    fit = ("fit", "named.csv", "--expression", "cells.csv", "--model", "kernel_ridge")
    fit += ("--column", "drug=DRUG_NAME", "-o", "named.csg2a", "--smiles")
    code, _, err = run(*fit, "all.csv")
    assert code == 0, err
    run(
        *("predict", "named.csg2a", "--expression", "patients.csv"),
        *("--smiles", "drugs.csv", "-o", "out.csv"),
    )
    np.testing.assert_allclose(_grid(pd.read_csv("out.csv")), expected, rtol=1e-5)
    code, _, err = run(*fit, "fewer.csv")
    assert code == 1
    assert "1 drugs of named.csv have no SMILES in fewer.csv: 'CPD0001'" in err


def test_rows_that_cannot_be_used_are_left_out_if_asked_for(run):
    table = pd.read_csv("screen.csv")
    table.loc[0, "ln_ic50"] = None
    table.loc[[1, 2], "smiles"] = ["C1CC", None]
    table.loc[3, "cell_line"] = "HELA"
    table.to_csv("gaps.csv", index=False)
    fit = ("fit", "gaps.csv", "--expression", "cells.csv", "--model", "kernel_ridge")
    assert run(*fit, "-o", "gaps.csg2a")[0] == 1
    code, _, err = run(*fit, "-o", "gaps.csg2a", "--drop")
    assert code == 0, err
    assert "1 rows are left out: no response." in err
    assert "2 rows are left out: no valid SMILES." in err
    assert "1 rows are left out: no expression." in err
    assert f"to {len(table) - 4:,} rows" in err


def test_drugs_keep_the_names_that_they_had_in_the_fit(run, screen):
    code, out, _ = run("predict", "model.csg2a", "--expression", "patients.csv")
    assert code == 0
    names = [line.split(",")[1] for line in out.splitlines()[1:]]
    assert set(names) == set(screen.X["drug"])
    assert "compounds" in run("inspect", "model.csg2a")[1]


def test_metadata_may_name_the_genes(run, expected):
    patients = pd.read_csv("patients.csv", index_col=0)
    _write_gct("named.gct", patients)
    text = Path("named.gct").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in text[3:]]
    rows = [[f"P{i}", row[0], *row[2:]] for i, row in enumerate(rows)]
    lines = [*text[:3], *("\t".join(row) for row in rows)]
    Path("named.gct").write_text("\n".join(lines) + "\n", "utf-8")
    arguments = ("predict", "model.csg2a", "--expression", "named.gct")
    arguments += ("--smiles", "drugs.csv", "-o", "out.csv")
    assert run(*arguments)[0] == 1
    code, _, err = run(*arguments, "--gene-names", "Description")
    assert code == 0, err
    np.testing.assert_allclose(_grid(pd.read_csv("out.csv")), expected, rtol=1e-4)
    code, _, err = run(*arguments, "--gene-names", "symbol")
    assert code == 1
    assert "has no such column of gene metadata" in err


def test_genes_may_be_columns_of_the_table(run, screen):
    wide = pd.read_csv("screen.csv").merge(
        screen.expression, left_on="cell_line", right_index=True
    )
    wide.to_csv("wide.csv", index=False)
    fit = ("fit", "wide.csv", "--model", "kernel_ridge", "-o", "wide.csg2a")
    code, _, err = run(*fit)
    assert code == 0, err
    assert (
        load_model("wide.csg2a").genes_.tolist() == screen.expression.columns.tolist()
    )


def test_ids_that_look_like_numbers_stay_text(run):
    names = {"CELL001": "007", "CELL002": "8"}
    table = pd.read_csv("screen.csv")
    table["cell_line"] = table["cell_line"].replace(names)
    table.to_csv("numbers.csv", index=False)
    cells = pd.read_csv("cells.csv", index_col=0).rename(index=names)
    cells.to_csv("numbered.csv")
    fit = ("fit", "numbers.csv", "--expression", "numbered.csv", "--model", "svm")
    code, _, err = run(*fit, "-o", "numbers.csg2a")
    assert code == 0, err


def test_the_network_shows_its_progress_and_takes_settings(run):
    code, out, err = run(
        *("fit", "screen.csv", "--expression", "cells.csv", "-o", "net.csg2a"),
        *("--set", "max_epochs=2", "--set", "head_hidden=(8,)", "--seed", "3"),
        *("--novelty", "compound"),
    )
    assert (code, out) == (0, "")
    model = load_model("net.csg2a")
    assert model.n_iter_ == 2
    assert (model.head_hidden, model.random_state) == ((8,), 3)
    assert model.novelty == "compound"
    assert "Fitting csg2a to" in err
    assert "sklearn-csg2a predict net.csg2a" in err


def test_inspect_shows_the_card(run):
    Path("card.json").write_text(
        json.dumps({"data": "simulated", "terms": "none"}), "utf-8"
    )
    run(
        *("fit", "screen.csv", "--expression", "cells.csv", "--model", "drug_mean"),
        *("--card", "card.json", "-o", "carded.csg2a"),
    )
    code, out, _ = run("inspect", "carded.csg2a")
    assert code == 0
    assert "class: DrugMean" in out
    assert "  data: simulated" in out
    content = json.loads(run("inspect", "carded.csg2a", "--json")[1])
    assert content["card"]["response"] == "ln_ic50"
    genes = run("inspect", "model.csg2a", "--genes")[1].split()
    assert len(genes) == 120


def test_models_are_compared_as_the_package_does_it(run, screen):
    arguments = ("compare", "screen.csv", "--expression", "cells.csv", "--splits", "3")
    arguments += ("--scheme", "drug", "--model", "kernel_ridge", "--set", "alpha=1.0")
    outputs = ("-o", "table.csv", "--tests", "tests.csv", "--html", "report.html")
    code, out, err = run(*arguments, *outputs, "--store", "store.csv")
    assert (code, out) == (0, "")
    assert "kernel_ridge" in err
    model = PairwiseKernelRidge(expression=screen.expression, alpha=1.0, random_state=0)
    expected = compare(
        {"kernel_ridge": model}, screen.X, screen.y, schemes=["drug"], n_splits=3
    )
    table = pd.read_csv("table.csv")
    assert table["model"].tolist() == expected.table["model"].tolist()
    np.testing.assert_allclose(table["rmse"], expected.table["rmse"], rtol=1e-4)
    assert set(pd.read_csv("tests.csv")["model"]) == {"kernel_ridge"}
    assert "kernel_ridge" in Path("report.html").read_text("utf-8")
    stored = Path("store.csv").read_text("utf-8")
    code, out, _ = run(*arguments, "--store", "store.csv", "-q")
    assert code == 0
    assert out == Path("table.csv").read_text("utf-8")
    assert Path("store.csv").read_text("utf-8") == stored


def test_every_model_of_the_package_has_a_name():
    from sklearn_csg2a import baselines

    others = {"DrugResponseRegressor", "PotencyRegressor"}
    assert set(MODELS.values()) ^ set(baselines.__all__) == others
