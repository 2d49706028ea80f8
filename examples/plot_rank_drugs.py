"""Rank drugs for new samples by how unusual their sensitivity is
==============================================================

By predicted ln IC50 the same few potent drugs come first for everybody. `rank_drugs`
compares each prediction with those of the same drug for reference cell lines instead.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from sklearn_csg2a import rank_drugs
from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.patients import compare_responders, write_ranking
from sklearn_csg2a.plotting import DrugRankingDisplay, RespondersDisplay
from sklearn_csg2a.uncertainty import ApplicabilityDomain

screen = make_screen(n_cells=60, n_compounds=40, random_state=0)

# %%
# Ten cell lines stand for patients
# ---------------------------------
lines, patients = screen.expression.iloc[:50], screen.expression.iloc[50:]
known = screen.X["cell_line"].isin(lines.index)
model = PairwiseKernelRidge(expression=lines)
model.fit(screen.X[known], screen.y[known])
ranking = rank_drugs(model, patients, screen.X[["drug", "smiles"]])
print(ranking.groupby("sample").head(2).round(2).to_string(index=False))

# %%
# How many drugs are among the top three of ten patients
# ------------------------------------------------------
top = ranking.groupby("sample").head(3)
potent = ranking.sort_values("ln_ic50").groupby("sample").head(3)
print("by percentile:", top["drug"].nunique(), "drugs")
print("by ln IC50:", potent["drug"].nunique(), "drugs")

# %%
# Are the first ones right, and are responders told apart?
# --------------------------------------------------------
# A patient responds to a drug if it is among the most sensitive third of all lines.
place = screen.y.groupby(screen.X["drug"]).rank(pct=True)
courses = screen.X.assign(responds=place <= 1 / 3)[~known]
truth = ranking.merge(
    courses, left_on=["sample", "drug"], right_on=["cell_line", "drug"]
)
first = truth.groupby("sample").head(3)
print(f"responses: {first['responds'].mean():.2f} of the top three,", end=" ")
print(f"{truth['responds'].mean():.2f} of all")
test = compare_responders(truth["percentile"], truth["responds"], n_resamples=999)
print(test.round(3).T.to_string(header=False))

# %%
# A page to look at
# -----------------
with tempfile.TemporaryDirectory() as folder:
    page = Path(folder) / "ranking.html"
    write_ranking(ranking, page)
    print(f"page of {page.stat().st_size / 1000:.0f} kB")

# %%
# The ranking of one patient, and responders by drug
# --------------------------------------------------
# Limits and the domain, where they are given to `rank_drugs`, are drawn as well.
domain = ApplicabilityDomain(lines).fit(screen.X[known])
ranking = rank_drugs(model, patients, screen.X[["drug", "smiles"]], domain=domain)
DrugRankingDisplay.from_table(ranking, sample=patients.index[0])

often = truth["drug"].isin(
    truth.loc[truth["responds"], "drug"].value_counts().index[:8]
)
by_drug = truth[often]
RespondersDisplay.from_predictions(
    by_drug["ln_ic50"], by_drug["responds"], by_drug["drug"], n_resamples=999
)
