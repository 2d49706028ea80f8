"""Stored results as panels: one per scheme, with the folds to compare on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from sklearn_csg2a.evaluation.evaluate import TUNED
from sklearn_csg2a.evaluation.naive import NAIVE_MODELS
from sklearn_csg2a.evaluation.results import folds_table, results_table

TITLES = {
    "mixed": "Mixed: new pairs of known cell lines and compounds",
    "random811": "Random 8:1:1: new pairs, drawn as in published comparisons",
    "cell": "Cell-blind: new cell lines",
    "drug": "Drug-blind: new compounds",
    "disjoint": "Disjoint: new cell lines and new compounds",
}


class Measure(NamedTuple):
    """How a column of the results is displayed."""

    title: str
    digits: int
    best: str | None  # "lowest", "highest" or None if no value is the best


MEASURES = {
    "rmse": Measure("RMSE", 3, "lowest"),
    "pearson": Measure("PCC", 3, "highest"),
    "spearman": Measure("Spearman", 3, "highest"),
    "skill": Measure("skill", 3, "highest"),
    "within_drug_pearson": Measure("within drug r", 3, "highest"),
    "within_cell_pearson": Measure("within cell r", 3, "highest"),
    "residual_pearson": Measure("residual r", 3, "highest"),
    "fit_seconds": Measure("fit, s", 1, None),
    "n_parameters": Measure("parameters", 0, None),
}

# The correlation that is 0 for the naive model of the split.
OUT_OF_REACH = {
    "mixed": "residual_pearson",
    "random811": "residual_pearson",
    "cell": "within_drug_pearson",
    "drug": "within_cell_pearson",
    "disjoint": "pearson",
}

SIZES = ("n_train", "n_test", "n_drugs", "n_cells", "n_candidates")
DETAILS = ("naive_rmse", "predict_seconds", "epochs", "best_epoch")
NUMBERS = (*MEASURES, *SIZES, *DETAILS, "n_splits", "fold", "seed")


@dataclass(frozen=True)
class Roster:
    """The models, their order and their kinds.

    Parameters
    ----------
    kinds : mapping of str to str
        "classical", "network" or "average" of each model that is not naive.
    variants : mapping of str to str
        Models that differ from `whole` in one respect, with a description that can
        follow the word "with".
    whole, title : str
        The model that variants are compared with, and its title in headings.
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    variants: Mapping[str, str] = field(default_factory=dict)
    whole: str = ""
    title: str = ""

    def kind_of(self, model: str) -> str:
        """Return the kind of a model; "network" if it is not listed."""
        if model in NAIVE_MODELS:
            return "naive"
        base = model if model in self.kinds else model.removesuffix(TUNED)
        return self.kinds.get(base, "network")

    def place_of(self, model: str) -> tuple[bool, int, str]:
        """Return a sort key: naive models first, then by `kinds`, tuned ones last."""
        known = [*NAIVE_MODELS, *self.kinds]
        base = model if model in known else model.removesuffix(TUNED)
        return (
            model not in NAIVE_MODELS,
            known.index(base) if base in known else len(known),
            model,
        )


@dataclass(frozen=True)
class Panel:
    """The results of one scheme; those of variants are separate."""

    roster: Roster = field(repr=False)
    scheme: str
    n_splits: int
    rows: pd.DataFrame  # as stored: one for each model, fold and seed
    variants: pd.DataFrame  # as stored, the rows of variants
    values: pd.DataFrame  # seeds averaged; the index is (model, fold)
    folds: tuple[int, ...]  # the folds that models are compared on

    @property
    def title(self) -> str:
        """Title of the scheme."""
        return TITLES.get(self.scheme, self.scheme)

    @property
    def name(self) -> str:
        """Name of the panel in table headers."""
        return self.title.partition(": ")[0]

    @property
    def models(self) -> list[str]:
        """All models, the naive ones first."""
        return list(dict.fromkeys(self.values.index.get_level_values("model")))

    @property
    def others(self) -> list[str]:
        """All models that are not naive."""
        return [model for model in self.models if model not in NAIVE_MODELS]

    @property
    def own_naive(self) -> str:
        """The naive model that skill is measured against."""
        return str(self.rows["naive_model"].iloc[0])

    @property
    def correlation(self) -> str:
        """The correlation that is 0 for the naive model of the split."""
        return OUT_OF_REACH.get(self.scheme, "pearson")

    @property
    def test_to_train(self) -> float:
        """Ratio of test to training units of a fold: the larger of two ratios.

        Units are rows, or parts of the split: a disjoint fold tests a tenth of the cell
        lines and compounds, but far fewer of the rows.
        """
        of_rows = float((self.rows["n_test"] / self.rows["n_train"]).mean())
        of_parts = 1 / max(self.n_splits - 1, 1)
        return float(np.nanmax([of_rows, of_parts]))

    @property
    def best_naive(self) -> str | None:
        """The naive model with the lowest RMSE; None if none has been run."""
        naive = [m for m in self.models if m in NAIVE_MODELS and self.is_complete(m)]
        return min(naive, key=self.mean_rmse, default=None)

    def kind_of(self, model: str) -> str:
        """Return the kind of a model: naive, classical, network or average."""
        return self.roster.kind_of(model)

    def of_model(self, model: str) -> pd.DataFrame:
        """Return all folds of a model, indexed by fold."""
        return pd.DataFrame(self.values.xs(model))

    def compared(self, model: str) -> pd.DataFrame:
        """Return the compared folds of a model, indexed by fold."""
        values = self.of_model(model)
        return values[values.index.isin(self.folds)]

    def is_complete(self, model: str) -> bool:
        """Whether a model has finished all compared folds."""
        return len(self.compared(model)) == len(self.folds)

    def mean_rmse(self, model: str) -> float:
        """Return the mean RMSE over the compared folds."""
        return float(self.compared(model)["rmse"].mean())

    def ceiling_of_skill(self, noise: float) -> float:
        """Return the skill of a model that predicts all but the noise."""
        naive = self.rows.drop_duplicates("fold")["naive_rmse"].to_numpy(dtype=float)
        return float(np.mean(1 - np.square(noise / np.maximum(naive, noise))))

    def ranked(self) -> list[str]:
        """Return the complete models, the lowest RMSE first."""
        complete = [model for model in self.models if self.is_complete(model)]
        return sorted(complete, key=self.mean_rmse)


