"""CSG2A networks from an estimator's parameters, or from saved state."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn import CSG2A, ResponseNetwork
from sklearn_csg2a.treatments._interactome import read_interactome

if TYPE_CHECKING:
    from scipy import sparse
    from torch import Tensor

    from sklearn_csg2a.estimators._base import BaseCSG2A
    from sklearn_csg2a.treatments import Treatments

__all__ = [
    "adjacency_entries",
    "build_csg2a",
    "build_response",
    "csg2a_config",
    "csg2a_from_state",
    "response_config",
    "response_from_state",
]


def build_csg2a(
    estimator: BaseCSG2A, treatments: Treatments, compound_dim: int, n_outputs: int
) -> CSG2A:
    """Return a new CSG2A network with an estimator's parameters."""
    adjacency = read_interactome(
        estimator.interactome, treatments.genes, genes_named=treatments.genes_named
    )
    parameters = estimator.get_params(deep=False)
    return CSG2A(
        n_genes=treatments.n_genes,
        n_outputs=n_outputs,
        compound_dim=compound_dim,
        interactome=adjacency_entries(adjacency),
        hidden_dim=parameters["hidden_dim"],
        attention=parameters["attention"],
        dropout=parameters["dropout"],
        gene_dropout=parameters["gene_dropout"],
    )


def build_response(
    estimator: BaseCSG2A, csg2a: CSG2A, *, freeze: bool
) -> ResponseNetwork:
    """Return a new response head around a CSG2A network."""
    parameters = estimator.get_params(deep=False)
    return ResponseNetwork(
        csg2a,
        _read_widths(parameters["head_hidden"]),
        parameters["dropout"],
        parameters["gene_dropout"],
        parameters["bilinear_dim"],
        freeze=freeze,
    )


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


def _read_widths(head_hidden: Any) -> tuple[int, ...]:
    """Return the hidden widths of a head, at least one."""
    widths = tuple(head_hidden)
    if not widths or any(not isinstance(w, Integral) or w < 1 for w in widths):
        msg = f"head_hidden={head_hidden!r}; expected widths such as (512, 64)."
        raise InputError(msg)
    return tuple(int(width) for width in widths)


def adjacency_entries(adjacency: sparse.coo_array) -> tuple[Tensor, Tensor, Tensor]:
    """Return rows, columns and values as tensors, sorted by row."""
    order = np.lexsort((adjacency.col, adjacency.row))
    return (
        torch.from_numpy(adjacency.row[order].astype(np.int64)),
        torch.from_numpy(adjacency.col[order].astype(np.int64)),
        torch.from_numpy(adjacency.data[order].astype(np.float32)),
    )
