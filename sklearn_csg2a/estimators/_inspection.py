"""Inspection of a fitted model: attention maps and top interactions."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a._utils.offenders import list_offenders, name_row
from sklearn_csg2a.estimators._prediction import average, use_members
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn import csg2a_part
from sklearn_csg2a.nn.blocks import steady_threads
from sklearn_csg2a.training.inference import row_inputs

if TYPE_CHECKING:
    from sklearn_csg2a.nn import GeneGeneAttention
    from sklearn_csg2a.training.data import TreatmentTensors

__all__ = ["attention_maps", "top_interactions"]

_ROWS_AT_ONCE = 64  # rows whose queries (genes, hidden) are in memory at a time


def attention_maps(model: Any, X: Any, aggregate: str | None, by: str | None) -> Any:
    """Build the gene-gene attention; see the method of this name."""
    attentions = _attentions(model, X)
    if aggregate is None:
        if by is not None:
            msg = "by= averages attention; use it with aggregate='mean'."
            raise InputError(msg)
        with torch.no_grad():
            return average(
                [
                    one.layer.matrix(one.basal, one.conditions).cpu().numpy()
                    for one in attentions
                ]
            )
    if aggregate != "mean":
        msg = f"aggregate={aggregate!r}; expected 'mean' or None."
        raise InputError(msg)
    maps = {
        value: _gene_table(
            model,
            _mean_scores(attentions, rows) + _prior(attentions),
        )
        for value, rows in _group_rows(X, by)
    }
    return maps if by is not None else maps[None]


def top_interactions(model: Any, X: Any, k: int, by: str | None) -> pd.DataFrame:
    """Rank gene pairs by attention; see the method of this name."""
    if not isinstance(k, Integral) or k < 1:
        msg = f"k={k}; expected a number of pairs, 1 or more."
        raise InputError(msg)
    attentions = _attentions(model, X)
    by = _grouping_column(model, X, by)
    prior = _prior(attentions)
    upper = np.triu_indices(len(prior), k=1)
    known = prior[upper]
    tables = []
    for value, rows in _group_rows(X, by):
        learned = _mean_scores(attentions, rows)[upper]
        score = learned + known
        order = np.argsort(-np.abs(score), kind="stable")[:k]
        table = pd.DataFrame(
            {
                "gene_i": model.genes_[upper[0][order]],
                "gene_j": model.genes_[upper[1][order]],
                "score": score[order],
                "learned": learned[order],
                "in_interactome": known[order] != 0,
            }
        )
        if by is not None:
            table.insert(0, by, value)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _grouping_column(model: Any, X: Any, by: str | None) -> str | None:
    """Return the column of X to group by; None makes one group."""
    if by is None or not hasattr(X, "columns"):
        return None
    if by == "smiles" and model.encoder_ is None:
        return None
    return (model.columns or {}).get(by, by)


class _Attention(NamedTuple):
    """The attention of a network, and its input for some rows."""

    layer: GeneGeneAttention
    basal: torch.Tensor  # (rows, genes)
    conditions: torch.Tensor  # (rows, genes)


@steady_threads()
def _attentions(model: Any, X: Any) -> list[_Attention]:
    """Return the attention of each network of the fitted model."""
    check_is_fitted(model)
    if csg2a_part(model.net_.module_).attention.form == "off":
        msg = "This model was fitted with attention='off': it has no attention map."
        raise InputError(msg)
    treatments = model._read_for_predict(X)  # noqa: SLF001
    if (treatments.compound_index < 0).any():
        msg = "X holds SMILES that cannot be read; drop those rows first."
        raise InputError(msg)

    def read(member: Any, tensors: TreatmentTensors) -> _Attention:
        network = member.net_.module_
        return _Attention(csg2a_part(network).attention, *row_inputs(network, tensors))

    return use_members(model, treatments, read)


def _prior(attentions: list[_Attention]) -> np.ndarray:
    """Return A_PPI, which all networks have: (genes, genes)."""
    return attentions[0].layer.adjacency().cpu().numpy()


@torch.no_grad()
@steady_threads()
def _mean_scores(attentions: list[_Attention], rows: np.ndarray) -> np.ndarray:
    """Average the learned scores over rows and networks, without A_PPI."""
    sums = []
    for layer, basal, conditions in attentions:
        total = torch.zeros(())
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            chunk = rows[start : start + _ROWS_AT_ONCE]
            total = total + layer.score_sum(basal[chunk], conditions[chunk])
        sums.append((total / len(rows)).cpu().numpy())
    return average(sums)


def _gene_table(model: Any, matrix: np.ndarray) -> pd.DataFrame:
    """Label a (genes, genes) matrix."""
    return pd.DataFrame(matrix, index=model.genes_, columns=model.genes_)


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
