"""Direct implementation of the model from its formulas, as a reference for speed.

Nothing is shared or cached: every row encodes its molecule by the transformer, and the
gene-by-gene attention matrix is built for every sample. The package computes the same
numbers in a factorized form; `check_perturbation` compares the two. Parameter names
follow the published state dictionaries.

Symbols: g is basal expression and d the chemical condition, both (batch, genes).
Doses are divided by 100 uM and times by 72 h before they come in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

__all__ = [
    "MAT",
    "Batch",
    "ChemicalCondition",
    "Perturbation",
    "Response",
    "Sizes",
    "attention_matrix",
    "check_perturbation",
    "finetune_step",
    "gate",
    "pretrain_step",
    "propagate",
    "random_batch",
    "setup_finetuning",
    "setup_pretraining",
]

LEARNING_RATE = 1e-4
FINETUNING_WEIGHT_DECAY = 1e-5


@dataclass(frozen=True)
class Sizes:
    """Sizes of model and batch; the defaults are the published landmark model."""

    n_genes: int = 978
    hidden_dim: int = 64
    batch_size: int = 128
    n_atoms: int = 40
    mat_width: int = 1024
    mat_layers: int = 8
    mat_heads: int = 16
    head_hidden: tuple[int, int] = (512, 64)


class Batch(NamedTuple):
    """Inputs of one optimization step, one row per treatment."""

    node_features: Tensor  # (batch, atoms, 28)
    adjacency: Tensor  # (batch, atoms, atoms)
    distance: Tensor  # (batch, atoms, atoms)
    basal_expression: Tensor  # (batch, genes)
    dose: Tensor  # (batch, 1)
    time: Tensor  # (batch, 1)


# --- first layer ---------------------------------------------------------------------


def attention_matrix(
    g: Tensor, d: Tensor, w_gene: Tensor, w_comp: Tensor, interactome: Tensor
) -> Tensor:
    """Build A = Q Q^T / sqrt(h) + interactome for every sample.

    `g` and `d` are (batch, genes), `w_gene` and `w_comp` (genes, hidden), and
    `interactome` is (genes, genes) with ones on its diagonal.
    """
    q = g.unsqueeze(-1) * w_gene + d.unsqueeze(-1) * w_comp  # (batch, genes, hidden)
    scores = q @ q.transpose(1, 2) / q.shape[-1] ** 0.5  # (batch, genes, genes)
    return scores + interactome


def propagate(attention: Tensor, g: Tensor) -> Tensor:
    """Matrix-vector form of the paper: y_i = sum_k A_ik g_k, (batch, genes)."""
    return (attention @ g.unsqueeze(-1)).squeeze(-1)


def gate(attention: Tensor, g: Tensor) -> Tensor:
    """Gate form of the published code: y_i = g_i sum_k A_ik, (batch, genes)."""
    return g * attention.sum(dim=-1)


def check_perturbation(
    actual: Tensor, inputs: Sequence[Tensor], *, form: str, tolerance: float = 1e-10
) -> None:
    """Raise AssertionError if another first layer gives different values.

    `actual` is its output before the norm, (batch, genes); `inputs` are its g, d,
    w_gene, w_comp and interactome; `form` is "paper" or "released".
    """
    g, *rest = inputs
    expected = _FORMS[form](attention_matrix(g, *rest), g)
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


_FORMS = {"paper": propagate, "released": gate}


# --- Molecule Attention Transformer --------------------------------------------------


class MATNorm(nn.Module):
    """a (x - mean) / (std + 1e-6) + b with the unbiased standard deviation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a_2 = nn.Parameter(torch.ones(width))
        self.b_2 = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=-1, keepdim=True)
        std = x.std(dim=-1, keepdim=True)
        return self.a_2 * (x - mean) / (std + 1e-6) + self.b_2


class MATAttention(nn.Module):
    """0.33 softmax attention + 0.33 exp(-distance) + 0.34 normalized adjacency."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.linears = nn.ModuleList(nn.Linear(width, width) for _ in range(4))

    def forward(
        self, x: Tensor, mask: Tensor, adjacency: Tensor, distance: Tensor
    ) -> Tensor:
        batch, n_atoms, width = x.shape
        q, k, v = (
            linear(x).view(batch, n_atoms, self.n_heads, -1).transpose(1, 2)
            for linear in self.linears[:3]
        )  # (batch, heads, atoms, width / heads)
        hidden_columns = ~mask[:, None, None, :]
        scores = q @ k.transpose(2, 3) / q.shape[-1] ** 0.5
        scores = scores.masked_fill(hidden_columns, torch.finfo(x.dtype).min)
        p_softmax = scores.softmax(dim=-1)
        p_distance = torch.exp(
            -distance.unsqueeze(1).masked_fill(hidden_columns, torch.inf)
        )
        p_adjacency = adjacency / (adjacency.sum(dim=-1, keepdim=True) + 1e-6)
        p = 0.33 * p_softmax + 0.33 * p_distance + 0.34 * p_adjacency.unsqueeze(1)
        mixed = (p @ v).transpose(1, 2).reshape(batch, n_atoms, width)
        return self.linears[3](mixed)


class MATFeedForward(nn.Module):
    """One dense layer of constant width with a leaky ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linears = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.leaky_relu(self.linears[0](x), 0.1)


