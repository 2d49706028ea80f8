"""Structure beside the Morgan fingerprint: others, descriptors, mean similarities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from rdkit.Chem import Crippen, Descriptors, rdFingerprintGenerator, rdMolDescriptors

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
GENERATORS: dict[str, Callable[[int], Any]] = {
    "pairs": lambda n_bits: rdFingerprintGenerator.GetAtomPairGenerator(fpSize=n_bits),
    "features": lambda n_bits: rdFingerprintGenerator.GetMorganGenerator(
        radius=2,
        fpSize=n_bits,
        atomInvariantsGenerator=rdFingerprintGenerator.GetMorganFeatureAtomInvGen(),
    ),
    "paths": lambda n_bits: rdFingerprintGenerator.GetRDKitFPGenerator(
        fpSize=n_bits, maxPath=5
    ),
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
    """Encode compounds by other fingerprints than Morgan's.

    Parameters
    ----------
    kind : {"pairs", "features", "paths"}
        Pairs of atoms and their distance; circular environments of pharmacophoric
        features; paths of up to five bonds.
    n_bits : int, default=2048
        Number of columns.
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
        generator = GENERATORS[self.kind](self.n_bits)
        encoding = np.zeros((len(smiles), self.n_bits), dtype=np.float32)
        for row, compound in enumerate(smiles):
            encoding[row] = generator.GetFingerprintAsNumPy(parse_smiles(compound))
        return encoding


class MeanSimilarityRegressor(PotencyRegressor):
    """Gaussian process of levels on the mean similarity of several fingerprints.

    Parameters
    ----------
    power : float, default=1.0
        Of the mean of the Tanimoto similarities of the parts of `compound_encoder`.
        Above 1, only compounds that are much alike are. Linear kernels are added.
    compound_encoder, compound_kernel, screens, exclude, correlations, noise, columns, \
on_invalid_smiles
        As in `PotencyRegressor`, with a kernel for each part.
    """

    def __init__(
        self,
        *,
        compound_encoder: Any = "morgan",
        compound_kernel: Any = "tanimoto",
        screens: pd.DataFrame | Mapping[str, pd.DataFrame] | None = None,
        exclude: Iterable[str] | None = None,
        correlations: Mapping[str, float] | None = None,
        noise: float = 0.15,
        columns: Mapping[str, str] | None = None,
        on_invalid_smiles: Any = "raise",
        power: float = 1.0,
    ) -> None:
        super().__init__(
            compound_encoder=compound_encoder,
            compound_kernel=compound_kernel,
            screens=screens,
            exclude=exclude,
            correlations=correlations,
            noise=noise,
            columns=columns,
            on_invalid_smiles=on_invalid_smiles,
        )
        self.power = power

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
        found: dict[str, list[np.ndarray]] = {"tanimoto": [], "linear": []}
        for kind, first, last in self._blocks:
            found[kind].append(compare(kind, slice(first, last)))
        total = np.mean(found["tanimoto"], axis=0) ** self.power
        for part in found["linear"]:
            total += part
        return total
