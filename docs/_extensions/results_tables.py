"""Tables of results, made from the stored CSV files when the site is built.

    ```{results-table} gdsc2
    :measure: rmse
    :models: DrugMean, PairwiseKernelRidge, csg2a
    ```

Each cell says over how many folds and seeds it is the mean, unless all say the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
from docutils import nodes
from docutils.parsers.rst import Directive, directives

if TYPE_CHECKING:
    from sphinx.application import Sphinx

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
SCHEMES = {
    "mixed": "pairs (mixed)",
    "random811": "pairs (random 8:1:1)",
    "cell": "cell lines",
    "drug": "compounds",
    "disjoint": "both (disjoint)",
}
MEASURES = {
    "rmse": ("RMSE", min, 3),
    "pearson": ("correlation", max, 3),
    "within_drug_pearson": ("correlation within compounds", max, 3),
    "skill": ("skill", max, 3),
}


def read_results(data: str) -> pd.DataFrame:
    """Return the stored rows of a data set that no search has chosen settings for."""
    table = pd.read_csv(RESULTS / f"{data}.csv")
    return table[table["candidate"].isna()] if "candidate" in table else table


def summarise(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return mean, number of folds and of seeds, by scheme and model."""
    groups = table.groupby(["scheme", "model"])
    return pd.DataFrame(
        {
            "mean": groups[measure].mean(),
            "folds": groups["fold"].nunique(),
            "seeds": groups["seed"].nunique(),
        }
    )


class ResultsTable(Directive):
    """A table of models by schemes; the best of a column is strong."""

    required_arguments = 1
    option_spec: ClassVar = {
        "measure": directives.unchanged,
        "models": directives.unchanged_required,
        "schemes": directives.unchanged,
        "least-folds": directives.positive_int,
    }

    def run(self) -> list[nodes.Node]:
        data = self.arguments[0]
        measure = self.options.get("measure", "rmse")
        found = summarise(read_results(data), measure)
        found = found[found["folds"] >= self.options.get("least-folds", 1)]
        schemes = [
            scheme.strip()
            for scheme in self.options.get("schemes", ",".join(SCHEMES)).split(",")
            if scheme.strip() in found.index.levels[0]
        ]
        models = [one.strip() for one in self.options["models"].split(",")]
        missing = sorted(set(models) - set(found.index.get_level_values("model")))
        if missing:
            raise self.error(f"{data}.csv holds no rows of {', '.join(missing)}.")
        env = self.state.document.settings.env
        env.note_dependency(str(RESULTS / f"{data}.csv"))
        chosen = found[found.index.get_level_values("model").isin(models)]
        chosen = chosen[chosen.index.get_level_values("scheme").isin(schemes)]
        usual = chosen[["folds", "seeds"]].mode().iloc[0]
        header = ["model", *(SCHEMES[scheme] for scheme in schemes)]
        rows = [
            [model, *(_cell(chosen, scheme, model, usual) for scheme in schemes)]
            for model in models
        ]
        best = {
            column: MEASURES[measure][1](
                chosen.loc[scheme, "mean"].reindex(models).dropna()
            )
            for column, scheme in enumerate(schemes, start=1)
        }
        note = (
            f"Mean {MEASURES[measure][0]}; unless a cell says otherwise, over "
            f"{usual['folds']:.0f} folds and {usual['seeds']:.0f} "
            f"{'seed' if usual['seeds'] == 1 else 'seeds'}. "
            f"From benchmarks/results/{data}.csv."
        )
        return [
            _table(header, rows, best, MEASURES[measure][2]),
            nodes.paragraph("", "", nodes.emphasis("", note)),
        ]


def _cell(
    found: pd.DataFrame, scheme: str, model: str, usual: pd.Series
) -> tuple[float, str] | None:
    """Return the value of a cell, and what is unusual about it."""
    if (scheme, model) not in found.index:
        return None
    row = found.loc[(scheme, model)]
    notes = [
        f"{row[name]:.0f} {name if row[name] != 1 else name[:-1]}"
        for name in ("folds", "seeds")
        if row[name] != usual[name]
    ]
    return float(row["mean"]), ", ".join(notes)


def _table(
    header: list[str], rows: list[list[Any]], best: dict[int, float], digits: int
) -> nodes.table:
    """Build the nodes of a table."""
    group = nodes.tgroup("", cols=len(header))
    group.extend(nodes.colspec(colwidth=1) for _ in header)
    head = nodes.row("", *(_entry(nodes.Text(text)) for text in header))
    group += nodes.thead("", head)
    body = nodes.tbody()
    for row in rows:
        entries = [_entry(nodes.Text(row[0]))]
        for column, cell in enumerate(row[1:], start=1):
            if cell is None:
                entries.append(_entry(nodes.Text("-")))
                continue
            value, note = cell
            text = f"{value:.{digits}f}"
            shown = (
                nodes.strong("", text) if value == best[column] else nodes.Text(text)
            )
            entries.append(_entry(shown, *_small(note)))
        body += nodes.row("", *entries)
    group += body
    return nodes.table("", group, classes=["results"])


def _small(note: str) -> list[nodes.Node]:
    """Return the nodes of a remark behind a value, none where it says nothing."""
    return [nodes.inline("", f" ({note})", classes=["note"])] if note else []


def _entry(*parts: nodes.Node) -> nodes.entry:
    return nodes.entry("", nodes.paragraph("", "", *parts))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("results-table", ResultsTable)
    return {"version": "1", "parallel_read_safe": True}
