"""Many molecules in few arrays: shards on disk, concatenated in memory."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import joblib
import numpy as np
import rdkit
import torch
from torch import Tensor

from sklearn_csg2a.chem._cache import ArrayStore, content_hash
from sklearn_csg2a.chem._compounds import canonical_smiles, parse_smiles, smiles_problem
from sklearn_csg2a.chem._conformers import embed_conformer
from sklearn_csg2a.chem.graphs.mat import DUMMY_DISTANCE, N_NODE_FEATURES, build_graph

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

__all__ = ["GraphBatch", "PackedMolecules", "pack", "pack_molecules", "shard_key"]

_FORMAT = 1
_SHARD_SIZE = 500


@dataclass
class GraphBatch:
    """Padded graphs; node 0 of each is the dummy node."""

    node_features: Tensor  # (batch, nodes, 28)
    mask: Tensor  # (batch, nodes), True for real nodes, including the dummy
    adjacency: Tensor  # (batch, nodes, nodes)
    distance: Tensor  # (batch, nodes, nodes) angstrom


@dataclass
class PackedMolecules:
    """Concatenated atoms of many molecules, and their bonds.

    Needs an eighth of the memory of :class:`~sklearn_csg2a.nn.molecules.Molecules`,
    which holds the graphs of a fit on the device.
    """

    smiles: np.ndarray  # (molecules,)
    n_atoms: np.ndarray  # (molecules,)
    n_bonds: np.ndarray  # (molecules,)
    features: np.ndarray  # (atoms, 27) uint8
    coordinates: np.ndarray  # (atoms, 3) float32, angstrom
    bonds: np.ndarray  # (bonds, 2) positions of atoms in their molecule

    def __len__(self) -> int:
        return len(self.n_atoms)

    @classmethod
    def join(cls, parts: Sequence[PackedMolecules]) -> PackedMolecules:
        """Concatenate parts."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(p, k) for p in parts]) for k in names))

    def take(self, index: np.ndarray) -> PackedMolecules:
        """Return some molecules, in the order of `index`."""
        atoms = _members(self.n_atoms, index)[0]
        bonds = _members(self.n_bonds, index)[0]
        return PackedMolecules(
            self.smiles[index],
            self.n_atoms[index],
            self.n_bonds[index],
            self.features[atoms],
            self.coordinates[atoms],
            self.bonds[bonds],
        )

    def padded(self, index: np.ndarray, width: int) -> GraphBatch:
        """Return the graphs of some molecules, padded to `width` nodes."""
        n = len(index)
        atoms, owner, place = _members(self.n_atoms, index)
        place = place + 1  # node 0 is the dummy
        features = np.zeros((n, width, N_NODE_FEATURES), dtype=np.float32)
        features[:, 0, 0] = 1.0
        features[owner, place, 1:] = self.features[atoms]
        adjacency = np.zeros((n, width, width), dtype=np.float32)
        adjacency[owner, place, place] = 1.0
        bonds, owner_of_bond, _ = _members(self.n_bonds, index)
        begin, end = self.bonds[bonds].T.astype(np.int64) + 1
        adjacency[owner_of_bond, begin, end] = 1.0
        adjacency[owner_of_bond, end, begin] = 1.0
        positions = np.zeros((n, width, 3), dtype=np.float32)
        positions[owner, place] = self.coordinates[atoms]
        points = torch.from_numpy(positions)
        distance = torch.cdist(points, points)  # (batch, nodes, nodes)
        distance[:, 0, :] = DUMMY_DISTANCE
        distance[:, :, 0] = DUMMY_DISTANCE
        mask = np.arange(width) <= self.n_atoms[index, None]
        return GraphBatch(
            torch.from_numpy(features),
            torch.from_numpy(mask),
            torch.from_numpy(adjacency),
            distance,
        )


