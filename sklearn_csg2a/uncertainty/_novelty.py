"""How far compounds and cells are from those of the training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_csg2a._utils.offenders import quote_names
from sklearn_csg2a.chem import nearest_tanimoto, smiles_problem
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.treatments._columns import as_frame, factorize_objects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from sklearn_csg2a.treatments import Treatments

__all__ = ["N_NEIGHBOURS", "CellDistances", "read_smiles"]

N_NEIGHBOURS = 5
"""Number of training cells whose mean distance counts."""

_BLOCK = 512  # cells compared at once


class CellDistances:
    """Distance of cells to their nearest training cells.

    The distance of two cells is the root mean square over genes of their difference,
    in standard deviations of the gene over the training cells.

    Parameters
    ----------
    treatments : Treatments
        Training rows.
    """

    def __init__(self, treatments: Treatments) -> None:
        self.genes = list(treatments.genes)
        expression = treatments.basal_expression.astype(np.float64)
        self.mean = expression.mean(axis=0)
        spread = expression.std(axis=0)
        self.spread = np.where(spread > 0, spread, 1.0)
        self.cells = ((expression - self.mean) / self.spread).astype(np.float32)

    def __call__(
        self, expression: NDArray[np.float32], genes: Sequence[str]
    ) -> NDArray[np.float64]:
        """Return the mean distance to the nearest training cells: (n_cells,).

        Only genes of both are compared; without any the distance is NaN.
        """
        place = {gene: i for i, gene in enumerate(genes)}
        pairs = [(i, place[gene]) for i, gene in enumerate(self.genes) if gene in place]
        if not pairs:
            return np.full(len(expression), np.nan)
        known, given = map(list, zip(*pairs, strict=True))
        values = (expression[:, given] - self.mean[known]) / self.spread[known]
        every = len(known) == len(self.genes)
        return _nearest(values, self.cells if every else self.cells[:, known], 0)

    def among_training(self) -> NDArray[np.float64]:
        """Return the distance of each training cell to the nearest others."""
        return _nearest(self.cells, self.cells, 1)


def _nearest(
    values: NDArray[Any], cells: NDArray[np.float32], n_left_out: int
) -> NDArray[np.float64]:
    """Return the mean distance to the nearest cells after the first `n_left_out`."""
    last = min(N_NEIGHBOURS, len(cells) - n_left_out) + n_left_out
    if last == n_left_out:
        return np.full(len(values), np.nan)
    norms = np.square(cells, dtype=np.float64).sum(axis=1)
    distances = []
    for first in range(0, len(values), _BLOCK):
        some = values[first : first + _BLOCK].astype(np.float64)
        squares = np.square(some).sum(axis=1)[:, None] + norms - 2 * some @ cells.T
        nearest = np.partition(squares, last - 1, axis=1)[:, :last]
        nearest.sort(axis=1)
        roots = np.sqrt(np.maximum(nearest[:, n_left_out:], 0) / cells.shape[1])
        distances.append(roots.mean(axis=1))
    return np.concatenate(distances) if distances else np.empty(0)


def read_smiles(
    X: Any, columns: Mapping[str, str] | None, owner: str
) -> tuple[NDArray[np.int64], list[str]]:
    """Return the compound of each row, -1 for an invalid SMILES, and the SMILES."""
    frame = as_frame(X)
    name = (columns or {}).get("smiles", "smiles")
    if frame is None or name not in frame.columns:
        given = "an array" if frame is None else quote_names(frame.columns)
        msg = (
            f"{owner} reads compounds from column {name!r} of X, which has none of "
            f"that name: X is {given}."
        )
        raise InputError(msg)
    codes, texts = factorize_objects(frame[name])
    is_valid = np.array([smiles_problem(text) is None for text in texts], dtype=bool)
    place = np.append(np.where(is_valid, np.cumsum(is_valid) - 1, -1), -1)
    valid = [str(text) for text, good in zip(texts, is_valid, strict=True) if good]
    return place[codes], valid


def nearest_of_rows(
    codes: NDArray[np.int64], texts: Sequence[str], known: Sequence[str]
) -> NDArray[np.float64]:
    """Return the largest similarity to a known compound; NaN without a compound."""
    similarity = np.append(nearest_tanimoto(texts, known), np.nan)
    return similarity[codes]
