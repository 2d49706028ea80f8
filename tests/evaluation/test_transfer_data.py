"""A screen and the profiles for it have the same genes, in the same unit."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

transfer_data = pytest.importorskip(
    "benchmarks.data.transfer", reason="the benchmarks folder is not importable"
)

FILES = {
    "gdsc_full/response.csv.gz": (
        "screen,cell_line,drug,ln_ic50,auc\n"
        "GDSC2,A375,x,1.0,0.5\nGDSC2,HT29,x,3.0,0.7\nGDSC1,PC3,x,2.0,0.8\n"
    ),
    "gdsc_full/expression.csv.gz": (
        "cell_line,RAC2,TP53,EGFR,HOXA5\n"
        "A375,-1.2,1.0,0.5,-1.2\nHT29,-1.1,2.0,0.1,-1.1\nPC3,-1.3,2.5,0.2,-1.3\n"
    ),
    "gdsc_full/cells.csv": "cell_line,tissue\nA375,skin\nHT29,\nPC3,prostate\n",
    "gdsc_full/compounds.csv": "drug,smiles,target,target_pathway\nx,CCO,,\n",
    "interactome/string_v12_900.csv.gz": "source,target\nTP53,RAC2\nTP53,EGFR\n",
    "lincs/treatments.csv": (
        "source,plate,well,cell_line,pert_id,name,smiles,dose,time,level,control\n"
        "s,P,P:A1,A-375,B1,x,CCO,10.0,24.0,L3,0\n"
        "s,P,P:A2,HA1E,B2,y,CCN,10.0,24.0,L3,0\n"
    ),
    "lincs/controls.csv": (
        "source,plate,well,cell_line,time,kind\ns,P,P,A375,24.0,DMSO mean\n"
    ),
    "lincs/basal_164_cell_lines.csv.gz": (
        ",TP53,RAC2,PAX8\nA375,4.0,1.0,0.0\nHT29,8.0,3.0,1.0\n"
    ),
}


@pytest.fixture
def home(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        content = gzip.compress(text.encode()) if name.endswith("gz") else text.encode()
        path.write_bytes(content)
    np.savez(
        tmp_path / "lincs" / "level3.npz",
        perturbed=np.array([[6.0, 3.0, 1.0], [8.0, 2.0, 0.0]]),
        control=np.array([[4.0, 2.0, 1.0]]),
        genes=np.array(["TP53", "RAC2", "PAX8"]),
    )
    return str(tmp_path)


def test_whole_screen_and_profiles_have_the_genes_of_both(home):
    data = transfer_data.load_transfer(home, "gdsc_full")
    assert list(data.expression) == list(data.profiles.expression) == ["RAC2", "TP53"]
    assert data.X["cell_line"].tolist() == ["A375", "HT29"]
    assert data.X["tissue"].tolist() == ["skin", "unknown"]
    assert data.interactome.to_dict("list") == {"source": ["TP53"], "target": ["RAC2"]}


def test_genes_that_were_not_measured_are_at_the_mean(home):
    data = transfer_data.load_transfer(home, "gdsc_full")
    assert data.expression["RAC2"].tolist() == [0.0, 0.0]
    assert data.expression["TP53"].tolist() == [1.0, 2.0]
    assert isinstance(data.expression_scaler, StandardScaler)
    scaled = data.expression_scaler.fit_transform(data.expression)
    np.testing.assert_allclose(scaled, [[0, -1], [0, 1]], atol=1e-6)


def test_profiles_are_z_scores_over_untreated_lines(home):
    data = transfer_data.load_transfer(home, "gdsc_full")
    np.testing.assert_allclose(data.profiles.Y, [[1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(data.profiles.expression, [[0.0, -1.0]])
    changed = transfer_data.load_transfer(home, "gdsc_full", "change")
    np.testing.assert_allclose(changed.profiles.Y, [[1.0, 1.0], [0.0, 2.0]])


def test_cell_lines_of_profiles_are_named_as_in_the_screen(home):
    data = transfer_data.load_transfer(home, "gdsc_full")
    assert data.profiles.X["cell"].tolist() == ["A375", "HA1E"]


@pytest.mark.slow
def test_units_agree_with_landmark_scores_of_the_same_lines(data_home):
    data = transfer_data.load_transfer(str(data_home), "gdsc_full")
    assert data.expression.shape == (848, 495)
    assert data.profiles.Y.shape == (1808, 495)
    assert len(data.y) == 159_036
    assert (data.expression == 0).all().sum() == 24
    scaled = data.expression_scaler.fit_transform(data.expression)
    cells = data.expression.index
    ids = transfer_data.load_gdsc_full(data_home=data_home).cells
    id_of = ids.dropna(subset="depmap_id").set_index("depmap_id")["cell_line"]
    other = transfer_data.load_gdsc(data_home=data_home).landmark_expression
    other = other[other.index.isin(id_of.index)].rename(index=id_of)
    measured = [gene for gene in data.expression if (data.expression[gene] != 0).any()]
    at = data.expression.columns.get_indexer(measured)
    rows = cells.get_indexer(other.index)
    pairs = zip(other[measured].to_numpy(), scaled[rows][:, at], strict=True)
    agreement = [np.corrcoef(one, two)[0, 1] for one, two in pairs]
    assert len(agreement) > 80
    assert np.mean(agreement) > 0.6
