"""PotencyRegressor: a Gaussian process on compounds over several screens."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import DotProduct, WhiteKernel
from sklearn.pipeline import FeatureUnion

from sklearn_csg2a import load_model, save_model
from sklearn_csg2a.baselines import PotencyRegressor
from sklearn_csg2a.baselines.kernels._kronecker import tanimoto_kernel
from sklearn_csg2a.chem import tanimoto_matrix
from sklearn_csg2a.encoders import (
    AnnotationEncoder,
    FingerprintEncoder,
    MorganEncoder,
)
from sklearn_csg2a.exceptions import InputError

SMILES = ["CO", "CCO", "CCCO", "CCCCO", "CC(C)O", "c1ccccc1O", "Cc1ccccc1O", "CCN"]
NEW = ["CCCCCO", "c1ccccc1", "CCCN"]
AMINES = ["CN", "CCN", "CCCN", "CCCCN", "CCCCCN", "CCCCCCN"]


@pytest.fixture(scope="module")
def response():
    return np.random.default_rng(0).normal(size=len(SMILES)) * 3 + 5


def _rows(smiles):
    return pd.DataFrame({"smiles": smiles})


def _screen(values):
    return pd.DataFrame({"A549": np.asarray(values, dtype=float)}, index=AMINES)


def test_it_is_the_gaussian_process_of_its_kernel(response):
    scaled = (response - response.mean()) / response.std()
    kernel = tanimoto_matrix(SMILES) + 0.15 * np.eye(len(SMILES))
    cross = tanimoto_matrix(NEW, SMILES)
    expected = cross @ np.linalg.solve(kernel, scaled)
    model = PotencyRegressor().fit(_rows(SMILES), response)
    np.testing.assert_allclose(
        model.predict(_rows(NEW)), response.mean() + response.std() * expected
    )
    mean, std = model.predict(_rows(NEW), return_std=True)
    np.testing.assert_array_equal(mean, model.predict(_rows(NEW)))
    variance = 1.15 - np.einsum("ij,ji->i", cross, np.linalg.solve(kernel, cross.T))
    np.testing.assert_allclose(std, model.scale_[0] * np.sqrt(variance))


def test_standard_deviations_are_right_for_compounds_left_out(response):
    errors, stds = [], []
    model = PotencyRegressor().fit(_rows(SMILES), response)
    kernel = tanimoto_matrix(SMILES) + 0.15 * np.eye(len(SMILES))
    scaled = (response - response.mean()) / response.std()
    for k in range(len(SMILES)):
        rest = np.delete(np.arange(len(SMILES)), k)
        weights = np.linalg.solve(kernel[np.ix_(rest, rest)], kernel[rest, k])
        errors.append(scaled[k] - weights @ scaled[rest])
        stds.append(np.sqrt(kernel[k, k] - weights @ kernel[rest, k]))
    calibrated = response.std() * np.sqrt(np.mean(np.divide(errors, stds) ** 2))
    assert model.scale_[0] == pytest.approx(calibrated)


def test_unknown_compounds_are_more_uncertain_than_known_ones(response):
    model = PotencyRegressor().fit(_rows(SMILES), response)
    std = model.predict(_rows(["CCO", "FC(F)(F)S"]), return_std=True)[1]
    assert std[0] < std[1]


def test_a_compound_counts_once_however_many_rows_it_has(response):
    many = [0] * 50 + list(range(len(SMILES)))
    rows, y = _rows([SMILES[k] for k in many]), response[many]
    one = PotencyRegressor().fit(_rows(SMILES), response).predict(_rows(NEW))
    np.testing.assert_allclose(PotencyRegressor().fit(rows, y).predict(_rows(NEW)), one)


@pytest.mark.parametrize("values", [[1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]])
def test_a_screen_of_other_compounds_tells_of_compounds_like_them(values, response):
    model = PotencyRegressor(screens={"other": _screen(values)})
    weak = model.fit(_rows(SMILES[:7]), response[:7]).predict(_rows(["CN", "CCCCCCN"]))
    assert (weak[0] < weak[1]) == (values[0] < values[-1])
    assert model.correlations_ == {"other": 0.8}


def test_the_direction_of_a_screen_follows_from_common_compounds():
    y = np.arange(6.0)
    known = pd.DataFrame({"A549": -y}, index=AMINES)
    model = PotencyRegressor(screens=known).fit(_rows(AMINES), y)
    (found,) = model.correlations_.values()
    assert found == pytest.approx((6 * -1 + 10 * 0.8) / 16)
    few = PotencyRegressor(screens=known, exclude=["CCN.Cl"]).fit(_rows(AMINES), y)
    assert list(few.correlations_.values()) == [pytest.approx((5 * -1 + 8) / 15)]


def test_correlations_can_be_given(response):
    screens = {"a": _screen(range(6)), "b": _screen(range(6, 0, -1))}
    given = {"b": -0.5, "a": 0.5}
    model = PotencyRegressor(screens=screens, correlations=given)
    assert model.fit(_rows(SMILES), response).correlations_ == {"a": 0.5, "b": -0.5}
    for wrong in ({"a": 0.5}, {"a": 0.5, "b": 1.5}):
        with pytest.raises(InputError, match="for each of the screens"):
            model.set_params(correlations=wrong).fit(_rows(SMILES), response)


def test_screens_that_cannot_be_used_are_named(response):
    text = _screen(range(6)).astype(object)
    text.iloc[2, 0] = "high"
    with pytest.raises(InputError, match="The screen 'screen' must hold numbers"):
        PotencyRegressor(screens=text).fit(_rows(SMILES), response)
    with pytest.raises(InputError, match=r"screens=\{\} holds no screen"):
        PotencyRegressor(screens={}).fit(_rows(SMILES), response)
    model = PotencyRegressor(screens={"other": _screen(range(6))}, exclude=AMINES[1:])
    with pytest.raises(InputError, match="'other' has 1 compounds that exclude="):
        model.fit(_rows(SMILES), response)


def test_a_screen_without_correlation_changes_nothing(response):
    screen = {"a": _screen(range(6))}
    model = PotencyRegressor(screens=screen, correlations={"a": 0.0})
    alone = PotencyRegressor().fit(_rows(SMILES), response).predict(_rows(NEW))
    found = model.fit(_rows(SMILES), response).predict(_rows(NEW))
    np.testing.assert_allclose(found, alone)


def test_the_joint_process_of_two_screens(response):
    """Against scikit-learn's process on the stacked values of both."""
    screen = _screen([3, 1, 2, 5, 4, 6])
    model = PotencyRegressor(screens=screen, correlations={"screen": 0.6})
    found = model.fit(_rows(SMILES), response).predict(_rows(NEW))
    every = [*AMINES, *SMILES]
    task = np.array([1] * len(AMINES) + [0] * len(SMILES))
    share = np.where(task[:, None] == task, 1, 0.6)
    values = screen["A549"].to_numpy()
    target = np.concatenate(
        [(values - values.mean()) / values.std(), (response - response.mean())]
    )
    target[len(AMINES) :] /= response.std()
    noisy = tanimoto_matrix(every) * share + 0.15 * np.eye(len(every))
    cross = tanimoto_matrix(NEW, every) * np.where(task, 0.6, 1)
    expected = response.mean() + response.std() * cross @ np.linalg.solve(noisy, target)
    np.testing.assert_allclose(found, expected)