def read_results(folder: Path, data: str) -> tuple[pd.DataFrame, list[str]]:
    """Read the results on the folds of the manifest; also return warnings."""
    results = pd.DataFrame(results_table(folder, data).read().values())
    if results.empty:
        return results, []
    manifest = folds_table(folder, data)
    hash_of = {key: row["split_hash"] for key, row in manifest.read().items()}
    keys = [
        manifest.key_of({str(name): value for name, value in row.items()})
        for row in results.to_dict("records")
    ]
    valid = results["split_hash"] == [hash_of.get(key, "") for key in keys]
    notes = []
    if not valid.all():
        notes.append(
            f"{(~valid).sum()} results were omitted: their folds (`split_hash`) differ "
            "from those of the manifest."
        )
    results = results[valid].copy()
    same = ["scheme", "n_splits", "model", "seed"]
    n_configs = results.groupby(same)["config_hash"].nunique()
    notes += [
        f"{model} in {scheme}: the settings of the model differ between folds; run "
        "them again before you rely on the means."
        for scheme, _, model, _ in n_configs.index[n_configs > 1]
        if not model.endswith(TUNED)  # its settings are chosen in each fold
    ]
    for name in NUMBERS:
        results[name] = pd.to_numeric(results[name])
    return results, notes


def make_panels(results: pd.DataFrame, roster: Roster) -> list[Panel]:
    """Return one panel per scheme and number of folds, in the order of TITLES."""
    known = list(TITLES)
    schemes = sorted(
        results["scheme"].unique(),
        key=lambda name: (known.index(name) if name in known else len(known), name),
    )
    return [
        panel for scheme in schemes for panel in _panels_of(results, scheme, roster)
    ]


def _panels_of(results: pd.DataFrame, scheme: str, roster: Roster) -> Iterator[Panel]:
    """Yield the panels of one scheme, one per number of folds."""
    of_scheme = results[results["scheme"] == scheme]
    for n_splits in sorted(of_scheme["n_splits"].unique()):
        every = of_scheme[of_scheme["n_splits"] == n_splits]
        is_variant = every["model"].isin(list(roster.variants))
        rows, variants = every[~is_variant], every[is_variant]
        means = rows.groupby(["model", "fold"])[list(MEASURES)].mean()
        present = set(means.index.get_level_values("model"))
        order = sorted(present, key=roster.place_of)
        finished = {
            model: frozenset(means.loc[model].index.astype(int).tolist())
            for model in order
        }
        values = means.reindex(order, level="model") if order else means
        folds = choose_folds(finished) if order else ()
        yield Panel(roster, scheme, int(n_splits), rows, variants, values, folds)


def choose_folds(finished: Mapping[str, frozenset[int]]) -> tuple[int, ...]:
    """Choose the folds to compare on: those that cover the most results.

    Candidates are the sets of folds finished by a model, and the folds common to all
    models. The chosen set has the largest product of its size and the number of models
    that have finished all of it; ties go to the set with more models. Naive models take
    seconds to fit, so they are only counted if there are no other models, but folds
    that a naive model lacks are not chosen.
    """
    naive = [folds for model, folds in finished.items() if model in NAIVE_MODELS]
    others = [folds for model, folds in finished.items() if model not in NAIVE_MODELS]
    judged = others or naive
    allowed = frozenset.intersection(*naive) if naive else frozenset.union(*others)
    candidates = {folds & allowed for folds in judged}
    candidates.add(frozenset.intersection(*judged) & allowed)
    candidates.discard(frozenset())
    if not candidates:  # naive and other models have no fold in common
        candidates = set(judged)

    def weigh(folds: frozenset[int]) -> tuple[int, int, list[int]]:
        n_models = sum(folds <= finished_folds for finished_folds in judged)
        return n_models * len(folds), n_models, sorted(-fold for fold in folds)

    best: frozenset[int] = max(candidates, key=weigh)
    return tuple(sorted(best))
