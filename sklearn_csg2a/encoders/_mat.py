"""The Molecule Attention Transformer as a scikit-learn transformer."""

from __future__ import annotations

import os
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import rdkit
import torch

from sklearn_csg2a._utils.sklearn_compat import Interval
from sklearn_csg2a.chem._cache import ArrayStore, MemoryCache, content_hash
from sklearn_csg2a.chem._conformers import embed_conformers
from sklearn_csg2a.chem.graphs.mat import (
    N_NODE_FEATURES,
    check_elements,
    molecule_graphs,
)
from sklearn_csg2a.encoders._base import SmilesEncoder
from sklearn_csg2a.encoders._mat_weights import (
    MATWeights,
    load_network,
    random_network,
    weights_digest,
)
from sklearn_csg2a.exceptions import InputError, ModelFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn_csg2a.chem.graphs.mat import MoleculeGraph
    from sklearn_csg2a.nn.mat import MAT

__all__ = ["MATEncoder"]

_DEFAULT_HEADS = 4
_MEMORY = MemoryCache(max_bytes=64 * 2**20)


class MATEncoder(SmilesEncoder):
    """Encode compounds by a Molecule Attention Transformer.

    Parameters
    ----------
    weights : "shipped", path-like or MATWeights, default="shipped"
        The value "shipped" selects the weights in the package: width 256, 6 layers,
        trained by :func:`pretrain_mat`; ``encoders/weights/README.md`` describes the
        training data and accuracy. A path is a state dictionary with the published
        names, a ``.safetensors`` file or a ``.pt`` file that contains only tensors. The
        encoder of a model read by `load_published` contains its weights. None gives a
        network with random weights that depend on `random_state`.
    d_model : int, default=64
        Width if `weights` is None; otherwise determined by the weights.
    n_layers : int, default=2
        Number of layers if `weights` is None; otherwise determined by the weights.
    n_heads : int, default=None
        Number of attention heads. None is 4 if `weights` is None; otherwise the
        entry "n_heads" in the metadata of the file, or 16 at width 1024.
    keep_salts : bool, default=True
        Whether to encode the whole compound as written. If False, only the
        largest fragment is encoded.
    max_attempts : int, default=20
        Attempts with each method of the search for coordinates.
    timeout : int, default=60
        Seconds for that search, per compound.
    max_atoms : int, default=200
        Largest number of heavy atoms accepted.
    cache_dir : path-like, default=None
        Folder that caches coordinates and encodings; without it they are only cached in
        memory.
    n_jobs : int, default=None
        Number of processes that compute coordinates, as in joblib.
    random_state : int, default=0
        Seed of the coordinates and of the random weights.

    See Also
    --------
    pretrain_mat : Train weights on molecules without labels.
    MorganEncoder : Encode compounds by fingerprints.
    embed_conformers : Coordinates and the method that computed them.

    Notes
    -----
    The encoding is the mean over all nodes of the graph, including the dummy node.
    Compounds are encoded one at a time, so that an encoding does not depend on the
    other compounds, to the last bit. The transformer is stateless: `transform` works
    without `fit`.

    References
    ----------
    Maziarka et al. "Molecule Attention Transformer", arXiv:2002.08264, 2020.

    Examples
    --------
    >>> from sklearn_csg2a.encoders import MATEncoder
    >>> ethanol, again, amine = MATEncoder().transform(["CCO", "OCC", "CCN"])
    >>> len(ethanol), bool((ethanol == again).all()), bool((ethanol == amine).all())
    (256, True, False)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "weights": [str, os.PathLike, MATWeights, None],
        "d_model": [Interval(Integral, 2, None, closed="left")],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "n_heads": [Interval(Integral, 1, None, closed="left"), None],
        "keep_salts": ["boolean"],
        "max_attempts": [Interval(Integral, 1, None, closed="left")],
        "timeout": [Interval(Integral, 1, None, closed="left")],
        "max_atoms": [Interval(Integral, 1, None, closed="left")],
        "cache_dir": [str, os.PathLike, None],
        "n_jobs": [Integral, None],
        "random_state": [Interval(Integral, 0, 2**32 - 1, closed="both")],
    }

    def __init__(
        self,
        weights: str | os.PathLike[str] | MATWeights | None = "shipped",
        d_model: int = 64,
        n_layers: int = 2,
        n_heads: int | None = None,
        keep_salts: bool = True,
        max_attempts: int = 20,
        timeout: int = 60,
        max_atoms: int = 200,
        cache_dir: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.weights = weights
        self.d_model = d_model
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.keep_salts = keep_salts
        self.max_attempts = max_attempts
        self.timeout = timeout
        self.max_atoms = max_atoms
        self.cache_dir = cache_dir
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fallbacks(self, X: object) -> np.ndarray:
        """Tell for which compounds the ETKDGv3 coordinate search failed.

        Parameters
        ----------
        X : sequence of str of length n
            Compounds.

        Returns
        -------
        used_fallback : ndarray of shape (n,), dtype bool
            True if ETKDGv3 failed and random start coordinates or a 2D drawing were
            used.

        Raises
        ------
        InvalidSmilesError
            If a row has no valid SMILES.

        Examples
        --------
        >>> from sklearn_csg2a.encoders import MATEncoder
        >>> MATEncoder().fallbacks(["CCO"]).tolist()
        [False]
        """
        self._validate_params()
        conformers = embed_conformers(self._read(X), **self._search_settings())
        return np.asarray(
            [conformer.method != "etkdg" for conformer in conformers], dtype=bool
        )

    @property
    def _n_features_out(self) -> int:
        """Width of the network."""
        return self.d_model if self.weights is None else self._network().d_model

    def _encode(self, smiles: Sequence[str]) -> np.ndarray:
        """Run the network: (n, d_model) float32."""
        network = self._network()
        store = None if self.cache_dir is None else ArrayStore(self.cache_dir)
        keys = {compound: self._key(compound) for compound in smiles}
        encodings: dict[str, np.ndarray] = {}
        for compound in smiles:
            cached = _load_cached(keys[compound], network.d_model, store)
            if cached is not None:
                encodings[compound] = cached
        check_elements(list(encodings))
        missing = [compound for compound in smiles if compound not in encodings]
        graphs = molecule_graphs(missing, **self._search_settings())
        for compound, graph in zip(missing, graphs, strict=True):
            encodings[compound] = _pooled(network, graph)
            if not graph.timed_out:
                _cache_result(keys[compound], encodings[compound], store)
        return np.stack([encodings[compound] for compound in smiles])

    def _key(self, canonical: str) -> str:
        """Return the cache key of an encoding, a sha256."""
        content = {"smiles": canonical, "rdkit": rdkit.__version__, **self.content()}
        return content_hash(content)

    def _search_settings(self) -> dict[str, Any]:
        """Return the keyword arguments of the coordinate search."""
        return {
            "seed": self.random_state,
            "n_jobs": self.n_jobs,
            "cache_dir": self.cache_dir,
            "max_attempts": self.max_attempts,
            "timeout": self.timeout,
            "max_atoms": self.max_atoms,
        }

    def _network(self) -> MAT:
        """Return the network, shared between equal encoders."""
        if self.weights is not None:
            network = load_network(self.weights, self.n_heads)
            if network.d_atom != N_NODE_FEATURES:
                msg = (
                    f"weights={str(self.weights)!r} need {network.d_atom} node "
                    f"features, this package has {N_NODE_FEATURES}; weights of other "
                    "MAT variants cannot be used."
                )
                raise ModelFileError(msg)
            return network
        n_heads = _DEFAULT_HEADS if self.n_heads is None else self.n_heads
        if self.d_model % n_heads:
            msg = f"d_model={self.d_model} must be a multiple of n_heads={n_heads}."
            raise InputError(msg)
        return random_network(
            d_model=self.d_model,
            n_layers=self.n_layers,
            n_heads=n_heads,
            seed=self.random_state,
        )

    def content(self) -> dict[str, Any]:
        """Return everything that determines the encoding of a compound.

        Returns
        -------
        content : dict of str to plain values
            The parameters, `weights` replaced by their sha256.
        """
        content = super().content()
        if self.weights is not None:
            content["weights"] = weights_digest(self.weights)
        return content


def _load_cached(key: str, width: int, store: ArrayStore | None) -> np.ndarray | None:
    """Return a valid cached encoding from memory or disk, or None."""
    cached = _MEMORY.get(key)
    if cached is not None:
        if store is not None and not store.has(key):
            store.store(key, {"encoding": cached})
        return cached
    encoding = ((store and store.load(key)) or {}).get("encoding")
    if encoding is None or encoding.shape != (width,) or encoding.dtype != np.float32:
        return None
    return encoding if np.isfinite(encoding).all() else None


def _cache_result(key: str, encoding: np.ndarray, store: ArrayStore | None) -> None:
    """Cache an encoding in memory and on disk."""
    encoding.flags.writeable = False
    _MEMORY.put(key, encoding, encoding.nbytes + 256)
    if store is not None:
        store.store(key, {"encoding": encoding})


def _pooled(network: MAT, graph: MoleculeGraph) -> np.ndarray:
    """Average the encoded nodes of one graph: (d_model,)."""
    features = torch.from_numpy(graph.node_features)[None]  # (1, nodes, 28)
    adjacency = torch.from_numpy(graph.adjacency)[None]  # (1, nodes, nodes)
    distance = torch.from_numpy(graph.distance)[None]  # (1, nodes, nodes)
    mask = torch.ones(features.shape[:2], dtype=torch.bool)
    with torch.inference_mode():
        encoded = network(features, mask, adjacency, distance)
    return encoded[0].mean(dim=0).numpy()
