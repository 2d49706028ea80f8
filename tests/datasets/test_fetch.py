"""What is fetched is resumed, checked and paired; a local server plays the source."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.datasets import DataNotFoundError, fetch_lincs
from sklearn_csg2a.datasets.fetch import _download
from sklearn_csg2a.datasets.fetch import _lincs as geo
from sklearn_csg2a.datasets.fetch._download import download, unpack
from sklearn_csg2a.exceptions import DataFileError, InputError

CONTENT = bytes(range(256)) * 64


class _Server(ThreadingHTTPServer):
    """Serve `files`; `ranges` notes what is asked for, `cuts` ends answers early."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.ranges, self.cuts, self.failures = {}, [], [], []
        self.knows_ranges = True
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        name = self.path.lstrip("/")
        asked = self.headers.get("Range")
        server.ranges.append((name, asked))
        if server.failures:
            self.send_error(server.failures.pop())
            return
        if name not in server.files:
            self.send_error(404)
            return
        content = server.files[name]
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if not server.knows_ranges:
            start = 0
        if start and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            last = len(content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
        self.end_headers()
        stop = server.cuts.pop() if server.cuts else len(content)
        self.wfile.write(content[start:stop])

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def server():
    with _Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def fetch(server, tmp_path):
    server.files["a.bin"] = CONTENT

    def _fetch(name="a.bin", **parameters):
        url = f"{server.url}/{name}"
        return download(url, tmp_path / "new" / "a.bin", pause=0.0, **parameters)

    return _fetch


def test_file_is_fetched_once(server, fetch):
    assert fetch().read_bytes() == CONTENT
    fetch()
    assert server.ranges == [("a.bin", None)]
    assert [path.name for path in fetch().parent.iterdir()] == ["a.bin"]


def test_an_interrupted_download_is_resumed(server, fetch):
    server.cuts = [9000, 5000]
    assert fetch().read_bytes() == CONTENT
    assert server.ranges[1:] == [("a.bin", "bytes=5000-"), ("a.bin", "bytes=9000-")]


def test_a_later_call_continues_an_earlier_one(server, fetch, tmp_path):
    part = tmp_path / "new" / "a.bin.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT[:7000])
    assert fetch(sha512=hashlib.sha512(CONTENT).hexdigest()).read_bytes() == CONTENT
    assert server.ranges == [("a.bin", "bytes=7000-")]


def test_a_part_that_is_complete_is_not_fetched_again(server, fetch, tmp_path):
    part = tmp_path / "new" / "a.bin.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT)
    assert fetch().read_bytes() == CONTENT
    assert server.ranges == [("a.bin", f"bytes={len(CONTENT)}-")]


def test_a_part_longer_than_the_file_is_downloaded_again(fetch, tmp_path):
    part = tmp_path / "new" / "a.bin.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT + b"more")
    assert fetch().read_bytes() == CONTENT


def test_servers_that_know_no_ranges_send_all_of_it(server, fetch, tmp_path):
    server.knows_ranges = False
    part = tmp_path / "new" / "a.bin.part"
    part.parent.mkdir()
    part.write_bytes(b"x" * 7000)
    assert fetch().read_bytes() == CONTENT


def test_a_wrong_checksum_is_an_error_and_leaves_nothing(fetch, tmp_path):
    with pytest.raises(DataFileError, match="SHA-512"):
        fetch(sha512="0" * 128)
    assert not list((tmp_path / "new").iterdir())


def test_a_file_that_the_server_lacks_is_an_error_without_retries(server, fetch):
    with pytest.raises(DataFileError, match=r"b\.bin: the server answers 404"):
        fetch("b.bin")
    assert len(server.ranges) == 1


def test_a_server_in_trouble_is_asked_again(server, fetch):
    server.failures = [503, 503]
    assert fetch().read_bytes() == CONTENT


def test_a_download_that_keeps_failing_is_an_error_that_keeps_the_part(
    server, fetch, tmp_path
):
    server.cuts = [1000] * 9
    with pytest.raises(ConnectionError, match="1,000 bytes are in"):
        fetch(n_retries=2)
    assert (tmp_path / "new" / "a.bin.part").read_bytes() == CONTENT[:1000]


def test_only_addresses_of_the_web_are_fetched(tmp_path):
    with pytest.raises(InputError, match="not a web address"):
        download("file:///etc/hostname", tmp_path / "a")


def test_truncated_gzip_files_leave_nothing(tmp_path):
    packed = tmp_path / "a.gz"
    packed.write_bytes(gzip.compress(CONTENT)[:-20])
    with pytest.raises(DataFileError, match="cannot be decompressed"):
        unpack(packed, tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a.gz"]


@pytest.fixture
def lincs(server, tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    wells = [
        ("w1", "CPC_A375_6H_X1", "DMSO", "ctl_vehicle", "-666", "A375"),
        ("w2", "CPC_A375_6H_X2", "DMSO", "ctl_vehicle", "-666", "A375"),
        ("w3", "CPC_A375_6H_X1", "B1", "trt_cp", "10.0", "A375"),
        ("w4", "CPC_A375_6H_X2.A2", "B1", "trt_cp", "10.0", "A375"),
        ("w5", "CPC_A375_6H_X2", "B2", "trt_cp", "10.0", "A375"),
        ("w6", "CPC_A375_6H_X2", "TP53", "trt_sh", "-666", "A375"),
        ("w7", "CPC_A375_6H_X2", "B1", "trt_cp", "10.0", "A375"),
    ]
    names = ["inst_id", "rna_plate", "pert_id", "pert_type", "pert_dose", "cell_id"]
    table = pd.DataFrame(wells, columns=names)
    table = table.assign(
        pert_dose_unit="um", pert_time=6, pert_time_unit="h", rna_well="A"
    )
    values = np.arange(18, dtype=np.float32).reshape(6, 3) ** 1.5
    path = tmp_path / "matrix.gctx"
    with h5py.File(path, "w") as file:
        file["0/DATA/0/matrix"] = values
        file["0/META/COL/id"] = np.array([f"w{i}" for i in (2, 1, 3, 4, 5, 6)], "S")
        file["0/META/ROW/id"] = np.array(["7157", "1956", "4609"], dtype="S")
    texts = {
        "profiles": table.to_csv(sep="\t", index=False),
        "genes": "pr_gene_id\tpr_gene_symbol\tpr_gene_title\tpr_is_lm\n"
        "4609\tMYC\tm\t1\n1956\tEGFR\te\t0\n7157\tTP53\tp\t1\n",
        "compounds": "pert_id\tcanonical_smiles\nB1\tCCO\nB2\t-666\nDMSO\tCS(C)=O\n",
    }
    files = {geo.MATRIX: gzip.compress(path.read_bytes())}
    for key, name in geo.TABLES.items():
        files[name] = gzip.compress(texts[key].encode())
    sums = "".join(
        f"{hashlib.sha512(content).hexdigest()}  {name}\n"
        for name, content in files.items()
    )
    server.files = {**files, geo.CHECKSUMS: gzip.compress(sums.encode())}
    return values


def test_lincs_is_fetched_paired_and_loaded_again_without_the_network(
    server, lincs, tmp_path
):
    with pytest.warns(UserWarning, match=r"2 of 4 .*no structure"):
        data = fetch_lincs(data_home=tmp_path, url=server.url)
    assert data.Y.columns.tolist() == ["MYC", "TP53"]
    assert data.X["n_replicates"].tolist() == [2]
    assert data.X.loc[0, ["cell_line", "smiles", "dose", "time", "cell"]].tolist() == [
        "CPC_A375_6H",
        "CCO",
        10.0,
        6.0,
        "A375",
    ]
    np.testing.assert_allclose(data.Y.iloc[0], lincs[2:4, [2, 0]].mean(0), rtol=1e-6)
    basal = data.expression.loc["CPC_A375_6H"]
    np.testing.assert_allclose(basal, lincs[:2, [2, 0]].mean(0), rtol=1e-6)
    assert data.dropped["reason"].to_dict() == {
        "w5": "no structure",
        "w7": "no profile",
    }
    assert "1 treatments and 1 controls, 2 landmark genes" in data.DESCR

    n_requests = len(server.ranges)
    again = fetch_lincs(data_home=tmp_path, url=server.url)
    assert len(server.ranges) == n_requests
    pd.testing.assert_frame_equal(again.Y, data.Y)
    pd.testing.assert_frame_equal(again.X, data.X)


def test_lincs_files_can_be_deleted_when_they_are_paired(server, lincs, tmp_path):
    with pytest.warns(UserWarning, match="left out"):
        fetch_lincs(data_home=tmp_path, url=server.url, keep_files=False)
    folder = tmp_path / "lincs_gse92742"
    assert not (folder / "raw").exists()
    assert len(fetch_lincs(data_home=tmp_path, download_if_missing=False).X) == 1


def test_lincs_that_was_changed_on_its_way_is_refused(server, lincs, tmp_path):
    server.files[geo.MATRIX] += b"x"
    with pytest.raises(DataFileError, match=r"gctx\.gz does not have the SHA-512"):
        fetch_lincs(data_home=tmp_path, url=server.url)


def test_lincs_is_not_fetched_unless_it_may_be(tmp_path, monkeypatch):
    with pytest.raises(DataNotFoundError, match=r"profiles\.npz is missing"):
        fetch_lincs(data_home=tmp_path, download_if_missing=False)
    monkeypatch.delenv("SKLEARN_CSG2A_DATA", raising=False)
    with pytest.raises(DataNotFoundError, match="No data folder is known"):
        fetch_lincs()


def test_a_full_disk_is_named_at_once_and_not_asked_again(
    fetch, server, tmp_path, monkeypatch
):
    def fill(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_download, "_copy", fill)
    with pytest.raises(OSError, match=r"No space left.*a\.bin\.part cannot be") as said:
        fetch()
    assert said.value.errno == errno.ENOSPC
    assert said.value.filename == str(tmp_path / "new")
    assert len(server.ranges) == 1
