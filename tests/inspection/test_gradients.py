"""Integrated gradients of the response: complete, and equal to another library's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.frozen import FrozenEstimator

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.estimators._sources import find_sources
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection import influence, integrated_gradients
from sklearn_csg2a.nn import TreatmentBatch
from sklearn_csg2a.preprocessing import RobustZScore


@pytest.fixture(scope="module")
def screen():
    return make_screen(
        n_cells=8, n_genes=24, n_compounds=4, n_perturbation_compounds=4, random_state=0
    )


def fit_response(screen, **changed):
    settings = {"max_epochs": 4, "head_hidden": (8, 4), "random_state": 0}
    tables = {"expression": screen.expression, "interactome": screen.interactome}
    model = DrugResponseRegressor(**{**settings, **tables, **changed})
    return model.fit(screen.X, screen.y)


@pytest.fixture(scope="module")
def pretrained(screen):
    model = PerturbationRegressor(
        expression=screen.expression, max_epochs=2, random_state=0
    )
    return FrozenEstimator(model.fit(screen.perturbation.X, screen.perturbation.Y))


def mean_cell(X, expression):
    """Rows of X in the mean cell, with one column per gene."""
    genes = expression.loc[X["cell_line"].unique()].mean()
    rows = pd.DataFrame([genes] * len(X), index=X.index)
    return X.drop(columns="cell_line").join(rows)


@pytest.mark.parametrize("attention", ["paper", "gated", "released", "off"])
@pytest.mark.parametrize(
    "changed",
    [{}, {"n_members": 2}, {"expression_scaler": RobustZScore()}, {"bilinear_dim": 2}],
    ids=lambda changed: next(iter(changed), "plain"),
)
def test_attributions_add_up_to_the_difference_of_predictions(
    screen, attention, changed
):
    model = fit_response(screen, attention=attention, **changed)
    X = screen.X.set_index(screen.X.index.astype(str))
    attributions = integrated_gradients(model, X, n_steps=256)
    assert attributions.index.equals(X.index)
    assert attributions.columns.tolist() == screen.expression.columns.tolist()
    difference = model.predict(X) - model.predict(mean_cell(X, screen.expression))
    np.testing.assert_allclose(attributions.sum(axis=1), difference, atol=0.02)


def test_attributions_through_a_pretrained_network_add_up(screen, pretrained):
    model = fit_response(screen, pretrained=pretrained, interactome=None)
    attributions = integrated_gradients(model, screen.X, n_steps=256)
    expected = model.predict(screen.X) - model.predict(
        mean_cell(screen.X, screen.expression)
    )
    np.testing.assert_allclose(attributions.sum(axis=1), expected, atol=0.02)


@pytest.mark.parametrize("attention", ["paper", "gated"])
def test_attributions_equal_those_of_captum(screen, attention):
    captum = pytest.importorskip("captum.attr", reason="captum is not installed")
    model = fit_response(screen, attention=attention)
    X = screen.X[:9]
    (source,) = find_sources(model, X)
    network, data = source.network, source.data
    rows = torch.arange(len(X))

    def respond(basal, condition):
        each = torch.arange(len(basal))
        batch = TreatmentBatch(
            basal=basal,
            interactome_term=network.csg2a.attention.interactome_term(basal),
            compound=data.compounds,
            dose=data.dose,
            time=data.time,
            cell_counts=torch.ones(len(basal)),
            condition_counts=torch.ones(len(basal)),
            cell_index=each,
            condition_index=each,
            encoded_conditions=condition,
        )
        return network(batch)[:, 0]

    found = captum.IntegratedGradients(respond).attribute(
        data.basal[data.cell_index],
        baselines=data.basal.mean(0, keepdim=True).expand(len(X), -1),
        additional_forward_args=(source.conditions[data.condition_index],),
        n_steps=64,
        method="gausslegendre",
    )
    expected = float(model._scale[0]) * found.detach().numpy()
    ours = integrated_gradients(model, X, n_steps=64)
    np.testing.assert_allclose(ours, expected[rows], rtol=1e-3, atol=1e-5)


def test_a_reference_is_where_attributions_start(screen):
    model = fit_response(screen)
    patient = screen.X[:1]
    with pytest.raises(InputError, match="single one; give expression of other cells"):
        integrated_gradients(model, patient)
    with pytest.raises(InputError, match="reference="):
        influence(model, patient, method="integrated_gradients")
    cells = screen.expression.iloc[3:5]
    attributions = integrated_gradients(model, patient, reference=cells, n_steps=256)
    rows = patient.drop(columns="cell_line").assign(**cells.mean())
    expected = model.predict(patient) - model.predict(rows)
    np.testing.assert_allclose(attributions.sum(axis=1), expected, atol=0.02)
    found = influence(model, patient, method="integrated_gradients", reference=cells)
    np.testing.assert_allclose(
        found.wide().iloc[0].abs(), attributions.iloc[0].abs(), atol=0.02
    )


def test_what_has_no_response_is_refused(screen, pretrained):
    with pytest.raises(InputError, match="predicts expression and no response"):
        integrated_gradients(pretrained.estimator, screen.perturbation.X)
    with pytest.raises(InputError, match="n_steps=0"):
        integrated_gradients(fit_response(screen), screen.X, n_steps=0)
