"""A pretrained network on other genes: the shared ones keep what they learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from scipy import sparse

from sklearn_csg2a.estimators._networks import adjacency_entries, csg2a_config
from sklearn_csg2a.exceptions import GeneMismatchError, InputError
from sklearn_csg2a.nn import CSG2A
from sklearn_csg2a.treatments._interactome import read_interactome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from sklearn_csg2a.treatments import Treatments

__all__ = ["check_new_genes", "move_to_genes"]

# What belongs to single genes, and the axis along which they stand.
_AXES = {
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
_OF_THE_INTERACTOME = "attention.edge_", "attention.degree"


def check_new_genes(estimator: Any) -> None:
    """Refuse to add genes to a part that does not learn."""
    adds = estimator.new_genes == "add" and estimator.pretrained is not None
    if adds and estimator.freeze:
        msg = (
            "new_genes='add' gives the pretrained network genes that it has not "
            "learned; set freeze=False, so that it learns them."
        )
        raise InputError(msg)


def move_to_genes(
    csg2a: CSG2A, known: Sequence[str], treatments: Treatments, interactome: Any
) -> CSG2A:
    """Return a CSG2A on the genes of `treatments`; `known` are those of `csg2a`.

    Shared genes keep all that belongs to them. The others start as in a new network,
    except that they add nothing to the outputs yet.
    """
    genes = treatments.genes
    place = {gene: position for position, gene in enumerate(known)}
    shared = [position for position, gene in enumerate(genes) if gene in place]
    if not (treatments.genes_named and shared):
        msg = (
            f"new_genes='add': none of the {len(genes)} genes of X is one of the "
            f"{len(known)} of the pretrained model (a gene of X: {genes[0]!r}; of the "
            f"model: {known[0]!r}). Give genes by name, with the same kind of symbols."
        )
        raise GeneMismatchError(msg)
    to = torch.tensor(shared)
    source = torch.tensor([place[genes[position]] for position in shared])
    if interactome is None:
        interactome = _edges_between(csg2a, source, to, len(genes))
    config = {**csg2a_config(csg2a), "n_genes": len(genes)}
    adjacency = read_interactome(interactome, genes, genes_named=True)
    moved = CSG2A(interactome=adjacency_entries(adjacency), **config)
    torch.nn.init.zeros_(moved.output.weight)
    old, new = csg2a.state_dict(), moved.state_dict()
    for name, values in old.items():
        if name.startswith(_OF_THE_INTERACTOME):
            continue
        if name in _AXES:
            _copy(values, new[name], source, to, _AXES[name])
        else:
            new[name].copy_(values)
    return moved


def _edges_between(
    csg2a: CSG2A, source: Tensor, to: Tensor, n_genes: int
) -> sparse.coo_array:
    """Return the network's edges between shared genes, (genes, genes)."""
    layer = csg2a.attention
    place = torch.full((len(layer.degree),), -1, dtype=torch.int64)
    place[source] = to
    rows, columns = place[layer.edge_rows], place[layer.edge_columns]
    kept = (rows >= 0) & (columns >= 0)
    ends = rows[kept].numpy(), columns[kept].numpy()
    return sparse.coo_array(
        (layer.edge_values[kept].numpy(), ends), shape=(n_genes, n_genes)
    )


def _copy(
    values: Tensor, target: Tensor, source: Tensor, to: Tensor, axis: int
) -> None:
    """Copy the entries of some genes."""
    target.index_copy_(axis, to, values.index_select(axis, source))
