"""Structure beside the Morgan fingerprint: others, descriptors, mean similarities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from rdkit.Chem import (
    Crippen,
    Descriptors,
    MACCSkeys,
    rdFingerprintGenerator,
    rdMolDescriptors,
)

from sklearn_csg2a.baselines import PotencyRegressor
from sklearn_csg2a.baselines.kernels._compounds import compare_all, compare_compounds
from sklearn_csg2a.chem import parse_smiles
from sklearn_csg2a.encoders._base import SmilesEncoder

# Twelve numbers of a compound: size, lipophilicity, polarity, hydrogen bonds, shape.
DESCRIPTORS: tuple[Callable[[Any], float], ...] = (
    Descriptors.MolWt,
    Crippen.MolLogP,
    rdMolDescriptors.CalcTPSA,
    rdMolDescriptors.CalcNumHBD,
    rdMolDescriptors.CalcNumHBA,
    rdMolDescriptors.CalcNumRotatableBonds,
    rdMolDescriptors.CalcNumAromaticRings,
    rdMolDescriptors.CalcFractionCSP3,
    rdMolDescriptors.CalcNumRings,
    rdMolDescriptors.CalcNumHeavyAtoms,
    lambda molecule: sum(atom.GetFormalCharge() for atom in molecule.GetAtoms()),
    lambda molecule: sum(
        atom.GetAtomicNum() in (9, 17, 35) for atom in molecule.GetAtoms()
    ),
)
_Fingerprint = Callable[[Any, int], np.ndarray]


def _bits_of(make: Callable[..., Any], **settings: Any) -> _Fingerprint:
    """Return a function that says which patterns a molecule has."""
    return lambda molecule, n: make(fpSize=n, **settings).GetFingerprintAsNumPy(
        molecule
    )


def _counts_of(make: Callable[..., Any], **settings: Any) -> _Fingerprint:
    """Return a function that says how often a molecule has each pattern."""
    return lambda molecule, n: make(fpSize=n, **settings).GetCountFingerprintAsNumPy(
        molecule
    )


def _keys(molecule: Any, n_bits: int) -> np.ndarray:
    """Return which of the 166 MACCS keys a molecule has, from column 1 on."""
    found = np.zeros(n_bits)
    found[list(MACCSkeys.GenMACCSKeys(molecule).GetOnBits())] = 1
    return found


_CIRCLES = rdFingerprintGenerator.GetMorganGenerator
_PAIRS = rdFingerprintGenerator.GetAtomPairGenerator
_TORSIONS = rdFingerprintGenerator.GetTopologicalTorsionGenerator
FINGERPRINTS: dict[str, _Fingerprint] = {
    "circles": _bits_of(_CIRCLES, radius=2),
    "features": _bits_of(
        _CIRCLES,
        radius=2,
        atomInvariantsGenerator=rdFingerprintGenerator.GetMorganFeatureAtomInvGen(),
    ),
    "pairs": _bits_of(_PAIRS),
    "paths": _bits_of(rdFingerprintGenerator.GetRDKitFPGenerator, maxPath=5),
    "torsions": _bits_of(_TORSIONS),
    "keys": _keys,
    "circle_counts": _counts_of(_CIRCLES, radius=2),
    "pair_counts": _counts_of(_PAIRS),
    "torsion_counts": _counts_of(_TORSIONS),
}


class DescriptorEncoder(SmilesEncoder):
    """Encode compounds by the numbers of DESCRIPTORS."""

    keep_salts = True

    @property
    def _n_features_out(self) -> int:
        return len(DESCRIPTORS)

    def _encode(self, smiles: Sequence[str]) -> np.ndarray:
        molecules = map(parse_smiles, smiles)
        rows = [[find(molecule) for find in DESCRIPTORS] for molecule in molecules]
        return np.array(rows, dtype=np.float32).reshape(len(rows), -1)


class FingerprintEncoder(SmilesEncoder):
    """Encode compounds by one of several fingerprints.

    Parameters
    ----------
    kind : str
        One of FINGERPRINTS: circular environments of atoms, or of pharmacophoric
        features; pairs of atoms and their distance; paths of up to five bonds; four
        atoms in a row; structural keys. Some of them also as counts.
    n_bits : int, default=2048
        Number of columns, of which keys need 167.
    """

    keep_salts = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}

    def __init__(self, kind: str, n_bits: int = 2048) -> None:
        self.kind = kind
        self.n_bits = n_bits

    @property
    def _n_features_out(self) -> int:
        return self.n_bits

    def _encode(self, smiles: Sequence[str]) -> np.ndarray:
        find = FINGERPRINTS[self.kind]
        encoding = np.zeros((len(smiles), self.n_bits), dtype=np.float32)
        for row, compound in enumerate(smiles):
            encoding[row] = find(parse_smiles(compound), self.n_bits)
        return encoding


class MeanSimilarityRegressor(PotencyRegressor):
    """Gaussian process of levels on the mean similarity of several fingerprints.

    The kernel is the mean of the Tanimoto similarities of the parts of
    `compound_encoder`, plus linear kernels. Parameters are those of `PotencyRegressor`,
    with a kernel for each part.
    """

    def _compare(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return self._add_up(
            lambda kind, part: compare_compounds(
                left[:, part], right[:, part], kind, []
            )
        )

    def _compare_all(self) -> np.ndarray:
        def compare(kind: str, part: slice) -> np.ndarray:
            return compare_all(self._encodings[:, part], kind, [])

        return self._add_up(compare)

    def _add_up(self, compare: Callable[[str, slice], np.ndarray]) -> np.ndarray:
        """Return the kernel of all parts, from a function that compares by one."""
        n_fingerprints = sum(kind == "tanimoto" for kind, *_ in self._blocks)
        total = np.zeros(())
        for kind, first, last in self._blocks:
            part = compare(kind, slice(first, last))
            total = total + (part / n_fingerprints if kind == "tanimoto" else part)
        return total
