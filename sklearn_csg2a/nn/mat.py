"""Molecule Attention Transformer over padded molecule graphs.

Parameter names and shapes follow the published state dictionary, so published
weights load with ``load_state_dict``. Attention mixes three maps: a learned softmax,
exp(-distance) and the row-normalised adjacency. The last two are the same in every
layer and head and are computed once per batch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from sklearn_csg2a.nn.layers import Dropout

__all__ = [
    "MAT",
    "NodeHead",
    "masked_mean",
    "node_mask",
]

_EPS = 1e-6


def node_mask(node_features: Tensor) -> Tensor:
    """Tell real nodes from padding by their feature vectors.

    Parameters
    ----------
    node_features : Tensor of shape (batch, atoms, d_atom)
        Padded nodes are rows of zeros. The dummy node counts as real.

    Returns
    -------
    Tensor of shape (batch, atoms)
        Boolean, True where any feature differs from zero.

    Examples
    --------
    >>> import torch
    >>> node_mask(torch.tensor([[[1.0, 0.0], [0.0, -1.0], [0.0, 0.0]]]))
    tensor([[ True,  True, False]])
    """
    return node_features.abs().sum(dim=-1) != 0


def masked_mean(encoded: Tensor, mask: Tensor) -> Tensor:
    """Average node vectors over the real nodes of each molecule, including the dummy.

    Parameters
    ----------
    encoded : Tensor of shape (batch, atoms, d_model)
        Node vectors; finite values in padded rows are ignored.
    mask : Tensor of shape (batch, atoms)
        Boolean, True for real nodes.

    Returns
    -------
    Tensor of shape (batch, d_model)
        One vector per molecule; zeros for a molecule without nodes.

    Examples
    --------
    >>> import torch
    >>> encoded = torch.tensor([[[1.0], [3.0], [9.0]]])
    >>> masked_mean(encoded, torch.tensor([[True, True, False]]))
    tensor([[2.]])
    """
    weights = mask.to(encoded.dtype).unsqueeze(-1)  # (batch, atoms, 1)
    n_nodes = weights.sum(dim=1).clamp_min(1.0)  # (batch, 1)
    return (encoded * weights).sum(dim=1) / n_nodes


class NodeHead(nn.Module):
    """Linear read-out of node or molecule vectors, ``proj`` in published files.

    Parameters
    ----------
    d_model : int
        Size of the input vectors.
    n_outputs : int, default=28
        Outputs per vector; 28 predicts the input features of a node.
    generator : torch.Generator, optional
        Source of the initial weights; freshly seeded when None.

    Examples
    --------
    >>> import torch
    >>> head = NodeHead(8, n_outputs=28)
    >>> first, second = head(torch.ones(2, 5, 8))[0, :2]  # one output per node
    >>> torch.equal(first, second)
    True
    """

    def __init__(
        self,
        d_model: int,
        n_outputs: int = 28,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.proj = _dense(d_model, n_outputs, _private_generator(generator))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., d_model) to (..., n_outputs)."""
        return self.proj(x)


