"""Deep baselines closer to their publications: sizes, corpora, targets, pathways.

The models of `deep.py` are what minutes on one core allow. Each of these has one part
as published in its place: the eight layers of DeepCoVDR; words (Precily) and subwords
(DeepTTA) that are learned from molecules of a library instead of the training
compounds; targets instead of fingerprints (PathDNN); rows instead of blocks in a step,
and about as many pathways as published (DRPreter, 49; published: 34 of KEGG).
Everything else is as there, the number of epochs included.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from benchmarks.models.deep import make_deep
from sklearn_csg2a.baselines import DeepCoVDR, DeepTTA, DRPreter, PathDNN, Precily
from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.encoders._annotation_table import split_terms

N_MOLECULES = 40_000  # of the library, in a fixed random order
_SEED = 0
# Published: 1,500 in two million molecules.
_MIN_FREQUENCY = 30


def make_precily(data: Bunch, scheme: str, seed: int) -> BaseEstimator:
    """Make Precily with vectors of words from a library of molecules."""
    return make_deep(Precily, data, scheme, seed, corpus=draw_molecules(data))


def make_deeptta(data: Bunch, scheme: str, seed: int) -> BaseEstimator:
    """Make DeepTTA with subwords from a library of molecules."""
    corpus = {"corpus": draw_molecules(data), "min_frequency": _MIN_FREQUENCY}
    return make_deep(DeepTTA, data, scheme, seed, **corpus)


def make_pathdnn(data: Bunch, scheme: str, seed: int) -> BaseEstimator:
    """Make PathDNN with targets, of the Repurposing Hub and GDSC."""
    return make_deep(PathDNN, data, scheme, seed, targets=find_targets(data))


def make_drpreter(data: Bunch, scheme: str, seed: int) -> BaseEstimator:
    """Make DRPreter with steps of random rows, and the pathways of PID."""
    pathways = data.gene_sets["pid"] if "gene_sets" in data else None
    given = {"batching": "rows", "gene_sets": pathways}
    return make_deep(DRPreter, data, scheme, seed, **given)


def draw_molecules(data: Bunch) -> list[str]:
    """Return molecules of the library that comes with the data."""
    if "molecules" not in data:
        msg = "These data come without a library of molecules."
        raise ValueError(msg)
    molecules = data.molecules()
    order = np.random.default_rng(_SEED).permutation(len(molecules))
    return [molecules[k] for k in order[:N_MOLECULES]]


def find_targets(data: Bunch) -> dict[str, list[str]]:
    """Return the target genes of each compound of the data, by its SMILES."""
    if "knowledge" not in data:
        msg = "Of the compounds of these data nothing but the structure is known."
        raise ValueError(msg)
    told = data.knowledge().annotation.dropna(subset="target")
    targets: dict[str, list[str]] = {}
    for identity, cell in zip(
        compound_identities(told["smiles"]), told["target"], strict=True
    ):
        targets.setdefault(identity, []).extend(split_terms(cell))
    smiles = data.X["smiles"].unique()
    identities = compound_identities(smiles)
    return {
        text: sorted(set(targets.get(identity, ())))
        for text, identity in zip(smiles, identities, strict=True)
    }


PUBLISHED: dict[str, Callable[[Bunch, str, int], BaseEstimator]] = {
    "DRPreter_rows": make_drpreter,
    "DeepCoVDR_8_layers": partial(make_deep, DeepCoVDR, n_layers=8),
    "DeepTTA_library": make_deeptta,
    "PathDNN_targets": make_pathdnn,
    "Precily_library": make_precily,
}
