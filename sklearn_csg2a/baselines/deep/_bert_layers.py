"""Post-norm transformer layers on sequences without padding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import repeat
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sklearn_csg2a.baselines.deep._network import to_autocast_dtype
from sklearn_csg2a.nn import Dropout
from sklearn_csg2a.nn.blocks import apply_by_rows, apply_in_blocks, may_cut
from sklearn_csg2a.nn.layers import Dense

__all__ = ["BertLayer", "BertLayers", "FeedForward", "Sequences", "padding_mask"]

_EPS = 1e-12
# Sequences that are padded together, and computed by one thread. Fewer would be padded
# less, but each block has gradients of all weights, which are added.
_BLOCK = 24

Drawn = Sequence["Tensor | None"]  # random numbers of each dropout of a layer


class Piece(NamedTuple):
    """Some sequences of similar length."""

    chosen: Tensor  # (sequences of the piece,)
    lengths: Tensor  # (sequences of the piece,)
    longest: int
    tokens: Tensor  # (tokens of the piece,)


def padding_mask(lengths: Tensor, longest: int) -> Tensor:
    """Return a mask (sequences, longest) that is True at tokens."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]


class Sequences:
    """Positions of the tokens of several concatenated sequences.

    Parameters
    ----------
    lengths : Tensor of shape (sequences,)
        Number of tokens of each sequence.
    longest : int, default=None
        Positions of a sequence in padded arrays; None: the largest length.
    """

    def __init__(self, lengths: Tensor, longest: int | None = None) -> None:
        self.lengths = lengths
        self.starts = lengths.cumsum(0) - lengths
        n_places = int(lengths.max()) if longest is None else longest
        self.mask = padding_mask(lengths, n_places)  # (sequences, longest)

    @cached_property
    def blocks(self) -> list[tuple[Tensor, Tensor]]:
        """Sequences of similar length: positions of their tokens, and padding mask.

        Both are (sequences of the block, longest of the block); the mask is True at
        tokens.
        """
        blocks = []
        for chosen in self.lengths.argsort(stable=True).split(_BLOCK):
            lengths = self.lengths[chosen]
            real = padding_mask(lengths, int(lengths.max()))
            places = torch.arange(real.shape[1], device=lengths.device)
            blocks.append(((self.starts[chosen, None] + places) * real, real))
        return blocks

    @cached_property
    def pieces(self) -> list[Piece]:
        """The sequences of each block, for the threads."""
        by_length = self.lengths.argsort(stable=True)
        return [self._piece(chosen) for chosen in by_length.split(_BLOCK)]

    def _piece(self, chosen: Tensor) -> Piece:
        lengths = self.lengths[chosen]
        longest = int(lengths.max())
        places = torch.arange(longest, device=lengths.device)
        tokens = (self.starts[chosen, None] + places)[padding_mask(lengths, longest)]
        return Piece(chosen, lengths, longest, tokens)

    @cached_property
    def out_of_blocks(self) -> Tensor:
        """Position of each token in the concatenated blocks, (tokens,)."""
        return torch.cat([places[real] for places, real in self.blocks]).argsort()

    def spread(self, x: Tensor) -> Tensor:
        """Return tokens (tokens, width) as (sequences, longest, width)."""
        padded = x.new_zeros(*self.mask.shape, x.shape[1])
        return padded.masked_scatter(self.mask.unsqueeze(2), x)

    def gather(self, x: Tensor) -> Tensor:
        """Return (sequences, longest, width) as tokens (tokens, width)."""
        return x[self.mask]

    def first(self, x: Tensor) -> Tensor:
        """Return the first token of each sequence, (sequences, width)."""
        return x.index_select(0, self.starts)


class FeedForward(nn.Module):
    """Second half of a layer: project, add, norm, feed forward, add, norm."""

    def __init__(self, width: int, inner_width: int, dropout: float) -> None:
        super().__init__()
        self.project = Dense(width, width)
        self.first_norm = nn.LayerNorm(width, eps=_EPS)
        self.inner = Dense(width, inner_width)
        self.outer = Dense(inner_width, width)
        self.second_norm = nn.LayerNorm(width, eps=_EPS)
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Tensor, attended: Tensor, drawn: Drawn = (None, None)
    ) -> Tensor:
        """Return the output of the layer; both inputs are (..., width)."""
        return self.finish(x, self.project(to_autocast_dtype(attended)), drawn)

    def finish_by_rows(self, x: Tensor, projected: Tensor) -> Tensor:
        """Apply what follows the projection, in blocks of rows for the threads."""
        drawn = [self.dropout.draw(x.shape, x.device) for _ in range(2)]
        layers = self.first_norm, self.inner, self.outer, self.second_norm
        return apply_by_rows(
            lambda x, projected, *drawn: self.finish(x, projected, drawn),
            x,
            projected,
            *drawn,
            shared=(weight for layer in layers for weight in layer.parameters()),
        )

    def finish(
        self, x: Tensor, projected: Tensor, drawn: Drawn = (None, None)
    ) -> Tensor:
        """Apply what follows the projection; both inputs are (..., width)."""
        x = self.first_norm(x + self.dropout(projected, drawn[0]))
        inner = self.outer(torch.relu(self.inner(to_autocast_dtype(x))))
        return self.second_norm(x + self.dropout(inner, drawn[1]))


