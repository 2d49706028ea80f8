"""A virtual library: scaffolds with two positions and substituents."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

__all__ = ["LIBRARY_SIZE", "SCAFFOLDS", "SUBSTITUENTS", "enumerate_library"]

# No scaffold is symmetric in its positions a and b, so that every combination is a
# distinct compound. Ring numbers 1 to 4 belong to scaffolds, 9 to substituents.
SCAFFOLDS: dict[str, str] = {
    "anilinoquinazoline": "c1c({a})ccc2c1ncnc2Nc3ccc({b})cc3",
    "indolecarboxanilide": "c1c({a})ccc2c1cc([nH]2)C(=O)Nc3ccc({b})cc3",
    "benzylbenzimidazole": "c1c({a})ccc2c1nc([nH]2)Cc3ccc({b})cc3",
    "anilinopyrimidine": "c1c({a})cnc(n1)Nc2ccc({b})cc2",
    "phenylthiazole": "c1sc({a})nc1-c2ccc({b})cc2",
    "diphenylurea": "c1cc({a})ccc1NC(=O)Nc2cccc({b})c2",
    "pyridylsulfonamide": "c1cc({a})ccc1S(=O)(=O)Nc2cccc({b})n2",
    "phenylcoumarin": "O=C1Oc2cc({a})ccc2C=C1c3ccc({b})cc3",
    "chalcone": "O=C(C=Cc1ccc({a})cc1)c2ccc({b})cc2",
    "benzoylpiperazine": "O=C(c1ccc({a})cc1)N2CCN(CC2)c3ccc({b})cc3",
    "diphenylisoxazole": "c1c(onc1-c2ccc({a})cc2)-c3ccc({b})cc3",
    "phenylpyrazole": "c1c({a})cn(n1)-c2ccc({b})cc2",
    "quinolone": "O=c1cc({a})n(C)c2ccc({b})cc12",
    "benzylphthalazinone": "O=c1[nH]nc(Cc2ccc({a})cc2)c3cc({b})ccc13",
    "benzothiopheneamide": "c1c({a})ccc2c1cc(s2)C(=O)N3CCC({b})CC3",
    "tetralin": "C1CC({a})Cc2c1ccc({b})c2",
    "carbazole": "c1c({a})ccc2c1c3ccccc3n2CCN4CCC({b})CC4",
    "hydroxamate": "ONC(=O)C=Cc1ccc({a})c({b})c1",
    "benzyltriazole": "c1c(nnn1Cc2ccc({a})cc2)-c3ccc({b})cc3",
    "phenothiazine": "c1c({a})ccc2c1Nc3ccc({b})cc3S2",
    "xanthine": "CN1C(=O)c2nc({a})n(Cc3ccc({b})cc3)c2N(C)C1=O",
    "phenoxynicotinamide": "O=C(Nc1ccc({a})cc1)c2cnc(Oc3ccc({b})cc3)cc2",
    "hydantoin": "O=C1NC(=O)N(c2ccc({a})cc2)C1Cc3ccc({b})cc3",
    "stilbene": "C(=Cc1ccc({a})cc1)c2cc(OC)c({b})c(OC)c2",
}
SUBSTITUENTS: tuple[str, ...] = (
    "C",
    "F",
    "Cl",
    "OC",
    "N",
    "C#N",
    "C(F)(F)F",
    "C(C)C",
    "N(C)C",
    "O",
    "S(C)(=O)=O",
    "N9CCOCC9",
)
LIBRARY_SIZE = len(SCAFFOLDS) * len(SUBSTITUENTS) ** 2


def enumerate_library(n_targets: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return the whole library with the target index and ln EC50 of each compound.

    Scaffolds are assigned to targets in random order. The ln EC50 (ln uM) is the
    sum of a scaffold term, one term for each substituent and a small residual.
    """
    names = list(SCAFFOLDS)
    dealt = rng.permutation(len(names))  # (scaffolds,)
    target_of = dict(
        zip(dealt.tolist(), itertools.cycle(range(n_targets)), strict=False)
    )
    scaffold_term = rng.normal(0.0, 0.6, len(names))
    a_term = rng.normal(0.0, 0.8, len(SUBSTITUENTS))
    b_term = rng.normal(0.0, 0.8, len(SUBSTITUENTS))
    n_positions = len(SUBSTITUENTS)
    scaffold, a, b = (
        column.ravel() for column in np.indices((len(names), n_positions, n_positions))
    )
    residual = rng.normal(0.0, 0.2, len(scaffold))
    return pd.DataFrame(
        {
            "smiles": [
                SCAFFOLDS[names[s]].format(a=SUBSTITUENTS[i], b=SUBSTITUENTS[j])
                for s, i, j in zip(scaffold, a, b, strict=True)
            ],
            "scaffold": [names[s] for s in scaffold],
            "target": [target_of[s] for s in scaffold.tolist()],
            "ln_ec50": np.log(5.0)
            + scaffold_term[scaffold]
            + a_term[a]
            + b_term[b]
            + residual,
        }
    )
