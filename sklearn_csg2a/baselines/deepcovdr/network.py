"""The network of DeepCoVDR: message passing, and transformers on atoms."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sklearn_csg2a.baselines.deep._bert_layers import (
    BertLayer,
    BertLayers,
    FeedForward,
    Sequences,
    padding_mask,
)
from sklearn_csg2a.baselines.deep._graph_layers import sum_neighbors
from sklearn_csg2a.baselines.deep._network import Codes, PairNetwork, to_autocast_dtype
from sklearn_csg2a.nn import Dropout
from sklearn_csg2a.nn.layers import Dense

__all__ = ["DeepCoVDRNetwork"]

_WIDTH, _HEADS, _INNER = 128, 8, 512
_HIDDEN = 300  # of the message passing
_DEGREES = 300  # rows of the table of atom degrees
_BLOCK = 64  # rows that are padded together
_CELL_WIDTHS = (1024, 512, 256, _WIDTH)


class DeepCoVDRNetwork(PairNetwork):
    """The network of DeepCoVDR.

    Parameters
    ----------
    n_genes : int
        Width of the cells' vectors.
    n_features : (int, int)
        Widths of the atoms' and the bonds' vectors; zeros without compounds.
    n_layers : int
        Number of layers of each of the two transformers.
    dropout : float
        Dropout of the transformers and the head.
    """

    block_rows = 32

    def __init__(
        self,
        *,
        n_genes: int,
        n_features: tuple[int, int],
        n_layers: int,
        dropout: float,
    ) -> None:
        super().__init__()
        widths = (n_genes, *_CELL_WIDTHS)
        self.cell_tower = nn.ModuleList(
            Dense(widths[i], widths[i + 1]) for i in range(len(_CELL_WIDTHS))
        )
        self.has_compounds = bool(n_features[0])
        if self.has_compounds:
            self.messages = _MessagePassing(*n_features)
            self.degrees = nn.ModuleList(
                nn.Embedding(_DEGREES, _HIDDEN) for _ in range(2)
            )
            self.inner = Dense(_HIDDEN, _HIDDEN)
            self.outer = Dense(_HIDDEN, _WIDTH)
        else:
            self.atoms = nn.Parameter(torch.zeros(2, 1, _WIDTH))
        self.graph_layers = BertLayers(
            BertLayer(_WIDTH, _HEADS, _INNER, dropout) for _ in range(n_layers)
        )
        self.cross_layers = nn.ModuleList(_CrossLayer(dropout) for _ in range(n_layers))
        self.first = Dense(2 * _WIDTH, 256)
        self.output = Dense(256, 1)
        self.dropout = Dropout(dropout)

    def encode_cells(self, cells: Tensor, counts: Tensor | None = None) -> Codes:
        """Return the vector of each cell, and its queries in each cross layer."""
        del counts
        x = cells
        for layer in self.cell_tower:
            x = torch.relu(layer(x))
        state, queries = x, []
        for layer in self._cross():
            queries.append(layer.cell_queries(state))
            state = layer.next_state(state)
        return (x + state) / 2, torch.stack(queries, dim=1)

    def encode_compounds(
        self, compounds: tuple[Tensor, ...], counts: Tensor | None = None
    ) -> Codes:
        """Return the output of the graph transformer, the atoms and their number."""
        del counts
        if self.has_compounds:
            atoms, incoming, n_atoms, bonds, begin, n_bonds = compounds
            longest = atoms.shape[1]
            sequences = Sequences(n_atoms, longest)
            x = self.messages(atoms, incoming, n_atoms, bonds, begin, n_bonds)
            degree = (incoming >= 0).sum(2)[sequences.mask]  # (atoms,)
            inputs = [
                self._embed(x + table(degree)).to(x.dtype) for table in self.degrees
            ]
        else:
            n_atoms = torch.ones(1, dtype=torch.int64, device=self.atoms.device)
            sequences = Sequences(n_atoms)
            inputs = [*self.atoms]
        x = self.graph_layers(inputs[0], Sequences(n_atoms))
        return x, sequences.spread(inputs[1]), n_atoms

    def _embed(self, x: Tensor) -> Tensor:
        """Return the inputs of a transformer, from atoms (atoms, hidden)."""
        return self.outer(torch.relu(self.inner(to_autocast_dtype(x))))

    def sizes(self, compounds: Codes) -> Tensor | None:
        """Return the numbers of atoms, (compounds,)."""
        return compounds[2]

    def combine(
        self,
        cells: Codes,
        compounds: Codes,
        cell_index: Tensor,
        compound_index: Tensor,
    ) -> Tensor:
        """Return the response of rows, (rows, 1)."""
        graph, atoms, n_atoms = compounds
        lengths, order = n_atoms[compound_index].sort(stable=True)  # less padding
        compound = compound_index[order]
        cell, queries = (part.index_select(0, cell_index[order]) for part in cells)
        sequences = Sequences(lengths)
        atoms = atoms[:, : sequences.mask.shape[1]].index_select(0, compound)
        x = sequences.gather(atoms)  # (atoms of all rows, width)
        for i, layer in enumerate(self._cross(), start=1):
            last = i == len(self.cross_layers)
            x = layer(x, sequences, queries[:, i - 1], first_only=last)
        drug = (x + graph.index_select(0, compound)) / 2  # (rows, width)
        x = self.first(torch.cat([drug, cell], dim=1))
        x = self.output(torch.relu(self.dropout(x)))
        return x.index_select(0, order.argsort())

    def _cross(self) -> list[_CrossLayer]:
        """Return the layers of the second transformer."""
        return [layer for layer in self.cross_layers if isinstance(layer, _CrossLayer)]


class _MessagePassing(nn.Module):
    """Three steps of messages along directed bonds, then a vector for each atom."""

    def __init__(self, atom_width: int, bond_width: int) -> None:
        super().__init__()
        self.enter = Dense(atom_width + bond_width, _HIDDEN, bias=False)
        self.step = Dense(_HIDDEN, _HIDDEN, bias=False)
        self.leave = Dense(atom_width + _HIDDEN, _HIDDEN)

    def forward(
        self,
        atoms: Tensor,
        incoming: Tensor,
        n_atoms: Tensor,
        bonds: Tensor,
        begin: Tensor,
        n_bonds: Tensor,
    ) -> Tensor:
        """Return atoms (atoms, hidden); inputs as from `pad_bond_graphs`."""
        is_atom = padding_mask(n_atoms, atoms.shape[1])
        is_bond = padding_mask(n_bonds, bonds.shape[1])
        first_bond = (n_bonds.cumsum(0) - n_bonds)[:, None]
        first_atom = (n_atoms.cumsum(0) - n_atoms)[:, None]
        total = int(n_bonds.sum())
        lists = torch.where(incoming < 0, total, incoming + first_bond.unsqueeze(2))
        lists = lists[is_atom]  # (atoms, degree)
        source = (begin + first_atom)[is_bond]  # (bonds,)
        x = atoms[is_atom]
        start = self.enter(torch.cat([x[source], bonds[is_bond]], dim=1))
        hidden = torch.relu(start)
        backwards = torch.arange(total, device=x.device) ^ 1
        for _ in range(2):
            message = sum_neighbors(hidden, lists)[source] - hidden[backwards]
            hidden = torch.relu(start + self.step(message))
        gathered = sum_neighbors(hidden, lists)
        return torch.relu(self.leave(torch.cat([x, gathered], dim=1)))


class _CrossLayer(nn.Module):
    """Attention of a cell over the atoms of a compound.

    In the published layer the atoms also attend to the cell. Its vector is repeated at
    all positions, so that the output is the same for all queries. The queries of atoms
    and the keys of cells, which have no effect, are left out.
    """

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.query = Dense(_WIDTH, _WIDTH)  # of cells
        self.key = Dense(_WIDTH, _WIDTH)  # of atoms
        self.value = Dense(_WIDTH, _WIDTH)  # of atoms
        self.cell_value = Dense(_WIDTH, _WIDTH)
        self.feed_forward = FeedForward(_WIDTH, _INNER, dropout)
        self.dropout = Dropout(dropout)

    def cell_queries(self, cells: Tensor) -> Tensor:
        """Return queries in the space of atoms, (cells, heads, width).

        The bias of the keys adds the same to all scores and is left out.
        """
        split = (_HEADS, _WIDTH // _HEADS)
        query = self.query(cells).unflatten(1, split)  # (cells, heads, head width)
        key = self.key.weight.unflatten(0, split)  # (heads, head width, width)
        query = torch.einsum("chk,hkw->chw", query, key).to(cells.dtype)
        return query / split[1] ** 0.5

    def next_state(self, cells: Tensor) -> Tensor:
        """Return the next state of cells (cells, width)."""
        return self.feed_forward(cells, self.cell_value(cells))

    def forward(
        self,
        x: Tensor,
        sequences: Sequences,
        query: Tensor,
        *,
        first_only: bool = False,
    ) -> Tensor:
        """Return the next state of the atoms of all rows, (atoms, width).

        With `first_only`, return the first atom of each row, (rows, width); the other
        outputs of the last layer are unused.
        """
        lengths = sequences.lengths
        # small products: conversions would cost more than lower precision saves
        with torch.autocast(x.device.type, enabled=False):
            blocks = lengths.split(_BLOCK)
            atom_blocks = x.split([int(block.sum()) for block in blocks])
            parts = zip(atom_blocks, blocks, query.split(_BLOCK), strict=True)
            attended = [self._attend(*part) for part in parts]
            average, total = (torch.cat(part) for part in zip(*attended, strict=True))
        weight = self.value.weight.unflatten(0, (_HEADS, -1))
        values = torch.einsum("rhw,hkw->rhk", average, weight).to(x.dtype)
        values = values + total * self.value.bias.view(_HEADS, -1)
        # once per row, because it is the same for all atoms of a row
        projected = self.feed_forward.project(values.flatten(1))  # (rows, width)
        if first_only:
            return self.feed_forward.finish(sequences.first(x), projected)
        row = torch.arange(len(query), device=x.device).repeat_interleave(lengths)
        return self.feed_forward.finish_by_rows(x, projected.index_select(0, row))

    def _attend(
        self, x: Tensor, lengths: Tensor, query: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return weighted means of atoms (rows, heads, width), and sums of weights."""
        sequences = Sequences(lengths)
        padded = sequences.spread(x)  # (rows, longest, width)
        scores = query @ padded.transpose(1, 2)  # (rows, heads, longest)
        scores = scores.masked_fill(~sequences.mask[:, None], -torch.inf)
        weights = self.dropout(torch.softmax(scores, dim=2))
        return weights @ padded, weights.sum(2, keepdim=True)
