"""Seeded three-dimensional coordinates of heavy atoms, with a fallback ladder."""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import rdkit
from rdkit import Chem, rdBase
from rdkit.Chem import rdDepictor, rdDistGeom, rdForceFieldHelpers

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.chem._cache import ArrayStore, MemoryCache, content_hash
from sklearn_csg2a.chem._smiles import canonical_smiles, parse_smiles
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

__all__ = ["CONFORMER_METHODS", "Conformer", "embed_conformer", "embed_conformers"]

CONFORMER_METHODS = ("etkdg", "random", "2d")
_CACHE_FORMAT = 1
_MAX_SEED = 2**32 - 1
_RDKIT_SEEDS = 2**31 - 2  # its generator takes 0 for 1 and repeats after these
_UFF_ITERATIONS = 200
_SEARCH_SHARE = 0.95  # of the time; the rest is for the flat coordinates
_LOGGER = logging.getLogger("sklearn_csg2a")
_MEMORY = MemoryCache(max_bytes=64 * 2**20)


@dataclass(frozen=True)
class Conformer:
    """Coordinates of the heavy atoms of one compound.

    Attributes
    ----------
    coordinates : ndarray of shape (n_heavy, 3), dtype float64
        Positions in angstrom, in the atom order of the canonical SMILES.
    method : {"etkdg", "random", "2d"}
        How they were found: distance geometry with torsion knowledge, the
        same from random start coordinates, or a flat drawing.
    timed_out : bool
        Whether an earlier rung of the ladder ran out of time. Such a result
        depends on the speed of the machine and is never kept.
    """

    coordinates: np.ndarray
    method: str
    timed_out: bool = False


@dataclass(frozen=True)
class _Settings:
    """What decides a conformer besides the compound."""

    seed: int
    max_attempts: int
    timeout: int
    max_atoms: int

    def __post_init__(self) -> None:
        """Refuse values that RDKit would misread."""
        limits = (("seed", 0), ("max_attempts", 1), ("timeout", 1), ("max_atoms", 1))
        for name, lowest in limits:
            value = getattr(self, name)
            if isinstance(value, bool) or int(value) != value or value < lowest:
                msg = f"{name}={value!r} must be an integer of at least {lowest}."
                raise InputError(msg)
        if self.seed > _MAX_SEED:
            msg = f"seed={self.seed} is too large; use at most {_MAX_SEED}."
            raise InputError(msg)

    def key(self, canonical: str) -> str:
        """Return the sha256 that a result is kept under."""
        return content_hash(
            {
                "smiles": canonical,
                "seed": int(self.seed),
                "max_attempts": int(self.max_attempts),
                "rdkit": rdkit.__version__,
                "format": _CACHE_FORMAT,
            }
        )


def embed_conformer(
    smiles: object,
    *,
    seed: int = 0,
    max_attempts: int = 20,
    timeout: int = 60,
    max_atoms: int = 200,
) -> Conformer:
    """Find coordinates of the heavy atoms of one compound.

    The compound is canonicalized first: every spelling gives the same result,
    bit for bit. Hydrogens take part in the search and are dropped after it.

    Parameters
    ----------
    smiles : str
        One compound. The fragments of a salt are placed on their own, so
        distances between fragments carry no meaning.
    seed : int, default=0
        Seed of the search.
    max_attempts : int, default=20
        Attempts on each rung of the ladder: ETKDGv3, then ETKDGv3 from random
        coordinates, then flat coordinates.
    timeout : int, default=60
        Seconds for the search, all rungs together.
    max_atoms : int, default=200
        Largest number of heavy atoms accepted.

    Returns
    -------
    conformer : Conformer
        Coordinates and the method that found them.

    Raises
    ------
    InvalidSmilesError
        See :func:`~sklearn_csg2a.chem.parse_smiles`.
    InputError
        If the compound has more than `max_atoms` heavy atoms, or a setting is
        out of range.

    Examples
    --------
    >>> from sklearn_csg2a.chem import embed_conformer
    >>> conformer = embed_conformer("CCO")
    >>> conformer.coordinates.shape, conformer.method
    ((3, 3), 'etkdg')
    """
    settings = _Settings(seed, max_attempts, timeout, max_atoms)
    canonical = canonical_smiles(smiles)
    _check_size([canonical], max_atoms)
    return _embed(canonical, settings)


