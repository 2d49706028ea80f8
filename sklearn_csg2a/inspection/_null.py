"""What a readout gives where there is nothing to find."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from scipy import sparse

from sklearn_csg2a.estimators._networks import (
    csg2a_config,
    csg2a_from_state,
    response_config,
    response_from_state,
)
from sklearn_csg2a.estimators._preparation import adjacency_entries
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn import CSG2A, ResponseNetwork, csg2a_part
from sklearn_csg2a.training.data import interactome_terms
from sklearn_csg2a.training.device import seeded_initialisation
from sklearn_csg2a.training.inference import encode_conditions

if TYPE_CHECKING:
    from sklearn_csg2a.estimators._map_reader import MapReader
    from sklearn_csg2a.estimators._sources import Source

__all__ = ["NULLS", "Null", "check_null", "draw_null"]

Null = Literal["untrained", "rewired", "permuted"]
NULLS = get_args(Null)

_SWAPS_PER_EDGE = 10


def check_null(reader: MapReader, null: str | None) -> None:
    """Refuse a null that does not exist, or not for this model."""
    if null is None:
        return
    if null not in NULLS:
        raise InputError(
            f"null={null!r}; expected one of {', '.join(map(repr, NULLS))}, or None."
        )
    source = reader.sources[0]
    layer = source.csg2a.attention
    if null == "rewired" and not (layer.edge_rows != layer.edge_columns).any():
        raise InputError(
            "null='rewired' exchanges the edges of the interactome, and this model was "
            "fitted without one; use 'untrained' or 'permuted'."
        )
    if null == "permuted" and len(source.data.compounds) < 2:
        raise InputError(
            f"null='permuted' exchanges compounds, and X has "
            f"{len(source.data.compounds)}; expected at least 2."
        )


def draw_null(reader: MapReader, null: Null, seed: int) -> MapReader:
    """Return a reader of a model that has nothing to show."""
    draw = {"untrained": _untrain, "rewired": _rewire, "permuted": _permute}[null]
    return replace(reader, sources=[draw(source, seed) for source in reader.sources])


def _permute(source: Source, seed: int) -> Source:
    """Exchange the compounds, each for another one in all its rows."""
    data = source.data
    order = np.random.default_rng(seed).permutation(len(data.compounds))
    other = torch.from_numpy(order).to(data.condition_compound)
    permuted = replace(
        data,
        condition_compound=other[data.condition_compound],
        encoded_conditions=None,
    )
    return replace(
        source, data=permuted, conditions=encode_conditions(source.csg2a, permuted)
    )


def _untrain(source: Source, seed: int) -> Source:
    """Draw all weights anew."""
    network = source.network
    arrays = {
        name: values.cpu().numpy()
        for name, values in network.state_dict().items()
        if "attention.edge_" in name
    }
    new: CSG2A | ResponseNetwork
    with seeded_initialisation(seed):
        if isinstance(network, ResponseNetwork):
            new = response_from_state(response_config(network), arrays)
            new.head.output.reset_parameters()  # begins as a constant
        else:
            new = csg2a_from_state(csg2a_config(network), arrays)
    csg2a_part(new).scale.copy_(source.csg2a.scale)
    new.to(source.conditions.device).eval()
    data = replace(source.data, encoded_conditions=None)
    conditions = encode_conditions(csg2a_part(new), data)
    return replace(source, network=new, data=data, conditions=conditions)


def _rewire(source: Source, seed: int) -> Source:
    """Exchange the partners of edges: each gene keeps its number of partners."""
    network = copy.deepcopy(source.network)
    layer = csg2a_part(network).attention
    rows, columns = layer.edge_rows.cpu().numpy(), layer.edge_columns.cpu().numpy()
    upper = np.flatnonzero(rows < columns)
    first, second = _swap_partners(rows[upper], columns[upper], seed)
    values = layer.edge_values.cpu().numpy()[upper]
    own = np.flatnonzero(rows == columns)
    new = sparse.coo_array(
        (
            np.concatenate([values, values, layer.edge_values.cpu().numpy()[own]]),
            (
                np.concatenate([first, second, rows[own]]),
                np.concatenate([second, first, columns[own]]),
            ),
        )
    )
    entries = adjacency_entries(new)
    for name, entry in zip(("rows", "columns", "values"), entries, strict=True):
        getattr(layer, f"edge_{name}").copy_(entry)
    layer.degree.zero_().index_add_(0, layer.edge_rows, layer.edge_values)
    data = replace(
        source.data,
        interactome_term=interactome_terms(csg2a_part(network), source.data.basal),
    )
    return replace(source, network=network, data=data)


def _swap_partners(
    first: np.ndarray, second: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Swap the ends of random pairs of edges, without loops or double edges."""
    rng = np.random.default_rng(seed)
    ends = np.stack([first, second], axis=1)
    present = {(min(a, b), max(a, b)) for a, b in ends.tolist()}
    n_edges = len(ends)
    for a, b, flip in rng.integers(
        (n_edges, n_edges, 2), size=(_SWAPS_PER_EDGE * n_edges, 3)
    ).tolist():
        (i, j), (p, q) = ends[a].tolist(), ends[b].tolist()
        if flip:
            p, q = q, p
        new = (min(i, q), max(i, q)), (min(p, j), max(p, j))
        if i == q or p == j or new[0] == new[1] or present & set(new):
            continue
        present -= {(min(i, j), max(i, j)), (min(p, q), max(p, q))}
        present |= set(new)
        ends[a], ends[b] = new
    return ends[:, 0], ends[:, 1]
