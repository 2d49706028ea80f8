"""Small public tables are fetched once, converted, and loaded from the data folder."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import threading
from functools import partial

import pytest

from sklearn_csg2a.cli import main
from sklearn_csg2a.datasets import (
    DataNotFoundError,
    fetch_gene_sets,
    fetch_interactome,
    fetch_repurposing_hub,
    load_gene_sets,
    load_interactome,
    load_repurposing_hub,
)
from sklearn_csg2a.datasets.fetch import _small
from sklearn_csg2a.exceptions import DataFileError, InputError

HUB_DRUGS = (
    "!made by hand\n"
    "pert_iname\tclinical_phase\tmoa\ttarget\tdisease_area\tindication\n"
    'aspirin\tLaunched\tcyclooxygenase inhibitor\tPTGS1|PTGS2\t"pain"\tpain\n'
    "ethanol\tLaunched\t\t\t\t\n"
    "nameless\tPreclinical\t\t\t\t\n"
)
HUB_SAMPLES = (
    "!made by hand, with \xb5M\n"
    "broad_id\tpert_iname\tsmiles\n"
    "B1\taspirin\tCC(=O)Oc1ccccc1C(=O)O\n"
    "B2\taspirin\tCC(=O)Oc1ccccc1C(=O)[O-]\n"
    "B3\taspirin\tCC(=O)Oc1ccccc1C(=O)O\n"
    "B4\tethanol\tCCO\n"
)


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A local server of the published files; `asked` lists what was fetched."""
    folder, asked = tmp_path / "mirror", []
    files = {
        _small.STRING_LINKS: gzip.compress(
            b"protein1 protein2 combined_score\n"
            b"9606.P1 9606.P2 950\n9606.P2 9606.P3 400\n9606.P2 9606.P1 950\n"
        ),
        _small.STRING_NAMES: gzip.compress(
            b"#string_protein_id\tpreferred_name\n"
            b"9606.P1\tTP53\n9606.P2\tMDM2\n9606.P3\tEGFR\n"
        ),
        _small.MSIGDB_FILES["hallmark"]: b"REPAIR\thttps\tTP53\tATM\nGROWTH\t\tEGFR\n",
        _small.HUB_DRUGS[0]: HUB_DRUGS.encode("latin-1"),
        _small.HUB_SAMPLES[0]: HUB_SAMPLES.encode("latin-1"),
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for constant in ("HUB_DRUGS", "HUB_SAMPLES"):
        name = getattr(_small, constant)[0]
        checksum = hashlib.md5(files[name], usedforsecurity=False).hexdigest()
        monkeypatch.setattr(_small, constant, (name, checksum))

    class _Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            asked.append(self.path)

    handler = partial(_Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked, folder
        server.shutdown()
        thread.join()


def test_interactome_is_fetched_once_and_loaded_by_its_loader(mirror, tmp_path, caplog):
    url, asked, _ = mirror
    edges = fetch_interactome(data_home=tmp_path, url=url)
    assert edges.to_dict("list") == {"source": ["MDM2"], "target": ["TP53"]}
    assert "Terms: CC BY 4.0" in caplog.text
    n_requests = len(asked)
    assert n_requests == 2
    assert fetch_interactome(data_home=tmp_path, url=url).equals(edges)
    assert load_interactome(data_home=tmp_path).equals(edges)
    assert len(asked) == n_requests
    assert [path.name for path in (tmp_path / "interactome").iterdir()] == [
        "string_v12_900.csv.gz"
    ]


def test_gene_sets_are_fetched_and_loaded_by_their_loader(mirror, tmp_path):
    url, *_ = mirror
    gene_sets = fetch_gene_sets("hallmark", data_home=tmp_path, url=url)
    assert gene_sets == {"REPAIR": ["TP53", "ATM"], "GROWTH": ["EGFR"]}
    assert load_gene_sets("hallmark", data_home=tmp_path) == gene_sets
    with pytest.raises(DataFileError, match="404"):
        fetch_gene_sets("pid", data_home=tmp_path, url=url)
    with pytest.raises(InputError, match="name='kegg' is unknown"):
        fetch_gene_sets("kegg", data_home=tmp_path, url=url)


def test_the_repurposing_hub_is_joined_from_its_two_tables(mirror, tmp_path):
    url, *_ = mirror
    hub = fetch_repurposing_hub(data_home=tmp_path, url=url)
    table = hub.compounds.set_index("drug")
    assert table.index.tolist() == ["aspirin", "ethanol"]
    assert table.loc["aspirin", "smiles"] == "CC(=O)Oc1ccccc1C(=O)O"
    assert table["n_structures"].tolist() == [2, 1]
    assert table.loc["aspirin", "target"] == ("PTGS1", "PTGS2")
    assert table.loc["aspirin", "disease_area"] == ("pain",)
    assert hub.dropped["drug"].tolist() == ["nameless"]
    again = load_repurposing_hub(data_home=tmp_path)
    assert again.compounds.equals(hub.compounds)


def test_a_table_that_was_changed_on_its_way_is_refused(mirror, tmp_path):
    url, _, folder = mirror
    with (folder / _small.HUB_SAMPLES[0]).open("ab") as file:
        file.write(b"B5\tx\tC\n")
    with pytest.raises(DataFileError, match="does not have the MD5 checksum"):
        fetch_repurposing_hub(data_home=tmp_path, url=url)
    assert not (tmp_path / "repurposing_hub" / "compounds.csv.gz").exists()


@pytest.mark.parametrize(
    "fetch",
    [fetch_interactome, partial(fetch_gene_sets, "pid"), fetch_repurposing_hub],
)
def test_nothing_is_fetched_unless_it_may_be(tmp_path, monkeypatch, fetch):
    with pytest.raises(DataNotFoundError, match="download_if_missing=True fetches it"):
        fetch(data_home=tmp_path, download_if_missing=False)
    monkeypatch.delenv("SKLEARN_CSG2A_DATA", raising=False)
    with pytest.raises(DataNotFoundError, match="No data folder is known"):
        fetch()


def test_the_command_line_fetches_and_finds_what_it_fetched(mirror, tmp_path, capsys):
    url, *_ = mirror
    arguments = ["data", "fetch", "interactome", str(tmp_path), "--url", url]
    assert main(arguments) == 0
    main(["data", "check", str(tmp_path), "--loader", "load_interactome"])
    out, err = capsys.readouterr()
    assert "interactome is in" in err
    assert 'load_interactome("v12"): complete' in out
    assert 'load_interactome("v11_census"): 1 of 1 files cannot be used' in out
