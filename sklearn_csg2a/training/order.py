"""The order of rows in an epoch: at random, by compound, or in blocks of pairs."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["block_order", "epoch_order", "order_by_compound"]

_ROWS_OF_A_COMPOUND = 8  # consecutive rows, if compounds are encoded in every batch


def epoch_order(n_rows: int, generator: torch.Generator | None) -> Tensor:
    """Return positions (rows,), shuffled if there is a generator."""
    if generator is None:
        return torch.arange(n_rows)
    return torch.randperm(n_rows, generator=generator)


def order_by_compound(compound: Tensor, generator: torch.Generator | None) -> Tensor:
    """Order rows so that a batch has few compounds; `compound` is (rows,).

    With a generator, the rows of each compound are randomly split into groups of 8 to
    15 rows (all rows if there are fewer), and the groups are shuffled. A batch then has
    about an eighth as many compounds as rows, in new combinations in each epoch.
    """
    if generator is None:
        return compound.argsort(stable=True)
    order = torch.randperm(len(compound), generator=generator)
    order = order[compound[order].argsort(stable=True)]  # by compound
    counts = torch.bincount(compound)  # (compounds,)
    n_portions = (counts // _ROWS_OF_A_COMPOUND).clamp(min=1)
    ends, last_portions = counts.cumsum(0), n_portions.cumsum(0)
    compound = compound[order]
    place = torch.arange(len(order)) - (ends - counts)[compound]
    portion = (last_portions - n_portions)[compound] + place % n_portions[compound]
    shuffled = torch.randperm(int(last_portions[-1]), generator=generator)
    return order[shuffled[portion].argsort(stable=True)]


def block_order(
    cell_index: Tensor,
    compound_index: Tensor,
    rows_of_block: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return an order (rows,) in which a batch has few cells and compounds.

    Cells and compounds are split into groups, at random with a generator. The rows of a
    group of cells and an equally large group of compounds, about `rows_of_block` in
    total, are consecutive; these blocks are in random order. For a complete table, a
    batch of n rows then has about 2 sqrt(n) entities, whereas rows drawn individually
    would have nearly all of them. Each call gives new combinations.
    """
    cells, cell_index = cell_index.unique(return_inverse=True)
    compounds, compound_index = compound_index.unique(return_inverse=True)
    n_blocks = max(len(cell_index) / rows_of_block, 1)
    side = (len(cells) * len(compounds) / n_blocks) ** 0.5  # entities of a group
    cell_group, n_cell_groups = _deal(len(cells), side, generator)
    compound_group, n_compound_groups = _deal(len(compounds), side, generator)
    place = epoch_order(n_cell_groups * n_compound_groups, generator)
    block = cell_group[cell_index] * n_compound_groups + compound_group[compound_index]
    return place[block].argsort(stable=True)


def _deal(
    n_entities: int, size: float, generator: torch.Generator | None
) -> tuple[Tensor, int]:
    """Return the group of each entity (entities,) and the number of groups."""
    n_groups = max(round(n_entities / size), 1)
    return epoch_order(n_entities, generator) % n_groups, n_groups
