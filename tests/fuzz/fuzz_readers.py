"""Fuzz the readers of files, guided by coverage where atheris is installed.

    python tests/fuzz/fuzz_readers.py read_gct --seconds 300

changes sound files in structure and in single bytes and reads each. A reader returns or
raises an InputError; what else comes out, takes 20 s or 2 GB ends the run, and the file
is kept in the folder of ``--keep``. Without a name, the readers are listed. By hand
only: ``pip install atheris`` (Linux) for guidance by coverage; without it, changes are
drawn at random.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gzip
import hashlib
import io
import json
import struct
import sys
import tempfile
import time
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

GCT = (
    "#1.3\n3\t2\t1\t2\nid\tsymbol\tA1\tA2\npert\tna\tx\ty\ndose\tna\t1\t-666\n"
    "100\tTP53\t1.5\t2.5\n200\tATM\t-1\tnan\n300\tEGFR\t3\t4e2\n"
)
OLD_GCT = "#1.2\n2\t2\nName\tDescription\tA1\tA2\nTP53\tp53\t6.5\t7.5\nATM\t\t1\t2\n"
GMT = "REPAIR\tmade up\tTP53\tATM\nOTHER\thttp\tEGFR,1.0\tTP53\tKRAS\n"
LINKS = (
    "protein1 protein2 combined_score\n9.P1 9.P2 950\n9.P2 9.P1 950\n9.P1 9.P3 901\n"
)
INFO = "#string_protein_id\tpreferred_name\n9.P1\tTP53\n9.P2\tMDM2\n9.P3\tATM\n"
ALIASES = (
    "#string_protein_id\talias\tsource\n9.P1\tTP53\tEnsembl_HGNC\n"
    "9.P2\tMDM2\tBioMart_HUGO\n"
)
FITTED = (
    "COSMIC_ID,CELL_LINE_NAME,SANGER_MODEL_ID,TCGA_DESC,DRUG_ID,DRUG_NAME,MIN_CONC,"
    "MAX_CONC,LN_IC50\n906826,A549,SIDM1,LUAD,1003,Camptothecin,0.0001,0.1,-1.46\n"
    "687983,MCF7,SIDM2,BRCA,1004,Vinblastine,0.0001,0.1,-3.5\n"
)
DEPMAP = ",TP53 (7157),EGFR (1956)\nACH-000001,3.5,0.5\nACH-000002,2.5,4\n"
PASSPORTS = (
    "model_id,,SIDM00001,SIDM00002\nmodel_name,,A-1,B-2\ndata_source,,sanger,broad\n"
    "gene_id,symbol,,\nSIDG1,TP53,8,16\nSIDG2,EGFR,0.5,2\n"
)
LONG = "model_id,symbol,rsem_tpm,data_source\nSIDM1,TP53,2,sanger\nSIDM2,TP53,3,broad\n"
RMA = "GENE_SYMBOLS\tGENE_title\tDATA.9\tDATA.8\nTP53\ta b\t6.5\t7\nATM\tc\t3\t9\n"
PLAIN = "cell_line;tissue;TP53;EGFR\nA549;lung;1,5;2\nMCF7;breast;3;4\n"
MODELS = "ModelID,CellLineName,COSMICID,RRID\nACH-000001,A549,906826,CVCL_0023\n"
TOKENS = [
    *(b"-1", b"0", b"1e999", b"nan", b"\x00", b"\xff", b"\t\t\t", b"\n", b"-666"),
    *(b"1000000000", b"\xc2\xb2", b"9" * 30, b'"', b",", b" ", b"inf", b"1_000", b";"),
    *(b"0x10", b"\xe2\x80\xa8", b"\r", b"#", b"\x1f\x8b", b"PK", b"\xef\xbb\xbf"),
    b"99999999999",
]
_BAD_ARCHIVE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError),
    *(LookupError, ValueError, RuntimeError, OverflowError),
)
NEWER = {"libver": "latest", "track_order": True}  # forms of HDF5 with checksums
MEMORY = 2048  # MB
PATIENCE = 20  # s


def workbook():
    import pandas as pd

    content = io.BytesIO()
    pd.read_csv(io.StringIO(FITTED)).to_excel(content, index=False)
    return content.getvalue()


def gctx(**how):
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w", **how) as file:
        file["0/DATA/0/matrix"] = np.arange(12, dtype="f4").reshape(4, 3)
        file["0/META/COL/id"] = np.array([b"a", b"b", b"c", b"d"])
        file["0/META/COL/dose"] = np.array([1.0, 2, 3, -666])
        file["0/META/ROW/id"] = np.array([b"1", b"2", b"3"])
        file["0/META/ROW/pr_gene_symbol"] = np.array([b"TP53", b"ATM", b"EGFR"])
    return content.getvalue()


def h5ad(kind, **how):
    import h5py
    from scipy import sparse

    values = np.array([[0, 1, 2], [3, 0, 0], [0, 0, 4], [5, 6, 0]], dtype="f4")
    content = io.BytesIO()
    with h5py.File(content, "w", **how) as file:
        if kind == "dense":
            file.create_dataset("X", data=values, chunks=(2, 3), compression="gzip")
        else:
            matrix = getattr(sparse, f"{kind}_array")(values)
            group = file.create_group("X")
            group.attrs.update({"encoding-type": f"{kind}_matrix", "shape": (4, 3)})
            for key in ("data", "indices", "indptr"):
                group[key] = getattr(matrix, key)
        for name, ids in (("obs", "abcd"), ("var", ["TP53", "ATM", "EGFR"])):
            table = file.create_group(name)
            table.attrs.update({"encoding-type": "dataframe", "_index": "_index"})
            table["_index"] = np.array(list(ids), dtype=object)
            order = ["cell", "count", "dose"] if name == "obs" else []
            table.attrs["column-order"] = np.array(order, dtype=h5py.string_dtype())
        obs = file["obs"]
        obs["dose"] = np.arange(4.0)
        obs["cell/codes"] = np.array([0, 1, 0, -1], dtype="i1")
        obs["cell/categories"] = np.array(["A", "B"], dtype=object)
        obs["count/values"] = np.arange(4)
        obs["count/mask"] = np.array([0, 1, 0, 0], dtype=bool)
    return content.getvalue()


def model():
    import pandas as pd

    from sklearn_csg2a import baselines, save_model

    X = pd.DataFrame({"cell_line": list("ABAB"), "smiles": ["CCO", "CCO", "C", "C"]})
    table = pd.DataFrame(np.eye(2), index=list("AB"), columns=["G1", "G2"])
    fitted = baselines.PairwiseKernelRidge(expression=table).fit(X, np.arange(4.0))
    with tempfile.TemporaryDirectory() as folder:
        save_model(fitted, Path(folder, "model"))
        return Path(folder, "model").read_bytes()


def arrays():
    content = io.BytesIO()
    np.savez(
        content,
        perturbed=np.ones((2, 2), dtype=np.float16),
        control=np.ones((2, 2), dtype=np.float16),
        genes=np.array(["DDR1", "PAX8"]),
    )
    return content.getvalue()


def readers(folder):
    """Return function, sound files and the way to change them, by name of a reader."""
    from sklearn_csg2a import datasets, inspect_model, load_model
    from sklearn_csg2a.datasets import _home as home

    links, info = folder / "links", folder / "info"
    links.write_text(LINKS)
    info.write_text(INFO)

    def of_home(read, name, *arguments, **options):
        def read_in_home(path):
            path.replace(folder / name)
            return read(folder, name, *arguments, **options)

        return read_in_home

    def several(*functions):
        return lambda path: [list(function(path)) for function in functions]

    table = {"text": ["patient"], "numbers": ["responder"], "complete": ["responder"]}
    home_table = "patient,responder\nP1,1\nP2,0\n"
    tables = [FITTED, PLAIN, MODELS, workbook()]
    everything = [DEPMAP, PLAIN, GCT, workbook(), h5ad("csr")]
    return {
        "read_gct": (datasets.read_gct, [GCT, OLD_GCT], change_text),
        "read_gmt": (datasets.read_gmt, [GMT], change_text),
        "read_string_links": (
            lambda path: datasets.read_string_links(path, info),
            [LINKS],
            change_text,
        ),
        "read_string_names": (
            lambda path: datasets.read_string_links(links, path),
            [INFO, ALIASES],
            change_text,
        ),
        "read_gdsc_fitted": (datasets.read_gdsc_fitted, [FITTED], change_text),
        "read_gdsc_workbook": (datasets.read_gdsc_fitted, [workbook()], change_zip),
        "read_depmap_expression": (
            datasets.read_depmap_expression,
            [DEPMAP],
            change_text,
        ),
        "read_passports_expression": (
            datasets.read_passports_expression,
            [PASSPORTS, LONG],
            change_text,
        ),
        "read_gdsc_expression": (datasets.read_gdsc_expression, [RMA], change_text),
        "read_expression": (datasets.read_expression, everything, change_any),
        "read_table": (datasets.read_table, tables, change_any),
        "map_cell_lines": (
            lambda path: datasets.map_cell_lines(["A549"], to="depmap", models=path),
            [MODELS],
            change_text,
        ),
        "read_gctx": (
            several(
                datasets.read_gctx,
                lambda path: datasets.iter_gctx(path, block_size=2),
                datasets.read_gctx_metadata,
            ),
            [gctx(), gctx(**NEWER)],
            change_hdf5,
        ),
        "read_h5ad": (
            several(
                datasets.read_h5ad, lambda path: datasets.iter_h5ad(path, block_size=2)
            ),
            [h5ad("csr"), h5ad("csc"), h5ad("dense"), h5ad("csr", **NEWER)],
            change_hdf5,
        ),
        "table_of_a_data_folder": (
            of_home(home.read_table, "t.csv.gz", ["patient", "responder"], **table),
            [gzip.compress(home_table.encode())],
            change_text,
        ),
        "matrix_of_a_data_folder": (
            of_home(home.read_matrix, "m.csv.gz"),
            [gzip.compress(b"cell_line,TP53,EGFR\nA,0.5,-1\nB,1.5,2\n")],
            change_text,
        ),
        "arrays_of_a_data_folder": (
            of_home(home.read_arrays, "a.npz", ["perturbed", "control", "genes"]),
            [arrays()],
            change_zip,
        ),
        "load_model": (several_of(load_model, inspect_model), [model()], change_model),
    }


def several_of(*functions):
    return lambda path: [function(path) for function in functions]


def change_bytes(content, rng):
    """Change up to five places of a file: bits, tokens, cuts, repeats."""
    content = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        at, kind = int(rng.integers(max(1, len(content)))), rng.integers(7)
        token = TOKENS[rng.integers(len(TOKENS))]
        width = int(rng.integers(1, 60))
        if kind == 0 and content:
            content[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            content[at:at] = token
        elif kind == 2:
            content[at : at + len(token)] = token
        elif kind == 3 and rng.random() < 0.3:
            del content[at:]
        elif kind == 4:
            del content[at : at + width]
        elif kind == 5:
            content[at:at] = content[max(0, at - width) : at]
        elif content:
            content[at] = int(rng.integers(256))
    return bytes(content)


def change_text(content, rng):
    """Change text, within its compression or not."""
    if content[:2] != b"\x1f\x8b" or rng.random() < 0.2:
        return change_bytes(content, rng)
    try:
        text = gzip.decompress(content)
    except _BAD_ARCHIVE:
        return change_bytes(content, rng)
    return gzip.compress(change_bytes(text, rng))


def change_zip(content, rng):
    """Change one member of an archive, mostly such that the archive stays sound."""
    if rng.random() < 0.2:
        return change_bytes(content, rng)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except _BAD_ARCHIVE:
        return change_bytes(content, rng)
    if not members:
        return change_bytes(content, rng)
    name = list(members)[rng.integers(len(members))]
    members[name] = change_bytes(members[name], rng)
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, text in members.items():
            archive.writestr(member, text)
    return changed.getvalue()


WHOLE = set()  # digests of HDF5 files whose bytes were never damaged


def change_hdf5(content, rng):
    """Replace an array, a group, an attribute or a link, or change bytes."""
    import h5py

    # HDF5 ends the process if it writes into some files with damaged bytes
    if rng.random() < 0.3 or hashlib.sha256(content).digest() not in WHOLE:
        return change_bytes(content, rng)
    changed = io.BytesIO(content)
    # what is written may fail: the bytes so far are kept
    with contextlib.suppress(Exception), h5py.File(changed, "r+") as file:
        names = []
        file.visit(names.append)
        name = names[rng.integers(len(names))]
        _change_object(file, name, names, rng)
    WHOLE.add(hashlib.sha256(changed.getvalue()).digest())
    return changed.getvalue()


def _change_object(file, name, names, rng):
    import h5py

    values = [
        *(np.arange(5), np.array(3), np.array([b"x"] * 4), np.zeros((2, 2, 2))),
        *(np.array([1.5] * 4), np.array([10**9] * 4), np.array([-7] * 4)),
        *(np.array([1 + 2j] * 4), np.array([True, False] * 2), h5py.Empty("f4")),
        *(np.array(["é", "b", "c", "d"], dtype=object), np.array([2**62, 1, 2, 3])),
    ]
    attributes = [
        *(np.array([10**12, 10**12]), "nope", np.array([1]), -3, b"\xff", "dataframe"),
        *(np.array(["a", "b"], dtype=object), np.array([4, 3, 2])),
    ]
    kind = rng.integers(7)
    if kind == 3:
        there = list(file[name].attrs)
        file[name].attrs[there[rng.integers(len(there))]] = attributes[
            rng.integers(len(attributes))
        ]
        return
    del file[name]
    if kind == 1:
        file[name] = values[rng.integers(len(values))]
    elif kind == 2:
        file.create_group(name)
    elif kind == 4:
        file.create_dataset(name, shape=(10**11,), dtype="f4", chunks=(1000,))
    elif kind == 5:
        file[name] = h5py.SoftLink("/" + names[rng.integers(len(names))])
    elif kind == 6:
        file[name] = file["/" + names[rng.integers(len(names))]]


def change_model(content, rng):
    """Change values of the manifest of a model, and sign it anew."""
    if rng.random() < 0.1:
        return change_bytes(content, rng)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            weights = archive.read("weights.safetensors")
    except _BAD_ARCHIVE:
        return change_bytes(content, rng)
    places = []
    _list_places(manifest, places)
    values = [
        *(None, -1, 0, 1, 10**6, 1e308, float("nan"), "", "x", "/etc/passwd", "cuda:7"),
        *(True, [], {}, [1, 2], {"type": "list", "items": []}, 2**63, "instance"),
        *({"type": "path", "value": "/"}, {"type": "array", "name": "nope"}, "frozen"),
    ]
    for _ in range(int(rng.integers(1, 4))):
        if places:
            parent, key = places[rng.integers(len(places))]
            with contextlib.suppress(KeyError, IndexError):
                parent[key] = values[rng.integers(len(values))]
    members = manifest.get("members")
    if isinstance(members, dict):
        members["weights.safetensors"] = hashlib.sha256(weights).hexdigest()
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w") as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        archive.writestr("weights.safetensors", weights)
        archive.comment = b"0" * 64
    body = changed.getvalue()[:-64]
    return body + hashlib.sha256(body).hexdigest().encode()


def _list_places(value, places):
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, entry in list(entries):
        places.append((value, key))
        if isinstance(entry, dict | list):
            _list_places(entry, places)


def change_any(content, rng):
    """Change a file by what it is."""
    if content.startswith(b"\x89HDF"):
        return change_hdf5(content, rng)
    return (change_zip if content.startswith(b"PK") else change_text)(content, rng)


def prepare(name, folder):
    """Return a function that reads one file, and what it starts from."""
    from sklearn_csg2a.exceptions import InputError

    read, sound, change = readers(folder)[name]
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, content in enumerate(sound):
        raw = content.encode() if isinstance(content, str) else content
        (corpus / str(number)).write_bytes(raw)
        WHOLE.add(hashlib.sha256(raw).digest())
    path = folder / "file"
    counts = {"read": 0, "refused": 0}

    def read_one(content):
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                read(path)
                counts["read"] += 1
            except InputError:
                counts["refused"] += 1

    for seed in corpus.iterdir():
        read_one(seed.read_bytes())
    if counts["refused"]:
        sys.exit(f"{name}: a sound file is refused")
    return read_one, change, corpus, counts


def guide(atheris, name, seconds, keep, parts):
    """Let atheris choose the changes; it ends the process."""
    read_one, change, corpus, _ = parts

    def mutate(content, max_size, seed):
        rng = np.random.default_rng(seed)
        if rng.random() < 0.3:
            return atheris.Mutate(content, max_size)
        return change(bytes(content), rng)[:max_size]

    options = [
        *(f"-max_total_time={seconds}", f"-timeout={PATIENCE}", "-max_len=65536"),
        *(f"-rss_limit_mb={MEMORY}", f"-artifact_prefix={keep}/{name}-"),
    ]
    arguments = [sys.argv[0], str(corpus), *options]
    atheris.Setup(arguments, read_one, custom_mutator=mutate)
    atheris.Fuzz()


def draw(name, seconds, keep, parts, seed):
    """Draw changes at random."""
    import resource

    read_one, change, corpus, counts = parts
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY * 2**21, MEMORY * 2**21))
    rng = np.random.default_rng(seed)
    sound = [file.read_bytes() for file in corpus.iterdir()]
    last = keep / f"{name}-last"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        content = change(sound[rng.integers(len(sound))], rng)
        last.write_bytes(content)
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        read_one(content)
        faulthandler.cancel_dump_traceback_later()
    last.unlink()
    sys.stdout.write(f"{name}: {counts}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("reader", nargs="?")
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--seed", type=int, default=0, help="without atheris only")
    options = parser.parse_args()
    try:
        import atheris
    except ImportError:
        atheris, guided = None, contextlib.nullcontext()
    else:
        guided = atheris.instrument_imports(["sklearn_csg2a.datasets"])
    with guided:
        import sklearn_csg2a.datasets
        import sklearn_csg2a.persistence  # noqa: F401
    with tempfile.TemporaryDirectory() as folder:
        known = readers(Path(folder))
        if options.reader not in known:
            sys.exit(f"Readers: {', '.join(known)}")
        options.keep.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as place:
            arguments = (options.reader, options.seconds, options.keep)
            parts = prepare(options.reader, Path(place))
            if atheris:
                guide(atheris, *arguments, parts)
            else:
                draw(*arguments, parts, options.seed)


if __name__ == "__main__":
    main()
