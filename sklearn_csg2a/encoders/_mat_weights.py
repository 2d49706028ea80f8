"""Reading and checking of weights of the Molecule Attention Transformer."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from sklearn_csg2a._utils.files import regular_size
from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.exceptions import ModelFileError
from sklearn_csg2a.nn.mat import MAT

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "MATWeights",
    "file_digest",
    "load_network",
    "random_network",
    "read_tensors",
    "weights_digest",
]

_LAYER = re.compile(r"encoder\.layers\.(\d+)\.")
_EMBEDDING = "src_embed.lut.weight"
_UNUSED = "generator"  # head of the pretraining task
_SHIPPED = "shipped"
_SHIPPED_FILE = Path(__file__).parent / "weights" / "mat.safetensors"
_PUBLISHED_WIDTH = 1024
_PUBLISHED_HEADS = 16
_MAX_BYTES = 2**34  # a hundred times the published weights


class MATWeights:
    """Weights of a transformer in memory; they are never modified or copied.

    Parameters
    ----------
    arrays : dict of str to ndarray
        State dictionary with the published names.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_csg2a.encoders import MATWeights
    >>> same = [MATWeights({"generator.proj.bias": np.zeros(3)}) for _ in range(2)]
    >>> same[0] == same[1]
    True
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.arrays = dict(arrays)

    @cached_property
    def digest(self) -> str:
        """The sha256 of names, types, shapes and values."""
        total = hashlib.sha256()
        for name, array in sorted(self.arrays.items()):
            total.update(f"{name}{array.dtype}{array.shape}".encode())
            total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MATWeights) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __deepcopy__(self, memo: dict[int, object]) -> MATWeights:
        return self

    def __repr__(self) -> str:
        return f"MATWeights(sha256={self.digest[:12]})"


def random_network(*, d_model: int, n_layers: int, n_heads: int, seed: int) -> MAT:
    """Return an untrained network from a seed, ready for inference."""
    return _random_network(int(d_model), int(n_layers), int(n_heads), int(seed))


def load_network(
    weights: str | os.PathLike[str] | MATWeights, n_heads: int | None
) -> MAT:
    """Return the network of a weight file or of weights, ready for inference."""
    if isinstance(weights, MATWeights):
        return _build_network(weights, n_heads)
    path = _locate(weights)
    return _load_network(path, _stamp(path), n_heads)


def weights_digest(weights: str | os.PathLike[str] | MATWeights) -> str:
    """Return the sha256 of a weight file or of weights."""
    return weights.digest if isinstance(weights, MATWeights) else file_digest(weights)


def file_digest(path: str | os.PathLike[str]) -> str:
    """Return the sha256 of a weight file."""
    path = _locate(path)
    return _file_digest(path, _stamp(path))


def _locate(weights: str | os.PathLike[str]) -> Path:
    """Return the path of a weight file; "shipped" is in the package."""
    return _SHIPPED_FILE if weights == _SHIPPED else Path(weights)


def _stamp(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Return modification time and size of a regular file of a plausible size."""
    try:
        size = regular_size(Path(path))
        modified = Path(path).stat().st_mtime_ns
    except OSError as error:
        msg = f"weights={os.fspath(path)!r} cannot be read: {error.strerror}."
        raise ModelFileError(msg) from error
    if not 0 < size <= _MAX_BYTES:
        msg = (
            f"weights={os.fspath(path)!r} cannot be weights of a Molecule Attention "
            f"Transformer: the file has {size} bytes."
        )
        raise ModelFileError(msg)
    return modified, size


@lru_cache(maxsize=16)
def _file_digest(path: Path, stamp: tuple[int, int]) -> str:  # noqa: ARG001
    """Hash a file once per version of it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=4)
def _random_network(d_model: int, n_layers: int, n_heads: int, seed: int) -> MAT:
    """Draw a network from a private generator."""
    generator = torch.Generator().manual_seed(seed)
    network = MAT(
        d_model=d_model, n_layers=n_layers, n_heads=n_heads, generator=generator
    )
    return network.requires_grad_(requires_grad=False).eval()


@lru_cache(maxsize=2)
def _load_network(
    path: Path,
    stamp: tuple[int, int],  # noqa: ARG001
    n_heads: int | None,
) -> MAT:
    """Read a weight file once per version of it."""
    tensors, metadata = read_tensors(path)
    return _network(path.name, tensors, metadata, n_heads)


@lru_cache(maxsize=2)
def _build_network(weights: MATWeights, n_heads: int | None) -> MAT:
    """Build the network of weights in memory once."""
    tensors = {
        name: torch.tensor(array, dtype=torch.float32)
        for name, array in weights.arrays.items()
    }
    return _network(repr(weights), tensors, {}, n_heads)


