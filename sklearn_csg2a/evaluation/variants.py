"""Variants of a model compared with it, on the same folds and seeds.

A variant differs from the model in one respect; a `Roster` lists them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.p_values import adjust_holm
from sklearn_csg2a.evaluation.panels import Panel
from sklearn_csg2a.evaluation.statistics import (
    LEVEL,
    PairedTest,
    corrected_t_test,
)
from sklearn_csg2a.evaluation.tables import DASH, Cell, Table, write_interval, write_p

# Settings that variants change on purpose, or that are irrelevant here.
MAY_DIFFER = {"attention", "compound_encoder", "random_state"}


def say_lead(whole: str) -> str:
    """Return the introduction of the section on variants."""
    return (
        f"Variants of {whole}, each with one change and all other settings as chosen "
        f"for {whole}. They are not in the tables and figures above. Differences are "
        f"the RMSE of the variant minus that of {whole}, on the folds and seeds that "
        "both have: above 0, the variant is worse. With few folds the intervals are "
        "wide, and a difference that is not significant may still be relevant."
    )


@dataclass(frozen=True)
class Effect:
    """Comparison of a variant with the whole model, on common folds and seeds."""

    model: str
    rmse: pd.DataFrame = field(repr=False)  # columns "variant", "whole"; index: fold
    n_seeds: int
    test: PairedTest
    p_holm: float = float("nan")

    @property
    def differences(self) -> np.ndarray:
        """RMSE minus that of the whole model: (n_folds,)."""
        return (self.rmse["variant"] - self.rmse["whole"]).to_numpy()

    @property
    def n_worse(self) -> int:
        """Number of folds in which the variant is worse."""
        return int((self.differences > 0).sum())

    @property
    def is_the_same(self) -> bool:
        """Whether there is no difference: the variant is the whole model here."""
        return not self.differences.any()

    @property
    def is_significant(self) -> bool:
        """Whether the difference is significant after Holm's correction."""
        return self.p_holm < LEVEL


def compare_variants(panel: Panel) -> list[Effect]:
    """Test the variants of a scheme against the whole model.

    The tests are one family for Holm's correction.

    Variants without a common fold and seed are omitted; variants that do not differ at
    all are not tested.
    """
    compared = [
        _compare(panel, model, pairs)
        for model in _stored_variants(panel)
        if len(pairs := _pair(panel, model))
    ]
    p_values = [float("nan") if e.is_the_same else e.test.p for e in compared]
    adjusted = adjust_holm(np.array(p_values))
    return [
        replace(effect, p_holm=float(p))
        for effect, p in zip(compared, adjusted, strict=True)
    ]


def _stored_variants(panel: Panel) -> list[str]:
    """Return the variants that have results, in the order of the roster."""
    present = set(panel.variants["model"])
    return [name for name in panel.roster.variants if name in present]


def _pair(panel: Panel, model: str) -> pd.DataFrame:
    """Return the rows of a variant and of the whole model on the same fold and seed."""
    variant = panel.variants[panel.variants["model"] == model]
    whole = panel.rows[panel.rows["model"] == panel.roster.whole]
    pairs = variant.merge(whole, on=["fold", "seed"], suffixes=("_variant", "_whole"))
    return pairs.dropna(subset=["rmse_variant", "rmse_whole"])


def _compare(panel: Panel, model: str, pairs: pd.DataFrame) -> Effect:
    """Compare a variant fold by fold, seeds averaged within a fold."""
    means = pairs.groupby("fold")[["rmse_variant", "rmse_whole"]].mean()
    rmse = means.set_axis(["variant", "whole"], axis=1)
    differences = (rmse["variant"] - rmse["whole"]).to_numpy()
    test = corrected_t_test(differences, panel.test_to_train)
    return Effect(model, rmse, pairs["seed"].nunique(), test)


def make_differences(compared: Sequence[tuple[Panel, Sequence[Effect]]]) -> Table:
    """Make the table of variants by schemes: the mean difference in RMSE."""
    roster = compared[0][0].roster
    of_panel = [{effect.model: effect for effect in effects} for _, effects in compared]
    whole = [_write_whole(panel, effects) for panel, effects in compared]
    rows = [[Cell(roster.whole), Cell("no change: its RMSE"), *map(Cell, whole)]]
    rows += [
        [Cell(model), Cell(words), *(_effect_cell(e.get(model)) for e in of_panel)]
        for model, words in roster.variants.items()
        if any(model in effects for effects in of_panel)
    ]
    header = ["model", "with", *(panel.name for panel, _ in compared)]
    caption = (
        f"Mean difference in RMSE from {roster.whole}, and the number of folds in "
        "which the variant is worse; bold if significant (Holm). The first row is the "
        f"RMSE of {roster.whole}, over all its seeds, on the folds of any variant."
    )
    return Table(caption, header, rows, 2)


def _write_whole(panel: Panel, effects: Sequence[Effect]) -> str:
    """Format the RMSE of the whole model, and the number of folds of its variants."""
    folds = sorted({fold for effect in effects for fold in effect.rmse.index})
    mean = float(panel.of_model(panel.roster.whole).loc[folds, "rmse"].mean())
    return f"{mean:.3f} ({_count_folds(len(folds))})"


