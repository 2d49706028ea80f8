"""CSG2A as a model of the change, and the splits used to choose its epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from rdkit import Chem
from sklearn.decomposition import PCA
from sklearn.model_selection import BaseCrossValidator, GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import Bunch

from benchmarks.models.profiles.baselines import predict_plate_mean
from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a._utils.interrupts import check_uninterrupted
from sklearn_csg2a.encoders import MorganEncoder
from sklearn_csg2a.evaluation.folds import TEST_SEED, Fold
from sklearn_csg2a.model_selection import DrugBlindKFold

# Chosen on splits by compound of the profiles of all compounds but those of
# `find_unseen`; see the README for the candidates. Few features per compound and large
# batches keep the network from memorising the profiles.
N_COMPONENTS = 32
NETWORK: dict[str, Any] = {
    "max_epochs": 30,
    "batch_size": 256,
    "learning_rate": 1e-3,
    "dropout": 0.5,
    "patience": 8,
    "precision": "bf16",
}
N_MEMBERS = 5

# The predicted change of the test rows, (n_test, genes), and the settings.
Prediction = tuple[np.ndarray, dict[str, Any]]


def find_unseen(smiles: pd.Series) -> np.ndarray:
    """Return whether settings were chosen without the compound, (n_profiles,).

    They were chosen without a fifth of the compounds, the first in a random order. The
    order is that of the InChIKeys of the largest part of each structure, which is how
    compounds were told apart then.
    """
    key_of = {text: _key_of_largest_part(text) for text in smiles.unique()}
    keys, codes = np.unique([key_of[text] for text in smiles], return_inverse=True)
    order = np.random.RandomState(TEST_SEED).permutation(len(keys))
    first = order[: -(-len(keys) // 5)]
    return np.isin(codes, first)


def _key_of_largest_part(smiles: str) -> str:
    parts = Chem.GetMolFrags(Chem.MolFromSmiles(smiles), asMols=True)
    largest = max(parts, key=Chem.Mol.GetNumHeavyAtoms)
    return Chem.MolToInchiKey(largest).partition("-")[0]


class PlateKFold(BaseCrossValidator):
    """K-fold over plates (the column `plate` of X), starting with fold `first`."""

    def __init__(self, n_splits: int, first: int = 0) -> None:
        self.n_splits = n_splits
        self.first = first

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the maximum number of folds."""
        return self.n_splits

    def split(
        self, X: pd.DataFrame, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield training and test rows."""
        n_splits = min(self.n_splits, X["plate"].nunique())
        folds = list(GroupKFold(n_splits).split(X, groups=X["plate"]))
        for k in range(n_splits):
            yield folds[(self.first + k) % n_splits]


def make_splitter(split: str, n_splits: int, seed: int) -> BaseCrossValidator:
    """Return the splitter of a split; for plates, the seed sets the first fold."""
    if split == "plate":
        return PlateKFold(n_splits, first=seed)
    return DrugBlindKFold(n_splits, random_state=seed)


def make_encoder() -> Pipeline:
    """Return the compound encoder: principal components of fingerprints."""
    return make_pipeline(MorganEncoder(), PCA(N_COMPONENTS, random_state=0))


def predict_by_network(
    profiles: Bunch,
    fold: Fold,
    seed: int,
    *,
    target: str = "change",
    n_members: int = N_MEMBERS,
    **settings: Any,
) -> Prediction:
    """Predict by the mean of CSG2A networks with different seeds.

    Each chooses its epoch on different training rows, held out like the test rows.
    `target` is the target of the network: the "change", its residuals after the plate
    mean ("on_plate"), or "perturbed" expression.
    """
    train, test, X = fold.train, fold.test, profiles.X
    learned, base = read_target(profiles, train, test, target)
    members = []
    for member in range(n_members):
        number = seed * 100 + member
        model = PerturbationRegressor(
            expression=profiles.scaled,
            interactome=profiles.interactome,
            validation=make_splitter(fold.scheme, 10, number + 1),
            random_state=number,
            **settings,
        ).fit(X.iloc[train], learned.astype(np.float32))
        check_uninterrupted(model)
        members.append(model.predict(X.iloc[test]))
    reported = {name: value for name, value in settings.items() if name in NETWORK}
    return np.mean(members, axis=0) + base, {
        "target": target,
        "n_members": n_members,
        **reported,
    }


def read_target(
    profiles: Bunch, train: np.ndarray, test: np.ndarray, target: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the target, and what to add to its predictions to get the change."""
    if target == "perturbed":
        return profiles.Y[train], -profiles.control[test]
    if target == "on_plate":
        of_plate = predict_plate_mean(profiles, train, train)
        base = predict_plate_mean(profiles, train, test)
        return profiles.change[train] - of_plate, base
    return profiles.change[train], np.zeros((len(test), profiles.change.shape[1]))


def predict_by_tuned_network(
    profiles: Bunch, fold: Fold, seed: int, **settings: Any
) -> Prediction:
    """Predict by CSG2A with the settings of this benchmark."""
    encoder = make_encoder()
    chosen = {**NETWORK, "compound_encoder": encoder, **settings}
    predicted, reported = predict_by_network(profiles, fold, seed, **chosen)
    return predicted, {**reported, "n_components": N_COMPONENTS}
