"""Find the pathway of a compound, and tell it from what comes up for every compound
=================================================================================

In the simulated screen, each compound changes the expression of the neighbours of its
target in the interactome. A gene set for each target should come out for the compounds
that hit it, and for no others. A gene set that comes out for all compounds says
something about the model, and nothing about a compound.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.inspection import enrich, mechanism_similarity
from sklearn_csg2a.plotting import EnrichmentDisplay, MechanismSimilarityDisplay

screen = make_screen(n_cells=30, n_genes=60, n_targets=4, random_state=0)
X, Y = screen.perturbation.X, screen.perturbation.Y
model = PerturbationRegressor(
    expression=screen.expression, batch_size=128, max_epochs=30, random_state=0
)
model.fit(X, Y)
target = screen.truth.target

# %%
# One gene set for each target, and one of the genes that always change
# ---------------------------------------------------------------------
# The size of the predicted change of each gene ranks the genes for each compound.
size = np.abs(pd.DataFrame(model.predict_change(X), columns=model.genes_))
of_drug = size.groupby(X["drug"].to_numpy()).mean()
planted = screen.truth.interactions
gene_sets = {
    f"neighbours of {name}": sorted({*edges["gene_i"], *edges["gene_j"]})
    for name, edges in planted.groupby("target")
}
gene_sets["always changed"] = of_drug.mean().nlargest(8).index.tolist()

# %%
# The same table has both p-values
# --------------------------------
# `p` compares with random genes, `p_null` with the lists of compounds of other targets.
drug = of_drug.index[0]
print(f"{drug} hits {target[drug]}")
null = of_drug[of_drug.index.map(target) != target[drug]]
table = enrich(
    of_drug.loc[drug],
    gene_sets,
    background=model,
    null={name: null.loc[name] for name in null.index},
)
shown = ["pathway", "overlap", "size", "score", "p", "p_adjusted", "p_null"]
print(table[shown].round(4).to_string(index=False))

# %%
# Both p-values in one picture
# ----------------------------
# In color: enriched among random genes, and more than for compounds of other targets.
EnrichmentDisplay.from_table(table)

# %%
# Compounds of one target influence the same genes
# ------------------------------------------------
# Here structure decides the target. What is similar beyond structure is drawn as well;
# compounds, not pairs, are permuted for the p-values.
names = list(of_drug.index[:24])
pairs = mechanism_similarity(model, X[X["drug"].isin(names)], target, by="drug")
display = MechanismSimilarityDisplay.from_table(pairs)
shown = ["within", "between", "auroc", "p", "p_beyond"]
print(display.comparison[shown].round(3).to_string())
