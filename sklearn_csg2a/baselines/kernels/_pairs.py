"""Shared parts of regressors on a kernel of conditions times a kernel of cells."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sklearn_csg2a.baselines._features import (
    AmountScaler,
    Conditions,
    FeatureRegressor,
    Standardizer,
)
from sklearn_csg2a.baselines.kernels._kronecker import (
    SpectralGrid,
    predict_pairs,
    rbf_kernel,
)
from sklearn_csg2a.baselines.kernels._products import multiply_rows
from sklearn_csg2a.baselines.kernels._training_cells import (
    TrainingCells,
    compare_in_blocks,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sklearn_csg2a.treatments import Treatments

__all__ = ["PairKernelRegressor", "PairSide", "mean_square_kernel"]


@dataclass(frozen=True, eq=False)
class PairSide:
    """Unique conditions: encoded compounds (n, dim), scaled dose and time (n, 0-2)."""

    compounds: np.ndarray
    amounts: np.ndarray


class PairKernelRegressor(FeatureRegressor):
    """A regressor that predicts ``K_condition @ dual @ K_cell``."""

    @abstractmethod
    def _compare_compounds(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return the kernel of encoded compounds, (n_left, n_right)."""

    @abstractmethod
    def _compare_amounts(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return the kernel of scaled dose and time, (n_left, n_right)."""

    @abstractmethod
    def _compare_cells(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return the kernel of standardised expression, (n_left, n_right)."""

    def _scale_compounds(self, encodings: np.ndarray) -> None:
        """Fit the scale of encoded compounds, if the kernel needs one."""

    def _compare_conditions(self, left: PairSide, right: PairSide) -> np.ndarray:
        """Return the kernel of conditions, (n_left, n_right)."""
        kernel = self._compare_compounds(left.compounds, right.compounds)
        if left.amounts.shape[1] == 0:
            return kernel
        return kernel * self._compare_amounts(left.amounts, right.amounts)

    def _learn_kernels(self, treatments: Treatments) -> tuple[SpectralGrid, Conditions]:
        """Store training conditions and cells; return the spectrum of their kernel."""
        encodings = self._fit_encoder(treatments)
        self._scale_compounds(encodings)
        self._amount_scaler = AmountScaler(treatments)
        conditions = self._amount_scaler.conditions(treatments)
        self._known_conditions = PairSide(
            encodings[conditions.compound], conditions.amounts
        )
        scaler = Standardizer(treatments.basal_expression)
        self._known_cells = TrainingCells(treatments, scaler)
        grid = SpectralGrid(
            self._compare_conditions(self._known_conditions, self._known_conditions),
            self._compare_with_known(self._known_cells, len(self._known_cells)),
        )
        return grid, conditions

    def _predict_pairs(self, treatments: Treatments, dual: np.ndarray) -> np.ndarray:
        """Return the function with dual coefficients (D, C), (n_rows,)."""
        conditions = self._amount_scaler.conditions(treatments)
        encodings = self._encode(treatments)
        new = PairSide(encodings[conditions.compound], conditions.amounts)
        condition_part = multiply_rows(
            self._compare_conditions(new, self._known_conditions), dual
        )

        def cell_kernel(positions: slice) -> np.ndarray:
            cells = treatments.basal_expression[positions]
            return self._compare_with_known(
                lambda block: self._known_cells.scaler(cells[block]), len(cells)
            )

        return predict_pairs(
            condition_part,
            cell_kernel,
            conditions.index,
            treatments.cell_index,
            treatments.n_cells,
        )

    def _compare_with_known(
        self, cells: Callable[[slice], np.ndarray], n_cells: int
    ) -> np.ndarray:
        """Return the kernel of standardised cells and the known ones, (n, C)."""
        return compare_in_blocks(self._compare_cells, cells, n_cells, self._known_cells)


def mean_square_kernel(left: np.ndarray, right: np.ndarray, gamma: float) -> np.ndarray:
    """Return ``exp(-gamma * mean squared difference)``, (n_left, n_right)."""
    return rbf_kernel(left, right, gamma / max(left.shape[1], 1))
