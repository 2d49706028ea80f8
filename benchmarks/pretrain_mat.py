"""Train the MAT whose weights are included in the package.

    python benchmarks/pretrain_mat.py $SKLEARN_CSG2A_DATA/molecules/smiles.smi.gz

The molecules are those of the file in a fixed random order, without compounds measured
in GDSC or NCI-60, so that these can be used for evaluation. Training can be interrupted
at any time; the same command continues. With ``--install``, weights and accuracy are
written to the package, where ``MATEncoder()`` reads them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
from pathlib import Path

import numpy as np

from sklearn_csg2a.chem import compound_identities, smiles_problem
from sklearn_csg2a.datasets import load_gdsc, load_gdsc2, load_nci60
from sklearn_csg2a.encoders import pretrain_mat

PACKAGE = Path(__file__).resolve().parents[1] / "sklearn_csg2a" / "encoders" / "weights"


def read_molecules(path: Path, n_molecules: int, seed: int = 0) -> list[str]:
    """Return the first molecules in random order that are not in any screen."""
    with gzip.open(path, "rt") as file:
        smiles = [line.split()[0] for line in file if line.strip()]
    measured = set()
    for load in (load_gdsc2, load_gdsc, load_nci60):
        measured.update(compound_identities(load().X["smiles"].unique()))
    kept: list[str] = []
    for position in np.random.RandomState(seed).permutation(len(smiles)):
        if len(kept) == n_molecules:
            break
        candidate = smiles[position]
        if smiles_problem(candidate) is None:
            identity = compound_identities([candidate])[0]
            if identity not in measured:
                kept.append(candidate)
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("smiles", type=Path, help="gzip file, one SMILES per line")
    parser.add_argument("--directory", type=Path, default=Path("mat_pretraining"))
    parser.add_argument("--molecules", type=int, default=40000)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--jobs", type=int, default=None)
    parser.add_argument("--install", action="store_true")
    options = parser.parse_args()
    result = pretrain_mat(
        read_molecules(options.smiles, options.molecules),
        options.directory,
        batch_size=128,
        max_epochs=options.epochs,
        precision=options.precision,
        n_jobs=options.jobs,
        verbose=1,
    )
    accuracy = result.accuracy.round(4).reset_index()
    print(accuracy.to_string(index=False))
    if options.install:
        PACKAGE.mkdir(exist_ok=True)
        shutil.copyfile(result.weights, PACKAGE / "mat.safetensors")
        card = {
            "n_molecules": result.n_molecules,
            "epochs": len(result.history),
            "accuracy": accuracy.to_dict("records"),
        }
        (PACKAGE / "mat.json").write_text(json.dumps(card, indent=1) + "\n")


if __name__ == "__main__":
    main()
