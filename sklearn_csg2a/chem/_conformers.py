"""Seeded three-dimensional coordinates of heavy atoms, with fallbacks."""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import joblib
import numpy as np
import rdkit
from rdkit import Chem, rdBase
from rdkit.Chem import rdDepictor, rdDistGeom, rdForceFieldHelpers

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.chem._cache import ArrayStore, MemoryCache, content_hash
from sklearn_csg2a.chem._compounds import canonical_smiles, parse_smiles
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

__all__ = ["CONFORMER_METHODS", "Conformer", "embed_conformer", "embed_conformers"]

ConformerMethod = Literal["etkdg", "random", "2d"]
CONFORMER_METHODS = get_args(ConformerMethod)
_CACHE_FORMAT = 1
_MAX_SEED = 2**32 - 1
_RDKIT_SEEDS = 2**31 - 2  # its generator treats 0 as 1 and repeats after these
_UFF_ITERATIONS = 200
_SEARCH_SHARE = 0.95  # of the time; the rest is for the 2D coordinates
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
        How they were computed: ETKDG, ETKDG from random start coordinates, or a 2D
        drawing.
    timed_out : bool
        Whether a preceding method ran out of time. Such a result depends on the speed
        of the machine and is not cached.
    """

    coordinates: np.ndarray
    method: ConformerMethod
    timed_out: bool = False


@dataclass(frozen=True)
class _Settings:
    """Settings that determine a conformer."""

    seed: int
    max_attempts: int
    timeout: int
    max_atoms: int

    def __post_init__(self) -> None:
        """Reject values that RDKit would misinterpret."""
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
        """Return the cache key of a result, a sha256."""
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
    """Compute coordinates of the heavy atoms of one compound.

    The compound is canonicalized first, so every spelling gives exactly the same
    result. Hydrogens are included in the search and removed afterwards.

    Parameters
    ----------
    smiles : str
        One compound. The fragments of a salt are placed independently, so distances
        between fragments are not meaningful.
    seed : int, default=0
        Seed of the search.
    max_attempts : int, default=20
        Attempts with each method: ETKDGv3, then ETKDGv3 from random coordinates, then
        2D coordinates.
    timeout : int, default=60
        Seconds for the whole search.
    max_atoms : int, default=200
        Largest number of heavy atoms accepted.

    Returns
    -------
    conformer : Conformer
        Coordinates and the method that computed them.

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
    """Compute coordinates for many compounds, once per distinct compound.

    Results are cached in memory, and in `cache_dir` if given, by a hash of canonical
    SMILES, settings and RDKit version.

    Parameters
    ----------
    smiles : sequence of str of length n
        Compounds, in any spelling.
    seed : int, default=0
        Seed of each search; a result does not depend on the other compounds.
    n_jobs : int, default=None
        Number of processes, as in joblib.
    cache_dir : path-like, default=None
        Folder of the cache on disk. A damaged entry is recomputed.
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
    >>> [conformer.method for conformer in embed_conformers(["CCO", "OCC"])]
    ['etkdg', 'etkdg']
    """
    settings = _Settings(seed, max_attempts, timeout, max_atoms)
    canonical = [canonical_smiles(compound) for compound in smiles]
    unique = list(dict.fromkeys(canonical))
    n_atoms = _check_size(unique, max_atoms)
    store = None if cache_dir is None else ArrayStore(cache_dir)
    conformers: dict[str, Conformer] = {}
    for compound in unique:
        cached = _load_cached(settings.key(compound), n_atoms[compound], store)
        if cached is not None:
            conformers[compound] = cached
    missing = [compound for compound in unique if compound not in conformers]
    # large compounds first
    missing.sort(key=lambda compound: (-n_atoms[compound], compound))
    computed = joblib.Parallel(n_jobs=n_jobs if missing else 1)(
        joblib.delayed(_embed)(compound, settings) for compound in missing
    )
    for compound, conformer in zip(missing, computed, strict=True):
        _cache_result(settings.key(compound), conformer, store)
        conformers[compound] = conformer
    late = [repr(compound) for compound in missing if conformers[compound].timed_out]
    if late:
        _LOGGER.warning(
            "No coordinates within timeout=%d s, 2D coordinates are used: %s",
            timeout,
            list_offenders(late),
        )
    return [conformers[compound] for compound in canonical]


def _check_size(canonical: Sequence[str], max_atoms: int) -> dict[str, int]:
    """Return the number of heavy atoms of each compound; reject large compounds."""
    sizes = {compound: _n_heavy_atoms(compound) for compound in canonical}
    large = [f"{compound!r} has {n}" for compound, n in sizes.items() if n > max_atoms]
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


