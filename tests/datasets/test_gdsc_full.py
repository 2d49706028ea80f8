"""GDSC whole: repeats averaged, two assays apart, expression as it is stored."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.datasets import (
    DataNotFoundError,
    load_gdsc2,
    load_gdsc_full,
    paired_measurements,
)
from sklearn_csg2a.datasets.screens._assays import estimate_assay_effects
from sklearn_csg2a.exceptions import GeneMismatchError, InputError
from sklearn_csg2a.metrics import noise_ceiling
from sklearn_csg2a.model_selection import DrugBlindKFold, MixedKFold

RESPONSE = """\
screen,cell_line,drug,ln_ic50,auc
GDSC2,B,y,4.0,0.9
GDSC1,A,x,1.0,0.5
GDSC1,A,x,3.0,0.7
GDSC2,A,x,2.5,0.8
GDSC1,B,x,2.0,0.6
GDSC2,B,x,3.0,0.8
GDSC2,A,y,5.0,0.9
GDSC1,A,z,6.0,0.9
GDSC1,C,z,7.0,1.0
GDSC2,B,y,4.5,0.9
"""
FILES = {
    "response.csv.gz": RESPONSE,
    "expression.csv.gz": (
        "cell_line,TP53,HOXA5,EGFR,RAC2\n"
        "A,1.0,-1.2,-0.5,-1.2\nB,0.5,-1.1,-1.0,-1.1\nC,0.8,-1.3,0.3,-1.3\n"
    ),
    "cells.csv": "cell_line,depmap_id,tissue\nA,ACH-1,lung\nB,,skin\nC,,\n",
    "compounds.csv": (
        "drug,smiles,target,target_pathway,mechanism\n"
        "x,OCC,,,\ny,CCN,EGFR,RTK,EGFR inhibitor\nz,CCC,,,\n"
    ),
}


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "gdsc_full"
    folder.mkdir()
    for name, text in FILES.items():
        content = gzip.compress(text.encode()) if name.endswith("gz") else text.encode()
        (folder / name).write_bytes(content)
    (tmp_path / "lincs").mkdir()
    np.savez(tmp_path / "lincs" / "level3.npz", genes=np.array(["EGFR", "HOXA5", "D"]))
    return tmp_path


def test_one_screen_has_a_row_for_each_pair_in_order_of_appearance(home):
    data = load_gdsc_full(data_home=home)
    assert data.X[["cell_line", "drug"]].to_numpy().tolist() == [
        ["B", "y"],
        ["A", "x"],
        ["B", "x"],
        ["A", "y"],
    ]
    assert data.y.tolist() == [4.25, 2.5, 3.0, 5.0]
    assert data.y.name == "ln_ic50"
    assert data.X["smiles"].tolist() == ["CCN", "OCC", "OCC", "CCN"]
    assert (data.X["screen"] == "GDSC2").all()
    assert data.assay_effects is None
    assert "GDSC2, whole" in data.DESCR


def test_repeated_pairs_are_averaged_with_their_number_and_spread(home):
    data = load_gdsc_full(data_home=home, screen="GDSC1")
    assert data.y.tolist() == [2.0, 2.0, 6.0, 7.0]
    measured = data.measurements
    assert measured.index.equals(data.X.index)
    assert measured["n_measured"].tolist() == [2, 1, 1, 1]
    assert measured["spread"][0] == pytest.approx(np.sqrt(2))
    assert measured["spread"][1:].isna().all()
    assert measured["auc"][0] == pytest.approx(0.6)
    assert "1 pairs were measured more than once" in data.DESCR


def test_tables_cover_what_the_screen_has_measured(home):
    data = load_gdsc_full(data_home=home, genes="all")
    assert data.expression.index.tolist() == ["A", "B"]
    assert data.cells["cell_line"].tolist() == ["A", "B"]
    assert data.compounds["drug"].tolist() == ["x", "y"]
    both = load_gdsc_full(data_home=home, screen="both", genes="all")
    assert both.expression.index.tolist() == ["A", "B", "C"]
    assert both.X["tissue"].isna().sum() == 1


def test_pairs_of_both_screens_keep_two_rows(home):
    data = load_gdsc_full(data_home=home, screen="both", assay_effect="keep")
    pair = data.X[(data.X["cell_line"] == "A") & (data.X["drug"] == "x")]
    assert pair["screen"].tolist() == ["GDSC1", "GDSC2"]
    assert data.y[pair.index].tolist() == [2.0, 2.5]
    assert len(data.y) == 8


def test_adjusted_rows_of_gdsc1_are_on_the_scale_of_gdsc2(home):
    kept = load_gdsc_full(data_home=home, screen="both", assay_effect="keep")
    data = load_gdsc_full(data_home=home, screen="both")
    effects = data.assay_effects
    assert effects["n_pairs"].to_dict() == {"y": 0, "x": 2, "z": 0}
    assert effects.loc["x", "effect"] == pytest.approx(-0.75)
    assert effects.loc["z", "effect"] == pytest.approx(-0.75)
    change = data.y - kept.y
    of_gdsc1 = data.X["screen"] == "GDSC1"
    np.testing.assert_allclose(change[of_gdsc1], 0.75)
    assert (change[~of_gdsc1] == 0).all()
    assert data.measurements["ln_ic50"].equals(kept.y)
    assert data.assay_effects.equals(kept.assay_effects)
    assert "adjusted to GDSC2" in data.DESCR
    assert "as measured" in kept.DESCR


def test_effects_of_compounds_are_shrunk_by_their_noise():
    rng = np.random.default_rng(0)
    true = rng.normal(-1.0, 1.0, 60)
    number = rng.integers(2, 12, 60)
    pairs = pd.DataFrame({"drug": np.repeat(np.arange(60), number).astype(str)})
    pairs["first"] = np.repeat(true, number) + rng.normal(0, 3.0, len(pairs))
    pairs["second"] = 0.0
    drugs = pd.Index([*pairs["drug"].unique(), "new"])
    effects = estimate_assay_effects(pairs, drugs)["effect"]
    means = pairs.groupby("drug", sort=False)["first"].mean()
    shrunk = effects[means.index]
    errors = [np.mean((found.to_numpy() - true) ** 2) for found in (shrunk, means)]
    assert errors[0] < 0.7 * errors[1]
    assert effects["new"] == pytest.approx(-1.0, abs=0.6)
    assert (np.abs(shrunk - effects["new"]) <= np.abs(means - effects["new"])).all()


def test_effects_without_pairs_are_zero():
    none = pd.DataFrame({"drug": [], "first": [], "second": []}, dtype=float)
    effects = estimate_assay_effects(none, pd.Index(["a", "b"]))
    assert effects["effect"].tolist() == [0.0, 0.0]
    assert effects["n_pairs"].tolist() == [0, 0]


def test_expression_is_as_stored_for_the_genes_asked_for(home):
    landmark = load_gdsc_full(data_home=home).expression
    assert landmark.columns.tolist() == ["HOXA5", "EGFR"]
    assert (landmark.dtypes == np.float32).all()
    listed = load_gdsc_full(data_home=home, genes=["EGFR", "TP53"]).expression
    assert listed.columns.tolist() == ["EGFR", "TP53"]
    assert listed.loc["B"].tolist() == [-1.0, 0.5]
    every = load_gdsc_full(data_home=home, genes="all").expression
    assert every.columns.tolist() == ["TP53", "HOXA5", "EGFR", "RAC2"]
    assert load_gdsc_full(data_home=home, genes=every.columns).expression.equals(every)


def test_genes_with_a_placeholder_are_listed(home):
    every = load_gdsc_full(data_home=home, genes="all")
    assert every.filled_genes == ["HOXA5", "RAC2"]
    assert "2 genes hold a placeholder" in every.DESCR
    assert load_gdsc_full(data_home=home).filled_genes == ["HOXA5"]
    measured = load_gdsc_full(data_home=home, genes=["TP53", "EGFR"])
    assert measured.filled_genes == []
    assert "placeholder" not in measured.DESCR


def test_a_gene_that_is_lowest_everywhere_by_itself_was_measured(home):
    path = home / "gdsc_full" / "expression.csv.gz"
    text = gzip.decompress(path.read_bytes()).decode().replace("-1.2\n", "-1.0\n")
    path.write_bytes(gzip.compress(text.encode()))
    assert load_gdsc_full(data_home=home, genes="all").filled_genes == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"screen": "GDSC3"}, "choose one of 'GDSC1', 'GDSC2', 'both'"),
        ({"genes": "census"}, "choose one of 'landmark', 'all'"),
        ({"assay_effect": "drop"}, "choose one of 'adjust', 'keep'"),
        ({"genes": ["EGFR", "EGFR"]}, "genes lists 'EGFR' more than once"),
        ({"genes": []}, "genes is empty"),
        ({"genes": ["EGFR", "KRAS", "P53"]}, r"2 of 3 genes .*: 'KRAS'; 'P53'. It has"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_words(options, message, home):
    with pytest.raises(InputError, match=message):
        load_gdsc_full(data_home=home, **options)


def test_unknown_genes_are_a_mismatch(home):
    with pytest.raises(GeneMismatchError, match=r"'G0'; .*; 'G4'; and 3 more"):
        load_gdsc_full(data_home=home, genes=[f"G{i}" for i in range(8)])


def test_measurements_that_cannot_be_used_are_listed(home):
    folder = home / "gdsc_full"
    (folder / "expression.csv.gz").write_bytes(
        gzip.compress(b"cell_line,TP53\nB,1.0\nC,2.0\n")
    )
    response = RESPONSE.replace("GDSC2,B,y,4.5,0.9", "GDSC2,B,y,,0.9")
    (folder / "response.csv.gz").write_bytes(gzip.compress(response.encode()))
    data = load_gdsc_full(data_home=home, genes="all")
    assert data.X[["cell_line", "drug"]].to_numpy().tolist() == [["B", "y"], ["B", "x"]]
    assert data.measurements["n_measured"].tolist() == [1, 1]
    assert data.dropped["reason"].to_dict() == {
        3: "no expression",
        6: "no expression",
        9: "no response",
    }
    assert "3 are left out, `dropped` lists them:" in data.DESCR
    assert "2: no expression (A), 1: no response (B)." in data.DESCR


def test_tables_without_a_cell_line_in_common_are_refused(home):
    path = home / "gdsc_full" / "expression.csv.gz"
    path.write_bytes(gzip.compress(b"cell_line,TP53\nC,1.0\n"))
    with pytest.raises(InputError, match=r"No row .* in GDSC2 of a cell line with exp"):
        load_gdsc_full(data_home=home, genes="all")


def test_landmark_genes_need_the_file_that_names_them(home):
    (home / "lincs" / "level3.npz").unlink()
    with pytest.raises(DataNotFoundError, match=r"lincs/level3.npz is missing"):
        load_gdsc_full(data_home=home)
    assert len(load_gdsc_full(data_home=home, genes="all").y) == 4


def test_pairs_of_screens_hold_both_means(home):
    pairs = paired_measurements(data_home=home)
    assert pairs["cell_line"].tolist() == ["A", "B"]
    assert pairs["first"].tolist() == [2.0, 2.0]
    assert pairs["second"].tolist() == [2.5, 3.0]
    assert pairs["smiles"].tolist() == ["OCC", "OCC"]


def test_pairs_within_a_screen_are_the_first_two_measurements(home):
    pairs = paired_measurements(data_home=home, repeats="GDSC2")
    assert pairs[["cell_line", "drug", "first", "second"]].to_numpy().tolist() == [
        ["B", "y", 4.0, 4.5]
    ]
    pairs = paired_measurements(data_home=home, repeats="GDSC1")
    assert pairs[["first", "second"]].to_numpy().tolist() == [[1.0, 3.0]]


def test_pairs_are_restricted_by_any_name_of_cell_line_and_compound(home):
    other = pd.DataFrame({"cell_line": ["ACH-1", "b", "C"], "smiles": ["CCO"] * 3})
    found = paired_measurements(data_home=home, within=other)
    assert found["cell_line"].tolist() == ["A", "B"]
    found = paired_measurements(data_home=home, within=other[:1])
    assert found["cell_line"].tolist() == ["A"]
    assert found.index.tolist() == [0]
    none = paired_measurements(data_home=home, within=other.assign(smiles="CCN"))
    assert len(none) == 0
    with pytest.raises(InputError, match="within lacks the columns 'smiles'"):
        paired_measurements(data_home=home, within=other[["cell_line"]])


@pytest.fixture(scope="module")
def gdsc2(data_home):
    return load_gdsc_full(data_home=data_home)


def test_gdsc2_has_its_published_size(gdsc2):
    assert len(gdsc2.y) == 159_036
    assert gdsc2.measurements["n_measured"].sum() == 165_219
    assert gdsc2.expression.shape == (848, 495)
    assert gdsc2.X["drug"].nunique() == 210
    assert gdsc2.X["smiles"].notna().all()
    assert len(gdsc2.filled_genes) == 24
    assert gdsc2.dropped.empty
    assert "left out" not in gdsc2.DESCR
    assert gdsc2.X["cell_line"].isin(gdsc2.expression.index).all()


@pytest.mark.slow
def test_two_names_of_a_compound_are_never_split(data_home):
    data = load_gdsc_full(data_home=data_home, screen="both", genes=["TP53"])
    assert (data.X["drug"].nunique(), data.X["smiles"].nunique()) == (361, 356)
    capivasertib = data.X["drug"].isin(["AZD5363", "Capivasertib"]).to_numpy()
    for _, test in DrugBlindKFold(3).split(data.X):
        assert capivasertib[test].sum() in (0, capivasertib.sum())
    some = data.X[data.X["cell_line"].isin(["A375", "HT29", "22RV1"])]
    fold = pd.Series(-1, index=some.index)
    for k, (_, test) in enumerate(MixedKFold(3).split(some)):
        fold.iloc[test] = k
    folds_of_pair = fold.groupby([some["cell_line"], some["drug"]]).nunique()
    assert (folds_of_pair == 1).all()


def test_assay_effects_bring_the_screens_together(data_home):
    pairs = paired_measurements(data_home=data_home)
    assert len(pairs) == 72_268
    effects = estimate_assay_effects(pairs, pd.Index(pairs["drug"].unique()))["effect"]
    apart = pairs["first"] - pairs["second"]
    assert np.sqrt((apart**2).mean()) == pytest.approx(1.892, abs=0.001)
    adjusted = apart - pairs["drug"].map(effects)
    assert np.sqrt((adjusted**2).mean()) < 1.49
    assert np.sqrt(((apart - effects.mean()) ** 2).mean()) > 1.66


def test_noise_of_gdsc2_is_known_for_the_pairs_of_another_screen(data_home):
    every = paired_measurements(data_home=data_home)
    ceiling = noise_ceiling(every["first"], every["second"], every["drug"])
    assert ceiling.pearson == pytest.approx(0.821, abs=0.001)
    assert ceiling.pearson_within == pytest.approx(0.470, abs=0.001)
    small = load_gdsc2(data_home=data_home)
    some = paired_measurements(data_home=data_home, within=small.X)
    assert len(some) == 31_341
    repeats = paired_measurements(data_home=data_home, repeats="GDSC2")
    assert len(repeats) == 6_173
