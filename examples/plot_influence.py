"""Find the target of a compound, and through which genes it acts
==============================================================

A network is trained on simulated perturbation profiles without the interactome. Four
readouts then rank genes and pairs of genes for each compound. In a simulated screen the
answers are known, so that each readout can be judged; a null shows what a readout gives
where there is nothing to find.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.inspection import influence, top_interactions

screen = make_screen(
    n_cells=40, n_genes=60, n_targets=4, n_perturbation_compounds=80, random_state=0
)
model = PerturbationRegressor(
    expression=screen.expression, batch_size=64, max_epochs=40, random_state=0
)
model.fit(screen.perturbation.X, screen.perturbation.Y)

# %%
# Compounds are compared in the same cells, at one dose and time
# --------------------------------------------------------------
compounds = screen.perturbation.X[["drug", "smiles"]].drop_duplicates()[:8]
cells = pd.DataFrame({"cell_line": screen.expression.index})
X = compounds.merge(cells, how="cross").assign(dose=10.0, time=72.0)
found = influence(model, X, by="drug", null="untrained", n_null=19)
print("Strongest gene of each compound, and its rank in untrained networks:")
first = found.genes[found.genes["rank"] == 1].round(3)
first = first.assign(target=first["drug"].map(screen.truth.target))
print(first.to_string(index=False))

# %%
# The strongest pairs of one compound
# -----------------------------------
drug = compounds["drug"].iloc[1]
target = screen.truth.target[drug]
pairs = top_interactions(model, X, k=8, by="drug")
print(f"\nStrongest pairs of {drug}, whose target is {target}:")
print(pairs[pairs["drug"] == drug].round(3).to_string(index=False))

# %%
# Which readout finds the targets?
# --------------------------------
# Many weights of genes that are expressed alike predict the same change, so that the
# derivatives of a network need not be those of the cell. Covariation shows what the
# weights amount to in real cells.
areas = {}
for method in ("learned_attention", "jacobian", "integrated_gradients", "covariation"):
    genes = influence(model, X, method=method, by="drug").wide().abs()
    areas[method.replace("_", " ")] = np.mean(
        [
            roc_auc_score(genes.columns == screen.truth.target[drug], genes.loc[drug])
            for drug in genes.index
        ]
    )
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
genes = found.wide().loc[drug]
left.bar(range(len(genes)), genes, color=np.where(genes.index == target, "C3", "C0"))
left.set(title=f"{drug}; red: its target {target}", xlabel="gene", ylabel="influence")
right.barh(list(areas), list(areas.values()), color="C0")
right.axvline(0.5, color="0.4", linestyle=":")
right.set(title="finding the targets of 8 compounds", xlabel="AUROC", xlim=(0, 1))
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
for method, area in areas.items():
    print(f"targets found by {method}: AUROC {area:.2f}")