def embed_conformers(
    smiles: Sequence[str],
    *,
    seed: int = 0,
    n_jobs: int | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    max_attempts: int = 20,
    timeout: int = 60,
    max_atoms: int = 200,
) -> list[Conformer]:
    """Find coordinates for many compounds, each distinct one once.

    Results are kept in memory, and in `cache_dir` if given, under a hash of
    canonical SMILES, settings and RDKit version.

    Parameters
    ----------
    smiles : sequence of str of length n
        Compounds, in any spelling.
    seed : int, default=0
        Seed of each search; a result does not depend on the other compounds.
    n_jobs : int, default=None
        Number of processes, as in joblib.
    cache_dir : path-like, default=None
        Folder of the cache on disk. A damaged entry is computed again.
    max_attempts, timeout, max_atoms : int
        See :func:`embed_conformer`.

    Returns
    -------
    conformers : list of Conformer
        One per compound, in the order given.

    Raises
    ------
    InvalidSmilesError
        See :func:`~sklearn_csg2a.chem.parse_smiles`.
    InputError
        See :func:`embed_conformer`.

    Examples
    --------
    >>> from sklearn_csg2a.chem import embed_conformers
    >>> [one.method for one in embed_conformers(["CCO", "OCC"])]
    ['etkdg', 'etkdg']
    """
    settings = _Settings(seed, max_attempts, timeout, max_atoms)
    canonical = [canonical_smiles(one) for one in smiles]
    unique = list(dict.fromkeys(canonical))
    n_atoms = _check_size(unique, max_atoms)
    store = None if cache_dir is None else ArrayStore(cache_dir)
    found: dict[str, Conformer] = {}
    for one in unique:
        kept = _recall(settings.key(one), n_atoms[one], store)
        if kept is not None:
            found[one] = kept
    missing = [one for one in unique if one not in found]
    missing.sort(key=lambda one: (-n_atoms[one], one))  # large ones first
    computed = joblib.Parallel(n_jobs=n_jobs if missing else 1)(
        joblib.delayed(_embed)(one, settings) for one in missing
    )
    for one, conformer in zip(missing, computed, strict=True):
        _keep(settings.key(one), conformer, store)
        found[one] = conformer
    late = [repr(one) for one in missing if found[one].timed_out]
    if late:
        _LOGGER.warning(
            "No coordinates within timeout=%d s, flat ones are used: %s",
            timeout,
            list_offenders(late),
        )
    return [found[one] for one in canonical]


def _check_size(canonical: Sequence[str], max_atoms: int) -> dict[str, int]:
    """Return the heavy atoms of each compound; refuse compounds too large."""
    sizes = {one: _n_heavy_atoms(one) for one in canonical}
    large = [f"{one!r} has {n}" for one, n in sizes.items() if n > max_atoms]
    if large:
        msg = (
            f"{len(large)} compounds exceed max_atoms={max_atoms} heavy atoms: "
            f"{list_offenders(large)}. Remove them, raise max_atoms, or use an "
            "encoder without conformers (MorganEncoder)."
        )
        raise InputError(msg)
    return sizes


def _n_heavy_atoms(canonical: str) -> int:
    """Return the number of atoms other than hydrogen."""
    return int(parse_smiles(canonical).GetNumHeavyAtoms())


def _recall(key: str, n_atoms: int, store: ArrayStore | None) -> Conformer | None:
    """Return a kept conformer if it is sound, from memory or from disk."""
    kept = _MEMORY.get(key)
    if kept is not None:
        if store is not None and not store.path(key).exists():
            _write(key, kept, store)
        return kept
    arrays = None if store is None else store.load(key)
    if arrays is None or set(arrays) != {"coordinates", "method"}:
        return None
    coordinates, method = arrays["coordinates"], str(arrays["method"])
    sound = (
        coordinates.dtype == np.float64
        and coordinates.shape == (n_atoms, 3)
        and bool(np.isfinite(coordinates).all())
        and method in CONFORMER_METHODS
    )
    if not sound:
        return None
    conformer = Conformer(coordinates, method)
    _remember(key, conformer)
    return conformer