def _network(
    source: str,
    tensors: dict[str, torch.Tensor],
    metadata: Mapping[str, str],
    n_heads: int | None,
) -> MAT:
    """Build a network from tensors; `source` names them in messages."""
    tensors = {k: v for k, v in tensors.items() if not k.startswith(_UNUSED)}
    embedding = tensors.get(_EMBEDDING)
    if embedding is None or embedding.ndim != 2 or not embedding.numel():
        msg = (
            f"{source}: no tensor {_EMBEDDING!r}; this is not a state dictionary of "
            "a Molecule Attention Transformer."
        )
        raise ModelFileError(msg)
    d_model, d_atom = embedding.shape
    layers = {int(m.group(1)) for m in map(_LAYER.match, tensors) if m}
    n_numbers = sum(tensor.numel() for tensor in tensors.values())
    if 4 * len(layers) * d_model**2 > n_numbers:  # queries, keys, values and outputs
        msg = (
            f"{source}: {n_numbers} numbers are too few for {len(layers)} layers of "
            f"width {d_model}."
        )
        raise ModelFileError(msg)
    network = MAT(
        d_atom=d_atom,
        d_model=d_model,
        n_layers=len(layers),
        n_heads=_find_heads(source, d_model, metadata, n_heads),
        generator=torch.Generator().manual_seed(0),
    )
    _check_names(source, tensors, network.state_dict())
    network.load_state_dict(tensors)
    return network.requires_grad_(requires_grad=False).eval()


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Return tensors and text metadata of a file without running its code.

    All tensors are dense, of float32.
    """
    tensors, metadata = _read_any_tensors(path)
    unusable = [name for name, tensor in tensors.items() if not _is_dense(tensor)]
    if unusable:
        msg = (
            f"{path.name}: {list_offenders(unusable)} are not dense tensors of real "
            "numbers, all of them in the file."
        )
        raise ModelFileError(msg)
    return {
        name: tensor.to(torch.float32) for name, tensor in tensors.items()
    }, metadata


def _read_any_tensors(
    path: Path,
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Return tensors of any kind and text metadata of a file."""
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                metadata = dict(file.metadata() or {})
                return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (
        SafetensorError,
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        KeyError,
        AttributeError,
    ) as error:
        msg = (
            f"{path.name} cannot be read as weights ({type(error).__name__}); give a "
            "safetensors file, or a .pt file that contains only a state dictionary."
        )
        raise ModelFileError(msg) from error
    if not isinstance(content, dict) or not all(
        isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in content.items()
    ):
        msg = f"{path.name} does not contain a dictionary of named tensors."
        raise ModelFileError(msg)
    return {name: tensor.detach() for name, tensor in content.items()}, {}


def _is_dense(tensor: torch.Tensor) -> bool:
    """Whether the file holds a real number for each element."""
    return (
        tensor.layout == torch.strided
        and tensor.device.type == "cpu"
        and not (tensor.is_complex() or tensor.is_quantized)
        and tensor.untyped_storage().nbytes() >= tensor.nbytes
    )


def _find_heads(
    source: str, d_model: int, metadata: Mapping[str, str], n_heads: int | None
) -> int:
    """Return the number of heads, which does not follow from the tensors."""
    stored = metadata.get("n_heads", "")
    if n_heads is None and stored.isdigit():
        n_heads = int(stored)
    elif n_heads is None and d_model == _PUBLISHED_WIDTH:
        n_heads = _PUBLISHED_HEADS
    if n_heads is None:
        msg = (
            f"{source} does not contain the number of attention heads; set n_heads to "
            "the number the weights were trained with."
        )
        raise ModelFileError(msg)
    if n_heads < 1 or d_model % n_heads:
        msg = f"{source}: width {d_model} is not a multiple of n_heads={n_heads}."
        raise ModelFileError(msg)
    return n_heads


def _check_names(
    source: str,
    tensors: Mapping[str, torch.Tensor],
    expected: Mapping[str, torch.Tensor],
) -> None:
    """Reject missing and unknown names, wrong shapes and non-finite values."""
    missing = sorted(set(expected) - set(tensors))
    unknown = sorted(set(tensors) - set(expected))
    if missing or unknown:
        msg = (
            f"{source}: {len(missing)} tensors are missing "
            f"({list_offenders(missing) or 'none'}) and {len(unknown)} are unknown "
            f"({list_offenders(unknown) or 'none'})."
        )
        raise ModelFileError(msg)
    wrong = [
        f"{name} {tuple(tensors[name].shape)}, expected {tuple(expected[name].shape)}"
        for name in expected
        if tensors[name].shape != expected[name].shape
    ]
    if wrong:
        msg = f"{source}: wrong shapes: {list_offenders(wrong)}."
        raise ModelFileError(msg)
    broken = [name for name in expected if not torch.isfinite(tensors[name]).all()]
    if broken:
        msg = f"{source}: NaN or infinity in {list_offenders(broken)}."
        raise ModelFileError(msg)
