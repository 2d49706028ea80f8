"""The models of the benchmarks: names, factories and settings.

A model is a function ``make(data, scheme, seed)`` that returns an unfitted estimator
with `fit(X, y)` and `predict(X)`. To add a model, add such a function to MODELS; to run
it together with others, add its name to GROUPS.

Pass a pretrained network as the path of a saved file: the content of the file is part
of the configuration of the model, which determines whether stored results are valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.pipeline import FeatureUnion
from sklearn.utils import Bunch

from benchmarks.data.gdsc_full import choose_genes
from benchmarks.data.load import load_data
from benchmarks.models.ablations import rewire, shuffle_cells, shuffled_encoder
from benchmarks.models.deep import DEEP, PRECISION
from benchmarks.models.knowledge import SCREENS, Known, with_knowledge
from benchmarks.models.level_ranking import LEVEL_RANKING, make_level
from benchmarks.models.potency import with_potency
from benchmarks.models.published import PUBLISHED
from benchmarks.models.spaces import draw_candidates
from sklearn_csg2a import DrugResponseRegressor, ResidualRegressor
from sklearn_csg2a.baselines import (
    GradientBoostingResponse,
    LatentFactors,
    PairwiseKernelRidge,
    RandomForestResponse,
    ResponseGaussianProcess,
    SVMResponse,
)
from sklearn_csg2a.encoders import MATEncoder, MorganEncoder, resolve_encoder
from sklearn_csg2a.evaluation import configuration as _configuration
from sklearn_csg2a.evaluation.evaluate import TUNED
from sklearn_csg2a.evaluation.folds import RANDOM_811, SPLITTERS, validation_splitter
from sklearn_csg2a.evaluation.naive import NAIVE_MODELS
from sklearn_csg2a.evaluation.panels import Roster

Factory = Callable[[Bunch, str, int], BaseEstimator]

# Compound encoders; "csg2a" uses both in drug-blind, and the fingerprint otherwise.
ENCODERS: dict[str, Any] = {
    "morgan": MorganEncoder(),
    "mat": MATEncoder(),
    "mat_untrained": MATEncoder(weights=None, d_model=256, n_layers=6, n_heads=8),
    "morgan_and_mat": FeatureUnion(
        [("morgan", MorganEncoder()), ("mat", MATEncoder())]
    ),
}

# The numbers were chosen on inner splits of the training rows of a few folds (mixed
# fold 0, cell 0 and 1, drug 1 to 4, disjoint 0 to 2). Some candidates were motivated
# by test errors of single folds: gene dropout and the bilinear term by cell folds 0 and
# 2, no early stopping by drug folds 1 to 3, latent factors by mixed fold 0. All rows
# are used for training: early stopping would hold out a tenth of the compounds, and
# evaluate epochs on only 15 of them. DrugResponseRegressor(novelty=...) uses the same;
# here they are written out, since the hashes of stored results include them.
CSG2A_SETTINGS: dict[str, Any] = {
    "head_hidden": (256, 64),
    "bilinear_dim": 0,
    "batch_size": 2048,
    "early_stopping": False,
    "precision": PRECISION,
}
PAIR_SETTINGS: dict[str, Any] = {
    **CSG2A_SETTINGS,
    "max_epochs": 40,
    "learning_rate": 6e-4,
    "dropout": 0.1,
    "gene_dropout": 0.0,
}
SCHEME_SETTINGS: dict[str, dict[str, Any]] = {
    "mixed": PAIR_SETTINGS,
    "random811": PAIR_SETTINGS,
    # With new cells or compounds, memorising the training ones is harmful.
    "cell": {
        **CSG2A_SETTINGS,
        "max_epochs": 20,
        "learning_rate": 6e-4,
        "dropout": 0.5,
        "gene_dropout": 0.7,
        "bilinear_dim": 64,
    },
    "drug": {
        **CSG2A_SETTINGS,
        "compound_encoder": ENCODERS["morgan_and_mat"],
        "max_epochs": 10,
        "learning_rate": 3e-4,
        "dropout": 0.3,
        "gene_dropout": 0.5,
    },
    "disjoint": {
        **CSG2A_SETTINGS,
        "max_epochs": 4,
        "learning_rate": 3e-4,
        "dropout": 0.5,
        "gene_dropout": 0.7,
    },
}


N_MEMBERS = 10


def make_csg2a(
    data: Bunch, scheme: str, seed: int, **settings: Any
) -> DrugResponseRegressor:
    """Make CSG2A without pretraining; early stopping as in the scheme."""
    given = {
        "expression": data.expression,
        "expression_scaler": data.get("expression_scaler"),
        "interactome": data.interactome,
        "validation": validation_splitter(scheme),
        "random_state": seed,
        "attention": "gated",
    }
    return DrugResponseRegressor(**{**given, **SCHEME_SETTINGS[scheme], **settings})


def _encoder_of(scheme: str) -> BaseEstimator:
    """Return the compound encoder of CSG2A in a scheme."""
    return SCHEME_SETTINGS[scheme].get("compound_encoder", ENCODERS["morgan"])


def make_csg2a_on_factors(
    data: Bunch, scheme: str, seed: int, **settings: Any
) -> ResidualRegressor:
    """Make CSG2A fitted to out-of-fold residuals of latent factors.

    Only for new pairs of known cell lines and compounds, which have factors. Epochs and
    weight were chosen on the inner split of mixed fold 0.
    """
    return ResidualRegressor(
        LatentFactors(random_state=seed),
        make_csg2a(data, scheme, seed, **{"max_epochs": 12, **settings}),
        cv=SPLITTERS["mixed" if scheme == RANDOM_811 else scheme](10, random_state=3),
        weight=0.6,
    )


def make_with_potency(
    make: Callable[..., BaseEstimator], data: Bunch, scheme: str, seed: int
) -> BaseEstimator:
    """Make a model with potency predicted from another screen as a feature."""
    model = make(data, scheme, seed)
    structure = resolve_encoder(model.compound_encoder)
    return model.set_params(compound_encoder=with_potency(structure, data))


def make_with_knowledge(
    make: Callable[..., BaseEstimator],
    known: Known,
    data: Bunch,
    scheme: str,
    seed: int,
) -> BaseEstimator:
    """Make a model that is told what is known of compounds beside their structure."""
    if "knowledge" not in data:
        msg = "Of the compounds of these data nothing but the structure is known."
        raise ValueError(msg)
    model = make(data, scheme, seed)
    structure = resolve_encoder(model.compound_encoder)
    return with_knowledge(model, structure, known, data.knowledge())


def make_csg2a_with_level(
    data: Bunch, scheme: str, seed: int, annotation: Literal["all", "fit"]
) -> DrugResponseRegressor:
    """Make CSG2A for rankings, and a Gaussian process for levels of compounds."""
    level = make_level(data, screens=True, annotation=annotation)
    return make_csg2a_apart(data, scheme, seed, level=level)


def make_csg2a_apart(
    data: Bunch, scheme: str, seed: int, level: Any = "structure"
) -> DrugResponseRegressor:
    """Make CSG2A without levels of compounds, and effects of cell lines that are known.

    Chosen on inner splits of drug folds 1, 2 and 4, with 20,000 of the rows, and of
    disjoint folds 0 to 7.
    """
    known_cells = scheme == "drug"
    return make_csg2a(data, scheme, seed, level=level, cell_effects=known_cells)


def _naive(kind: type[BaseEstimator]) -> Factory:
    """Make a naive model, independent of data, scheme and seed."""
    return lambda data, scheme, seed: kind()  # noqa: ARG005


def make_kernel_ridge(data: Bunch, scheme: str, seed: int) -> PairwiseKernelRidge:
    """Make pairwise kernel ridge; the penalty is chosen as in the scheme."""
    del seed
    return PairwiseKernelRidge(
        expression=data.expression,
        alpha=[0.1, 0.3, 1.0, 3.0],
        validation=validation_splitter(scheme),
    )


def make_response_gp(data: Bunch, scheme: str, seed: int) -> ResponseGaussianProcess:
    """Make the Gaussian process with a learned covariance of compounds.

    Its settings are the defaults, the same in all schemes, chosen on the inner
    splits of mixed fold 0 and 1, cell 0 and 1, drug 1 and 2, disjoint 1 and 2.
    """
    del scheme, seed
    return ResponseGaussianProcess(expression=data.expression)


def make_csg2a_on_gp(data: Bunch, scheme: str, seed: int) -> ResidualRegressor:
    """Make CSG2A fitted to out-of-fold residuals of the Gaussian process.

    Only for new pairs of known cell lines and compounds. The weight was chosen on the
    inner split of mixed fold 0, where the residuals that CSG2A predicts correlate with
    those of the Gaussian process by no more than 0.04: it adds next to nothing.
    """
    model = make_csg2a_on_factors(data, scheme, seed)
    return model.set_params(base=make_response_gp(data, scheme, seed), weight=0.2)


def make_svm(data: Bunch, scheme: str, seed: int) -> SVMResponse:
    """Make support vector regression; the kernel width depends on the scheme.

    The widths were chosen on inner splits of mixed fold 0, cell 0 and 1, drug 1 and 2,
    disjoint 0 and 1, among 0.1, 0.3 and 1, with C of 1, 3 and 10.
    """
    del seed
    gamma = 1.0 if scheme in ("drug", "disjoint") else 0.3
    return SVMResponse(expression=data.expression, C=3.0, gamma=gamma)


def make_gradient_boosting(
    data: Bunch, scheme: str, seed: int
) -> GradientBoostingResponse:
    """Make gradient boosting with the default parameters."""
    del scheme
    return GradientBoostingResponse(expression=data.expression, random_state=seed)


def make_random_forest(data: Bunch, scheme: str, seed: int) -> RandomForestResponse:
    """Make a random forest, with all threads of the process."""
    del scheme
    return RandomForestResponse(
        expression=data.expression,
        n_estimators=50,
        max_features="sqrt",
        random_state=seed,
        n_jobs=torch.get_num_threads(),
    )


NAIVE = {name: _naive(kind) for name, kind in NAIVE_MODELS.items()}

CLASSICAL: dict[str, Factory] = {
    "LatentFactors": lambda data, scheme, seed: (  # noqa: ARG005
        LatentFactors(random_state=seed)
    ),
    "RandomForest": make_random_forest,
    "SVM": make_svm,
    "GradientBoosting": make_gradient_boosting,
    "PairwiseKernelRidge": make_kernel_ridge,
    "ResponseGP": make_response_gp,
}

# Models with potency learned from another screen, of compounds not in the data.
WITH_POTENCY: dict[str, Factory] = {
    f"{name}_potency": partial(make_with_potency, make)
    for name, make in (
        ("SVM", make_svm),
        ("PairwiseKernelRidge", make_kernel_ridge),
        ("csg2a", make_csg2a),
    )
}

# Models that are told what is known of compounds: "known" their annotation and their
# potency as predicted from screens of other compounds, "measured" their potency in
# NCI-60, too; "expected" nothing of held-out compounds, but what others let expect.
KNOWLEDGE = {
    "known": Known(SCREENS, annotation="all"),
    "measured": Known(SCREENS, measured=("NCI-60",), annotation="all"),
    "expected": Known(SCREENS, annotation="fit"),
}
WITH_KNOWLEDGE: dict[str, Factory] = {
    f"{name}_{kind}": partial(make_with_knowledge, make, known)
    for name, make in (
        ("SVM", make_svm),
        ("PairwiseKernelRidge", make_kernel_ridge),
        ("csg2a", make_csg2a),
    )
    for kind, known in KNOWLEDGE.items()
}

# CSG2A for what differs between cell lines, and the model of levels of LEVEL_RANKING.
WITH_LEVEL: dict[str, Factory] = {
    name: partial(make_csg2a_with_level, annotation=annotation)
    for name, annotation in (
        ("csg2a_level_known", "all"),
        ("csg2a_level_expected", "fit"),
    )
}

# Ablations of CSG2A. Random ones depend on the seed.
ABLATIONS: dict[str, Factory] = {
    "csg2a_off": partial(make_csg2a, attention="off"),
    "csg2a_paper": partial(make_csg2a, attention="paper"),
    "csg2a_released": partial(make_csg2a, attention="released"),
    "csg2a_no_interactome": partial(make_csg2a, interactome=None),
    "csg2a_rewired": lambda data, scheme, seed: make_csg2a(
        data, scheme, seed, interactome=rewire(data.interactome, seed)
    ),
    "csg2a_shuffled_cells": lambda data, scheme, seed: make_csg2a(
        data, scheme, seed, expression=shuffle_cells(data.expression, seed)
    ),
    "csg2a_shuffled_compounds": lambda data, scheme, seed: make_csg2a(
        data,
        scheme,
        seed,
        compound_encoder=shuffled_encoder(_encoder_of(scheme), data.X, seed),
    ),
}

MODELS: dict[str, Factory] = {
    **NAIVE,
    **CLASSICAL,
    **DEEP,
    **PUBLISHED,
    "csg2a": make_csg2a,
    "csg2a_apart": make_csg2a_apart,
    "csg2a_on_factors": make_csg2a_on_factors,
    "csg2a_on_gp": make_csg2a_on_gp,
    "csg2a_members": partial(make_csg2a, n_members=N_MEMBERS),
    "csg2a_members_on_factors": partial(make_csg2a_on_factors, n_members=N_MEMBERS),
    **WITH_POTENCY,
    **WITH_KNOWLEDGE,
    **LEVEL_RANKING,
    **WITH_LEVEL,
    **{
        f"csg2a_{name}": partial(make_csg2a, compound_encoder=encoder)
        for name, encoder in ENCODERS.items()
    },
    **ABLATIONS,
}

# Descriptions of the variants of csg2a, which can follow the word "with".
VARIANTS: dict[str, str] = {
    "csg2a_off": "attention off",
    "csg2a_paper": "attention as in the paper",
    "csg2a_released": "attention as in the published code",
    "csg2a_no_interactome": "no interactome",
    "csg2a_rewired": "the interactome rewired but degrees kept",
    "csg2a_shuffled_cells": "expression shuffled across cell lines",
    "csg2a_shuffled_compounds": "structures shuffled across compounds",
    "csg2a_morgan": "compounds as Morgan fingerprints",
    "csg2a_mat": "compounds by the MAT",
    "csg2a_mat_untrained": "compounds by an untrained MAT",
    "csg2a_morgan_and_mat": "compounds as fingerprints and by the MAT",
}

GROUPS: dict[str, list[str]] = {
    "ablations": ["csg2a", *ABLATIONS],
    "classical": list(CLASSICAL),
    "deep": list(DEEP),
    "encoders": ["csg2a", *(f"csg2a_{name}" for name in ENCODERS)],
    "knowledge": list(WITH_KNOWLEDGE),
    "level_ranking": [*LEVEL_RANKING, *WITH_LEVEL],
    "potency": list(WITH_POTENCY),
    "published": list(PUBLISHED),
    "naive": list(NAIVE),
}

# Averages of stored predictions, by benchmarks/average.py: (model, seed, weight).
_THREE_SEEDS = [("csg2a", seed, 1.0) for seed in range(3)]
AVERAGES: dict[str, list[tuple[str, int, float]]] = {
    "csg2a_of_3": _THREE_SEEDS,
    "csg2a_and_kernel": [("csg2a", 0, 1.0), ("PairwiseKernelRidge", 0, 1.0)],
    "csg2a_of_3_and_kernel": [*_THREE_SEEDS, ("PairwiseKernelRidge", 0, 3.0)],
    "csg2a_and_kernel_potency": [
        ("csg2a_potency", 0, 1.0),
        ("PairwiseKernelRidge_potency", 0, 1.0),
    ],
}

# The models of the report, their order and kinds.
ROSTER = Roster(
    kinds={
        **{name: "network" for name in MODELS if name not in NAIVE},
        **dict.fromkeys((*CLASSICAL, *LEVEL_RANKING), "classical"),
        **{
            f"{name}_{kind}": "classical"
            for name in CLASSICAL
            for kind in ("potency", *KNOWLEDGE)
        },
        **dict.fromkeys(AVERAGES, "average"),
    },
    variants=VARIANTS,
    whole="csg2a",
    title="CSG2A",
)

# Independent of the seed: fitted once, with seed 0.
WITHOUT_SEED = frozenset(
    {
        *NAIVE,
        "GradientBoosting",
        *("PairwiseKernelRidge", "PairwiseKernelRidge_potency"),
        "ResponseGP",
        *("SVM", "SVM_potency"),
        *LEVEL_RANKING,
        *(name for name in WITH_KNOWLEDGE if not name.startswith("csg2a")),
    }
)

# Parameters added after results had been stored: see `config_hash`.
ADDED_LATER: dict[str, dict[str, Any]] = {
    **{name: {"refit": False} for name in DEEP},
    "DrugResponseRegressor": {
        "cell_effects": "auto",
        "compile": False,
        "level": "auto",
        "max_samples": 1.0,
        "n_members": 1,
        "new_genes": "drop",
        "novelty": None,
        "train_encoder": False,
    },
    "GradientBoostingResponse": {"library": None},
    "LevelRankingRegressor": {
        "profiles": None,
        "profile_weight": 0.15,
        "exclude": None,
    },
    "PairwiseKernelRidge": {"compound_kernel": "tanimoto", "identity_weight": 0.0},
    "PerturbationRegressor": {
        "compile": False,
        "max_samples": 1.0,
        "n_members": 1,
        "train_encoder": False,
    },
    "PotencyEncoder": {"exclude": None, "output": ["potency"]},
}


def expand_names(names: Iterable[str]) -> list[str]:
    """Replace groups by their models; unique, in the order of MODELS."""
    wanted: set[str] = set()
    for name in names:
        if name not in GROUPS and name not in MODELS:
            known = ", ".join([*GROUPS, *MODELS])
            msg = f"Unknown model or group {name!r}; known names: {known}."
            raise ValueError(msg)
        wanted.update(GROUPS.get(name, [name]))
    return [name for name in MODELS if name in wanted]


def config_hash(estimator: BaseEstimator) -> str:
    """Hash the configuration of a model, such that stored results remain valid."""
    return _configuration.config_hash(estimator, ADDED_LATER)


def list_settings(estimator: BaseEstimator) -> str:
    """Return the parameters that are not at their defaults, as JSON without tables."""
    return _configuration.list_settings(estimator, ADDED_LATER)


@dataclass(frozen=True)
class Registered:
    """A data set and all models by name, as loaded by workers."""

    name: str
    data_home: str | None = None

    def load(self) -> Bunch:
        """Load the data set, once in each process."""
        return load_data(self.name, self.data_home)

    def make(
        self, model: str, scheme: str, seed: int, rows: np.ndarray | None = None
    ) -> BaseEstimator:
        """Make a model for a scheme, with the genes chosen for training on `rows`."""
        data = self.load()
        if rows is not None:
            data = choose_genes(data, rows)
        return MODELS[model.removesuffix(TUNED)](data, scheme, seed)

    def hash(self, estimator: BaseEstimator) -> str:
        """Return the hash of the configuration of a model."""
        return config_hash(estimator)

    def describe(self, estimator: BaseEstimator) -> str:
        """Return the settings of a model as text."""
        return list_settings(estimator)

    def draw_candidates(self, model: str, n_candidates: int) -> list[dict[str, Any]]:
        """Return the parameters that each candidate of a search changes."""
        return draw_candidates(model, n_candidates)
