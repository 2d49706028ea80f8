"""Linear systems in a Kronecker product kernel, without forming the product.

The kernel of row (d, c) and row (d', c') is K_d[d, d'] K_c[c, c']. Functions are
defined on the grid of all conditions (D) and all cells (C); with eigenvectors U and
eigenvalues L of K_d x K_c, a function is ``U (sqrt(L) * g)`` with spectral coefficients
g (D, C).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from sklearn_csg2a.baselines.kernels._products import multiply_rows
from sklearn_csg2a.chem._similarity import similarity_of_products
from sklearn_csg2a.nn.blocks import count_blocks, map_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "SpectralGrid",
    "conjugate_gradients",
    "predict_pairs",
    "rbf_kernel",
    "solve_ridge",
    "tanimoto_kernel",
]

_BLOCK_CELLS = 2048
_BLOCK_ROWS = 4096


def rbf_kernel(left: np.ndarray, right: np.ndarray, gamma: float) -> np.ndarray:
    """Return ``exp(-gamma |x - y|^2)``, (n_left, n_right); 1 for empty x and y."""
    if left.shape[1] == 0:
        return np.ones((len(left), len(right)))
    return np.exp(-gamma * _squared_distances(left, right))


def _squared_distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return ``|x - y|^2``, (n_left, n_right), from the matrix product of both."""
    left, right = left.astype(np.float64), right.astype(np.float64)
    squares = (np.einsum("ij,ij->i", side, side) for side in (left, right))
    distances = multiply_rows(left, right.T)
    distances *= -2
    distances += next(squares)[:, None]
    distances += next(squares)
    return distances.clip(0, out=distances)  # rounding may leave less than 0