def _keep(key: str, conformer: Conformer, store: ArrayStore | None) -> None:
    """Keep a conformer in memory and on disk, unless time decided it."""
    if conformer.timed_out:
        return
    _remember(key, conformer)
    if store is not None:
        _write(key, conformer, store)


def _remember(key: str, conformer: Conformer) -> None:
    """Keep a conformer in memory, read-only."""
    conformer.coordinates.flags.writeable = False
    _MEMORY.put(key, conformer, conformer.coordinates.nbytes + 256)


def _write(key: str, conformer: Conformer, store: ArrayStore) -> None:
    """Write a conformer to disk."""
    method = np.asarray(conformer.method)
    store.store(key, {"coordinates": conformer.coordinates, "method": method})


def _embed(canonical: str, settings: _Settings) -> Conformer:
    """Climb down the ladder until coordinates are found."""
    ends = time.monotonic() + _SEARCH_SHARE * settings.timeout
    timed_out = False
    for method in ("etkdg", "random"):
        left = ends - time.monotonic()
        if left <= 0:
            timed_out = True
            break
        search = _Search(canonical, method, settings, left)
        timed_out = not search.ended
        if search.coordinates is not None:
            return Conformer(search.coordinates, method)
    return Conformer(_flat_coordinates(canonical), "2d", timed_out)


class _Search:
    """One rung of the ladder, given up after `left` seconds.

    RDKit looks at the clock between its steps only, and one step of a large
    molecule takes seconds. So the search runs in a thread, which is left
    behind when time is up and ends at RDKit's next look at the clock.
    """

    def __init__(
        self, canonical: str, method: str, settings: _Settings, left: float
    ) -> None:
        self.coordinates: np.ndarray | None = None
        self.ended = False
        parameters: Any = rdDistGeom.ETKDGv3()
        parameters.randomSeed = 1 + int(settings.seed) % _RDKIT_SEEDS
        parameters.maxIterations = int(settings.max_attempts)
        parameters.useRandomCoords = method == "random"
        parameters.numThreads = 1
        # a later end than `left`, so that it never decides a result
        parameters.timeout = math.ceil(left) + 1
        found: list[np.ndarray | None] = []
        thread = threading.Thread(
            target=lambda: found.append(_search(canonical, parameters)), daemon=True
        )
        with rdBase.BlockLogs():
            thread.start()
            thread.join(left)
        if found:
            self.coordinates, self.ended = found[0], True


def _search(
    canonical: str, parameters: rdDistGeom.EmbedParameters
) -> np.ndarray | None:
    """Return optimized heavy-atom coordinates, None where none are found."""
    mol = Chem.AddHs(parse_smiles(canonical))
    try:
        if rdDistGeom.EmbedMolecule(mol, parameters) < 0:
            return None
    except (RuntimeError, ValueError):
        return None
    _optimize(mol)
    return _heavy_coordinates(mol)


def _optimize(mol: Chem.Mol) -> None:
    """Relax the coordinates with UFF where it knows every atom."""
    if not rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
        return
    before = mol.GetConformer().GetPositions()
    try:
        rdForceFieldHelpers.UFFOptimizeMolecule(mol, maxIters=_UFF_ITERATIONS)
    except (RuntimeError, ValueError):
        mol.GetConformer().SetPositions(before)


def _heavy_coordinates(mol: Chem.Mol) -> np.ndarray | None:
    """Return finite positions of the heavy atoms, None when some are not."""
    heavy = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1]
    coordinates = np.array(mol.GetConformer().GetPositions()[heavy], dtype=np.float64)
    return coordinates if np.isfinite(coordinates).all() else None


def _flat_coordinates(canonical: str) -> np.ndarray:
    """Return the positions of a drawing; the third coordinate is 0."""
    mol = parse_smiles(canonical)
    with rdBase.BlockLogs():
        rdDepictor.Compute2DCoords(mol, canonOrient=True)
    coordinates = _heavy_coordinates(mol)
    if coordinates is None:
        msg = f"{canonical!r}: no coordinates can be found; remove this compound."
        raise InputError(msg)
    return coordinates
