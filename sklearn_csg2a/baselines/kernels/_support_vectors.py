"""Support vector regression in a Kronecker product kernel, on all rows at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import optimize

from sklearn_csg2a.baselines.kernels._kronecker import SpectralGrid, conjugate_gradients

__all__ = ["solve_svr"]

_SHRINK = 5.0  # factor between the smoothing of two stages
_MAX_CG_STEPS = 500


@dataclass(frozen=True, eq=False)
class _Problem:
    """Minimise |g|^2 / 2 + C sum(loss(y - f)), f = function(g) + intercept at pairs.

    The loss of a residual r is max(|r| - epsilon, 0), smoothed by a parabola of width
    `smoothing` around epsilon. Coefficients and intercept are one
    vector (D * C + 1,).
    """

    grid: SpectralGrid
    pair: np.ndarray
    response: np.ndarray
    C: float
    epsilon: float
    smoothing: float

    def at_rows(self, vector: np.ndarray) -> np.ndarray:
        """Return the function plus the intercept at the rows, (n_rows,)."""
        return self._function(vector).ravel()[self.pair] + vector[-1]

    def row_dual(self, residual: np.ndarray) -> np.ndarray:
        """Return dual coefficients (n_rows,): C times the slope of the loss."""
        return self.C * np.clip(self._excess(residual), 0, 1) * np.sign(residual)

    def pair_dual(self, residual: np.ndarray) -> np.ndarray:
        """Return dual coefficients of pairs, (D, C): summed over their rows."""
        return self._sum_pairs(self.row_dual(residual))

    def gradient(self, vector: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """Return the gradient of the objective, (D * C + 1,)."""
        dual = self.pair_dual(residual)
        spectral = vector[:-1] - self.grid.to_spectral(dual).ravel()
        return np.append(spectral, -dual.sum())

    def curvature(self, residual: np.ndarray) -> np.ndarray:
        """Return the second derivative of the loss summed over each pair, (D, C)."""
        excess = self._excess(residual)
        is_smoothed = (excess > 0) & (excess < 1)
        return self._sum_pairs(is_smoothed * (self.C / self.smoothing))

    def apply_hessian(self, vector: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the product of the Hessian and `vector`, (D * C + 1,)."""
        weighted = weights * (self._function(vector) + vector[-1])
        spectral = vector[:-1] + self.grid.to_spectral(weighted).ravel()
        return np.append(spectral, weighted.sum() + self._damping * vector[-1])

    def diagonal(self, weights: np.ndarray) -> np.ndarray:
        """Return the preconditioner: the Hessian for the mean of the weights."""
        spectral = 1 + weights.mean() * self.grid.eigenvalues.ravel()
        return np.append(spectral, weights.sum() + self._damping)

    @property
    def _damping(self) -> float:
        """Second derivative added for the intercept, so that its step stays finite."""
        return 1e-3 * self.C / self.smoothing

    def _excess(self, residual: np.ndarray) -> np.ndarray:
        """Return the position of residuals in the parabola, from 0 to 1, (n_rows,)."""
        begin = max(self.epsilon - self.smoothing / 2, 0.0)
        return (np.abs(residual) - begin) / self.smoothing

    def _function(self, vector: np.ndarray) -> np.ndarray:
        """Return the function without the intercept, (D, C)."""
        return self.grid.to_function(vector[:-1].reshape(self.grid.eigenvalues.shape))

    def _sum_pairs(self, values: np.ndarray) -> np.ndarray:
        """Return sums over the rows of each pair, (D, C)."""
        shape = self.grid.eigenvalues.shape
        return np.bincount(self.pair, values, shape[0] * shape[1]).reshape(shape)


def solve_svr(
    grid: SpectralGrid,
    pair: np.ndarray,
    response: np.ndarray,
    *,
    C: float,
    epsilon: float,
    smoothing: float,
    tol: float,
    max_iter: int,
) -> tuple[np.ndarray, float, int, bool]:
    """Fit by Newton's method, with less and less smoothing of the loss.

    `pair` (n_rows,) is the position of each row on the grid, flattened. Returns dual
    coefficients (D, C), the intercept, the number of Newton steps, and whether the
    gradient fell to `tol` times the size of the spectral coefficients.
    """
    vector = np.zeros(grid.eigenvalues.size + 1)
    vector[-1] = np.median(response)
    width = max(2 * float(np.ptp(response)), smoothing)
    n_steps, converged = 0, True
    while True:
        problem = _Problem(grid, pair, response, C, epsilon, width)
        last = width <= smoothing
        goal = tol if last else max(tol, 0.03)
        vector, n_more, converged = _minimise(problem, vector, goal, max_iter)
        n_steps += n_more
        if last:
            break
        width = max(width / _SHRINK, smoothing)
    residual = response - problem.at_rows(vector)
    exact_dual = problem.pair_dual(residual)
    spectral = vector[:-1].reshape(grid.eigenvalues.shape)
    curvature = float(problem.curvature(residual).mean())
    dual = grid.to_dual(spectral, exact_dual, 1 / curvature if curvature else 0.0)
    return dual, float(vector[-1]), n_steps, converged


def _minimise(
    problem: _Problem, vector: np.ndarray, tol: float, max_iter: int
) -> tuple[np.ndarray, int, bool]:
    """Take Newton steps with an exact line search."""
    for step in range(max_iter):
        residual = problem.response - problem.at_rows(vector)
        gradient = problem.gradient(vector, residual)
        weights = problem.curvature(residual)
        diagonal = problem.diagonal(weights)
        size = np.sqrt(gradient @ (gradient / diagonal))
        goal = tol * np.sqrt(vector[:-1] @ (vector[:-1] / diagonal[:-1]))
        if size <= goal:
            return vector, step, True
        direction, _, _ = conjugate_gradients(
            partial(problem.apply_hessian, weights=weights),
            -gradient,
            diagonal,
            start=np.zeros_like(gradient),
            tol=0.1,
            max_iter=_MAX_CG_STEPS,
        )
        length = _best_length(problem, vector, residual, direction)
        if length == 0:  # no improvement beyond rounding
            return vector, step, True
        vector = vector + length * direction
    return vector, max_iter, False


def _best_length(
    problem: _Problem, vector: np.ndarray, residual: np.ndarray, direction: np.ndarray
) -> float:
    """Return the length along the direction at which the objective is smallest."""
    change = problem.at_rows(direction)
    first = float(vector[:-1] @ direction[:-1])
    second = float(direction[:-1] @ direction[:-1])

    def slope(length: float) -> float:
        dual = problem.row_dual(residual - length * change)
        return first + length * second - float(dual @ change)

    at_zero, upper = slope(0.0), 1.0
    if at_zero >= 0:
        return 0.0
    if abs(slope(1.0)) <= 0.1 * abs(at_zero):
        return 1.0
    while slope(upper) < 0:
        upper *= 2
    return float(optimize.brentq(slope, 0.0, upper, rtol=1e-3))
