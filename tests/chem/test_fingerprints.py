from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem
from rdkit.Chem import MACCSkeys, rdFingerprintGenerator
from sklearn.base import clone
from sklearn.utils import get_tags
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import check_estimator

from sklearn_csg2a.encoders import FingerprintEncoder, MorganEncoder
from sklearn_csg2a.encoders._fingerprints import mean_similarity
from sklearn_csg2a.exceptions import InputError, InvalidSmilesError

SMILES = ["CCO", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O"]


def test_fingerprints_are_those_of_rdkit():
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    mols = [Chem.MolFromSmiles(one) for one in SMILES]
    bits = [generator.GetFingerprintAsNumPy(mol) for mol in mols]
    counts = [generator.GetCountFingerprintAsNumPy(mol) for mol in mols]
    encoding = MorganEncoder().transform(SMILES)
    assert encoding.dtype == np.float32
    np.testing.assert_array_equal(encoding, bits)
    np.testing.assert_array_equal(MorganEncoder(count=True).transform(SMILES), counts)


def test_spelling_and_kind_of_column_do_not_matter():
    expected = MorganEncoder(n_bits=64).transform(["CCO", "CCN"])
    for column in (
        ("OCC", "NCC"),
        np.array(["C(C)O", "NCC"]),
        pd.Series(["OCC", "NCC"], index=["a", "b"]),
        pd.DataFrame({"smiles": ["OCC", "NCC"]}),
        [["OCC"], ["NCC"]],
    ):
        encoding = MorganEncoder(n_bits=64).fit_transform(column)
        np.testing.assert_array_equal(encoding, expected)


def test_salts_are_kept_or_dropped():
    salt, parent = ["CCN.Br"], ["CCN"]
    kept, dropped = MorganEncoder(), MorganEncoder(keep_salts=False)
    assert (kept.transform(salt) != kept.transform(parent)).any()
    np.testing.assert_array_equal(dropped.transform(salt), kept.transform(parent))


def test_errors_name_row_label_and_text():
    X = pd.Series(["CCO", "C1CC", None], index=["a", "b", "c"])
    with pytest.raises(InvalidSmilesError) as caught:
        MorganEncoder().transform(X)
    assert "2 of 3" in str(caught.value)
    assert "row 1 (index 'b'): 'C1CC'" in str(caught.value)
    assert "row 2 (index 'c')" in str(caught.value)
    with pytest.raises(InvalidSmilesError, match="and 3 more"):
        MorganEncoder().fit([""] * 8)


def test_a_single_string_or_a_wide_table_is_refused():
    with pytest.raises(InputError, match="list of SMILES"):
        MorganEncoder().transform("CCO")
    with pytest.raises(InputError, match=r"shape \(1, 2\)"):
        MorganEncoder().transform([["CCO", "CCN"]])


def test_parameters_are_checked():
    for bad in ({"radius": -1}, {"n_bits": 0}, {"count": "yes"}):
        with pytest.raises(InvalidParameterError):
            MorganEncoder(**bad).transform(["CCO"])


def test_encoder_follows_the_conventions_of_scikit_learn():
    encoder = MorganEncoder(radius=1, n_bits=8)
    assert not get_tags(encoder).requires_fit
    assert get_tags(encoder).input_tags.string
    assert clone(encoder).get_params() == encoder.get_params()
    table = encoder.set_output(transform="pandas").transform(pd.Series(SMILES))
    assert list(table.columns) == [f"morganencoder{bit}" for bit in range(8)]
    assert encoder.transform([]).shape == (0, 8)


@pytest.mark.filterwarnings("ignore:Can't test estimator")
def test_encoder_passes_the_checks_for_text_input():
    check_estimator(MorganEncoder())


KINDS = ["features", "pairs", "paths", "torsions", "keys"]


@pytest.mark.parametrize("kind", KINDS)
def test_other_fingerprints_are_of_the_compound_not_of_its_spelling(kind):
    encoder = FingerprintEncoder(kind, n_bits=256)
    first, second, other = encoder.transform(["OCC", "CCO", "c1ccccc1N"])
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert len(encoder.get_feature_names_out()) == len(first)


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_counts_are_at_least_what_is_marked(kind):
    marked, counted = (
        FingerprintEncoder(kind, count=count).transform(["CCCCCCO", "CCN"])
        for count in (False, True)
    )
    assert set(np.unique(marked)) == {0, 1}
    assert counted.max() > 1
    assert (counted.sum(axis=1) >= marked.sum(axis=1)).all()


def test_keys_are_those_of_rdkit_and_not_counted():
    expected = [MACCSkeys.GenMACCSKeys(Chem.MolFromSmiles(one)) for one in SMILES]
    encoding = FingerprintEncoder("keys").transform(SMILES)
    assert np.array_equal(encoding, [list(one) for one in expected])
    with pytest.raises(InputError, match="has no counts"):
        FingerprintEncoder("keys", count=True).transform(SMILES)


def test_other_kinds_of_fingerprints_are_refused():
    with pytest.raises(InvalidParameterError, match="kind"):
        FingerprintEncoder("circles").transform(SMILES)


def test_mean_similarity_is_that_of_parents_and_of_each_pair_alone():
    compounds = [*SMILES, "C", "CC(=O)Oc1ccccc1C(=O)O.Cl"]
    similarity = mean_similarity(compounds, compounds)
    assert np.array_equal(similarity, similarity.T)
    assert np.array_equal(similarity.diagonal(), np.ones(5))
    assert np.array_equal(similarity[4], similarity[2])
    assert (similarity[0, 1:4] < 1).all()
    assert np.array_equal(
        mean_similarity(compounds[:1], compounds[1:]), similarity[:1, 1:]
    )