class BertLayer(nn.Module):
    """Self-attention among the tokens of a sequence, and a feed-forward part."""

    def __init__(
        self, width: int, n_heads: int, inner_width: int, dropout: float
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.scale = (width // n_heads) ** 0.5
        self.query = Dense(width, width)
        self.key = Dense(width, width)
        self.value = Dense(width, width)
        self.feed_forward = FeedForward(width, inner_width, dropout)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        sequences: Sequences,
        drawn: Drawn = (None, None, None),
        *,
        first_only: bool = False,
    ) -> Tensor:
        """Map tokens (tokens, width) to the same shape.

        With `first_only`, return the first token of each sequence, (sequences, width);
        the other outputs of the last layer are unused. `drawn` are the random numbers
        of dropout, for one block of sequences; None draws them.
        """
        for_weights, *for_tokens = drawn
        low, scale = to_autocast_dtype(x), self.scale
        key, value = self.key(low).to(x.dtype), self.value(low).to(x.dtype)
        if first_only:
            x = sequences.first(x)
            low = sequences.first(low)
        query = self.query(low).to(x.dtype) / scale
        # small products: conversions would cost more than lower precision saves
        with torch.autocast(x.device.type, enabled=False):
            if first_only:
                key, value = sequences.spread(key), sequences.spread(value)
                attended = self._attend(
                    query[:, None], key, value, sequences.mask, for_weights
                )
                attended = attended.squeeze(1)
            else:
                blocks = [
                    self._attend(query[at], key[at], value[at], real, for_weights)[real]
                    for at, real in sequences.blocks
                ]
                attended = torch.cat(blocks).index_select(0, sequences.out_of_blocks)
        return self.feed_forward(x, attended, for_tokens)

    def draw(
        self, x: Tensor, sequences: Sequences, *, first_only: bool
    ) -> Iterator[Drawn]:
        """Draw the random numbers that `forward` would; yield those of each piece."""
        n_rows, n_places = sequences.mask.shape
        device, n_heads = x.device, self.n_heads
        if first_only:
            whole = self.dropout.draw((n_rows, n_heads, 1, n_places), device)
            for_weights = [
                whole[piece.chosen][..., : piece.longest] for piece in sequences.pieces
            ]
            rows = [piece.chosen for piece in sequences.pieces]
        else:
            n_rows = len(x)
            for_weights = [
                self.dropout.draw((n, n_heads, longest, longest), device)
                for n, longest in (real.shape for _, real in sequences.blocks)
            ]
            rows = [piece.tokens for piece in sequences.pieces]
        dropout = self.feed_forward.dropout
        first, second = (dropout.draw((n_rows, x.shape[1]), device) for _ in range(2))
        for drawn, at in zip(for_weights, rows, strict=True):
            yield drawn, first[at], second[at]

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        real: Tensor,
        drawn: Tensor | None = None,
    ) -> Tensor:
        """Return the attention output of queries (sequences, queries, width)."""
        query, key, value = (
            part.unflatten(2, (self.n_heads, -1)).transpose(1, 2)
            for part in (query, key, value)
        )  # (sequences, heads, queries or longest, head width)
        scores = query @ key.transpose(2, 3)
        scores = scores.masked_fill(~real[:, None, None], -torch.inf)
        weights = self.dropout(torch.softmax(scores, dim=3), drawn)
        return (weights @ value).transpose(1, 2).flatten(2)


class BertLayers(nn.ModuleList):
    """Stacked layers, of which the output is that of the first token."""

    def forward(self, x: Tensor, sequences: Sequences) -> Tensor:
        """Return the first token of each sequence, (sequences, width)."""
        if not may_cut(x) or len(sequences.pieces) == 1 or not len(self):
            return self._run(x, sequences, repeat((None, None, None)))
        pieces = sequences.pieces[::-1]  # long ones first
        drawn = [
            [*layer.draw(x, sequences, first_only=layer is self[-1])][::-1]
            for layer in self
            if isinstance(layer, BertLayer)
        ]  # of each layer, of each piece

        def apply(lengths: Tensor, x: Tensor, *drawn: Tensor) -> Tensor:
            return self._run(
                x,
                Sequences(lengths),
                (drawn[i : i + 3] for i in range(0, len(drawn), 3)),
            )

        tokens = torch.cat([piece.tokens for piece in pieces])
        token_pieces = x.index_select(0, tokens).split(
            [len(piece.tokens) for piece in pieces]
        )
        first = apply_in_blocks(
            apply,
            [piece.lengths for piece in pieces],
            token_pieces,
            *(part for layer in drawn for part in zip(*layer, strict=True)),
            shared=self.parameters(),
        )
        order = torch.cat([piece.chosen for piece in pieces])
        return torch.cat(first).index_select(0, order.argsort())

    def _run(self, x: Tensor, sequences: Sequences, drawn: Iterable[Drawn]) -> Tensor:
        """Apply the layers to all sequences at once."""
        for layer, layer_drawn in zip(self, drawn, strict=False):
            x = layer(x, sequences, layer_drawn, first_only=layer is self[-1])
        return x
