"""Simulated screens, loaders of public screens and readers of common file formats."""

from sklearn_csg2a.datasets._check import check_data_home
from sklearn_csg2a.datasets._home import DataNotFoundError
from sklearn_csg2a.datasets.fetch._lincs import fetch_lincs
from sklearn_csg2a.datasets.fetch._small import (
    fetch_gene_sets,
    fetch_interactome,
    fetch_repurposing_hub,
)
from sklearn_csg2a.datasets.mapping._cell_lines import map_cell_lines
from sklearn_csg2a.datasets.mapping._genes import map_genes
from sklearn_csg2a.datasets.pairing._pair import pair_with_controls
from sklearn_csg2a.datasets.pairing._units import parse_doses, parse_times
from sklearn_csg2a.datasets.readers._any_expression import read_expression
from sklearn_csg2a.datasets.readers._any_table import read_table
from sklearn_csg2a.datasets.readers._depmap_expression import read_depmap_expression
from sklearn_csg2a.datasets.readers._gct import read_gct
from sklearn_csg2a.datasets.readers._gctx import (
    iter_gctx,
    read_gctx,
    read_gctx_metadata,
)
from sklearn_csg2a.datasets.readers._gdsc_expression import read_gdsc_expression
from sklearn_csg2a.datasets.readers._gdsc_fitted import read_gdsc_fitted
from sklearn_csg2a.datasets.readers._gmt import read_gmt
from sklearn_csg2a.datasets.readers._h5ad import iter_h5ad, read_h5ad
from sklearn_csg2a.datasets.readers._passports_expression import (
    read_passports_expression,
)
from sklearn_csg2a.datasets.readers._string import read_string_links
from sklearn_csg2a.datasets.screens._assays import paired_measurements
from sklearn_csg2a.datasets.screens._gdsc import load_gdsc, load_gdsc2
from sklearn_csg2a.datasets.screens._gdsc_full import load_gdsc_full
from sklearn_csg2a.datasets.screens._interactome import load_gene_sets, load_interactome
from sklearn_csg2a.datasets.screens._lincs import load_lincs
from sklearn_csg2a.datasets.screens._side_information import (
    load_drugcell,
    load_repurposing_hub,
)
from sklearn_csg2a.datasets.screens._transfer import load_nci60, load_tcga
from sklearn_csg2a.datasets.simulate._screen import make_screen

__all__ = [
    "DataNotFoundError",
    "check_data_home",
    "fetch_gene_sets",
    "fetch_interactome",
    "fetch_lincs",
    "fetch_repurposing_hub",
    "iter_gctx",
    "iter_h5ad",
    "load_drugcell",
    "load_gdsc",
    "load_gdsc2",
    "load_gdsc_full",
    "load_gene_sets",
    "load_interactome",
    "load_lincs",
    "load_nci60",
    "load_repurposing_hub",
    "load_tcga",
    "make_screen",
    "map_cell_lines",
    "map_genes",
    "pair_with_controls",
    "paired_measurements",
    "parse_doses",
    "parse_times",
    "read_depmap_expression",
    "read_expression",
    "read_gct",
    "read_gctx",
    "read_gctx_metadata",
    "read_gdsc_expression",
    "read_gdsc_fitted",
    "read_gmt",
    "read_h5ad",
    "read_passports_expression",
    "read_string_links",
    "read_table",
]