class MAT(nn.Module):
    """Encode the nodes of padded molecule graphs.

    The defaults are the published configuration (42,048,512 parameters).

    Parameters
    ----------
    d_atom : int, default=28
        Features per node, the dummy-node flag first.
    d_model : int, default=1024
        Width of the node vectors, a multiple of ``n_heads``.
    n_layers : int, default=8
        Encoder layers.
    n_heads : int, default=16
        Attention heads per layer.
    n_dense : int, default=1
        Dense layers in each feed-forward block.
    lambda_attention, lambda_distance : float, default=0.33
        Weights of the softmax and of the distance map. The weight of the adjacency map
        is 1 minus their sum.
    leaky_relu_slope : float, default=0.1
        Negative slope of the feed-forward activation.
    dropout : float, default=0.0
        Dropout on embedding, attention maps, activations and block outputs. It
        draws from the generator of
        :func:`~sklearn_csg2a.nn.layers.set_dropout_generator`.
    generator : torch.Generator, optional
        CPU generator of the initial weights, Xavier uniform for matrices. Freshly
        seeded when None; the global random state is never used to initialise.

    Raises
    ------
    ValueError
        If ``d_model`` is not a multiple of ``n_heads``.

    Examples
    --------
    >>> import torch
    >>> mat = MAT(
    ...     d_model=16, n_layers=1, n_heads=2, generator=torch.Generator()
    ... )
    >>> features = torch.eye(28)[None, :3]
    >>> mask = node_mask(features)
    >>> encoded = mat(features, mask, torch.eye(3)[None], torch.zeros(1, 3, 3))

    Padding changes nothing:

    >>> pad = torch.nn.functional.pad
    >>> padded = pad(features, (0, 0, 0, 2))
    >>> longer = mat(
    ...     padded, node_mask(padded), pad(torch.eye(3)[None], (0, 2, 0, 2)),
    ...     torch.zeros(1, 5, 5))
    >>> torch.allclose(longer[:, :3], encoded, atol=1e-5)
    True
    """

    def __init__(
        self,
        d_atom: int = 28,
        d_model: int = 1024,
        n_layers: int = 8,
        n_heads: int = 16,
        n_dense: int = 1,
        *,
        lambda_attention: float = 0.33,
        lambda_distance: float = 0.33,
        leaky_relu_slope: float = 0.1,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if d_model % n_heads:
            raise ValueError(
                f"d_model must be a multiple of n_heads, got d_model={d_model} and "
                f"n_heads={n_heads}; change one of them."
            )
        self.d_atom = d_atom
        self.d_model = d_model
        self.n_heads = n_heads
        self.lambda_distance = lambda_distance
        self.lambda_adjacency = 1.0 - lambda_attention - lambda_distance
        rng = _private_generator(generator)
        self.src_embed = _Embedding(d_atom, d_model, dropout, rng)
        layers = [
            _EncoderLayer(
                _MixedAttention(d_model, n_heads, lambda_attention, dropout, rng),
                _FeedForward(d_model, n_dense, leaky_relu_slope, dropout, rng),
                d_model,
                dropout,
            )
            for _ in range(n_layers)
        ]
        self.encoder = _Encoder(layers, d_model)

    def forward(
        self, node_features: Tensor, mask: Tensor, adjacency: Tensor, distance: Tensor
    ) -> Tensor:
        """Encode every node of a batch of padded graphs.

        Parameters
        ----------
        node_features : Tensor of shape (batch, atoms, d_atom)
            Node features, in the dtype of the parameters.
        mask : Tensor of shape (batch, atoms)
            Boolean, True for real nodes; :func:`node_mask` derives it. An explicit
            mask lets a real node carry zero features.
        adjacency : Tensor of shape (batch, atoms, atoms)
            1 for bonds and self loops, 0 elsewhere and for the dummy node.
        distance : Tensor of shape (batch, atoms, atoms)
            Distances in angstrom, very large for the dummy node.

        Returns
        -------
        Tensor of shape (batch, atoms, d_model)
            Node vectors. Rows of padded nodes are meaningless.

        Raises
        ------
        ValueError
            If ``mask`` is not boolean.
        """
        if mask.dtype != torch.bool:
            raise ValueError(
                f"mask must be boolean (True for real nodes), got {mask.dtype}; "
                f"convert it with mask.bool()."
            )
        dtype = node_features.dtype
        # the residual path keeps full precision under autocast
        x = self.src_embed(node_features).to(dtype)  # (batch, atoms, d_model)
        fixed = self._fixed_attention(mask, adjacency.to(dtype), distance.to(dtype))
        return self.encoder(x, mask, fixed)

    def _fixed_attention(
        self, mask: Tensor, adjacency: Tensor, distance: Tensor
    ) -> Tensor:
        """Weighted distance and adjacency maps, (batch, 1, atoms, atoms)."""
        by_bond = adjacency / (adjacency.sum(dim=-1, keepdim=True) + _EPS)
        by_distance = torch.exp(-distance).masked_fill(~mask.unsqueeze(1), 0.0)
        mixed = self.lambda_distance * by_distance + self.lambda_adjacency * by_bond
        return mixed.unsqueeze(1)


class _Embedding(nn.Module):
    """Linear embedding of node features."""

    def __init__(
        self, d_atom: int, d_model: int, dropout: float, rng: torch.Generator
    ) -> None:
        super().__init__()
        self.lut = _dense(d_atom, d_model, rng)
        self.dropout = Dropout(dropout)

    def forward(self, node_features: Tensor) -> Tensor:
        """Map (batch, atoms, d_atom) to (batch, atoms, d_model)."""
        return self.dropout(self.lut(node_features))


class _Norm(nn.Module):
    """``a_2 * (x - mean) / (std + 1e-6) + b_2`` with the unbiased std, last axis."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.a_2 = nn.Parameter(torch.ones(d_model))
        self.b_2 = nn.Parameter(torch.zeros(d_model))

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of ``x``."""
        centered = x - x.mean(dim=-1, keepdim=True)
        norm = torch.linalg.vector_norm(centered, dim=-1, keepdim=True)
        std = norm / math.sqrt(x.shape[-1] - 1)
        return self.a_2 * centered / (std + _EPS) + self.b_2


class _MixedAttention(nn.Module):
    """Multi-head attention whose maps are mixed with fixed ones."""

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        lambda_attention: float,
        dropout: float,
        rng: torch.Generator,
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.lambda_attention = lambda_attention
        # query, key, value, output
        self.linears = nn.ModuleList(_dense(d_model, d_model, rng) for _ in range(4))
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, fixed: Tensor) -> Tensor:
        """Attend to real nodes; ``fixed`` is (batch, 1, atoms, atoms)."""
        query, key, value = (self._heads(linear(x)) for linear in self.linears[:3])
        query = query * query.shape[-1] ** -0.5
        scores = query @ key.transpose(-2, -1)  # (batch, heads, atoms, atoms)
        lowest = torch.finfo(scores.dtype).min
        scores = scores.masked_fill(~mask[:, None, None, :], lowest)
        weights = self.lambda_attention * functional.softmax(scores, dim=-1) + fixed
        mixed = self.dropout(weights) @ value  # (batch, heads, atoms, d_head)
        return self.linears[3](mixed.transpose(1, 2).flatten(start_dim=2))

    def _heads(self, x: Tensor) -> Tensor:
        """Split (batch, atoms, d_model) into (batch, heads, atoms, d_head)."""
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)


