"""Stored predictions of test rows, and errors and correlations by compound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.evaluation.panels import Panel
from sklearn_csg2a.evaluation.results import predictions_path
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics import rmse, within_group_correlation

# The results are stored with six digits.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Predictions:
    """Predictions on the compared folds, of the models that have all of them."""

    of_model: dict[str, pd.DataFrame] = field(repr=False)  # fold, row, y_true, y_pred
    incomplete: dict[str, int]  # model: number of folds with predictions

    def ordered(self, panel: Panel) -> list[str]:
        """Return the best naive model and all others, the lowest RMSE first."""
        return [
            model
            for model in panel.ranked()
            if model in self.of_model
            and (panel.kind_of(model) != "naive" or model == panel.best_naive)
        ]


def read_predictions(folder: Path, panel: Panel) -> Predictions:
    """Read the predictions of the first seed; files that do not match are ignored."""
    parts_of: dict[str, list[pd.DataFrame]] = {model: [] for model in panel.models}
    compared = panel.rows[panel.rows["fold"].isin(panel.folds)]
    first = compared.sort_values("seed").drop_duplicates(["model", "fold"])
    for row in first.to_dict("records"):
        values = _read(folder, row)
        if values is not None:
            parts_of[row["model"]].append(values)
    n_needed = len(panel.folds)
    return Predictions(
        {
            model: pd.concat(parts, ignore_index=True)
            for model, parts in parts_of.items()
            if len(parts) == n_needed
        },
        {
            model: len(parts)
            for model, parts in parts_of.items()
            if len(parts) < n_needed
        },
    )


def _read(folder: Path, row: Mapping[Any, Any]) -> pd.DataFrame | None:
    """Read the predictions of one result; None if missing or of another result."""
    path = folder / predictions_path(row)
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        values = pd.DataFrame(
            {name: arrays[name] for name in ("row", "y_true", "y_pred")}
        )
    if abs(rmse(values["y_true"], values["y_pred"]) / row["rmse"] - 1) > TOLERANCE:
        return None
    return values.assign(fold=row["fold"])


def read_compounds(
    load: Callable[[], Bunch] | None, data_hash: str
) -> tuple[pd.DataFrame | None, str]:
    """Return identity and name of the compound of each row of a data set.

    None and the reason if the data set is unavailable or not that of the results.
    """
    if load is None:
        return None, "there is no loader for these data"
    try:
        data = load()
    except (OSError, ValueError) as error:
        return None, f"the data set cannot be read ({type(error).__name__})"
    if data.hash != data_hash:
        return None, "the data set differs from the one used for the results"
    identity = compound_identities(data.X["smiles"])
    name = data.X.get("drug", identity)
    return pd.DataFrame({"identity": identity, "name": np.asarray(name)}), ""


def per_compound(predictions: pd.DataFrame, identity: np.ndarray) -> pd.DataFrame:
    """Return RMSE and correlation of each compound, indexed by its identity.

    The RMSE is over all rows of the compound; the correlation is the mean over the
    folds with at least three of its rows, NaN if there is no such fold.
    """
    rows = predictions.assign(
        identity=identity[predictions["row"]],
        squared=(predictions["y_true"] - predictions["y_pred"]) ** 2,
    )
    errors = np.sqrt(rows.groupby("identity")["squared"].mean())
    correlations = [_correlate(of_fold) for _, of_fold in rows.groupby("fold")]
    r = pd.concat(correlations).groupby(level=0).mean()
    return pd.DataFrame({"rmse": errors}).assign(r=r)


def _correlate(rows: pd.DataFrame) -> pd.Series:
    """Return the correlation of each compound of a fold; empty if all are too small."""
    try:
        return within_group_correlation(
            rows["y_true"], rows["y_pred"], rows["identity"]
        ).per_group
    except InputError:
        return pd.Series(dtype=float)