def pack_molecules(
    smiles: Sequence[str],
    directory: str | os.PathLike[str],
    *,
    n_jobs: int | None,
    on_shard: Callable[[int, int], None],
    **settings: int,
) -> PackedMolecules:
    """Compute coordinates of molecules shard by shard and cache them on disk.

    Molecules are skipped if they cannot be read, have one atom or more than
    `max_atoms`, need longer than `timeout` seconds, or are repeated. Existing shards
    are not recomputed. `on_shard` is called with the number of finished shards and
    their total.
    """
    store = ArrayStore(directory)
    shards = {}
    for start in range(0, len(smiles), _SHARD_SIZE):
        shard = list(smiles[start : start + _SHARD_SIZE])
        shards[shard_key(shard, settings)] = shard
    packed = {key: store.load(key) or {} for key in shards}
    missing = [key for key, arrays in packed.items() if not arrays]
    on_shard(len(shards) - len(missing), len(shards))
    computed = joblib.Parallel(n_jobs=n_jobs, return_as="generator")(
        joblib.delayed(_write_shard)(shards[key], store, key, settings)
        for key in missing
    )
    for ready, key in enumerate(missing, start=1 + len(shards) - len(missing)):
        packed[key] = next(computed)
        on_shard(ready, len(shards))
    molecules = PackedMolecules.join(
        [PackedMolecules(**arrays) for arrays in packed.values()]
    )
    first = np.sort(np.unique(molecules.smiles, return_index=True)[1])
    return molecules if len(first) == len(molecules) else molecules.take(first)


def shard_key(smiles: Sequence[str], settings: dict[str, int]) -> str:
    """Return the cache key of molecules."""
    content = {"smiles": list(smiles), "rdkit": rdkit.__version__, "format": _FORMAT}
    return content_hash(content | settings)


def pack(
    canonical: Sequence[str], coordinates: Sequence[np.ndarray]
) -> PackedMolecules:
    """Pack molecules from canonical SMILES and coordinates of their heavy atoms."""
    features, bonds = [], []
    for text, positions in zip(canonical, coordinates, strict=True):
        graph = build_graph(parse_smiles(text), positions)
        features.append(graph.node_features[1:, 1:].astype(np.uint8))
        begin, end = np.nonzero(np.triu(graph.adjacency[1:, 1:], k=1))
        bonds.append(np.column_stack([begin, end]).astype(np.uint8))
    return PackedMolecules(
        np.asarray(canonical, dtype=np.str_),
        np.asarray([len(rows) for rows in features], dtype=np.int64),
        np.asarray([len(rows) for rows in bonds], dtype=np.int64),
        _stack(features, (0, N_NODE_FEATURES - 1), np.uint8),
        _stack(list(coordinates), (0, 3), np.float32),
        _stack(bonds, (0, 2), np.uint8),
    )


def _write_shard(
    smiles: list[str], store: ArrayStore, key: str, settings: dict[str, int]
) -> dict[str, np.ndarray]:
    """Compute the coordinates of one shard and store them."""
    canonical, coordinates = [], []
    for compound in smiles:
        if smiles_problem(compound) is not None:
            continue
        text = canonical_smiles(compound)
        if not 1 < parse_smiles(text).GetNumHeavyAtoms() <= settings["max_atoms"]:
            continue
        conformer = embed_conformer(
            text, seed=settings["seed"], timeout=settings["timeout"]
        )
        if not conformer.timed_out:
            canonical.append(text)
            coordinates.append(conformer.coordinates.astype(np.float32))
    arrays = vars(pack(canonical, coordinates))
    store.store(key, arrays)
    return arrays


def _stack(
    parts: list[np.ndarray], empty: tuple[int, int], dtype: type[np.generic]
) -> np.ndarray:
    """Concatenate arrays along the first axis; the list may be empty."""
    if not parts:
        return np.zeros(empty, dtype=dtype)
    return np.concatenate(parts).astype(dtype, copy=False)


def _members(
    counts: np.ndarray, index: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return positions of the members of groups, their group and rank in it."""
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    chosen = counts[index]
    owner = np.repeat(np.arange(len(index)), chosen)
    before = np.repeat(np.cumsum(chosen) - chosen, chosen)
    place = np.arange(len(owner)) - before
    return np.repeat(starts[index], chosen) + place, owner, place
