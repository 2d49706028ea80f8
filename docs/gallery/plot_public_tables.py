"""From public tables to a fitted model.

Expression from DepMap, responses from GDSC and structures from your own table: three
sources with different names of cell lines and compounds. The tables are simulated here,
small and in the formats of the published ones; replace them by the paths of yours.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import pandas as pd

from sklearn_csg2a import DrugResponseRegressor
from sklearn_csg2a.datasets import (
    make_screen,
    map_cell_lines,
    read_depmap_expression,
    read_gdsc_fitted,
)
from sklearn_csg2a.metrics import pearson
from sklearn_csg2a.model_selection import CellBlindKFold

# %%
# Tables in their published formats
# ---------------------------------
folder = TemporaryDirectory()
data = Path(folder.name)
screen = make_screen(n_cells=32, n_compounds=24, random_state=0)
lines = screen.expression.index

models = pd.DataFrame(
    {
        "ModelID": [f"ACH-{i:06d}" for i in range(len(lines))],
        "CellLineName": [f"Line-{i}" for i in range(len(lines))],
        "COSMICID": [900000.0 + i for i in range(len(lines))],
        "SangerModelID": [f"SIDM{i:05d}" for i in range(len(lines))],
    },
    index=lines,
)
models.to_csv(data / "Model.csv", index=False)

profiles = screen.expression.set_axis(models["ModelID"])
profiles.columns = [f"{gene} ({i})" for i, gene in enumerate(profiles.columns)]
profiles = profiles.rename_axis("ModelID").reset_index()
profiles.insert(0, "SequencingID", [f"CDS-{i}" for i in range(len(lines))])
profiles.insert(2, "IsDefaultEntryForModel", "Yes")
again = profiles.head(2).assign(IsDefaultEntryForModel="No", SequencingID="CDS-x")
profiles = pd.concat([profiles, again])
profiles.to_csv(data / "OmicsExpressionTPMLogp1HumanProteinCodingGenes.csv")

sheet = pd.DataFrame(
    {
        "COSMIC_ID": screen.X["cell_line"].map(models["COSMICID"]).astype(int),
        "CELL_LINE_NAME": screen.X["cell_line"].map(models["CellLineName"]),
        "SANGER_MODEL_ID": screen.X["cell_line"].map(models["SangerModelID"]),
        "DRUG_NAME": screen.X["drug"],
        "LN_IC50": screen.y,
    }
)
sheet.to_csv(data / "GDSC2_fitted_dose_response.csv", index=False)

compounds = screen.compounds[["drug", "smiles"]].copy()
compounds["drug"] = compounds["drug"].str.upper().str.replace("-", " ")
compounds.to_csv(data / "compounds.csv", index=False)

# %%
# Read the tables
# ---------------
# Only the default profile of a model is kept; a warning and `attrs` list the others.
# The names of compounds may differ in case, blanks and dashes.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)
    expression = read_depmap_expression(
        data / "OmicsExpressionTPMLogp1HumanProteinCodingGenes.csv"
    )
print("dropped:", expression.attrs["dropped"])
response = read_gdsc_fitted(
    data / "GDSC2_fitted_dose_response.csv", compounds=data / "compounds.csv"
)

# %%
# Map the ids of cell lines
# -------------------------
# The responses have Sanger ids, the expression DepMap ids. Names, COSMIC and CCLE ids
# are supported as well.
X, y = response.X, response.y
X["cell_line"] = map_cell_lines(X["cell_line"], data / "Model.csv", to="depmap")
known = X["cell_line"].isin(expression.index)
X, y = X[known], y[known]
print(X.head(3).to_string())

# %%
# Fit, and predict new cell lines
# -------------------------------
train, test = next(CellBlindKFold(4).split(X, y))
model = DrugResponseRegressor(
    expression=expression, learning_rate=1e-3, max_epochs=10, random_state=0
)
model.fit(X.iloc[train], y.iloc[train])
measured, predicted = y.iloc[test], model.predict(X.iloc[test])
print(f"new cell lines: r = {pearson(measured, predicted):.2f}")
new = pd.DataFrame({"cell_line": [expression.index[0]], "smiles": ["CCO"]})
print(f"ethanol in {expression.index[0]}: ln IC50 {model.predict(new)[0]:.1f}")

figure, axes = plt.subplots(figsize=(4, 4), layout="constrained")
axes.plot(measured, predicted, "o", ms=3, alpha=0.5)
axes.axline((float(y.mean()), float(y.mean())), slope=1, color="black", lw=0.8)
axes.set(
    xlabel="measured ln IC50 (ln uM)",
    ylabel="predicted ln IC50 (ln uM)",
    title="New cell lines",
)
folder.cleanup()
