"""Fingerprints of compounds beside Morgan's, and which of them exist."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from rdkit.Chem import MACCSkeys, rdFingerprintGenerator

from sklearn_csg2a._utils.choices import FingerprintKind, options
from sklearn_csg2a._utils.sklearn_compat import Interval, StrOptions
from sklearn_csg2a.chem._compounds import parent_smiles, parse_smiles
from sklearn_csg2a.chem._similarity import similarity_of_products
from sklearn_csg2a.encoders._base import (
    MorganEncoder,
    SmilesEncoder,
    compute_fingerprints,
)
from sklearn_csg2a.encoders._resolve import encode_compounds
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["FINGERPRINTS", "FingerprintEncoder", "mean_similarity"]

_KEYS = "keys"
_N_KEYS = 167  # the first is never set
_LONGEST_PATH = 5  # bonds
_RADIUS = 2


def _features(n_bits: int) -> Any:
    """Return the generator of circular environments of pharmacophoric features."""
    of_atoms = rdFingerprintGenerator.GetMorganFeatureAtomInvGen()
    return rdFingerprintGenerator.GetMorganGenerator(
        radius=_RADIUS, fpSize=n_bits, atomInvariantsGenerator=of_atoms
    )


def _paths(n_bits: int) -> Any:
    """Return the generator of paths of bonds."""
    return rdFingerprintGenerator.GetRDKitFPGenerator(
        fpSize=n_bits, maxPath=_LONGEST_PATH
    )


_GENERATORS: dict[str, Callable[[int], Any]] = {
    "features": _features,
    "pairs": lambda n: rdFingerprintGenerator.GetAtomPairGenerator(fpSize=n),
    "paths": _paths,
    "torsions": lambda n: rdFingerprintGenerator.GetTopologicalTorsionGenerator(
        fpSize=n
    ),
}


class FingerprintEncoder(SmilesEncoder):
    """Encode compounds by one of several fingerprints of RDKit.

    Two compounds may be alike by one fingerprint and not by another. The mean of their
    similarities, see :class:`~sklearn_csg2a.baselines.PotencyRegressor`, predicts the
    potency of new compounds better than that of one fingerprint.

    Parameters
    ----------
    kind : {"pairs", "features", "paths", "torsions", "keys"}, default="pairs"
        Pairs of atoms and their distance; circular environments of pharmacophoric
        features, up to two bonds wide; paths of up to five bonds; four atoms in a row;
        the 166 MACCS keys.
    count : bool, default=False
        Whether to count the patterns instead of marking their presence. Keys are not
        counted.
    n_bits : int, default=2048
        Number of columns the patterns are hashed into; keys have 167, whatever it is.
    keep_salts : bool, default=True
        Whether to encode the whole compound as written. If False, only the
        largest fragment is encoded.

    See Also
    --------
    MorganEncoder : Encode compounds by circular environments of atoms.

    Notes
    -----
    The transformer is stateless: `transform` works without `fit`.

    References
    ----------
    Carhart, R. E., Smith, D. H. and Venkataraghavan, R. (1985). Atom pairs as molecular
    features in structure-activity studies. Journal of Chemical Information and Computer
    Sciences 25.

    Nilakantan, R., Bauman, N., Dixon, J. S. and Venkataraghavan, R. (1987). Topological
    torsion: a new molecular descriptor for SAR applications. Journal of Chemical
    Information and Computer Sciences 27.

    Durant, J. L., Leland, B. A., Henry, D. R. and Nourse, J. G. (2002). Reoptimization
    of MDL keys for use in drug discovery. Journal of Chemical Information and Computer
    Sciences 42.

    Examples
    --------
    >>> from sklearn_csg2a.encoders import FingerprintEncoder
    >>> encoding = FingerprintEncoder("pairs", count=True).transform(["CCO", "CCCCCC"])
    >>> encoding.shape, encoding.sum(axis=1).tolist()
    ((2, 2048), [3.0, 15.0])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "kind": [StrOptions(options(FingerprintKind))],
        "count": ["boolean"],
        "n_bits": [Interval(Integral, 1, None, closed="left")],
        "keep_salts": ["boolean"],
    }

    def __init__(
        self,
        kind: FingerprintKind = "pairs",
        count: bool = False,
        n_bits: int = 2048,
        keep_salts: bool = True,
    ) -> None:
        self.kind = kind
        self.count = count
        self.n_bits = n_bits
        self.keep_salts = keep_salts

    @property
    def _n_features_out(self) -> int:
        """Width of the fingerprint."""
        return _N_KEYS if self.kind == _KEYS else self.n_bits

    def _encode(self, smiles: Sequence[str]) -> np.ndarray:
        """Compute the fingerprints: (n, n_features) float32."""
        if self.kind == _KEYS:
            return self._mark_keys(smiles)
        generator = _GENERATORS[self.kind](int(self.n_bits))
        return compute_fingerprints(generator, smiles, self.n_bits, self.count)

    def _mark_keys(self, smiles: Sequence[str]) -> np.ndarray:
        """Return which MACCS keys compounds have: (n, n_features) float32."""
        if self.count:
            msg = "kind='keys' has no counts; use count=False, or another kind."
            raise InputError(msg)
        encoding = np.zeros((len(smiles), _N_KEYS), dtype=np.float32)
        for row, compound in enumerate(smiles):
            found = MACCSkeys.GenMACCSKeys(parse_smiles(compound)).GetOnBits()
            encoding[row, list(found)] = 1
        return encoding


# Of different kinds; some mark patterns, some count them.
FINGERPRINTS: dict[str, SmilesEncoder] = {
    "morgan": MorganEncoder(),
    "morgan_counts": MorganEncoder(count=True),
    "features": FingerprintEncoder("features"),
    "pairs": FingerprintEncoder("pairs"),
    "pair_counts": FingerprintEncoder("pairs", count=True),
    "paths": FingerprintEncoder("paths"),
    "torsions": FingerprintEncoder("torsions"),
    "torsion_counts": FingerprintEncoder("torsions", count=True),
    "keys": FingerprintEncoder("keys"),
}


def mean_similarity(query: Sequence[str], reference: Sequence[str]) -> np.ndarray:
    """Return the mean Tanimoto similarity over all FINGERPRINTS of largest fragments.

    The similarity ``x.y / (|x|^2 + |y|^2 - x.y)`` of a pair does not depend on other
    compounds, to the last bit: all numbers are whole.
    """
    rows, columns = (
        [parent_smiles(text) for text in compounds] for compounds in (query, reference)
    )
    total = np.zeros((len(rows), len(columns)))
    for encoder in FINGERPRINTS.values():
        left, right = (
            encode_compounds(encoder, compounds).astype(np.float64)
            for compounds in (rows, columns)
        )
        squares = (left**2).sum(axis=1), (right**2).sum(axis=1)
        total += similarity_of_products(left @ right.T, *squares)
    return total / len(FINGERPRINTS)
