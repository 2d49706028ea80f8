"""Tables and maps of influence, read when they are asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from sklearn_csg2a._utils.offenders import quote_names
from sklearn_csg2a.estimators._group_maps import Contrast, GroupMaps
from sklearn_csg2a.estimators._inspection import (
    check_k,
    grouping_column,
    pair_table,
    summarise,
)
from sklearn_csg2a.estimators._map_reader import MapReader
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection._groups import Groups
from sklearn_csg2a.inspection._null import Null, draw_null
from sklearn_csg2a.inspection._ranks import (
    count_exceeding,
    gather_pairs,
    rank_in_null,
    sample_pairs,
)
from sklearn_csg2a.inspection._similarity import correlate_maps
from sklearn_csg2a.nn.blocks import steady_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AttentionContrast", "Influence"]


class Influence:
    """Influence of genes, and of genes on genes, as read from a fitted model.

    Made by :func:`influence`. Maps are read when they are asked for.

    Parameters
    ----------
    reader : MapReader
        The readout of the networks of a model, for the rows of some X.
    groups : Groups
        The rows to average over.
    contrast : {"auto", "difference", "standardised", None}, default="auto"
        Whether to read what sets each group apart.
    null : {"untrained", "rewired", "permuted"}, default=None
        What to compare with.
    null_seeds : list of int, default=None
        One seed for each draw of the null.

    Attributes
    ----------
    groups : Index
        Label of each group of rows, ``"all"`` without `by`.
    genes : DataFrame
        One row per group and gene, in the order of the model: the column of groups (if
        `by` is given), `gene`, `influence`, `rank` (1 for the strongest in absolute
        value), and with a null `null_rank` and `p_null`.

    See Also
    --------
    influence : Compute it.

    Examples
    --------
    >>> from sklearn_csg2a import PerturbationRegressor
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.inspection import influence
    >>> screen = make_screen(n_perturbation_compounds=4, random_state=0)
    >>> X, Y = screen.perturbation.X, screen.perturbation.Y
    >>> model = PerturbationRegressor(expression=screen.expression, max_epochs=2)
    >>> found = influence(model.fit(X, Y), X, null="permuted", n_null=2)
    >>> found.top_pairs(k=3).columns.tolist()
    ['gene_i', 'gene_j', 'score', 'in_interactome', 'null_rank', 'p_null']
    """

    def __init__(
        self,
        reader: MapReader,
        groups: Groups,
        *,
        contrast: Contrast | None = "auto",
        null: Null | None = None,
        null_seeds: list[int] | None = None,
    ) -> None:
        self._reader = reader
        self._groups = groups
        self._null = null
        self._null_seeds = null_seeds or []
        self._maps = GroupMaps(reader, groups.rows, contrast)
        self.groups = groups.labels

    @cached_property
    def _values(self) -> np.ndarray:
        """Influence of genes, (groups, genes)."""
        return self._read_genes(self._maps)

    def _read_genes(self, maps: GroupMaps) -> np.ndarray:
        alone = maps.genes_alone()
        if alone is not None:
            return alone
        return summarise(maps, 0).genes

    def _null_maps(self) -> Iterator[GroupMaps]:
        """Yield what each draw of the null gives in the place of the maps."""
        if self._null is None:
            return
        for seed in self._null_seeds:
            yield self._maps.of_other(draw_null(self._reader, self._null, seed))

    @cached_property
    def genes(self) -> pd.DataFrame:
        names = self._reader.genes
        n_groups = len(self._groups.rows)
        values = self._values
        above = np.stack([count_exceeding(np.abs(row)) for row in values])
        table = pd.DataFrame(
            {
                "gene": np.tile(names, n_groups),
                "influence": values.ravel(),
                "rank": above.ravel() + 1,
            }
        )
        if self._groups.column is not None:
            labels = np.repeat(np.arange(n_groups), len(names))
            table.insert(0, self._groups.column, self.groups.take(labels))
        if self._null is not None:
            drawn = [
                [count_exceeding(np.abs(row)) for row in self._read_genes(maps)]
                for maps in self._null_maps()
            ]
            mean_rank, p = rank_in_null(above, np.array(drawn))
            table["null_rank"] = mean_rank.ravel() + 1
            table["p_null"] = p.ravel()
        return table

    def wide(self, column: str = "influence") -> pd.DataFrame:
        """Return one column of `genes` as a table of groups and genes.

        Parameters
        ----------
        column : str, default="influence"
            Column of `genes`.

        Returns
        -------
        table : DataFrame of shape (n_groups, n_genes)
            Index: the groups; columns: the genes.

        Raises
        ------
        InputError
            If `genes` has no such column.
        """
        if column not in self.genes:
            raise InputError(
                f"column={column!r} is not a column of genes, which are "
                f"{quote_names(self.genes.columns)}."
            )
        names = self._reader.genes
        values = self.genes[column].to_numpy().reshape(-1, len(names))
        return pd.DataFrame(values, index=self.groups, columns=pd.Index(names))

    @steady_threads()
    def map(self, group: Any = None) -> pd.DataFrame:
        """Return the influence of every gene on every gene.

        Parameters
        ----------
        group : object, default=None
            A label of `groups`; None if there is one group.

        Returns
        -------
        table : DataFrame of shape (n_genes, n_genes)
            Rows are the genes that change, columns those that act; attention has no
            direction.

        Raises
        ------
        InputError
            If there is no such group.
        """
        position = self._groups.position(group)
        reader = self._reader
        slices = reader.blocks(len(self.groups) if self._maps.contrast else 1)
        parts = [self._maps.read_one(position, genes) for genes in slices]
        values = torch.cat(parts, dim=1).cpu().numpy()
        names = pd.Index(reader.genes)
        changed = names if len(values) == len(names) else pd.RangeIndex(len(values))
        return pd.DataFrame(values, index=changed, columns=names)

    def similarity(self) -> pd.DataFrame:
        """Correlate the maps of every two groups.

        Returns
        -------
        table : DataFrame of shape (n_groups, n_groups)
            Pearson's correlation over all pairs of different genes.
        """
        values = correlate_maps(self._reader, self._maps)
        return pd.DataFrame(values, index=self.groups, columns=self.groups)

    def top_pairs(self, k: int = 1000) -> pd.DataFrame:
        """Rank pairs of genes by the influence of one on the other.

        Parameters
        ----------
        k : int, default=1000
            Number of pairs per group, or all if there are fewer.

        Returns
        -------
        pairs : DataFrame
            The column of groups (if `by` is given), `gene_i`, `gene_j`, `score`,
            `learned` (of attention with the interactome: the score without it),
            `in_interactome`, and with a null `null_rank` and `p_null`. Each pair is
            listed once, in the stronger direction: gene_i acts on gene_j.

        Raises
        ------
        InputError
            If `k` is not a positive number, or the model does not predict one output
            per gene.
        """
        check_k(k)
        reader, maps = self._reader, self._maps
        found = summarise(maps, k)
        table = pair_table(reader, found, list(self.groups), self._groups.column)
        if self._null is None:
            return table
        pairs = [(source, changed) for source, changed, _ in found.pairs]
        drawn = [self._rank_pairs(maps, pairs) for maps in self._null_maps()]
        mean_rank, p = rank_in_null(self._rank_pairs(maps, pairs), np.array(drawn))
        return table.assign(null_rank=mean_rank + 1, p_null=p)

    def _rank_pairs(
        self, maps: GroupMaps, pairs: list[tuple[np.ndarray, np.ndarray]]
    ) -> np.ndarray:
        """Return how many pairs are stronger than each of those given, by a sample."""
        n_genes = len(self._reader.genes)
        first, second, n_pairs = sample_pairs(n_genes)
        asked = [
            (np.concatenate([a, first]), np.concatenate([b, second])) for a, b in pairs
        ]
        sizes = gather_pairs(maps, asked)
        ranks = []
        for (a, _), size in zip(pairs, sizes, strict=True):
            own, among = size[: len(a)], size[len(a) :]
            ranks.append(count_exceeding(own, among) * (n_pairs / len(among)))
        return np.concatenate(ranks)


class AttentionContrast(Influence):
    """What sets the attention of a compound apart from that of all compounds.

    The mean map of a compound minus the mean over all compounds of X, in units of its
    standard deviation over cells. What all compounds share, such as the interactome,
    cancels.

    Parameters
    ----------
    model : PerturbationRegressor or DrugResponseRegressor
        A fitted model with attention.
    X : DataFrame of shape (n_treatments, n_columns)
        Treatments of at least two compounds, each in at least two cells.
    by : str or array-like of shape (n_treatments,), default="smiles"
        What is compared: a column of X, or one label per row.

    Attributes
    ----------
    groups : Index
        The compounds, in the order of X.
    genes : DataFrame
        See :class:`Influence`.

    See Also
    --------
    influence : Contrasts of other readouts, and with a null.

    Examples
    --------
    >>> from sklearn_csg2a import PerturbationRegressor
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.inspection import AttentionContrast
    >>> screen = make_screen(n_perturbation_compounds=4, random_state=0)
    >>> X, Y = screen.perturbation.X, screen.perturbation.Y
    >>> model = PerturbationRegressor(expression=screen.expression, max_epochs=2)
    >>> contrast = AttentionContrast(model.fit(X, Y), X, by="drug")
    >>> contrast.map(X["drug"][0]).shape
    (120, 120)
    """

    def __init__(self, model: Any, X: Any, by: Any = "smiles") -> None:
        groups = Groups(X, grouping_column(model, X, by) if isinstance(by, str) else by)
        reader = MapReader.of(model, X, "attention", groups.rows)
        super().__init__(reader, groups, contrast="standardised")
