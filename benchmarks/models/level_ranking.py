"""Models of level and ranking, given structure and what else is known of compounds.

Settings were chosen on inner splits of the training compounds of drug folds 0 to 2, and
of training cells, too, for new pairs of both. Results depend little on them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.pipeline import FeatureUnion
from sklearn.utils import Bunch

from benchmarks.models.descriptors import DescriptorEncoder
from benchmarks.models.knowledge import COLUMNS
from benchmarks.models.profile_forest import KernelAndForest
from sklearn_csg2a import LevelRankingRegressor
from sklearn_csg2a.baselines import PairwiseKernelRidge, PotencyRegressor
from sklearn_csg2a.encoders import AnnotationEncoder, MorganEncoder, PotencyEncoder
from sklearn_csg2a.encoders._fingerprints import FINGERPRINTS

Known = Literal["all", "fit"] | None

# Of annotation beside structure: the square is the weight of the kernel of a column.
LEVEL_WEIGHT = (0.5 / 3) ** 0.5
RANKING_WEIGHT = 0.5**0.5
# Beside the mean similarity of fingerprints, where the pathway is left out.
SIMILARITY_WEIGHT = (0.5 / 6) ** 0.5
SIMILARITY_COLUMNS = ("target", "mechanism")
# With profiles of the compounds of GDSC1, of drug folds 0 and 3: structure counts half
# as much, which is the same as twice the annotation, penalty and effects of cell lines.
PROFILES = "GDSC1"
PROFILE_WEIGHT = 0.15
BESIDE_PROFILES = {"alpha": 4.0, "cell_weight": 2.0}
# With the response: that of screens without a compound of the data cannot be estimated.
CORRELATIONS = {"GDSC1": 0.95, "DrugCell": 0.8, "NCI-60": 0.8}

# What the forest is told of the potency of a compound, learned from the screens.
POTENCY = ["potency", "distance"]


def make_level_ranking(
    data: Bunch,
    scheme: str,
    seed: int,
    *,
    screens: bool = False,
    annotation: Known = None,
    profiles: bool = False,
    similarity: bool = False,
) -> LevelRankingRegressor:
    """Make a Gaussian process of levels and a kernel ridge regression of rankings.

    `screens` are of compounds that the data set lacks. `annotation` says of which of
    its compounds the annotation is known: see `AnnotationEncoder`. With `profiles`, how
    training cell lines differ is learned from such compounds of GDSC1, too. With
    `similarity`, levels compare structures by several fingerprints, and rankings are
    averaged with a forest.
    """
    del scheme
    model = LevelRankingRegressor(
        make_level(data, screens=screens, annotation=annotation),
        make_ranking(data, annotation=annotation),
    )
    if not profiles:
        return model
    knowledge = _knowledge_of(data)
    weight = RANKING_WEIGHT if annotation is None else 1.0
    ranking = make_ranking(data, annotation=annotation, weight=weight)
    ranking.set_params(**BESIDE_PROFILES)
    if similarity:
        ranking = add_forest(ranking, data, annotation, seed)
        model.set_params(level=make_similarity_level(data, annotation=annotation))
    return model.set_params(
        ranking=ranking,
        profiles=_name_cells(knowledge, data),
        profile_weight=PROFILE_WEIGHT,
        exclude=np.array(knowledge.smiles),
    )


def _name_cells(knowledge: Bunch, data: Bunch) -> pd.DataFrame:
    """Return the profiles of GDSC1, with cell lines named as in the data."""
    profiles = knowledge.screens[PROFILES]
    if profiles.columns.isin(data.expression.index).any():
        return profiles
    named = profiles.columns.map(knowledge.depmap_ids)
    return profiles.set_axis(named, axis=1).loc[:, named.notna()]


def make_level(data: Bunch, *, screens: bool, annotation: Known) -> PotencyRegressor:
    """Make the model of levels."""
    level = PotencyRegressor(**_compare(data, annotation, LEVEL_WEIGHT))
    return level.set_params(**_tell_screens(data)) if screens else level


def make_similarity_level(data: Bunch, *, annotation: Known) -> PotencyRegressor:
    """Make the model of levels that compares structures by several fingerprints."""
    known = _annotate(data, annotation, SIMILARITY_WEIGHT, SIMILARITY_COLUMNS)
    return PotencyRegressor(
        compound_encoder=FeatureUnion(
            [*FINGERPRINTS.items(), ("annotation", known)],
            transformer_weights=dict.fromkeys(FINGERPRINTS, len(FINGERPRINTS) ** -0.5),
        ),
        compound_kernel={
            **dict.fromkeys(FINGERPRINTS, "tanimoto"),
            "annotation": "linear",
        },
        **_tell_screens(data),
    )


def _tell_screens(data: Bunch) -> dict[str, Any]:
    """Return the parameters of screens of compounds that the data set lacks."""
    knowledge = _knowledge_of(data)
    return {
        "screens": knowledge.screens,
        "exclude": np.array(knowledge.smiles),
        "correlations": CORRELATIONS,
    }


def make_ranking(
    data: Bunch, *, annotation: Known, weight: float = RANKING_WEIGHT
) -> PairwiseKernelRidge:
    """Make the model of rankings."""
    return PairwiseKernelRidge(
        expression=data.expression,
        **_compare(data, annotation, weight),
        gamma=0.3,
        identity_weight=1.0,
        compound_weight=0.0,
        alpha=1.0 if annotation is None else 2.0,
        tol=1e-5,
    )


def add_forest(
    kernel: PairwiseKernelRidge, data: Bunch, annotation: Known, seed: int
) -> KernelAndForest:
    """Average a model of rankings with a forest that is told the same of compounds."""
    knowledge = _knowledge_of(data)
    own = np.array(knowledge.smiles)
    parts: list[tuple[str, Any]] = [
        ("descriptors", DescriptorEncoder()),
        ("potency", PotencyEncoder(knowledge.screens, exclude=own, output=POTENCY)),
    ]
    if annotation is not None:
        parts.append(("annotation", _annotate(data, annotation, 1.0)))
    return KernelAndForest(
        kernel, FeatureUnion(parts), data.expression, random_state=seed
    )


def _compare(data: Bunch, annotation: Known, weight: float) -> dict[str, Any]:
    """Return the parameters that say how compounds are compared."""
    if annotation is None:
        return {"compound_encoder": MorganEncoder()}
    known = _annotate(data, annotation, weight)
    return {
        "compound_encoder": FeatureUnion(
            [("structure", MorganEncoder()), ("annotation", known)]
        ),
        "compound_kernel": {"structure": "tanimoto", "annotation": "linear"},
    }


def _annotate(
    data: Bunch, annotation: str, weight: float, columns: Sequence[str] = COLUMNS
) -> AnnotationEncoder:
    """Return the encoder of annotation, where the data have it."""
    knowledge = _knowledge_of(data)
    return AnnotationEncoder(
        knowledge.annotation,
        columns=list(columns),
        known=annotation,
        exclude=None if annotation == "all" else np.array(knowledge.smiles),
        weight=weight,
        add_indicator=False,
    )


def _knowledge_of(data: Bunch) -> Bunch:
    """Return what is known of compounds, where the data have it."""
    if "knowledge" not in data:
        msg = "Of the compounds of these data nothing but the structure is known."
        raise ValueError(msg)
    return data.knowledge()


LEVEL_RANKING: dict[str, Callable[..., Any]] = {
    "LevelRanking": make_level_ranking,
    "LevelRanking_potency": partial(make_level_ranking, screens=True),
    "LevelRanking_known": partial(make_level_ranking, screens=True, annotation="all"),
    "LevelRanking_expected": partial(
        make_level_ranking, screens=True, annotation="fit"
    ),
    "LevelRanking_profiles_known": partial(
        make_level_ranking, screens=True, annotation="all", profiles=True
    ),
    "LevelRanking_profiles_expected": partial(
        make_level_ranking, screens=True, annotation="fit", profiles=True
    ),
    "LevelRanking_similarity_known": partial(
        make_level_ranking,
        screens=True,
        annotation="all",
        profiles=True,
        similarity=True,
    ),
    "LevelRanking_similarity_expected": partial(
        make_level_ranking,
        screens=True,
        annotation="fit",
        profiles=True,
        similarity=True,
    ),
}
