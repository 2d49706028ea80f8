"""Trees of scikit-learn and LightGBM as arrays and text, for skops."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingRegressor

from sklearn_csg2a._utils.optional import import_optional
from sklearn_csg2a._utils.sklearn_compat import boosting_tree_class
from sklearn_csg2a._utils.stored_tables import Stored
from sklearn_csg2a.exceptions import ModelFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["StoredTrees", "StoresTrees"]

_NOT_DATA = ("_Booster", "_best_score")  # of LightGBM: its trees, and an empty dict


class StoredTrees(Stored):
    """The trees of a fitted baseline in its state."""

    @staticmethod
    def _take_apart(value: Any) -> dict[str, Any]:
        if isinstance(value, HistGradientBoostingRegressor):
            n = int(value.n_features_in_)
            steps = [
                [_BoostingTree((tree, n)) for tree in step]
                for step in value._predictors  # noqa: SLF001
            ]
            return {"frame": _without_trees(value), "steps": steps}
        attributes = {k: v for k, v in vars(value).items() if k not in _NOT_DATA}
        text = value.booster_.model_to_string(num_iteration=-1)
        return {"attributes": attributes, "text": text}

    @staticmethod
    def _put_together(parts: dict[str, Any]) -> Any:
        if "text" in parts:
            return _read_lightgbm(parts)
        trees, steps = parts["frame"], parts["steps"]
        trees._predictors = [[one.value[0] for one in step] for step in steps]  # noqa: SLF001
        return trees


class _BoostingTree(Stored):
    """A tree of gradient boosting on histograms, and the number of columns."""

    @staticmethod
    def _take_apart(value: Any) -> dict[str, Any]:
        tree, n_features = value
        return {"tree": vars(tree), "n_features": n_features}

    @staticmethod
    def _put_together(parts: dict[str, Any]) -> Any:
        tree = parts["tree"]
        nodes = tree["nodes"]
        children = nodes["left"], nodes["right"]
        n_features = parts["n_features"]
        _check_nodes(nodes["is_leaf"] == 0, children, nodes["feature_idx"], n_features)
        return boosting_tree_class()(**tree), n_features


class StoresTrees:
    """Keep the trees of other libraries in a form that `skops` can write.

    List it before other base classes.
    """

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes, with a `StoredTrees` for such trees."""
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        trees = state.get("trees_")
        if isinstance(trees, BaseEstimator):
            state = {**state, "trees_": StoredTrees(trees)}
        return state


def _without_trees(trees: Any) -> Any:
    """Return a copy of a fitted model of scikit-learn without its compiled trees."""
    frame = copy(trees)
    frame._predictors = []  # noqa: SLF001
    return frame


def _check_nodes(
    split: NDArray[np.bool_],
    children: tuple[NDArray[Any], NDArray[Any]],
    feature: NDArray[Any],
    n_features: int,
) -> None:
    """Reject nodes that point outside of the tree, back, or to a missing column.

    The compiled code that follows them does not check.
    """
    place = np.flatnonzero(split)
    to = np.concatenate([child[split].astype(np.int64) - place for child in children])
    last = len(split) - 1 - np.concatenate([place, place])
    columns = feature[split].astype(np.int64)
    if (to < 1).any() or (to > last).any():
        raise ModelFileError("It has a tree whose nodes point outside of it.")
    if (columns < 0).any() or (columns >= n_features).any():
        raise ModelFileError("It has a tree that splits at a column which is missing.")


def _read_lightgbm(parts: dict[str, Any]) -> Any:
    """Return the model of LightGBM that a text describes."""
    lightgbm = import_optional(
        "lightgbm", extra="boosting", purpose="a model with library='lightgbm'"
    )
    model = lightgbm.LGBMRegressor()
    vars(model).update(parts["attributes"])
    model._Booster = lightgbm.Booster(model_str=parts["text"])  # noqa: SLF001
    return model