class _FeedForward(nn.Module):
    """Dense layers of constant width, each followed by a leaky ReLU."""

    def __init__(
        self,
        d_model: int,
        n_dense: int,
        slope: float,
        dropout: float,
        rng: torch.Generator,
    ) -> None:
        super().__init__()
        self.slope = slope
        self.linears = nn.ModuleList(
            _dense(d_model, d_model, rng) for _ in range(n_dense)
        )
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of ``x``."""
        for linear in self.linears:
            x = self.dropout(functional.leaky_relu(linear(x), self.slope))
        return x


class _Sublayer(nn.Module):
    """Residual path around one block: norm before it, dropout after it."""

    def __init__(self, d_model: int, dropout: float) -> None:
        super().__init__()
        self.norm = _Norm(d_model)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, block: nn.Module, *context: Tensor) -> Tensor:
        """Return a tensor of the shape of ``x``."""
        return x + self.dropout(block(self.norm(x), *context))


class _EncoderLayer(nn.Module):
    """Attention, then feed-forward, each on a residual path."""

    def __init__(
        self,
        self_attn: _MixedAttention,
        feed_forward: _FeedForward,
        d_model: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.self_attn = self_attn
        self.feed_forward = feed_forward
        self.sublayer = nn.ModuleList(_Sublayer(d_model, dropout) for _ in range(2))

    def forward(self, x: Tensor, mask: Tensor, fixed: Tensor) -> Tensor:
        """Return a tensor of the shape of ``x``, (batch, atoms, d_model)."""
        x = self.sublayer[0](x, self.self_attn, mask, fixed)
        return self.sublayer[1](x, self.feed_forward)


class _Encoder(nn.Module):
    """Stack of encoder layers and a last norm."""

    def __init__(self, layers: list[_EncoderLayer], d_model: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norm = _Norm(d_model)

    def forward(self, x: Tensor, mask: Tensor, fixed: Tensor) -> Tensor:
        """Return a tensor of the shape of ``x``, (batch, atoms, d_model)."""
        for layer in self.layers:
            x = layer(x, mask, fixed)
        return self.norm(x)


def _private_generator(generator: torch.Generator | None) -> torch.Generator:
    """Return the given generator, or a new one with a fresh seed."""
    if generator is None:
        generator = torch.Generator()
        generator.seed()
    return generator


def _dense(n_inputs: int, n_outputs: int, rng: torch.Generator) -> nn.Linear:
    """Linear layer drawn from ``rng``: Xavier weights, torch's bound for biases."""
    layer = nn.utils.skip_init(nn.Linear, n_inputs, n_outputs)
    nn.init.xavier_uniform_(layer.weight, generator=rng)
    nn.init.uniform_(layer.bias, -(n_inputs**-0.5), n_inputs**-0.5, generator=rng)
    return layer
