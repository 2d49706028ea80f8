"""Morgan fingerprints as a scikit-learn transformer."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from rdkit.Chem import rdFingerprintGenerator

from sklearn_csg2a._utils.sklearn_compat import Interval
from sklearn_csg2a.chem._smiles import parse_smiles
from sklearn_csg2a.encoders._base import SmilesEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MorganEncoder"]


class MorganEncoder(SmilesEncoder):
    """Encode compounds by Morgan (circular) fingerprints.

    Parameters
    ----------
    radius : int, default=2
        Largest radius of the atom environments, in bonds.
    n_bits : int, default=2048
        Number of columns the environments are hashed into.
    count : bool, default=False
        Whether to count the environments instead of marking their presence.
    keep_salts : bool, default=True
        Whether to encode the whole compound as written. If False, only the
        largest fragment is encoded.

    See Also
    --------
    MATEncoder : Encode compounds by a graph transformer.

    Notes
    -----
    The transformer is stateless: `transform` works without `fit`.

    Examples
    --------
    >>> from sklearn_csg2a.encoders import MorganEncoder
    >>> encoding = MorganEncoder(n_bits=64).transform(["CCO", "c1ccccc1"])
    >>> encoding.shape, encoding.dtype
    ((2, 64), dtype('float32'))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "radius": [Interval(Integral, 0, None, closed="left")],
        "n_bits": [Interval(Integral, 1, None, closed="left")],
        "count": ["boolean"],
        "keep_salts": ["boolean"],
    }

    def __init__(
        self,
        radius: int = 2,
        n_bits: int = 2048,
        count: bool = False,
        keep_salts: bool = True,
    ) -> None:
        self.radius = radius
        self.n_bits = n_bits
        self.count = count
        self.keep_salts = keep_salts

    @property
    def _n_features_out(self) -> int:
        """Width of the fingerprint."""
        return self.n_bits

    def _encode(self, smiles: Sequence[str]) -> np.ndarray:
        """Compute the fingerprints: (n, n_bits) float32."""
        generator = rdFingerprintGenerator.GetMorganGenerator(
            radius=int(self.radius), fpSize=int(self.n_bits)
        )
        fingerprint = (
            generator.GetCountFingerprintAsNumPy
            if self.count
            else generator.GetFingerprintAsNumPy
        )
        encoding = np.zeros((len(smiles), self.n_bits), dtype=np.float32)
        for row, compound in enumerate(smiles):
            encoding[row] = fingerprint(parse_smiles(compound))
        return encoding
