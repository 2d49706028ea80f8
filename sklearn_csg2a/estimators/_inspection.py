"""Looking inside a fitted model: attention maps, top interactions, grids."""

from __future__ import annotations

from itertools import product
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a._utils.offenders import list_offenders, name_row
from sklearn_csg2a.estimators._base import BaseCSG2A
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn import csg2a_part
from sklearn_csg2a.nn.threads import steady_threads
from sklearn_csg2a.training.inference import row_inputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn_csg2a.nn import GeneGeneAttention

__all__ = ["InspectableCSG2A"]

_QUANTITIES = ("dose", "time")
_ROWS_AT_ONCE = 64  # rows whose queries (genes, hidden) are held together


class InspectableCSG2A(BaseCSG2A):
    """Attention maps, ranked interactions and grids of both estimators."""

    def attention_maps(
        self, X: Any, aggregate: str | None = "mean", by: str | None = None
    ) -> Any:
        """Build the gene-gene attention of treatments.

        ``A = Q Q^T / sqrt(h) + A_PPI`` (paper, Appendix A.1), in the scale that
        the network applies it. Fit and predict never build it; this does, so ask
        for few rows when `aggregate` is None.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_treatments, n_columns)
            Treatments.
        aggregate : {"mean", None}, default="mean"
            Average over treatments, or one matrix per treatment.
        by : str, default=None
            Column of X; with ``aggregate="mean"`` one average per value of it.

        Returns
        -------
        attention : DataFrame, dict of DataFrame, or ndarray
            A (n_genes, n_genes) table labelled by gene; with `by` a dict from
            value to table; with ``aggregate=None`` an array of shape
            (n_treatments, n_genes, n_genes).

        Raises
        ------
        InputError
            If the model has no attention, or `by` is not a column of X or has no
            value in some row.
        """
        layer = self._attention_layer()
        basal, conditions = self._attention_inputs(X)
        if aggregate is None:
            if by is not None:
                msg = "by= averages attention; use it with aggregate='mean'."
                raise InputError(msg)
            with torch.no_grad():
                return layer.matrix(basal, conditions).cpu().numpy()
        if aggregate != "mean":
            msg = f"aggregate={aggregate!r}; expected 'mean' or None."
            raise InputError(msg)
        maps = {
            value: self._gene_table(
                self._mean_scores(basal[rows], conditions[rows])
                + layer.adjacency().cpu().numpy()
            )
            for value, rows in _group_rows(X, by)
        }
        return maps if by is not None else maps[None]

    def top_interactions(
        self, X: Any, k: int = 1000, by: str | None = "smiles"
    ) -> pd.DataFrame:
        """Rank the gene pairs with the strongest attention.

        The attention is averaged over the treatments of each group, the diagonal
        is left out and each pair is listed once (paper, Appendix A.6). Pairs are
        ranked by the absolute value of `score`.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_treatments, n_columns)
            Treatments.
        k : int, default=1000
            Pairs per group; all where there are fewer.
        by : str, default="smiles"
            Column of X that groups the treatments, renamed as `columns` says; None,
            or plain X without compounds, makes one group.

        Returns
        -------
        interactions : DataFrame
            Columns: `by` (if given), gene_i, gene_j, score (attention with the
            interactome), learned (the score without the interactome) and
            in_interactome.

        Raises
        ------
        InputError
            If the model has no attention, `k` is not a positive number, or `by` is
            not a column of X or has no value in some row.
        """
        if not isinstance(k, Integral) or k < 1:
            msg = f"k={k}; expected a number of pairs, 1 or more."
            raise InputError(msg)
        layer = self._attention_layer()
        basal, conditions = self._attention_inputs(X)
        by = self._grouping_column(X, by)
        prior = layer.adjacency().cpu().numpy()
        upper = np.triu_indices(len(prior), k=1)
        known = prior[upper]
        tables = []
        for value, rows in _group_rows(X, by):
            learned = self._mean_scores(basal[rows], conditions[rows])[upper]
            score = learned + known
            order = np.argsort(-np.abs(score), kind="stable")[:k]
            table = pd.DataFrame(
                {
                    "gene_i": self.genes_[upper[0][order]],
                    "gene_j": self.genes_[upper[1][order]],
                    "score": score[order],
                    "learned": learned[order],
                    "in_interactome": known[order] != 0,
                }
            )
            if by is not None:
                table.insert(0, by, value)
            tables.append(table)
        return pd.concat(tables, ignore_index=True)

    def predict_grid(self, cells: Any, smiles: Sequence[str]) -> pd.DataFrame:
        """Predict every cell with every compound.

        Parameters
        ----------
        cells : sequence of str, or DataFrame of shape (n_cells, n_genes)
            Ids in `expression`, or basal expression itself (index: ids).
        smiles : sequence of str
            Compounds.

        Returns
        -------
        grid : DataFrame
            Of shape (n_cells, n_compounds) where the model has one output; with
            several outputs one row per (cell, compound). Dose and time are
            `default_dose` and `default_time`.

        Raises
        ------
        InputError
            If a cell or compound is unknown, or one text is given for a list.
        """
        for name, given in (("cells", cells), ("smiles", smiles)):
            if isinstance(given, str):
                msg = f"{name}={given!r} is one text; give a list, [{given!r}]."
                raise InputError(msg)
        names = {name: name for name in (*_QUANTITIES, "cell_line", "smiles")}
        names |= self.columns or {}
        if isinstance(cells, pd.DataFrame):
            wide, ids = cells, list(cells.index)
        else:
            wide, ids = None, list(cells)
        pairs = list(product(range(len(ids)), smiles))
        positions = [position for position, _ in pairs]
        X = pd.DataFrame(
            {
                names["cell_line"]: [ids[position] for position in positions],
                names["smiles"]: [compound for _, compound in pairs],
            }
        )
        for name, default in zip(
            _QUANTITIES, (self.default_dose, self.default_time), strict=True
        ):
            X[names[name]] = float(default)
        if wide is not None:
            X = X.drop(columns=names["cell_line"])
            X = pd.concat([X, wide.iloc[positions].reset_index(drop=True)], axis=1)
        values = self.predict(X)
        if values.ndim == 1:
            return pd.DataFrame(
                values.reshape(len(ids), len(smiles)), index=ids, columns=list(smiles)
            )
        index = pd.MultiIndex.from_product(
            [ids, list(smiles)], names=["cell_line", "smiles"]
        )
        return pd.DataFrame(values, index=index)

    def _grouping_column(self, X: Any, by: str | None) -> str | None:
        """Return the column of X to group by; None makes one group."""
        if by is None or not hasattr(X, "columns"):
            return None
        if by == "smiles" and self.encoder_ is None:
            return None
        return (self.columns or {}).get(by, by)

    def _attention_layer(self) -> GeneGeneAttention:
        """Return the attention of the fitted network."""
        check_is_fitted(self)
        layer = csg2a_part(self.net_.module_).attention
        if layer.form == "off":
            msg = "This model was fitted with attention='off': it has no attention map."
            raise InputError(msg)
        return layer

    @steady_threads()
    def _attention_inputs(self, X: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the attention sees of each row, (rows, genes) twice."""
        treatments = self._read_for_predict(X)
        if (treatments.compound_index < 0).any():
            msg = "X holds SMILES that cannot be read; drop those rows first."
            raise InputError(msg)
        return row_inputs(self.net_.module_, self._predict_tensors(treatments))

    @torch.no_grad()
    @steady_threads()
    def _mean_scores(self, basal: torch.Tensor, conditions: torch.Tensor) -> np.ndarray:
        """Average the learned scores over rows, without A_PPI: (genes, genes)."""
        layer = self._attention_layer()
        total = torch.zeros(())
        for start in range(0, len(basal), _ROWS_AT_ONCE):
            chunk = slice(start, start + _ROWS_AT_ONCE)
            total = total + layer.score_sum(basal[chunk], conditions[chunk])
        return (total / len(basal)).cpu().numpy()

    def _gene_table(self, matrix: np.ndarray) -> pd.DataFrame:
        """Label a (genes, genes) matrix."""
        return pd.DataFrame(matrix, index=self.genes_, columns=self.genes_)


def _group_rows(X: Any, by: str | None) -> list[tuple[Any, np.ndarray]]:
    """Return (value, positions of its rows) in order of first appearance."""
    if by is None:
        return [(None, np.arange(len(X)))]
    columns = list(getattr(X, "columns", []))
    if by not in columns:
        msg = f"by={by!r} is not a column of X; its columns are {columns[:10]}."
        raise InputError(msg)
    codes, levels = pd.factorize(np.asarray(X[by], dtype=object))
    missing = np.flatnonzero(codes < 0)
    if len(missing):
        labels = np.asarray(getattr(X, "index", np.arange(len(X))), dtype=object)
        rows = list_offenders(missing, lambda row: name_row(row, labels))
        msg = f"Column {by!r} of X has no value in {rows}; fill or drop these rows."
        raise InputError(msg)
    return [(level, np.flatnonzero(codes == c)) for c, level in enumerate(levels)]