def test_annotation_counts_beside_structure(response):
    moa = ["a", "a", "b", "b", "a", "b", "b", "a"]
    table = pd.DataFrame({"moa": [*moa, "b"]}, index=[*SMILES, NEW[0]])
    union = FeatureUnion(
        [
            ("structure", MorganEncoder()),
            ("known", AnnotationEncoder(table, columns=["moa"], add_indicator=False)),
        ]
    )
    y = np.where(np.array(moa) == "b", 4.0, 0.0)
    model = PotencyRegressor(
        compound_encoder=union,
        compound_kernel={"structure": "tanimoto", "known": "linear"},
    )
    assert model.fit(_rows(SMILES), y).predict(_rows(NEW[:1])) > 3


@pytest.mark.parametrize("n_others", [0, 200])  # sums of sparse products with many
def test_similarity_can_be_the_mean_over_fingerprints(n_others, response):
    parts = {"pairs": FingerprintEncoder(), "counts": MorganEncoder(count=True)}
    parts["keys"] = FingerprintEncoder("keys")
    smiles = [*SMILES, *("C" * n + "Br" for n in range(1, n_others + 1))]
    y = np.concatenate([response, np.arange(n_others) / 50])
    model = PotencyRegressor(
        compound_encoder=FeatureUnion(
            list(parts.items()), transformer_weights=dict.fromkeys(parts, 3**-0.5)
        ),
        compound_kernel=dict.fromkeys(parts, "tanimoto"),
    ).fit(_rows(smiles), y)
    every = [encoder.transform([*smiles, *NEW]) for encoder in parts.values()]
    similarity = np.mean([tanimoto_kernel(one, one) for one in every], axis=0)
    known, n = slice(None, len(smiles)), len(smiles)
    kernel = similarity[known, known] + 0.15 * np.eye(n)
    expected = similarity[n:, known] @ np.linalg.solve(kernel, (y - y.mean()) / y.std())
    np.testing.assert_allclose(
        model.predict(_rows(NEW)), y.mean() + y.std() * expected, rtol=1e-6
    )


def test_a_model_file_keeps_everything(response, tmp_path):
    model = PotencyRegressor(screens={"other": _screen(range(6))})
    model.fit(_rows(SMILES), response)
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    for one, other in zip(
        model.predict(_rows(NEW), return_std=True),
        loaded.predict(_rows(NEW), return_std=True),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_invalid_smiles_and_several_outputs(response):
    y = np.column_stack([response, -response])
    model = PotencyRegressor(on_invalid_smiles="nan").fit(_rows(SMILES), y)
    mean, std = model.predict(_rows(["CCO", "nonsense"]), return_std=True)
    assert mean.shape == std.shape == (2, 2)
    assert np.isnan(mean[1]).all()
    assert np.isnan(std[1]).all()
    np.testing.assert_allclose(mean[0, 0], -mean[0, 1])


def test_it_agrees_with_scikit_learn_on_encodings(response):
    """A linear kernel, for which scikit-learn has the same process."""
    bits = MorganEncoder(n_bits=64)
    model = PotencyRegressor(compound_encoder=bits, compound_kernel="linear", noise=1.0)
    model.fit(_rows(SMILES), response)
    kernel = DotProduct(0.0, "fixed") + WhiteKernel(1.0, "fixed")
    reference = GaussianProcessRegressor(kernel, optimizer=None, alpha=0)
    scaled = (response - response.mean()) / response.std()
    reference.fit(bits.transform(SMILES).astype(float), scaled)
    expected = reference.predict(bits.transform(NEW).astype(float))
    np.testing.assert_allclose(
        model.predict(_rows(NEW)), response.mean() + response.std() * expected
    )
