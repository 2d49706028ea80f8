"""Inspection of a fitted model: gene-gene maps, strongest pairs, influential genes."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a._utils.offenders import list_offenders, name_row
from sklearn_csg2a.estimators._group_maps import GroupMaps
from sklearn_csg2a.estimators._map_reader import MapReader
from sklearn_csg2a.estimators._prediction import average
from sklearn_csg2a.estimators._readouts import resolve_readout
from sklearn_csg2a.estimators._sources import find_sources
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn.blocks import map_blocks, steady_threads

if TYPE_CHECKING:
    from torch import Tensor

    from sklearn_csg2a.estimators._readouts import Method

__all__ = [
    "Summary",
    "attention_maps",
    "check_k",
    "group_rows",
    "grouping_column",
    "pair_table",
    "summarise",
    "top_interactions",
]


def attention_maps(model: Any, X: Any, aggregate: str | None, by: str | None) -> Any:
    """Build the gene-gene attention; see the method of this name."""
    if aggregate is None:
        if by is not None:
            msg = "by= averages attention; use it with aggregate='mean'."
            raise InputError(msg)
        return _maps_of_rows(model, X)
    if aggregate != "mean":
        msg = f"aggregate={aggregate!r}; expected 'mean' or None."
        raise InputError(msg)
    groups = group_rows(X, by)
    reader = MapReader.of(model, X, "attention", [rows for _, rows in groups])
    maps = {value: _gene_table(model, reader.full_map(rows)) for value, rows in groups}
    return maps if by is not None else maps[None]


@torch.no_grad()
@steady_threads()
def _maps_of_rows(model: Any, X: Any) -> np.ndarray:
    """Return the attention of each row, (rows, genes, genes)."""
    resolve_readout(model, "attention")
    maps = []
    for source in find_sources(model, X):
        rows = torch.arange(len(source.data.cell_index)).to(source.data.cell_index)
        taken = source.attention_input(rows)
        layer = source.csg2a.attention
        maps.append(layer.matrix(taken.basal, taken.condition).cpu().numpy())
    return average(maps)


def top_interactions(
    model: Any, X: Any, k: int, by: str | None, method: Method | None
) -> pd.DataFrame:
    """Rank gene pairs by their influence; see the method of this name."""
    check_k(k)
    check_is_fitted(model)
    by = grouping_column(model, X, by)
    groups = group_rows(X, by)
    rows_of_groups = [rows for _, rows in groups]
    reader = MapReader.of(model, X, method, rows_of_groups)
    maps = GroupMaps(reader, rows_of_groups, "auto")
    return pair_table(reader, summarise(maps, k), [value for value, _ in groups], by)


def check_k(k: Any) -> None:
    """Refuse what is not a number of pairs."""
    if not isinstance(k, Integral) or k < 1:
        msg = f"k={k}; expected a number of pairs, 1 or more."
        raise InputError(msg)


@dataclass
class Summary:
    """What is kept of the maps of groups of rows."""

    genes: np.ndarray  # (groups, genes), influence of each gene
    pairs: list[tuple[np.ndarray, np.ndarray, np.ndarray]]  # source, changed, score


@steady_threads()
def summarise(maps: GroupMaps, k: int) -> Summary:
    """Read maps block by block; keep the influence of genes and `k` pairs of each.

    Of the two directions of a pair the stronger is kept.
    """
    reader, n_groups = maps.reader, len(maps.groups)
    is_square = reader.n_changed == len(reader.genes)
    if k and not is_square:
        msg = (
            f"The model predicts {reader.n_changed} outputs for {len(reader.genes)} "
            "genes; pairs of genes need one output per gene."
        )
        raise InputError(msg)
    slices = reader.blocks(n_groups)

    def visit(number: int) -> tuple[Tensor, list[tuple[np.ndarray, np.ndarray]]]:
        genes = slices[number]
        block = maps.read(genes)
        norms = _norms(block, genes, has_diagonal=is_square)
        return norms, [_strongest(one, genes, k, reader) for one in block]

    visited = map_blocks(visit, len(slices))
    influence = torch.cat([norms for norms, _ in visited], dim=1).cpu().numpy()
    pairs = [
        _merge([found[group] for _, found in visited], len(reader.genes), k)
        for group in range(n_groups)
    ]
    return Summary(influence, pairs)


def _norms(maps: Tensor, genes: slice, *, has_diagonal: bool) -> Tensor:
    """Return the norm of each column without the diagonal, (groups, block)."""
    squares = maps.square().sum(1)
    if has_diagonal:
        own = torch.diagonal(maps[:, genes], dim1=1, dim2=2)  # (groups, block)
        squares = (squares - own.square()).clamp(min=0)
    return squares.sqrt()


def _strongest(
    block: Tensor, genes: slice, k: int, reader: MapReader
) -> tuple[np.ndarray, np.ndarray]:
    """Return code and score of the strongest entries of a block, at most 2 k.

    The code is source * n_genes + changed. Of a symmetric map only one half is looked
    at; else both directions of the strongest pairs may be among the entries.
    """
    if not k:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    n_changed, width = block.shape
    changed = torch.arange(n_changed, device=block.device)[:, None]
    source = torch.arange(genes.start, genes.stop, device=block.device)
    kept = changed < source if reader.readout.symmetric else changed != source
    size = torch.where(kept, block.abs(), -1.0).flatten()
    n = min(k if reader.readout.symmetric else 2 * k, int(kept.sum()))
    found = torch.topk(size, n).indices
    code = (genes.start + found % width) * n_changed + found // width
    return code.cpu().numpy(), block.flatten()[found].cpu().numpy()


def _merge(
    parts: list[tuple[np.ndarray, np.ndarray]], n_genes: int, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return source, changed gene and score of the `k` strongest pairs."""
    code, score = (np.concatenate(some) for some in zip(*parts, strict=True))
    order = np.lexsort((code, -np.abs(score)))
    source, changed = np.divmod(code[order], n_genes)
    pair = np.minimum(source, changed) * n_genes + np.maximum(source, changed)
    _, first = np.unique(pair, return_index=True)
    kept = np.sort(first)[:k]
    return source[kept], changed[kept], score[order][kept]


