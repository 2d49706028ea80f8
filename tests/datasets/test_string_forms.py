"""STRING's files of every release become the same edges; scales are told apart."""

from __future__ import annotations

import gzip
import warnings

import pytest

from sklearn_csg2a.datasets import read_string_links
from sklearn_csg2a.exceptions import DataFileError, InputError

LINKS = (
    "protein1 protein2 combined_score\n"
    "9606.E1 9606.E2 950\n9606.E2 9606.E1 950\n9606.E1 9606.E3 400\n"
)
DETAILED = (
    "protein1 protein2 neighborhood fusion experimental combined_score\n"
    "9606.E1 9606.E2 0 0 620 950\n9606.E1 9606.E3 0 0 300 400\n"
)
WEBSITE = (
    "#node1\tnode2\tnode1_string_id\tnode2_string_id\thomology\tcombined_score\n"
    "AAA\tBBB\t9606.E1\t9606.E2\t0\t0.95\nAAA\tCCC\t9606.E1\t9606.E3\t0\t0.400\n"
)
INFO_11 = (
    "protein_external_id\tpreferred_name\tprotein_size\tannotation\n"
    '9606.E1\tAAA\t9\t"x\n9606.E2\tBBB\t9\ty\n9606.E3\tCCC\t9\tz\n'
)
INFO_12 = INFO_11.replace("protein_external_id", "#string_protein_id")
ALIASES_11 = (
    "## string_protein_id ## alias ## source ##\n"
    "9606.E1\tAAA\tBLAST_KEGG_NAME Ensembl_HGNC_Approved_Symbol\n"
    "9606.E1\tP1\tEnsembl_UniProt\n"
    "9606.E2\tOLD\tBLAST_KEGG_NAME\n"
    "9606.E2\tBBB\tEnsembl_EntrezGene Ensembl_HGNC BioMart_HUGO\n"
    "9606.E3\tCCC\tBLAST_UniProt_GN BioMart_HUGO\n"
)
ALIASES_12 = (
    "#string_protein_id\talias\tsource\n"
    "9606.E1\tP1\tUniProt_AC\n9606.E1\tAAA\tEnsembl_HGNC_symbol\n"
    "9606.E2\tBBB\tEnsembl_HGNC_symbol\n9606.E2\tOLD\tUniProt_GN_Name\n"
    "9606.E3\tCCC\tUniProt_GN_Name\n"
)
EDGES = [["AAA", "BBB", 0.95]]


@pytest.fixture
def read(tmp_path):
    def _read(links, names=INFO_12, **parameters):
        paths = tmp_path / "links.txt", tmp_path / "names.txt"
        for path, content in zip(paths, (links, names), strict=True):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_string_links(*paths, **parameters)

    return _read


@pytest.mark.parametrize("links", [LINKS, DETAILED, WEBSITE])
@pytest.mark.parametrize("names", [INFO_11, INFO_12, ALIASES_11, ALIASES_12])
@pytest.mark.parametrize(
    "change",
    [
        str.encode,
        lambda text: gzip.compress(text.encode()),
        lambda text: ("\ufeff" + text).encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
    ],
)
def test_every_release_gives_the_same_edges(read, links, names, change):
    edges = read(change(links), change(names))
    assert edges.to_numpy().tolist() == EDGES


def test_tables_that_others_saved_are_read(read):
    for separator in ",\t;":
        text = LINKS.replace(" ", separator)
        assert read(text).to_numpy().tolist() == EDGES


@pytest.mark.parametrize("threshold", [0.9, 0.4, 1, 1e-3])
def test_a_threshold_of_the_website_is_refused_for_scores_out_of_1000(read, threshold):
    meant = f"{1000 * threshold:g}"
    with pytest.raises(InputError, match=f"are out of 1000: does .* mean {meant}"):
        read(LINKS, threshold=threshold)


@pytest.mark.parametrize("threshold", [0.9, 900, 949])
def test_scores_between_0_and_1_are_read_with_a_threshold_of_either_scale(
    read, threshold
):
    assert read(WEBSITE, threshold=threshold).to_numpy().tolist() == EDGES


def test_a_threshold_that_keeps_nothing_or_all_says_so(read):
    with pytest.raises(InputError, match=r"None of the 3 links .* the highest is 950"):
        read(LINKS, threshold=950)
    with pytest.raises(InputError, match=r"None of the 2 links .* the highest is 0.95"):
        read(WEBSITE, threshold=0.99)
    with pytest.warns(
        UserWarning, match=r"threshold=90 removes no link .* out of 1000"
    ):
        assert len(read(LINKS, threshold=90)) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read(LINKS, threshold=0)) == 2
        assert len(read(LINKS, threshold=399)) == 2


def test_genes_that_leave_no_edge_say_so(read):
    with pytest.raises(InputError, match=r"'ENSG1' are not symbols .* like 'AAA'"):
        read(LINKS, genes=["ENSG1"])
    with pytest.warns(UserWarning, match="No edge remains between the 2 genes"):
        assert read(LINKS, genes=["BBB", "CCC"]).empty
    with pytest.raises(InputError, match="give a list"):
        read(LINKS, genes="AAA")


def test_proteins_without_a_symbol_are_all_listed(read):
    rows = [f"9606.E1 9606.X{i} 990" for i in range(7)]
    with pytest.warns(UserWarning, match=r"7 of 8 links .*'9606.X4'; and 2 more"):
        edges = read(LINKS.split("9606.E2 9606.E1", maxsplit=1)[0] + "\n".join(rows))
    assert edges.attrs["dropped"] == {f"9606.X{i}": "no symbol" for i in range(7)}


@pytest.mark.parametrize(
    ("links", "message"),
    [
        (LINKS.splitlines()[0] + "\n", "contains no link"),
        (LINKS + "9606.E1 9606.E2 1001\n", "line 5: not a link"),
        (LINKS + "9606.E1 9606.E2\n", "line 5: not a link"),
        (LINKS.replace("protein2", "protein1"), "begins with"),
        (WEBSITE + "A\tB\t9606.E1\t9606.E2\t0\t950\n", "line 4: .* a score up to 1"),
    ],
)
def test_invalid_links_are_refused_with_their_line(read, links, message):
    with pytest.raises(DataFileError, match=message):
        read(links)