class MATLayer(nn.Module):
    """Pre-norm residual attention and feed-forward."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.self_attn = MATAttention(width, n_heads)
        self.feed_forward = MATFeedForward(width)
        self.sublayer = nn.ModuleList(
            nn.ModuleDict({"norm": MATNorm(width)}) for _ in range(2)
        )

    def forward(
        self, x: Tensor, mask: Tensor, adjacency: Tensor, distance: Tensor
    ) -> Tensor:
        normed = self.sublayer[0]["norm"](x)
        x = x + self.self_attn(normed, mask, adjacency, distance)
        return x + self.feed_forward(self.sublayer[1]["norm"](x))


class MAT(nn.Module):
    """Encode padded molecule graphs and average over their nodes."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.mat_width
        self.src_embed = nn.ModuleDict({"lut": nn.Linear(28, width)})
        layers = [MATLayer(width, sizes.mat_heads) for _ in range(sizes.mat_layers)]
        parts = {"layers": nn.ModuleList(layers), "norm": MATNorm(width)}
        self.encoder = nn.ModuleDict(parts)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(
        self, node_features: Tensor, adjacency: Tensor, distance: Tensor
    ) -> Tensor:
        """Return one vector per molecule, (batch, width)."""
        mask = node_features.abs().sum(dim=-1) != 0  # (batch, atoms)
        x = self.src_embed["lut"](node_features)  # (batch, atoms, width)
        for layer in self.encoder["layers"]:
            x = layer(x, mask, adjacency, distance)
        x = self.encoder["norm"](x) * mask.unsqueeze(-1)
        return x.sum(dim=1) / mask.sum(dim=1, keepdim=True)


class ChemicalCondition(nn.Module):
    """Map molecule, dose and time of every row to one value per gene."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.MAT = MAT(sizes)
        self.dose_enc = nn.Linear(1, 2)
        self.time_enc = nn.Linear(1, 2)
        self.comp_proj = nn.Sequential(
            nn.Linear(sizes.mat_width + 4, sizes.n_genes, bias=False),
            nn.BatchNorm1d(sizes.n_genes),
            nn.ReLU(),
            nn.Dropout(0.1),
        )

    def forward(self, batch: Batch) -> Tensor:
        """Return the non-negative condition, (batch, genes)."""
        molecule = self.MAT(batch.node_features, batch.adjacency, batch.distance)
        parts = [molecule, self.dose_enc(batch.dose), self.time_enc(batch.time)]
        return self.comp_proj(torch.cat(parts, dim=1))


class Perturbation(nn.Module):
    """Perturbed expression; `form` "paper" propagates, "released" gates."""

    def __init__(self, sizes: Sizes, interactome: Tensor, form: str) -> None:
        super().__init__()
        self.form = form
        self.w_gex = nn.Parameter(torch.randn(sizes.n_genes, sizes.hidden_dim))
        self.w_comp = nn.Parameter(torch.randn(sizes.n_genes, sizes.hidden_dim))
        self.CCE = ChemicalCondition(sizes)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(sizes.n_genes),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(sizes.n_genes, sizes.n_genes, bias=False),
        )
        self.register_buffer("interactome", interactome, persistent=False)
        self.interactome: Tensor

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return perturbed expression and chemical condition, (batch, genes) each."""
        g = batch.basal_expression
        d = self.CCE(batch)
        attention = attention_matrix(g, d, self.w_gex, self.w_comp, self.interactome)
        return self.feed_forward(_FORMS[self.form](attention, g)), d


class Response(nn.Module):
    """Scaling layer, perturbation model and response head."""

    def __init__(self, sizes: Sizes, interactome: Tensor, form: str) -> None:
        super().__init__()
        first, second = sizes.head_hidden
        self.CSG2A = Perturbation(sizes, interactome, form)
        self.scalar = nn.Parameter(torch.ones(1))
        self.bias = nn.Parameter(torch.zeros(1))
        self.bgex_proj = nn.Sequential(*_dense_block(sizes.n_genes, first))
        self.agex_proj = nn.Sequential(*_dense_block(sizes.n_genes, first))
        self.comp_proj = nn.Sequential(*_dense_block(sizes.n_genes, first))
        self.pred_head = nn.Sequential(
            *_dense_block(3 * first, first),
            *_dense_block(first, second),
            nn.Linear(second, 1),
        )

    def forward(self, batch: Batch) -> Tensor:
        """Return the predicted response, (batch, 1)."""
        g = batch.basal_expression
        scaled = (g + self.bias) * self.scalar
        perturbed, d = self.CSG2A(batch._replace(basal_expression=scaled))
        parts = [self.bgex_proj(g), self.agex_proj(perturbed), self.comp_proj(d)]
        return self.pred_head(torch.cat(parts, dim=1))


