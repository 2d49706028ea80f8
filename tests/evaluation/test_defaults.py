"""What a user gets without any setting is what the tables of results show."""

from __future__ import annotations

import pytest

from sklearn_csg2a import DrugResponseRegressor
from sklearn_csg2a.encoders import resolve_encoder
from sklearn_csg2a.estimators._preparation import choose_length, chosen

registry = pytest.importorskip(
    "benchmarks.models.registry", reason="the benchmarks folder is not importable"
)

# By scheme, and the smallest number of training rows of its folds of GDSC2.
NOVELTY = {
    "mixed": ("pair", 74_549),
    "random811": ("pair", 66_267),
    "cell": ("cell", 74_304),
    "drug": ("compound", 73_677),
    "disjoint": ("both", 66_111),
}
WITHOUT_EFFECT = {
    "novelty",
    "precision",  # of the products in training; as fast as the processor allows
    "validation",  # no rows are held out
    "early_stopping",
    "compound_encoder",
    "max_epochs",
    "batch_size",
}


@pytest.mark.parametrize("scheme", NOVELTY)
def test_three_lines_give_the_configuration_of_the_tables(scheme):
    data = registry.load_data("screen")
    is_apart = scheme in {"drug", "disjoint"}
    make = registry.make_csg2a_apart if is_apart else registry.make_csg2a
    of_table = make(data, scheme, 0)
    novelty, n_rows = NOVELTY[scheme]
    three_lines = DrugResponseRegressor(
        novelty=novelty,
        expression=data.expression,
        interactome=data.interactome,
        random_state=0,
    )
    for name in set(of_table.get_params(deep=False)) - WITHOUT_EFFECT:
        values = [chosen(model, name) for model in (three_lines, of_table)]
        assert values[0] is values[1] or values[0] == values[1], name
    encoders = [
        repr(resolve_encoder(chosen(model, "compound_encoder")))
        for model in (three_lines, of_table)
    ]
    assert encoders[0] == encoders[1]
    assert choose_length(three_lines, n_rows) == choose_length(of_table, n_rows)
    assert of_table.early_stopping is False
