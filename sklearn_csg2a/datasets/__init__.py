"""Simulated screens and loaders of real ones."""

from sklearn_csg2a.datasets._gdsc import load_gdsc, load_gdsc2
from sklearn_csg2a.datasets._home import DataNotFoundError
from sklearn_csg2a.datasets._interactome import load_gene_sets, load_interactome
from sklearn_csg2a.datasets._lincs import load_lincs
from sklearn_csg2a.datasets._simulate import make_screen
from sklearn_csg2a.datasets._transfer import load_nci60, load_tcga

__all__ = [
    "DataNotFoundError",
    "load_gdsc",
    "load_gdsc2",
    "load_gene_sets",
    "load_interactome",
    "load_lincs",
    "load_nci60",
    "load_tcga",
    "make_screen",
]