def _dense_block(n_inputs: int, n_outputs: int) -> list[nn.Module]:
    """Linear, batch norm, ReLU, dropout."""
    linear, norm = nn.Linear(n_inputs, n_outputs), nn.BatchNorm1d(n_outputs)
    return [linear, norm, nn.ReLU(), nn.Dropout(0.1)]


_Network = TypeVar("_Network", Response, Perturbation)

# --- one optimization step -----------------------------------------------------------


def finetune_step(
    model: Response, optimizer: torch.optim.Optimizer, batch: Batch, response: Tensor
) -> float:
    """Take one step on the head and the scaling layer; return the loss.

    The frozen part stays in training mode, as published. `response` is (batch, 1).
    """
    model.train()
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(batch), response)
    loss.backward()
    optimizer.step()
    return loss.item()


def pretrain_step(
    model: Perturbation,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    perturbed_expression: Tensor,
) -> float:
    """Take one step on all parameters, including the transformer; return the loss."""
    model.train()
    optimizer.zero_grad()
    predicted, _ = model(batch)
    loss = nn.functional.mse_loss(predicted, perturbed_expression)
    loss.backward()
    optimizer.step()
    return loss.item()


def setup_finetuning(
    sizes: Sizes, *, form: str = "released", device: str = "cpu", seed: int = 0
) -> tuple[Response, torch.optim.Optimizer, Batch, Tensor]:
    """Make the arguments of `finetune_step`: random weights and random data."""
    model = _seeded(Response, sizes, form, seed).to(device)
    model.CSG2A.requires_grad_(requires_grad=False)
    optimizer = torch.optim.Adam(
        [p for p in model.parameters() if p.requires_grad],
        lr=LEARNING_RATE,
        weight_decay=FINETUNING_WEIGHT_DECAY,
    )
    rng = torch.Generator().manual_seed(seed)
    response = torch.randn(sizes.batch_size, 1, generator=rng)
    return model, optimizer, random_batch(sizes, device, seed), response.to(device)


def setup_pretraining(
    sizes: Sizes, *, form: str = "released", device: str = "cpu", seed: int = 0
) -> tuple[Perturbation, torch.optim.Optimizer, Batch, Tensor]:
    """Make the arguments of `pretrain_step`: random weights and random data."""
    model = _seeded(Perturbation, sizes, form, seed).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    rng = torch.Generator().manual_seed(seed)
    target = torch.randn(sizes.batch_size, sizes.n_genes, generator=rng)
    return model, optimizer, random_batch(sizes, device, seed), target.to(device)


def random_batch(sizes: Sizes, device: str = "cpu", seed: int = 0) -> Batch:
    """Draw treatments at 10 uM and 72 h of chain molecules of full to half size."""
    rng = torch.Generator().manual_seed(seed)
    n, n_atoms = sizes.batch_size, sizes.n_atoms
    position = torch.arange(n_atoms)
    n_nodes = torch.randint(n_atoms // 2 + 1, n_atoms + 1, (n,), generator=rng)
    n_nodes[0] = n_atoms
    is_node = position < n_nodes.unsqueeze(1)  # (batch, atoms)
    is_atom = is_node & (position > 0)  # the dummy node is first
    both_atoms = is_atom.unsqueeze(1) & is_atom.unsqueeze(2)  # (batch, atoms, atoms)
    both_nodes = is_node.unsqueeze(1) & is_node.unsqueeze(2)

    elements = torch.randint(1, 12, (n, n_atoms), generator=rng)
    features = nn.functional.one_hot(elements, 28) * is_atom.unsqueeze(-1)
    features[:, 0, 0] = 1
    gap = (position.unsqueeze(0) - position.unsqueeze(1)).abs()  # (atoms, atoms)
    distance = torch.where(both_atoms, 1.4 * gap, 1e6 * both_nodes)
    batch = Batch(
        node_features=features.float(),
        adjacency=(both_atoms & (gap <= 1)).float(),
        distance=distance.float(),
        basal_expression=torch.randn(n, sizes.n_genes, generator=rng),
        dose=torch.full((n, 1), 0.1),
        time=torch.ones(n, 1),
    )
    return Batch(*(part.to(device) for part in batch))


def _random_interactome(n_genes: int, seed: int) -> Tensor:
    """Symmetric 0/1 adjacency with self-loops and about two edges per gene."""
    rng = torch.Generator().manual_seed(seed)
    ends = torch.randint(n_genes, (2, 2 * n_genes), generator=rng)
    adjacency = torch.eye(n_genes)
    adjacency[ends[0], ends[1]] = 1.0
    adjacency[ends[1], ends[0]] = 1.0
    return adjacency


def _seeded(network: type[_Network], sizes: Sizes, form: str, seed: int) -> _Network:
    """Build a network from a seed without changing the global random state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return network(sizes, _random_interactome(sizes.n_genes, seed), form)