def _load_cached(key: str, n_atoms: int, store: ArrayStore | None) -> Conformer | None:
    """Return a valid cached conformer from memory or disk, or None."""
    cached = _MEMORY.get(key)
    if cached is not None:
        if store is not None and not store.has(key):
            _write(key, cached, store)
        return cached
    arrays = None if store is None else store.load(key)
    if arrays is None or set(arrays) != {"coordinates", "method"}:
        return None
    coordinates, method = arrays["coordinates"], str(arrays["method"])
    is_valid = (
        coordinates.dtype == np.float64
        and coordinates.shape == (n_atoms, 3)
        and bool(np.isfinite(coordinates).all())
        and method in CONFORMER_METHODS
    )
    if not is_valid:
        return None
    conformer = Conformer(coordinates, cast("ConformerMethod", method))
    _cache_in_memory(key, conformer)
    return conformer


def _cache_result(key: str, conformer: Conformer, store: ArrayStore | None) -> None:
    """Cache a conformer in memory and on disk, unless it timed out."""
    if conformer.timed_out:
        return
    _cache_in_memory(key, conformer)
    if store is not None:
        _write(key, conformer, store)


def _cache_in_memory(key: str, conformer: Conformer) -> None:
    """Cache a conformer in memory, read-only."""
    conformer.coordinates.flags.writeable = False
    _MEMORY.put(key, conformer, conformer.coordinates.nbytes + 256)


def _write(key: str, conformer: Conformer, store: ArrayStore) -> None:
    """Write a conformer to disk."""
    method = np.asarray(conformer.method)
    store.store(key, {"coordinates": conformer.coordinates, "method": method})


def _embed(canonical: str, settings: _Settings) -> Conformer:
    """Try the methods in turn until coordinates are found."""
    deadline = time.monotonic() + _SEARCH_SHARE * settings.timeout
    timed_out = False
    for method in ("etkdg", "random"):
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            timed_out = True
            break
        search = _Search(canonical, method, settings, seconds)
        timed_out = not search.ended
        if search.coordinates is not None:
            return Conformer(search.coordinates, method)
    return Conformer(_flat_coordinates(canonical), "2d", timed_out)


class _Search:
    """A search by one method with a time limit in seconds.

    RDKit checks its timeout only between steps, and one step of a large molecule takes
    seconds. The search therefore runs in a thread, which is abandoned when time is up
    and ends at RDKit's next check.
    """

    def __init__(
        self, canonical: str, method: str, settings: _Settings, seconds: float
    ) -> None:
        self.coordinates: np.ndarray | None = None
        self.ended = False
        parameters: Any = rdDistGeom.ETKDGv3()
        parameters.randomSeed = 1 + int(settings.seed) % _RDKIT_SEEDS
        parameters.maxIterations = int(settings.max_attempts)
        parameters.useRandomCoords = method == "random"
        parameters.numThreads = 1
        # RDKit's own timeout ends later, so that it never decides a result
        parameters.timeout = math.ceil(seconds) + 1
        results: list[np.ndarray | None] = []
        thread = threading.Thread(
            target=lambda: results.append(_search(canonical, parameters)), daemon=True
        )
        with rdBase.BlockLogs():
            thread.start()
            thread.join(seconds)
        if results:
            self.coordinates, self.ended = results[0], True


def _search(
    canonical: str, parameters: rdDistGeom.EmbedParameters
) -> np.ndarray | None:
    """Return optimized heavy-atom coordinates, None if the search fails."""
    mol = Chem.AddHs(parse_smiles(canonical))
    try:
        if rdDistGeom.EmbedMolecule(mol, parameters) < 0:
            return None
    except (RuntimeError, ValueError):
        return None
    _optimize(mol)
    return _heavy_coordinates(mol)


def _optimize(mol: Chem.Mol) -> None:
    """Relax the coordinates with UFF if it has parameters for all atoms."""
    if not rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
        return
    before = mol.GetConformer().GetPositions()
    try:
        rdForceFieldHelpers.UFFOptimizeMolecule(mol, maxIters=_UFF_ITERATIONS)
    except (RuntimeError, ValueError):
        mol.GetConformer().SetPositions(before)


def _heavy_coordinates(mol: Chem.Mol) -> np.ndarray | None:
    """Return finite positions of the heavy atoms, None if some are not finite."""
    heavy = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1]
    coordinates = np.array(mol.GetConformer().GetPositions()[heavy], dtype=np.float64)
    return coordinates if np.isfinite(coordinates).all() else None


def _flat_coordinates(canonical: str) -> np.ndarray:
    """Return the positions of a 2D drawing; the third coordinate is 0."""
    mol = parse_smiles(canonical)
    with rdBase.BlockLogs():
        rdDepictor.Compute2DCoords(mol, canonOrient=True)
    coordinates = _heavy_coordinates(mol)
    if coordinates is None:
        msg = f"{canonical!r}: no coordinates can be found; remove this compound."
        raise InputError(msg)
    return coordinates
