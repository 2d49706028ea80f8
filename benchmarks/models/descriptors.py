"""Descriptors of compounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rdkit.Chem import Crippen, Descriptors, rdMolDescriptors

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
