"""Files of a small screen, and the command line in this process."""

from __future__ import annotations

import gc

import pytest

from sklearn_csg2a.cli import main
from sklearn_csg2a.datasets import make_screen


@pytest.fixture(scope="session")
def screen():
    return make_screen(n_cells=12, n_compounds=10, random_state=0)


@pytest.fixture(scope="session")
def files(screen, tmp_path_factory):
    """Folder of a screen, its expression, patients and drugs, and two fitted models."""
    folder = tmp_path_factory.mktemp("files")
    table = screen.X.assign(ln_ic50=screen.y)
    table.to_csv(folder / "screen.csv", index=False)
    screen.expression.to_csv(folder / "cells.csv")
    patients = (screen.expression.iloc[:3] + 0.1).set_axis(["P1", "P2", "P3"])
    patients.to_csv(folder / "patients.csv")
    drugs = screen.X[["drug", "smiles"]].drop_duplicates().head(4)
    drugs.to_csv(folder / "drugs.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        fit = ["fit", "screen.csv", "--expression", "cells.csv", "-q", "--model"]
        assert main([*fit, "kernel_ridge", "-o", "model.csg2a"]) == 0
        whole = ["--interval", "drug", "--include-expression"]
        assert main([*fit, "MeanEffects", "-o", "mean.csg2a"]) == 0
        assert main([*fit, "kernel_ridge", *whole, "-o", "whole.csg2a"]) == 0
    gc.collect()  # the process that has saved a model finds its table while it exists
    return folder


@pytest.fixture
def run(files, tmp_path, monkeypatch, capsys):
    """Run the command in a folder with links to the files; return code, out, err."""
    for path in files.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)

    def _run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as error:
            code = error.code
        out, err = capsys.readouterr()
        return code, out, err

    return _run