def tanimoto_kernel(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return ``x.y / (|x|^2 + |y|^2 - x.y)``, (n_left, n_right); 1 for zero x and y.

    For bits, it is the number of shared bits over the number of bits in either. It is
    positive semi-definite for real numbers, too: a power series in
    x.y / (|x|^2 + |y|^2).
    """
    left, right = left.astype(np.float64), right.astype(np.float64)
    product = multiply_rows(left, right.T)
    squares = (left**2).sum(axis=1), (right**2).sum(axis=1)
    return similarity_of_products(product, *squares)


def _multiply(left: np.ndarray, grid: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return ``left @ grid @ right``, in blocks of the rows of `left`."""
    n_blocks = count_blocks(len(left) * right.shape[0] * sum(grid.shape))
    lefts = np.array_split(left, n_blocks)
    return np.concatenate(map_blocks(lambda k: lefts[k] @ grid @ right, n_blocks))


class SpectralGrid:
    """Eigenvectors of both kernels and the eigenvalues of their product (D, C)."""

    def __init__(self, condition_kernel: np.ndarray, cell_kernel: np.ndarray) -> None:
        kernels = condition_kernel, cell_kernel
        solved = map_blocks(lambda k: linalg.eigh(kernels[k]), len(kernels))
        condition_values, self.condition_vectors = solved[0]
        cell_values, self.cell_vectors = solved[1]
        self.eigenvalues = np.outer(condition_values.clip(0), cell_values.clip(0))
        self.root = np.sqrt(self.eigenvalues)

    def to_function(self, spectral: np.ndarray) -> np.ndarray:
        """Return the function (D, C) with these spectral coefficients."""
        spectral = self.root * spectral
        return _multiply(self.condition_vectors, spectral, self.cell_vectors.T)

    def to_spectral(self, grid: np.ndarray) -> np.ndarray:
        """Apply the transpose of `to_function`, (D, C)."""
        return self.root * _multiply(self.condition_vectors.T, grid, self.cell_vectors)

    def apply_weighted(self, spectral: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Apply sqrt(L) U' diag(weights) U sqrt(L), (D, C)."""
        return self.to_spectral(weights * self.to_function(spectral))

    def to_dual(
        self, spectral: np.ndarray, exact_dual: np.ndarray, threshold: float
    ) -> np.ndarray:
        """Return dual coefficients (D, C): the function is K_d @ dual @ K_c.

        At the exact solution they are `exact_dual`, and ``spectral`` is
        ``to_spectral(exact_dual)``. After finitely many iterations, directions with
        eigenvalues above the threshold are taken from `spectral`, which is more
        accurate there.
        """
        dual = _multiply(self.condition_vectors.T, exact_dual, self.cell_vectors)
        large = self.eigenvalues > threshold
        dual[large] = spectral[large] / self.root[large]
        return _multiply(self.condition_vectors, dual, self.cell_vectors.T)


def conjugate_gradients(
    apply: Callable[[np.ndarray], np.ndarray],
    right_side: np.ndarray,
    diagonal: np.ndarray,
    *,
    start: np.ndarray,
    tol: float,
    max_iter: int,
) -> tuple[np.ndarray, int, bool]:
    """Solve ``apply(x) = right_side``, preconditioned with a diagonal.

    Converged if the residual is `tol` times the right side, both in the norm of the
    inverse diagonal. Returns x, the number of steps, and whether it converged.

    SciPy's `cg` on the scaled system rounds differently: kernel ridge agrees to 1e-5,
    but the support vector model takes other Newton steps and its predictions differ by
    1e-4.
    """
    solution = start.copy()
    residual = right_side - apply(solution)
    goal = tol**2 * float(np.sum(right_side**2 / diagonal))
    direction = residual / diagonal
    size = float(np.sum(residual * direction))
    for step in range(max_iter):
        if size <= goal:
            return solution, step, True
        image = apply(direction)
        length = size / float(np.sum(direction * image))
        solution += length * direction
        image *= length
        residual -= image
        scaled = np.divide(residual, diagonal, out=image)
        size, before = float(np.sum(residual * scaled)), size
        direction *= size / before
        direction += scaled
    return solution, max_iter, size <= goal


def solve_ridge(
    grid: SpectralGrid,
    target: np.ndarray,
    weights: np.ndarray,
    alpha: float,
    *,
    start: np.ndarray | None,
    tol: float,
    max_iter: int,
) -> tuple[np.ndarray, np.ndarray, int, bool]:
    """Minimise ``sum(weights (target - f)^2) + alpha |f|^2`` over functions (D, C).

    The preconditioner is the system with one weight for all pairs, which the spectrum
    solves exactly. Returns dual and spectral coefficients, the number of steps, and
    whether they converged.
    """
    typical = _typical_weight(weights)
    diagonal = typical * grid.eigenvalues + alpha
    right_side = grid.to_spectral(weights * target)
    spectral, n_steps, converged = conjugate_gradients(
        lambda spectral: grid.apply_weighted(spectral, weights) + alpha * spectral,
        right_side,
        diagonal,
        start=right_side / diagonal if start is None else start,
        tol=tol,
        max_iter=max_iter,
    )
    exact_dual = weights * (target - grid.to_function(spectral)) / alpha
    dual = grid.to_dual(spectral, exact_dual, alpha / typical)
    return dual, spectral, n_steps, converged


def _typical_weight(weights: np.ndarray) -> float:
    """Return the mean weight: of the measured pairs if they are most, else of all.

    With GDSC2, where a few compounds have most of the missing pairs, that of the
    measured ones saves a tenth of the steps.
    """
    measured = weights[weights > 0]
    are_most = 2 * len(measured) > weights.size
    return float(measured.mean() if are_most else weights.mean())


def predict_pairs(
    condition_part: np.ndarray,
    cell_kernel: Callable[[slice], np.ndarray],
    condition: np.ndarray,
    cell: np.ndarray,
    n_cells: int,
) -> np.ndarray:
    """Return the function at pairs, (n_rows,).

    `condition_part` (n_new_conditions, C) is K_d(new, known) @ dual, and
    `cell_kernel(positions)` returns K_c(new cells at these positions, known).
    """
    predicted = np.empty(len(cell))
    order = np.argsort(cell, kind="stable")
    starts = np.arange(0, n_cells, _BLOCK_CELLS)
    for first in starts.tolist():
        last = min(first + _BLOCK_CELLS, n_cells)
        kernel = cell_kernel(slice(first, last))
        low, high = np.searchsorted(cell[order], [first, last])
        for at in range(int(low), int(high), _BLOCK_ROWS):
            rows = order[at : min(at + _BLOCK_ROWS, int(high))]
            predicted[rows] = np.einsum(
                "ij,ij->i",
                condition_part[condition[rows]],
                kernel[cell[rows] - first],
            )
    return predicted
