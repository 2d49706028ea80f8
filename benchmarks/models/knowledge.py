"""What is known of compounds: their potency in other screens, and annotation.

Weights were chosen on inner drug-blind splits of the training compounds of one fold of
gdsc2: see `studies/knowledge.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.pipeline import FeatureUnion
from sklearn.utils import Bunch

from benchmarks.models.potency import tabulate_screen
from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.datasets import (
    load_drugcell,
    load_gdsc,
    load_gdsc_full,
    load_nci60,
    load_repurposing_hub,
)
from sklearn_csg2a.encoders import AnnotationEncoder, PotencyEncoder

COLUMNS = ("target", "mechanism", "target_pathway")
SCREENS = ("NCI-60", "DrugCell", "GDSC1")

# In a sum of kernels that of annotation and of potency are linear: their squares count.
IN_A_SUM = {"potency": 0.5, "annotation": 0.5}
# In one Tanimoto similarity with a fingerprint, or as inputs of a network.
IN_ONE = {"potency": 3.0, "annotation": 3.0}


def load_knowledge(compounds: pd.DataFrame, data_home: str | None) -> Bunch:
    """Load other screens and annotation beside that of the compounds of a data set.

    `screens` are the tables of SCREENS by name, with all of their compounds;
    `annotation` has the columns COLUMNS; `smiles` lists the compounds of the data set,
    and `depmap_ids` gives the ids of cell lines of GDSC1 by their names.
    """
    nobody = pd.Series([], dtype=object)
    loaders = (
        load_nci60(data_home=data_home),
        load_drugcell(data_home=data_home),
        load_gdsc_full(data_home=data_home, screen="GDSC1", genes=["TP53"]),
    )
    tables = (tabulate_screen(screen, nobody) for screen in loaders)
    names = loaders[2].cells.set_index("cell_line")["depmap_id"].dropna()
    hub = load_repurposing_hub(data_home=data_home).compounds
    others = load_gdsc(data_home=data_home).compounds
    sources = [compounds, others, hub.rename(columns={"moa": "mechanism"})]
    annotation = [one.reindex(columns=["smiles", *COLUMNS]) for one in sources]
    return Bunch(
        screens=dict(zip(SCREENS, tables, strict=True)),
        annotation=pd.concat(annotation, ignore_index=True),
        smiles=compounds["smiles"].tolist(),
        depmap_ids=names[~names.duplicated()].to_dict(),
    )


@dataclass(frozen=True)
class Known:
    """What a model is told of compounds beside their structure.

    Attributes
    ----------
    screens : sequence of str
        Screens from which potency is learned, of compounds that the data set lacks.
    measured : sequence of str
        Screens whose measurements of the compounds of the data set are used, too.
    annotation : {"all", "fit", "none"} or None
        Compounds whose annotation is known: see `AnnotationEncoder`. With "fit" and
        "none" that of compounds of the data set that are not trained on is not used.
    parameters : dict
        Other parameters of the `AnnotationEncoder`.
    """

    screens: Sequence[str] = ()
    measured: Sequence[str] = ()
    annotation: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    def list_parts(
        self, knowledge: Bunch, weights: dict[str, float]
    ) -> list[tuple[str, BaseEstimator]]:
        """Return the encoders of what is known, by name."""
        parts: list[tuple[str, BaseEstimator]] = []
        if self.screens:
            parts.append(("potency", self._potency(knowledge)))
        if self.annotation is not None:
            settings = {
                "columns": list(COLUMNS),
                "known": self.annotation,
                "exclude": None if self.annotation == "all" else knowledge.smiles,
                "weight": weights["annotation"],
                "add_indicator": False,
            }
            encoder = AnnotationEncoder(
                knowledge.annotation, **{**settings, **self.parameters}
            )
            parts.append(("annotation", encoder))
        return parts

    def _potency(self, knowledge: Bunch) -> PotencyEncoder:
        """Return the encoder of potency, from the screens that may be used."""
        screens = {name: knowledge.screens[name] for name in self.screens}
        if not self.measured:
            return PotencyEncoder(screens, exclude=knowledge.smiles)
        kept = {
            name: table if name in self.measured else _without(table, knowledge.smiles)
            for name, table in screens.items()
        }
        return PotencyEncoder(kept)


def with_knowledge(
    model: BaseEstimator,
    structure: BaseEstimator,
    known: Known,
    knowledge: Bunch,
    *,
    as_sum: bool = True,
) -> BaseEstimator:
    """Tell a model what is known of compounds, beside an encoder of their structure.

    Kernel ridge adds up a kernel for each, if `as_sum`; other models see one encoding.
    """
    is_sum = as_sum and isinstance(model, PairwiseKernelRidge)
    weights = IN_A_SUM if is_sum else IN_ONE
    parts = known.list_parts(knowledge, weights)
    union = FeatureUnion(
        [("structure", structure), *parts],
        transformer_weights={
            name: weights["potency"] for name, _ in parts if name == "potency"
        },
    )
    model.set_params(compound_encoder=union)
    if is_sum:
        linear = dict.fromkeys([name for name, _ in parts], "linear")
        model.set_params(compound_kernel={"structure": "tanimoto", **linear})
    return model


def _without(table: pd.DataFrame, smiles: Sequence[str]) -> pd.DataFrame:
    """Return the rows of a table of other compounds."""
    own = compound_identities(table.index).astype(str)
    return table[~np.isin(own, compound_identities(smiles).astype(str))]
