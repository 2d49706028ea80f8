"""NCI-60 for the benchmark: alone, and as a test set for models trained on GDSC."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a._utils.names import plain_spelling
from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.datasets import load_gdsc, load_gdsc2, load_interactome, load_nci60
from sklearn_csg2a.preprocessing import RobustZScore

# Each is from the same patient as another line of the panel: M14 (twice), OVCAR-8 and
# U251. They would not be new to a model trained on the other line.
SECOND_LINES = ("MDAMB435", "MDAN", "NCIADRRES", "SNB19")


def load_nci60_alone(data_home: str | None) -> Bunch:
    """Load NCI-60, with the census genes that GDSC2 has; ln GI50 in ln uM.

    Expression stays in log2 intensities. CSG2A scales it by a robust z-score
    fitted to its training cells; the other models have their own scaling.
    """
    nci60 = select_nci60(load_nci60(data_home=data_home))
    census = load_gdsc2(data_home=data_home).expression.columns
    genes = [gene for gene in census if gene in nci60.expression.columns]
    return Bunch(
        X=nci60.X,
        y=nci60.y,
        expression=nci60.expression[genes],
        expression_scaler=RobustZScore(),
        interactome=load_interactome(data_home=data_home, genes=genes),
    )


def load_nci60_transfer(data_home: str | None) -> Bunch:
    """Load GDSC to train on and NCI-60 to test on; no cell line is in both."""
    return make_transfer(
        load_gdsc(data_home=data_home),
        load_nci60(data_home=data_home),
        load_interactome(data_home=data_home),
    )


def make_transfer(gdsc: Bunch, nci60: Bunch, interactome: pd.DataFrame) -> Bunch:
    """Concatenate both data sets, the rows of GDSC first.

    The lines of NCI-60 are removed from GDSC. Common genes are z-scores over the cell
    lines of each data set, as the two were measured by different methods: this uses the
    expression of test lines, but not their response.
    """
    nci60 = select_nci60(nci60)
    kept = ~gdsc.X["cell_line"].isin(shared_lines(gdsc.cells, nci60.cells))
    train = gdsc.X[kept.to_numpy()]
    columns = ["cell_line", "smiles", "drug", "tissue"]
    genes = [gene for gene in gdsc.expression if gene in nci60.expression]
    tables = [
        z_scores(gdsc.expression.loc[train["cell_line"].unique(), genes]),
        z_scores(nci60.expression[genes]),
    ]
    position = np.arange(len(train) + len(nci60.X))
    of_train, of_test = np.split(position, [len(train)])
    is_known = np.isin(
        compound_identities(nci60.X["smiles"]),
        np.unique(compound_identities(train["smiles"]).astype(str)),
    )
    among = interactome["source"].isin(genes) & interactome["target"].isin(genes)
    return Bunch(
        X=pd.concat([train[columns], nci60.X[columns]], ignore_index=True),
        y=pd.concat([gdsc.y[kept.to_numpy()], nci60.y], ignore_index=True),
        expression=pd.concat(tables),
        interactome=interactome[among].reset_index(drop=True),
        splits={
            "cell": (of_train, of_test[is_known]),
            "disjoint": (of_train, of_test[~is_known]),
        },
    )


def select_nci60(nci60: Bunch) -> Bunch:
    """Keep sources of good quality, and one line per patient."""
    source = nci60.X["source"]
    kept = (source.eq("AOD_IOA") | source.str.startswith("CellMiner")) & ~nci60.X[
        "cell_line"
    ].isin(SECOND_LINES)
    return Bunch(
        X=nci60.X[kept].reset_index(drop=True),
        y=nci60.y[kept].reset_index(drop=True),
        expression=nci60.expression.drop(index=list(SECOND_LINES), errors="ignore"),
        cells=nci60.cells,
    )


def shared_lines(gdsc_cells: pd.DataFrame, nci60_cells: pd.DataFrame) -> set[str]:
    """Return the ids in GDSC of all lines of NCI-60, matched by flag, id and name."""
    names = gdsc_cells["cell_line_name"].astype(str).map(plain_spelling)
    others = nci60_cells["cell_line"].astype(str).map(plain_spelling)
    is_shared = (
        gdsc_cells["in_nci60"].astype(bool)
        | gdsc_cells["cell_line"].isin(nci60_cells["depmap_id"].dropna())
        | names.isin(others)
    )
    return set(gdsc_cells["cell_line"][is_shared])


def z_scores(expression: pd.DataFrame) -> pd.DataFrame:
    """Standardise each gene over the cell lines; 0 if it is constant."""
    spread = expression.std(axis=0, ddof=0)
    centered = expression - expression.mean(axis=0)
    return (centered / spread.where(spread > 0, 1)).astype("float32")
