"""Dense layer, dropout and batch norm over entities.

Large matrix products are split into tiles that fit into the cache of a core, and what
follows them in a hidden layer into blocks, that any thread can compute.
"""

from __future__ import annotations

import math
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.weak import WeakTensorKeyDictionary

from sklearn_csg2a.nn.blocks import count_blocks, map_blocks, may_cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "Dense",
    "Dropout",
    "EntityBatchNorm",
    "dense",
    "finish_hidden",
    "forget_gradients",
    "linear",
    "set_dropout_generator",
]

_BITS = 2**16
_NARROW = 16
_LARGE = 2**22  # elements of a weight whose gradient keeps its memory
_SIDE = 512  # largest side of a tile
_SHORT, _CACHED = 256, 2**18  # terms of a sum, and elements of a block, at which
_SMALL = 256, 512  # its tiles have at most so many along the longer and shorter side
_COST_OF_FINISH = 2**7  # multiplications that take as long, for each element


def dense(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x @ weight.T + bias``, each row independent of its position.

    For fewer than 16 outputs, a CPU's matrix product uses different code paths for
    different rows, so the last bit of a row depends on its position in the block. Such
    products are padded to 16 outputs. Under autocast only the products run in lower
    precision; the result has the dtype of `x`.
    """
    n_outputs = len(weight)
    if n_outputs >= _NARROW:
        return linear(x, weight, bias).to(x.dtype)
    padded = nn.functional.pad(weight, (0, 0, 0, _NARROW - n_outputs))
    narrow = linear(x, padded)[..., :n_outputs].to(x.dtype)
    return narrow if bias is None else narrow + bias


class Dense(nn.Linear):
    """A linear layer that applies :func:`dense`."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the products of `x` (..., inputs): (..., outputs)."""
        return dense(x, self.weight, self.bias)


class Dropout(nn.Module):
    """Zero elements at random, drawing from a private generator.

    Torch's dropout draws from the global generator, so that fits in parallel threads
    affect each other. Here the generator is set by :func:`set_dropout_generator`;
    without one, training raises an error. The probability is rounded to a multiple of
    1/65,536; four elements share a 64-bit draw, which is four times faster on a CPU.

    Parameters
    ----------
    p : float
        Probability that an element is zeroed.

    Examples
    --------
    >>> import torch
    >>> from sklearn_csg2a.nn import Dropout, set_dropout_generator
    >>> layer = Dropout(0.5)
    >>> set_dropout_generator(layer, torch.Generator().manual_seed(0))
    >>> layer(torch.ones(100)).unique()
    tensor([0., 2.])
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self._threshold = round(p * _BITS)
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor, drawn: Tensor | None = None) -> Tensor:
        """Return `x` with elements dropped in training, else unchanged.

        The mask is drawn here unless it is given.
        """
        return self.drop(x, self.draw(x.shape, x.device) if drawn is None else drawn)

    def draw(self, shape: Sequence[int], device: torch.device) -> Tensor:
        """Draw random numbers for the mask, (rows, ...); of size 0 if none is dropped.

        Separate from :meth:`drop`, so that all blocks of a tensor share one draw.
        """
        if not self.training or self._threshold == 0:
            return torch.empty(*shape[:1], 0, device=device)
        if self.generator is None:
            msg = "Dropout in training mode needs set_dropout_generator(...) first."
            raise RuntimeError(msg)
        n = math.prod(shape)
        draws = torch.empty(-(-n // 4), dtype=torch.int64, device=device)
        draws.random_(-(2**63), None, generator=self.generator)
        drawn = draws.view(torch.int16)[:n].view(*shape)
        # compiled code cannot return a view of another type
        return drawn.clone() if torch.compiler.is_compiling() else drawn

    def drop(self, x: Tensor, drawn: Tensor) -> Tensor:
        """Return `x` with elements dropped according to a draw."""
        return x if drawn.shape != x.shape else x * self.factors(drawn, x.dtype)

    @property
    def factor(self) -> float:
        """By what the elements kept are multiplied."""
        return _BITS / (_BITS - self._threshold)

    def factors(self, drawn: Tensor, dtype: torch.dtype) -> Tensor:
        """Return 0 or :attr:`factor` for each element, according to a draw."""
        # without a boolean tensor in between, whose conversion is slow
        kept = torch.empty(drawn.shape, dtype=dtype, device=drawn.device)
        torch.ge(drawn, self._threshold - _BITS // 2, out=kept)
        return kept.mul_(self.factor)

    def extra_repr(self) -> str:
        """Return the probability, for `repr`."""
        return f"p={self.p}"


class EntityBatchNorm(nn.Module):
    """Batch norm over unique entities, each weighted by its number of rows.

    A batch of 1,024 treatments may contain only 170 distinct compounds. Statistics over
    the distinct ones, weighted by their numbers of rows, equal those over all rows; so
    the layer equals the batch norm of the row-wise network, computed once per entity.

    Parameters
    ----------
    num_features : int
        Width of the input.
    eps : float, default=1e-5
        Added to the variance.
    momentum : float, default=0.1
        Weight of the newest batch in the running statistics.

    Examples
    --------
    Two entities, one of them in three rows:

    >>> import torch
    >>> from sklearn_csg2a.nn import EntityBatchNorm
    >>> x, counts = torch.tensor([[0.0], [4.0]]), torch.tensor([3, 1])
    >>> found = EntityBatchNorm(1)(x, counts).repeat_interleave(counts, dim=0)
    >>> expected = torch.nn.BatchNorm1d(1)(x.repeat_interleave(counts, dim=0))
    >>> torch.allclose(found, expected, atol=1e-6)
    True
    """

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.running_mean: Tensor
        self.running_var: Tensor

    def forward(self, x: Tensor, counts: Tensor | None = None) -> Tensor:
        """Normalise `x` (entities, features); `counts` (entities,) are row counts."""
        if not self.training:
            scale = self.weight * torch.rsqrt(self.running_var + self.eps)
            normed = x - self.running_mean
            normed *= scale
            normed += self.bias
            return normed
        if counts is None:
            return nn.functional.batch_norm(
                x,
                self.running_mean,
                self.running_var,
                self.weight,
                self.bias,
                training=True,
                momentum=self.momentum,
                eps=self.eps,
            )
        n_rows = counts.sum()
        weights = (counts / n_rows).to(x.dtype)
        mean = (weights.unsqueeze(-1) * x).sum(0)  # (features,)
        centered = x - mean
        variance = (weights.unsqueeze(-1) * centered.square()).sum(0)  # (features,)
        self.follow(mean, variance, n_rows)
        return centered * (self.weight * torch.rsqrt(variance + self.eps)) + self.bias

    @torch.no_grad()
    def follow(self, mean: Tensor, variance: Tensor, n_rows: Tensor) -> None:
        """Update the running statistics from those of a batch (features,)."""
        # running_var is the unbiased estimate, as in torch's layer
        unbiased = variance * (n_rows / (n_rows - 1).clamp(min=1)).to(variance.dtype)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(unbiased, self.momentum)

    def extra_repr(self) -> str:
        """Return width, eps and momentum, for `repr`."""
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


def finish_hidden(
    x: Tensor, norm: EntityBatchNorm, dropout: Dropout, counts: Tensor | None = None
) -> Tensor:
    """Return ``dropout(relu(norm(x, counts)))``, (entities, features).

    As separate layers they read and write all values about twenty times in training,
    forward and backward, on one thread. Columns are independent: on a CPU, blocks of
    them that fit into the cache of a core are processed from beginning to end.
    """
    if not (norm.training and may_cut(x)):
        return dropout(norm(x, counts).relu_())
    counts = x.new_ones(len(x)) if counts is None else counts.to(x.dtype)
    n_rows = counts.sum()
    drawn = dropout.draw(x.shape, x.device)
    apply: Callable[..., Any] = _FinishHidden.apply
    output, mean, variance = apply(
        x, norm.weight, norm.bias, counts / n_rows, drawn, dropout, norm.eps
    )
    norm.follow(mean, variance, n_rows)
    return output


class _FinishHidden(torch.autograd.Function):
    """The operation of :func:`finish_hidden`; mean and variance of the columns.

    `shares` (entities,) are the weights of the entities in both.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        shares: Tensor,
        drawn: Tensor,
        dropout: Dropout,
        eps: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        output, normal = torch.empty_like(x), torch.empty_like(x)
        mean, variance = torch.empty_like(weight), torch.empty_like(weight)
        drops = drawn.shape == x.shape

        def compute(c: slice) -> None:
            torch.mv(x[:, c].T, shares, out=mean[c])
            centered = torch.sub(x[:, c], mean[c], out=normal[:, c])
            torch.mv(centered.square().T, shares, out=variance[c])
            centered.mul_(torch.rsqrt(variance[c] + eps))
            active = torch.addcmul(bias[c], centered, weight[c], out=output[:, c])
            active.relu_()
            if drops:
                active.mul_(dropout.factors(drawn[:, c], x.dtype))

        _map_columns(compute, x)
        ctx.factor = dropout.factor if drops else 1.0
        ctx.eps = eps
        ctx.save_for_backward(output, normal, variance, weight, shares)
        ctx.mark_non_differentiable(mean, variance)
        return output, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        output, normal, variance, weight, shares = ctx.saved_tensors
        of_x = torch.empty_like(gradient)
        of_weight, of_bias = torch.empty_like(weight), torch.empty_like(weight)

        def compute(c: slice) -> None:
            # values that ReLU or dropout set to zero have no gradient
            step = gradient[:, c] * torch.gt(output[:, c], 0, out=of_x[:, c])
            torch.sum(step, 0, out=of_bias[c])
            torch.sum(step * normal[:, c], 0, out=of_weight[c])
            of_mean = torch.outer(shares, of_bias[c])
            of_variance = torch.outer(shares, of_weight[c]).mul_(normal[:, c])
            scale = weight[c] * torch.rsqrt(variance[c] + ctx.eps) * ctx.factor
            torch.mul(step.sub_(of_mean).sub_(of_variance), scale, out=of_x[:, c])

        _map_columns(compute, gradient)
        if ctx.factor != 1:
            of_weight, of_bias = of_weight * ctx.factor, of_bias * ctx.factor
        return of_x, of_weight, of_bias, None, None, None, None


def _map_columns(function: Callable[[slice], None], x: Tensor) -> None:
    """Apply `function` to blocks of the columns of `x`."""
    n_blocks = count_blocks(_COST_OF_FINISH * x.numel())
    n_columns = x.shape[1]
    edges = [n_columns * k // n_blocks for k in range(n_blocks + 1)]
    blocks = [slice(*edge) for edge in pairwise(edges)]
    map_blocks(lambda k: function(blocks[k]), n_blocks)


def set_dropout_generator(module: nn.Module, generator: torch.Generator | None) -> None:
    """Give every :class:`Dropout` inside a module the same private generator.

    Parameters
    ----------
    module : nn.Module
        The network.
    generator : torch.Generator or None
        On the device of the network; None removes the generator.

    Examples
    --------
    >>> import torch
    >>> from sklearn_csg2a.nn import Dropout, set_dropout_generator
    >>> network, masks = torch.nn.Sequential(Dropout(0.5)), []
    >>> for seed in (0, 0, 1):
    ...     set_dropout_generator(network, torch.Generator().manual_seed(seed))
    ...     masks.append(network(torch.ones(100)))
    >>> torch.equal(masks[0], masks[1]), torch.equal(masks[0], masks[2])
    (True, False)
    """
    for part in module.modules():
        if isinstance(part, Dropout):
            part.generator = generator


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x @ weight.T + bias`` (..., outputs), like torch's function.

    On a CPU, large products are split into tiles depending on their size alone, so
    that the result does not depend on the number of threads, to the last bit.
    """
    kind = x.device.type
    n_blocks = count_blocks(x.numel() * len(weight))
    if kind != "cpu" or torch.compiler.is_compiling() or n_blocks == 1:
        return torch.nn.functional.linear(x, weight, bias)
    if torch.is_autocast_enabled(kind):
        low = torch.get_autocast_dtype(kind)
        x, weight = x.to(low), weight.to(low)
        bias = None if bias is None else bias.to(low)
    apply: Callable[..., Any] = _Linear.apply
    rows = apply(x.flatten(0, -2), weight, bias)
    return rows.unflatten(0, x.shape[:-1])


class _Linear(torch.autograd.Function):
    """``x @ weight.T + bias`` of x (rows, inputs)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        result = x.new_empty(len(x), len(weight))
        _multiply((x, weight.T, result), added=bias)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        of_x = torch.empty_like(x) if needs_x else None
        of_weight = _gradient_of(weight) if needs_weight else None
        _multiply((gradient, weight, of_x), (gradient.T, x, of_weight))
        return of_x, of_weight, gradient.sum(0) if needs_bias else None


_memory = WeakTensorKeyDictionary()  # of gradients of large weights; None: in use


def forget_gradients(parameters: Iterable[Tensor]) -> None:
    """Set gradients to None; those of large layers are overwritten by the next ones."""
    for one in parameters:
        if one in _memory:
            _memory[one] = one.grad
        one.grad = None


def _gradient_of(weight: Tensor) -> Tensor:
    """Return memory for the gradient of a weight."""
    memory = None
    if weight.is_leaf and weight.numel() >= _LARGE:
        memory, _memory[weight] = _memory.get(weight), None
    return torch.empty_like(weight) if memory is None else memory


@torch.no_grad()
def _multiply(
    *products: tuple[Tensor, Tensor, Tensor | None], added: Tensor | None = None
) -> None:
    """Write ``left @ right + added`` into each third, tile by tile."""
    tiles = []
    for left, right, result in products:
        if result is not None:
            tiles += _cut(left, right, result, added)

    def multiply(tile: int) -> None:
        left, right, result, bias = tiles[tile]
        if bias is None:
            torch.mm(left, right, out=result)
        else:
            torch.addmm(bias, left, right, out=result)

    map_blocks(multiply, len(tiles))


def _cut(
    left: Tensor, right: Tensor, result: Tensor, bias: Tensor | None
) -> list[tuple[Tensor, Tensor, Tensor, Tensor | None]]:
    """Split a product into tiles; return the arguments of each."""
    rows, columns = _edges_of_tiles(len(left), left.shape[1], right.shape[1])
    return [
        (
            left[top:bottom],
            right[:, first:last],
            result[top:bottom, first:last],
            None if bias is None else bias[first:last],
        )
        for (top, bottom), (first, last) in product(pairwise(rows), pairwise(columns))
    ]


def _edges_of_tiles(n_rows: int, n_terms: int, n_columns: int) -> list[list[int]]:
    """Return where tiles begin and end, first along the rows.

    The longer side of the result is split at least into the blocks of its size.
    """
    n_blocks = count_blocks(n_rows * n_terms * n_columns)
    longer, shorter = max(n_rows, n_columns), min(n_rows, n_columns)
    n_long, n_short = 1 if n_blocks == 1 else max(n_blocks, -(-longer // _SIDE)), 1
    if n_terms <= _SHORT and longer * shorter > n_blocks * _CACHED and n_blocks > 1:
        n_long = max(n_blocks, -(-longer // _SMALL[0]))
        n_short = -(-shorter // _SMALL[1])
    n = (n_long, n_short) if n_rows >= n_columns else (n_short, n_long)
    sides = (n_rows, n[0]), (n_columns, n[1])
    return [[size * k // parts for k in range(parts + 1)] for size, parts in sides]