def pair_table(
    reader: MapReader, summary: Summary, values: list[Any], by: str | None
) -> pd.DataFrame:
    """Return the strongest pairs of all groups."""
    tables = []
    for value, (source, changed, score) in zip(values, summary.pairs, strict=True):
        first, second = source, changed
        if reader.readout.symmetric:
            first, second = np.minimum(source, changed), np.maximum(source, changed)
        known = reader.interactome_values(first, second)
        table = pd.DataFrame(
            {
                "gene_i": reader.genes[first],
                "gene_j": reader.genes[second],
                "score": score,
                "in_interactome": known != 0,
            }
        )
        if reader.readout.holds_interactome:
            table.insert(3, "learned", score - known)
        if by is not None:
            table.insert(0, by, value)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def grouping_column(model: Any, X: Any, by: str | None) -> str | None:
    """Return the column of X to group by; None makes one group.

    Compounds make one group where there are none.
    """
    encoder = getattr(model, "encoder_", None)
    has_compounds = hasattr(X, "columns") and encoder is not None
    if by is None or (by == "smiles" and not has_compounds):
        return None
    return (getattr(model, "columns", None) or {}).get(by, by)


def _gene_table(model: Any, matrix: np.ndarray) -> pd.DataFrame:
    """Label a (genes, genes) matrix."""
    return pd.DataFrame(matrix, index=model.genes_, columns=model.genes_)


def group_rows(X: Any, by: str | None) -> list[tuple[Any, np.ndarray]]:
    """Return (value, positions of its rows) in order of first appearance."""
    if not hasattr(X, "__len__"):
        msg = f"X is a {type(X).__name__}; expected a table of treatments."
        raise InputError(msg)
    if by is None:
        return [(None, np.arange(len(X)))]
    if not hasattr(X, "columns"):
        msg = (
            f"by={by!r} is not a column of X, which is a {type(X).__name__}: pass a "
            "DataFrame, or one label per row."
        )
        raise InputError(msg)
    columns = list(X.columns)
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
