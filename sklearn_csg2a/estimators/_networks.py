"""CSG2A networks from saved state, or on other genes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import sparse

from sklearn_csg2a.estimators._preparation import adjacency_entries
from sklearn_csg2a.exceptions import GeneMismatchError
from sklearn_csg2a.nn import CSG2A, ResponseNetwork
from sklearn_csg2a.treatments._genes import read_interactome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from sklearn_csg2a.estimators._base import BaseCSG2A
    from sklearn_csg2a.treatments import Treatments

__all__ = [
    "copy_csg2a",
    "csg2a_config",
    "csg2a_from_state",
    "move_to_genes",
    "response_config",
    "response_from_state",
]


# Weights with one entry per gene, and the axis of the genes.
_GENE_AXES = {
    "attention.w_gene": 0,
    "attention.w_comp": 0,
    "attention.gate": 0,
    "condition.project.weight": 0,
    "condition.norm.weight": 0,
    "condition.norm.bias": 0,
    "condition.norm.running_mean": 0,
    "condition.norm.running_var": 0,
    "norm.weight": 0,
    "norm.bias": 0,
    "output.weight": 1,
}
_INTERACTOME_BUFFERS = "attention.edge_", "attention.degree"


def csg2a_config(network: CSG2A) -> dict[str, Any]:
    """Return the arguments that rebuild a CSG2A network, its interactome aside."""
    return {
        "n_genes": network.norm.normalized_shape[0],
        "n_outputs": network.n_outputs,
        "compound_dim": network.condition.compound_dim,
        "hidden_dim": network.attention.hidden_dim,
        "attention": network.attention.form,
        "dropout": network.dropout.p,
        "gene_dropout": network.gene_dropout.p,
    }


def csg2a_from_state(
    config: dict[str, Any], arrays: dict[str, np.ndarray], prefix: str = ""
) -> CSG2A:
    """Rebuild a CSG2A network; `arrays` hold its interactome under `prefix`."""
    rows, columns, values = (
        torch.tensor(arrays[f"{prefix}attention.edge_{name}"])
        for name in ("rows", "columns", "values")
    )
    return CSG2A(interactome=(rows, columns, values), **config)


def response_config(network: ResponseNetwork) -> dict[str, Any]:
    """Return the arguments that rebuild a response network."""
    return {
        "csg2a": csg2a_config(network.csg2a),
        "widths": list(network.head.widths),
        "dropout": network.head.dropout.p,
        "gene_dropout": network.gene_dropout.p,
        "bilinear_dim": network.head.bilinear_dim,
        "freeze": network.freeze,
    }


def response_from_state(
    config: dict[str, Any], arrays: dict[str, np.ndarray]
) -> ResponseNetwork:
    """Rebuild a response network; weights are loaded afterwards."""
    return ResponseNetwork(
        csg2a_from_state(config["csg2a"], arrays, prefix="csg2a."),
        tuple(config["widths"]),
        config["dropout"],
        config["gene_dropout"],
        config["bilinear_dim"],
        freeze=config["freeze"],
    )


def move_to_genes(
    csg2a: CSG2A, known: Sequence[str], treatments: Treatments, interactome: Any
) -> CSG2A:
    """Return a CSG2A on the genes of `treatments`; `known` are those of `csg2a`.

    Genes of both keep their weights. The others start as in a new network, except
    that their output weights are 0.
    """
    genes = treatments.genes
    known_position = {gene: position for position, gene in enumerate(known)}
    shared = [position for position, gene in enumerate(genes) if gene in known_position]
    if not (treatments.genes_named and shared):
        msg = (
            f"new_genes='add': none of the {len(genes)} genes of X is one of the "
            f"{len(known)} of the pretrained model (a gene of X: {genes[0]!r}; of the "
            f"model: {known[0]!r}). Give genes by name, with the same kind of symbols."
        )
        raise GeneMismatchError(msg)
    to = torch.tensor(shared)
    source = torch.tensor([known_position[genes[position]] for position in shared])
    if interactome is None:
        interactome = _edges_between(csg2a, source, to, len(genes))
    config = {**csg2a_config(csg2a), "n_genes": len(genes)}
    adjacency = read_interactome(interactome, genes, genes_named=True)
    moved = CSG2A(interactome=adjacency_entries(adjacency), **config)
    torch.nn.init.zeros_(moved.output.weight)
    old, new = csg2a.state_dict(), moved.state_dict()
    for name, values in old.items():
        if name.startswith(_INTERACTOME_BUFFERS):
            continue
        if name in _GENE_AXES:
            _copy_genes(values, new[name], source, to, _GENE_AXES[name])
        else:
            new[name].copy_(values)
    return moved


def _edges_between(
    csg2a: CSG2A, source: Tensor, to: Tensor, n_genes: int
) -> sparse.coo_array:
    """Return the network's edges between shared genes, (genes, genes)."""
    layer = csg2a.attention
    position = torch.full((len(layer.degree),), -1, dtype=torch.int64)
    position[source] = to
    rows, columns = position[layer.edge_rows], position[layer.edge_columns]
    kept = (rows >= 0) & (columns >= 0)
    ends = rows[kept].numpy(), columns[kept].numpy()
    return sparse.coo_array(
        (layer.edge_values[kept].numpy(), ends), shape=(n_genes, n_genes)
    )


def _copy_genes(
    values: Tensor, target: Tensor, source: Tensor, to: Tensor, axis: int
) -> None:
    """Copy the weights of some genes."""
    target.index_copy_(axis, to, values.index_select(axis, source))


def copy_csg2a(first: BaseCSG2A) -> CSG2A:
    """Return a copy of a fitted network that knows the units of its outputs."""
    arrays = first._network_arrays()  # noqa: SLF001
    network = csg2a_from_state(first._network_config(), arrays)  # noqa: SLF001
    network.load_state_dict({k: torch.tensor(v) for k, v in arrays.items()})
    network.location.copy_(torch.tensor(first._location, dtype=torch.float32))  # noqa: SLF001
    network.scale.copy_(torch.tensor(first._scale, dtype=torch.float32))  # noqa: SLF001
    return network
