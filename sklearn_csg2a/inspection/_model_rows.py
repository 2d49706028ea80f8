"""Rows of X as a model of perturbed expression reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a._utils.inner_model import refuse_model
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from sklearn_csg2a.treatments import Treatments

__all__ = ["check_model", "read_rows"]


def check_model(model: Any, *, caller: str) -> None:
    """Refuse what is not a fitted PerturbationRegressor."""
    if isinstance(model, type) or not _predicts_expression(model):
        expected = f"a fitted PerturbationRegressor, whose expression {caller} reads"
        hint = (
            " Pass the one that it was pretrained with."
            if not isinstance(model, type) and hasattr(model, "predict_perturbation")
            else ""
        )
        raise InputError(refuse_model(model, expected, _predicts_expression) + hint)
    check_is_fitted(model)


def _predicts_expression(model: Any) -> bool:
    return hasattr(model, "perturbation_distance")


def read_rows(model: Any, X: Any, *, caller: str) -> Treatments:
    """Read X with the genes of a fitted model; it needs compounds."""
    treatments: Treatments = model._read_for_predict(X)  # noqa: SLF001
    if not treatments.has_compounds:
        raise InputError(
            f"{caller} compares compounds, and X is a plain array without any: pass a "
            "table with the columns cell_line and smiles."
        )
    return treatments
