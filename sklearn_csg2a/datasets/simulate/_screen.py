"""A simulated screen with known ground truth."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a._utils.sklearn_compat import Interval, validate_params
from sklearn_csg2a._utils.validation import draw_seeds
from sklearn_csg2a.datasets.simulate._library import (
    LIBRARY_SIZE,
    SCAFFOLDS,
    enumerate_library,
)
from sklearn_csg2a.datasets.simulate._mechanism import (
    Cells,
    change_expression,
    hit_strength,
    make_cells,
    respond,
)
from sklearn_csg2a.datasets.simulate._network import (
    MODULE_SIZE,
    Effects,
    make_network,
    pick_targets,
    plant_effects,
)
from sklearn_csg2a.exceptions import InputError

__all__ = ["make_screen"]

DOSES = (1.0, 10.0, 30.0)  # uM
TIMES = (6.0, 24.0, 72.0)  # hours

DESCR = """\
Simulated drug-response screen
------------------------------
{n_cells} cell lines, {n_genes} genes, {n_compounds} compounds with a response and
{n_perturbation_compounds} compounds with perturbed expression.

Compounds are scaffolds with two substituents. The scaffold decides the target
gene; scaffold and substituents add up to ln EC50 (ln uM). Several scaffolds
share a target, so the target of an unseen compound can be read from its structure.

Perturbed expression is g + p * E @ g + noise, where g is the basal expression of
the cell line, E the effect matrix of the target (genes x genes; entry [j, i] is
what source gene i does to gene j, along planted edges of the interactome) and
p = dose / (dose + EC50) * (1 - exp(-time / 18)) is the strength of the hit.

ln IC50 (ln uM) is intercept + ln EC50 + target effect + cell effect
+ sensitivity * v @ (p * E @ g) at 10 uM and 72 h + noise: a cell whose essential
genes (v) fall responds at lower doses.