def _effect_cell(effect: Effect | None) -> Cell:
    """Format the mean difference and the folds; a dash if there is none."""
    if effect is None:
        return Cell(DASH)
    n_folds = effect.test.n_folds
    text = f"{effect.test.mean:+.3f} ({effect.n_worse}/{n_folds})"
    return Cell(text, effect.is_significant)


def make_tests(panel: Panel, effects: Sequence[Effect]) -> Table:
    """Make the table of tests of the variants of one scheme."""
    header = ["model", "with", "folds", "seeds", "RMSE"]
    header += [panel.roster.whole, "difference"]
    header += ["95 %", "worse in", "p", "p (Holm)"]
    rows = [
        [
            Cell(effect.model),
            Cell(panel.roster.variants[effect.model]),
            Cell(str(effect.test.n_folds)),
            Cell(str(effect.n_seeds)),
            Cell(f"{effect.rmse['variant'].mean():.3f}"),
            Cell(f"{effect.rmse['whole'].mean():.3f}"),
            Cell(f"{effect.test.mean:+.3f}"),
            *_test_cells(effect),
        ]
        for effect in effects
    ]
    caption = (
        f"{panel.name}: paired tests of RMSE against {panel.roster.whole}, with Holm's "
        "correction over these variants; bold p are significant."
    )
    return Table(caption, header, rows, 2)


def _test_cells(effect: Effect) -> list[Cell]:
    """Format interval, folds and p; dashes if there is no test."""
    test = effect.test
    if effect.is_the_same:
        test = replace(test, low=float("nan"), p=float("nan"))
    return [
        Cell(write_interval(test.low, test.high)),
        Cell(f"{effect.n_worse}/{test.n_folds}"),
        Cell(write_p(test.p)),
        Cell(write_p(effect.p_holm), effect.is_significant),
    ]


def say_effects(panel: Panel, effects: Sequence[Effect]) -> str:
    """Report which variants are worse, better, not different, or not tested."""
    tested = [effect for effect in effects if not np.isnan(effect.p_holm)]
    verdicts = {
        "The error is significantly higher with": [
            e for e in tested if e.is_significant and e.test.mean > 0
        ],
        "The error is significantly lower with": [
            e for e in tested if e.is_significant and e.test.mean < 0
        ],
        "The error is not significantly different with": [
            e for e in tested if not e.is_significant
        ],
        "Not tested, because there is only one fold:": [
            e for e in effects if np.isnan(e.p_holm) and not e.is_the_same
        ],
        f"Identical to {panel.roster.whole} in this scheme:": [
            e for e in effects if e.is_the_same
        ],
    }
    text = " ".join(
        f"{verdict} {', '.join(_say_effect(panel, effect) for effect in members)}."
        for verdict, members in verdicts.items()
        if members
    )
    return f"{panel.name}: {text[0].lower()}{text[1:]}"


def _say_effect(panel: Panel, effect: Effect) -> str:
    """Describe a variant: its mean difference, and the folds in which it is worse."""
    words = panel.roster.variants[effect.model]
    if effect.is_the_same:
        return words
    text = f"{effect.test.mean:+.3f}"
    if effect.test.n_folds > 1:
        text += f", worse in {effect.n_worse} of {_count_folds(effect.test.n_folds)}"
    if effect.is_significant:
        p = write_p(effect.p_holm)
        text += f", p {p if p.startswith('<') else f'= {p}'}"
    return f"{words} ({text})"


def say_remarks(panel: Panel, effects: Sequence[Effect]) -> Iterator[str]:
    """Report variants that are not compared, or differ in more than one setting."""
    whole, stored = panel.roster.whole, _stored_variants(panel)
    compared = {effect.model for effect in effects}
    missing = ", ".join(model for model in stored if model not in compared)
    if missing and whole not in panel.models:
        yield f"{panel.name}: no results of {whole} to compare with those of {missing}."
    elif missing:
        yield (
            f"{panel.name}: not compared, because they share no fold and seed with "
            f"{whole}: "
            f"{missing}."
        )
    for effect in effects:
        other = _other_settings(_pair(panel, effect.model))
        if other:
            yield (
                f"{panel.name}: {effect.model} was fitted with other settings than "
                f"{whole} ({', '.join(other)}), so the difference may come from them; "
                "run the older of the two again."
            )


def _other_settings(pairs: pd.DataFrame) -> list[str]:
    """Return the settings that differ although the variant does not change them."""
    different = set()
    for variant, whole in zip(
        pairs["settings_variant"], pairs["settings_whole"], strict=True
    ):
        first, second = (json.loads(text or "{}") for text in (variant, whole))
        different |= {k for k in first | second if first.get(k) != second.get(k)}
    return sorted(different - MAY_DIFFER)


def _count_folds(number: int) -> str:
    """Format a number of folds."""
    return "1 fold" if number == 1 else f"{number} folds"
