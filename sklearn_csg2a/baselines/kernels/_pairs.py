"""Shared parts of regressors on a kernel of conditions times a kernel of cells."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_csg2a._utils.caller import find_stacklevel
from sklearn_csg2a._utils.memory import refuse_without_memory
from sklearn_csg2a._utils.validation import draw_seeds
from sklearn_csg2a.baselines._features import FeatureRegressor, Standardizer
from sklearn_csg2a.baselines.kernels._compounds import (
    Block,
    check_compound_kernel,
    compare_compounds,
    list_blocks,
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
from sklearn_csg2a.encoders._pair_layout import AmountScaler, Conditions
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.training.rows import hold_out_pairs, seed_splitter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sklearn_csg2a.treatments import Treatments

__all__ = [
    "PairKernelRegressor",
    "PairSide",
    "SummedKernelRegressor",
    "list_candidates",
    "mean_square_kernel",
    "split_to_choose",
    "warn_not_converged",
]

_NUMBER_BYTES = 8
_KERNEL_COPIES = 4  # of the kernel of conditions, and of that of cells, at the peak
_GRID_COPIES = 8  # of the grid of both


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

    def _learn_sides(self, treatments: Treatments) -> Conditions:
        """Store training conditions and cells; return the conditions of the rows."""
        self._amount_scaler = AmountScaler(treatments)
        conditions = self._amount_scaler.conditions(treatments)
        self._refuse_too_many(conditions.n_conditions, treatments)
        encodings = self._fit_encoder(treatments)
        self._scale_compounds(encodings)
        self._known_conditions = PairSide(
            encodings[conditions.compound], conditions.amounts
        )
        scaler = Standardizer(treatments.basal_expression)
        self._known_cells = TrainingCells(treatments, scaler)
        return conditions

    def _refuse_too_many(self, n_conditions: int, treatments: Treatments) -> None:
        """Refuse a fit whose kernels the memory of the machine cannot hold."""
        n_cells, n_compounds = treatments.n_cells, max(treatments.n_compounds, 1)
        amounts = (
            "" if n_conditions == n_compounds else ", each with its doses and times"
        )
        refuse_without_memory(
            _NUMBER_BYTES
            * (
                _KERNEL_COPIES * (n_conditions**2 + n_cells**2)
                + _GRID_COPIES * n_conditions * n_cells
            ),
            f"{type(self).__name__} on {n_compounds:,} compounds{amounts} and "
            f"{n_cells:,} cell lines, whose kernels grow with the square of both,",
            "Fit fewer of them, or a model whose memory grows with the rows alone: "
            "RandomForestResponse, GradientBoostingResponse or DrugResponseRegressor.",
        )

    def _learn_kernels(self, treatments: Treatments) -> tuple[SpectralGrid, Conditions]:
        """Store training conditions and cells; return the spectrum of their kernel."""
        conditions = self._learn_sides(treatments)
        known = self._known_conditions
        grid = SpectralGrid(
            self._compare_conditions(known, known), self._compare_known_cells()
        )
        return grid, conditions

    def _compare_known_cells(self) -> np.ndarray:
        """Return the kernel of the training cells, (C, C)."""
        return self._compare_with_known(self._known_cells, len(self._known_cells))

    def _predict_pairs(self, treatments: Treatments, dual: np.ndarray) -> np.ndarray:
        """Return the function with dual coefficients (D, C), (n_rows,)."""
        conditions = self._amount_scaler.conditions(treatments)
        encodings = self._encode(treatments)
        new = PairSide(encodings[conditions.compound], conditions.amounts)
        condition_part = multiply_rows(
            self._compare_conditions(new, self._known_conditions), dual
        )
        return self._combine(condition_part, treatments, conditions)

    def _combine(
        self, condition_part: np.ndarray, treatments: Treatments, conditions: Conditions
    ) -> np.ndarray:
        """Return ``condition_part @ K_cell`` at each row, (n_rows,).

        `condition_part` is (n_conditions, C), for the known cells.
        """

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


class SummedKernelRegressor(PairKernelRegressor):
    """One whose kernel of compounds may be a sum over the parts of the encoding."""

    # none in models of files that were saved before a kernel could be given per part
    _blocks: Sequence[Block] = ()

    compound_kernel: str | Mapping[str, str]

    def _fit_encoder(self, treatments: Treatments) -> np.ndarray:
        check_compound_kernel(self.compound_kernel, self.compound_encoder)
        encodings = super()._fit_encoder(treatments)
        known = treatments.smiles[0] if self.encoder_ is not None else ""
        self._blocks = list_blocks(self.compound_kernel, self.encoder_, known)
        return encodings

    def _compare_compounds(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return compare_compounds(left, right, self.compound_kernel, self._blocks)

    def _compare_amounts(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return mean_square_kernel(left, right, left.shape[1] / 2)


def list_candidates(name: str, given: Any) -> list[float]:
    """Return the values of a parameter to choose from: a number, or several."""
    if isinstance(given, Real):
        return [float(given)]
    values = [float(value) for value in np.ravel(np.asarray(given))]
    if not values or not all(0 < value < np.inf for value in values):
        msg = f"{name}={given!r} must be positive numbers, one or more."
        raise InputError(msg)
    return values


def split_to_choose(
    model: Any, X: Any, y: Any, treatments: Treatments, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return training and held-out rows by the model's `validation`, to choose `name`.

    A splitter without a seed follows the model's `random_state`.
    """
    n_rows = treatments.n_rows
    (seed,) = draw_seeds(model.random_state, 1)
    if isinstance(model.validation, Real):
        n_held_out = max(round(float(model.validation) * n_rows), 1)
        is_held_out = hold_out_pairs(treatments, n_held_out, seed)
        train, held_out = np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)
    else:
        splitter = seed_splitter(model.validation, seed)
        train, held_out = map(np.asarray, next(iter(splitter.split(X, y))))
    if len(train) == 0 or len(held_out) == 0:
        msg = (
            f"validation={model.validation!r} gives {len(train)} training and "
            f"{len(held_out)} held-out rows of {n_rows}; choosing {name} needs at "
            f"least one of each. Give a single {name}, or another split."
        )
        raise InputError(msg)
    return train, held_out


def mean_square_kernel(left: np.ndarray, right: np.ndarray, gamma: float) -> np.ndarray:
    """Return ``exp(-gamma * mean squared difference)``, (n_left, n_right)."""
    return rbf_kernel(left, right, gamma / max(left.shape[1], 1))


def warn_not_converged(limit: str, where: str, remedy: str) -> None:
    """Warn that conjugate gradients stopped early."""
    warnings.warn(
        f"Conjugate gradients stopped after {limit} steps without reaching {where}. "
        f"{remedy}",
        ConvergenceWarning,
        stacklevel=find_stacklevel(),
    )