The interactome leaves out {hidden:.0%} of the planted edges. The perturbation
screen has the same cell lines and half of the response compounds (leave their
rows out where a test must be strict); its other compounds have no response.
Everything needed to check an answer is in `truth`.
"""


def _pick_compounds(
    library: pd.DataFrame,
    n_compounds: int,
    n_perturbation_compounds: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Choose compounds for the two screens, alternating between targets."""
    shuffled = library.iloc[rng.permutation(len(library))]
    turn = shuffled.groupby("target", sort=True).cumcount()
    dealt = shuffled.iloc[np.lexsort((shuffled["target"], turn))]
    n_shared = min(n_compounds // 2, n_perturbation_compounds)
    n_total = n_compounds + n_perturbation_compounds - n_shared
    chosen = dealt.iloc[:n_total].reset_index(drop=True)
    chosen.insert(0, "drug", [f"CPD{i + 1:04d}" for i in range(n_total)])
    chosen["in_response"] = np.arange(n_total) < n_compounds
    chosen["in_perturbation"] = ~chosen["in_response"]
    shared = rng.permutation(n_compounds)[:n_shared]
    chosen.loc[shared, "in_perturbation"] = True
    return chosen


def _check_sizes(**sizes: int) -> None:
    """Reject sizes that the library or the interactome cannot provide."""
    n_genes, n_targets = sizes["n_genes"], sizes["n_targets"]
    n_requested = sizes["n_compounds"] + sizes["n_perturbation_compounds"]
    if n_requested > LIBRARY_SIZE:
        msg = (
            f"n_compounds + n_perturbation_compounds is {n_requested}, but the library "
            f"of make_screen has {LIBRARY_SIZE} compounds; use fewer."
        )
        raise InputError(msg)
    if n_targets > n_genes // MODULE_SIZE * 2:
        msg = (
            f"n_targets={n_targets} needs at least {-(-n_targets // 2) * MODULE_SIZE} "
            f"genes (two targets for every module of {MODULE_SIZE}), got "
            f"n_genes={n_genes}; raise n_genes or lower n_targets."
        )
        raise InputError(msg)


def _measure_perturbation(
    cells: Cells,
    compounds: pd.DataFrame,
    profiles_per_compound: int,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Lay out the perturbation screen: its rows X, their cell and compound."""
    n_settings = len(DOSES) * len(TIMES)
    n_possible = len(cells.names) * n_settings
    if profiles_per_compound > n_possible:
        msg = (
            f"profiles_per_compound={profiles_per_compound}, but {len(cells.names)} "
            f"cell lines, {len(DOSES)} doses and {len(TIMES)} times allow only "
            f"{n_possible}; lower it or raise n_cells."
        )
        raise InputError(msg)
    drawn = np.concatenate(
        [
            np.sort(rng.choice(n_possible, profiles_per_compound, replace=False))
            for _ in range(len(compounds))
        ]
    )
    cell = drawn // n_settings
    compound = np.repeat(np.arange(len(compounds)), profiles_per_compound)
    rows = _rows(cells, compounds, cell, compound)
    rows["dose"] = np.array(DOSES)[drawn % n_settings // len(TIMES)]
    rows["time"] = np.array(TIMES)[drawn % len(TIMES)]
    return rows, cell, compound


def _rows(
    cells: Cells, compounds: pd.DataFrame, cell: np.ndarray, compound: np.ndarray
) -> pd.DataFrame:
    """Describe treatments given by the positions of their cell and compound."""
    return pd.DataFrame(
        {
            "cell_line": cells.names[cell],
            "smiles": compounds["smiles"].to_numpy()[compound],
            "drug": compounds["drug"].to_numpy()[compound],
            "tissue": cells.tissue[cell],
        }
    )


def _table_of_interactions(
    effects: Effects,
    genes: np.ndarray,
    target_genes: np.ndarray,
    adjacency: np.ndarray,
    hidden_fraction: float,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List the planted edges and the interactome without the hidden ones."""
    planted = np.array([edge[:3] for edge in effects.edges])  # target, source, changed
    pairs = np.unique(np.sort(planted[:, 1:], axis=1), axis=0)
    hidden = pairs[rng.permutation(len(pairs))[: round(hidden_fraction * len(pairs))]]
    visible = adjacency.copy()
    visible[hidden[:, 0], hidden[:, 1]] = visible[hidden[:, 1], hidden[:, 0]] = False
    source, target = np.nonzero(np.triu(visible))
    table = pd.DataFrame(
        {
            "gene_i": genes[planted[:, 1]],
            "gene_j": genes[planted[:, 2]],
            "target": genes[target_genes[planted[:, 0]]],
            "weight": [edge[3] for edge in effects.edges],
            "step": [edge[4] for edge in effects.edges],
            "in_interactome": visible[planted[:, 1], planted[:, 2]],
        }
    )
    return table, pd.DataFrame({"source": genes[source], "target": genes[target]})


@validate_params(
    {
        "n_cells": [Interval(Integral, 5, None, closed="left")],
        "n_compounds": [Interval(Integral, 2, None, closed="left")],
        "n_genes": [Interval(Integral, 2 * MODULE_SIZE, None, closed="left")],
        "n_perturbation_compounds": [Interval(Integral, 1, None, closed="left")],
        "profiles_per_compound": [Interval(Integral, 1, None, closed="left")],
        "n_targets": [Interval(Integral, 1, len(SCAFFOLDS), closed="both"), None],
        "noise": [Interval(Real, 0, None, closed="left")],
        "response_noise": [Interval(Real, 0, None, closed="left")],
        "missing": [Interval(Real, 0, 1, closed="left")],
        "hidden_fraction": [Interval(Real, 0, 1, closed="both")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_screen(
    n_cells: int = 60,
    n_compounds: int = 40,
    n_genes: int = 120,
    *,
    n_perturbation_compounds: int = 200,
    profiles_per_compound: int = 16,
    n_targets: int | None = None,
    noise: float = 0.2,
    response_noise: float = 0.4,
    missing: float = 0.1,
    hidden_fraction: float = 0.2,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Simulate a drug-response screen and a perturbation screen.

    The true change of expression is a condition-specific gene-gene matrix times
    basal expression, and the response follows from the change, so a model that
    knows the perturbation predicts the response of unseen compounds better.

    Parameters
    ----------
    n_cells : int, default=60
        Number of cell lines; all of them are in both screens.
    n_compounds : int, default=40
        Number of compounds with a response.
    n_genes : int, default=120
        Number of genes; they form modules of 12.
    n_perturbation_compounds : int, default=200
        Number of compounds with perturbed expression. They include half of the
        compounds with a response (or as many as fit).
    profiles_per_compound : int, default=16
        Perturbed profiles of each compound: random combinations of cell line,
        dose (1, 10 or 30 uM) and time (6, 24 or 72 h), none of them twice.
    n_targets : int or None, default=None
        Number of target genes, two for each module at most. The 24 scaffolds are
        assigned to them. None uses 8, or as many as `n_genes` allows.
    noise : float, default=0.2
        Standard deviation of the noise in perturbed expression, in robust z.
    response_noise : float, default=0.4
        Standard deviation of the noise in ln IC50, in ln uM.
    missing : float, default=0.1
        Fraction of the pairs of cell line and compound without a response.
    hidden_fraction : float, default=0.2
        Fraction of the planted edges missing from the returned interactome.
    random_state : int, RandomState instance or None, default=None
        Seed of the simulation. The noise is drawn separately: screens that differ only
        in `noise` have the same ground truth.

    Returns
    -------
    screen : :class:`~sklearn.utils.Bunch`
        - `X`: DataFrame, one row per measured pair, with the columns `cell_line`,
          `smiles`, `drug` and `tissue`.
        - `y`: Series of ln IC50 (ln uM), aligned with `X`.
        - `expression`: DataFrame of shape (n_cells, n_genes), basal, robust z.
        - `interactome`: DataFrame of undirected edges, `source` and `target`.
        - `perturbation`: Bunch of `X` (`cell_line`, `smiles`, `drug`, `tissue`, `dose`
          in uM, `time` in hours) and `Y`, the perturbed expression of the same rows,
          shape (n_profiles, n_genes).
        - `compounds`: DataFrame with `drug`, `smiles`, `scaffold`, `in_response` and
          `in_perturbation`.
        - `cells`: DataFrame with `cell_line` and `tissue`.
        - `truth`: Bunch of `target` (Series, gene by drug), `ln_ec50` (Series by drug),
          `effects` (n_targets, n_genes, n_genes), `targets` (their genes),
          `interactions` (DataFrame of `gene_i`, `gene_j`, `target`, `weight`, `step`
          and `in_interactome`; `gene_i` is the source), `viability` (Series v by gene),
          `sensitivity`, `intercept`, `target_effect` (Series by gene), `cell_effect`
          (Series by cell line), `strength` (of each perturbed row) and `y`, the
          response without noise.
        - `DESCR`: str, the model in words.

    Raises
    ------
    InputError
        If more compounds or targets are requested than available.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(n_cells=20, n_compounds=10, missing=0, random_state=0)
    >>> len(screen.y) == 20 * 10
    True
    >>> set(screen.X["cell_line"]) == set(screen.expression.index)
    True
    >>> float(np.corrcoef(screen.y, screen.truth.y)[0, 1]) > 0.9  # the rest is noise
    True
    """
    if n_targets is None:
        n_targets = min(8, n_genes // MODULE_SIZE * 2)
    _check_sizes(
        n_compounds=n_compounds,
        n_genes=n_genes,
        n_perturbation_compounds=n_perturbation_compounds,
        n_targets=n_targets,
    )
    streams = [np.random.default_rng(seed) for seed in draw_seeds(random_state, 6)]
    network_rng, cell_rng, library_rng, design_rng, response_rng, noise_rng = streams

    genes = np.array([f"GENE{i + 1:03d}" for i in range(n_genes)], dtype=object)
    adjacency, module = make_network(n_genes, network_rng)
    target_genes = pick_targets(adjacency, module, n_targets)
    effects = plant_effects(adjacency, module, target_genes, network_rng)
    cells = make_cells(n_cells, module, cell_rng)
    compounds = _pick_compounds(
        enumerate_library(n_targets, library_rng),
        n_compounds,
        n_perturbation_compounds,
        design_rng,
    )
    perturbed = compounds[compounds["in_perturbation"]].reset_index(drop=True)
    screened = compounds[compounds["in_response"]].reset_index(drop=True)

    rows, cell, compound = _measure_perturbation(
        cells, perturbed, profiles_per_compound, design_rng
    )
    strength = hit_strength(
        perturbed["ln_ec50"].to_numpy()[compound],
        rows["dose"].to_numpy(),
        rows["time"].to_numpy(),
    )
    basal = cells.expression.astype(np.float64)[cell]
    changed = basal + change_expression(
        effects.matrices, basal, perturbed["target"].to_numpy()[compound], strength
    )
    changed += noise * noise_rng.normal(size=changed.shape)

    response = respond(cells, screened, effects, module, response_rng)
    n_pairs = n_cells * n_compounds
    selected = np.sort(
        design_rng.permutation(n_pairs)[: n_pairs - round(missing * n_pairs)]
    )
    clean = response.pop("y").ravel()[selected]
    y = clean + response_noise * noise_rng.normal(size=n_pairs)[selected]

    interactions, interactome = _table_of_interactions(
        effects, genes, target_genes, adjacency, hidden_fraction, network_rng
    )
    by_drug = compounds.set_index("drug")
    targets = pd.Index(genes[target_genes], name="target")
    return Bunch(
        X=_rows(cells, screened, selected // n_compounds, selected % n_compounds),
        y=pd.Series(y, name="ln_ic50"),
        expression=pd.DataFrame(
            cells.expression,
            index=pd.Index(cells.names, name="cell_line"),
            columns=pd.Index(genes),
        ),
        interactome=interactome,
        perturbation=Bunch(
            X=rows, Y=pd.DataFrame(changed.astype(np.float32), columns=pd.Index(genes))
        ),
        compounds=compounds[
            ["drug", "smiles", "scaffold", "in_response", "in_perturbation"]
        ],
        cells=pd.DataFrame(
            {
                "cell_line": cells.names,
                "tissue": cells.tissue,
            }
        ),
        truth=Bunch(
            target=by_drug["target"].map(dict(enumerate(targets))),
            ln_ec50=by_drug["ln_ec50"],
            effects=effects.matrices,
            targets=targets.to_numpy(),
            interactions=interactions,
            viability=pd.Series(response["viability"], index=genes, name="viability"),
            sensitivity=response["sensitivity"],
            intercept=response["intercept"],
            target_effect=pd.Series(response["target_effect"], index=targets),
            cell_effect=pd.Series(response["cell_effect"], index=cells.names),
            strength=strength,
            y=pd.Series(clean, name="ln_ic50"),
        ),
        DESCR=DESCR.format(
            n_cells=n_cells,
            n_genes=n_genes,
            n_compounds=n_compounds,
            n_perturbation_compounds=n_perturbation_compounds,
            hidden=hidden_fraction,
        ),
    )
