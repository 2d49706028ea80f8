"""Whatever is wrong is said in one message, with an exit code and no traceback."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import sklearn_csg2a.datasets
from sklearn_csg2a._utils import optional

COMMANDS = ["fit", "predict", "rank", "compare", "inspect"]
COMMANDS += ["data", "data check", "data fetch"]
FIT = ("fit", "screen.csv", "--expression", "cells.csv", "--model", "kernel_ridge")
COMPARE = ("compare", "screen.csv", "--expression", "cells.csv")
PREDICT = ("predict", "model.csg2a", "--expression", "patients.csv")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(run, command):
    code, out, _ = run(*command.split(), "--help")
    assert code == 0
    assert f"  sklearn-csg2a {command}" in out
    assert "examples:" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "COMMAND"),
        (("fly",), "invalid choice: 'fly'"),
        (("fit",), "required: TABLE"),
        ((*FIT,), "required: -o/--output"),
        ((*FIT, "-o", "cells.csv"), "cells.csv would be overwritten"),
        ((*FIT, "-o", "./nowhere/m.csg2a"), "the folder of ./nowhere/m.csg2a"),
        ((*FIT, "-o", "."), ". is a folder"),
        ((*FIT, "--column", "gene=x", "-o", "m"), "'gene=x' is not NAME=COLUMN"),
        ((*FIT, "--set", "alpha", "-o", "m"), "'alpha' is not NAME=VALUE"),
        ((*FIT, "--model", "forest", "-o", "m"), "invalid choice: 'forest'"),
        ((*FIT, "--coverage", "2", "-o", "m"), "--coverage must be between 0 and 1"),
        ((*PREDICT, "-o", "out.parquet"), "does not end in one of .csv"),
        ((*PREDICT, "-o", "patients.csv"), "patients.csv would be overwritten"),
        ((*PREDICT, "-o", "a.csv", "--html", "a.csv"), "a.csv would be overwritten"),
        ((*PREDICT, "--smiles", "a", "--treatments", "b"), "not allowed with"),
        ((*PREDICT, "--treatments", "screen.csv", "--html", "p.html"), "--smiles"),
        ((*PREDICT, "--reference", "cells.csv"), "add --html"),
        (("rank", "model.csg2a"), "required: --expression"),
        (("rank", *PREDICT[1:], "--top", "0"), "--top must be at least 1"),
        ((*COMPARE, "--scheme", "time"), "invalid choice: 'time'"),
        ((*COMPARE, "--set", "alpa=1"), "none of kernel_ridge, gaussian_process has"),
        ((*COMPARE, "--store", "cells.csv"), "cells.csv would be overwritten"),
        (("data",), "COMMAND"),
        (("data", "fetch", "gdsc"), "invalid choice: 'gdsc'"),
    ],
)
def test_wrong_usage_leaves_with_2(run, arguments, said):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_an_output_that_links_to_an_input_is_refused(run, tmp_path):
    (tmp_path / "link.csv").symlink_to(tmp_path / "patients.csv")
    assert run(*PREDICT, "-o", "link.csv")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("predict", "nowhere.csg2a"), "nowhere.csg2a"),
        (("predict", "cells.csv"), "cells.csv"),
        (("inspect", "screen.csv"), "screen.csv"),
        (("predict", "model.csg2a", "--expression", "nowhere.csv"), "nowhere.csv: No"),
        (("predict", "model.csg2a", "--expression", "."), "Is a directory"),
        (("predict", "model.csg2a", "--expression", "drugs.csv"), "no column of num"),
        ((*PREDICT, "--smiles", "patients.csv"), "compounds has no column 'smiles'"),
        (("predict", "model.csg2a"), "give --expression"),
        (("rank", *PREDICT[1:]), "give --reference"),
        (("rank", *PREDICT[1:], "--reference", "drugs.csv"), "no column of numbers"),
        ((*FIT, "--response", "auc", "-o", "m"), "name it by --response"),
        ((*FIT, "--smiles", "drugs.csv", "-o", "m"), "has SMILES of its own"),
        ((*FIT, "--smiles", "cells.csv", "-o", "m"), "needs the columns smiles, and"),
        ((*FIT, "--set", "alpa=1", "-o", "m"), "no parameter 'alpa'; it has alpha"),
        ((*FIT, "--set", "alpha=-1", "-o", "m"), "'alpha' parameter"),
        ((*FIT, "--novelty", "cell", "-o", "m"), "no parameter 'novelty'"),
        ((*FIT, "--gene-sets", "no.gmt", "-o", "m"), "no.gmt"),
        ((*FIT, "--card", "no.json", "-o", "m"), "no.json: No such file"),
        (("fit", "empty.csv", "--expression", "cells.csv", "-o", "m"), "empty"),
        (("fit", "broken.csv", "--expression", "cells.csv", "-o", "m"), "broken.csv"),
        ((*COMPARE, "--splits", "1"), "n_splits=1"),
        ((*COMPARE, "--splits", "50", "--scheme", "drug"), "Give another --splits."),
        ((*FIT[:2], "-o", "m"), "Give --expression (a table"),
        ((*FIT[:2], "--expression", "screen.csv", "-o", "m"), "Keep one row of each."),
        (("data", "check", "nowhere"), "nowhere is not a folder"),
        (("data", "check", ".", "--loader", "ccle"), "'ccle' is not a loader"),
    ],
)
def test_what_cannot_be_used_leaves_with_1(run, tmp_path, arguments, said):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "broken.csv").write_bytes(b"\x1f\x8b\x08\x00broken")
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert said in err
    assert "sklearn-csg2a: error: " in err
    assert "Traceback" not in err
    assert not (tmp_path / "m").exists()


def test_messages_name_rows_and_speak_of_options(run, tmp_path):
    table = pd.read_csv("screen.csv")
    table.rename(columns={"smiles": "SMILES"}).to_csv("other.csv", index=False)
    _, _, err = run("fit", "other.csv", "--expression", "cells.csv", "-o", "m")
    assert "--column smiles='SMILES'" in err
    table.loc[3, "smiles"] = "C1CC"
    table.to_csv("bad.csv", index=False)
    _, _, err = run("fit", "bad.csv", *FIT[2:], "-o", "m")
    assert "row 3" in err
    cells = pd.read_csv("cells.csv", index_col=0)
    cells.iloc[:, :-1].to_csv("fewer.csv")
    code, _, err = run("predict", "model.csg2a", "--expression", "fewer.csv")
    assert code == 1
    assert "--missing-genes zero" in err
    arguments = ("predict", "model.csg2a", "--expression", "fewer.csv")
    code, out, _ = run(*arguments, "--missing-genes", "zero")
    assert code == 0
    assert out


def test_a_value_that_is_no_number_is_named(run):
    cells = pd.read_csv("patients.csv", index_col=0).astype(object)
    cells.iloc[1, 2] = "high"
    cells.to_csv("words.csv")
    code, _, err = run("predict", "model.csg2a", "--expression", "words.csv")
    assert code == 1
    assert "'P2'" in err
    assert "'high'" in err
    cells.to_excel("words.xlsx")
    code, _, err = run("predict", "model.csg2a", "--expression", "words.xlsx")
    assert code == 1
    assert "'P2'" in err
    assert "'high'" in err


def test_rows_of_unknown_cells_are_named(run):
    table = pd.read_csv("screen.csv")
    table.loc[5, "cell_line"] = "HELA"
    table.to_csv("unknown.csv", index=False)
    for model in ("model.csg2a", "whole.csg2a"):
        arguments = ("predict", model, "--expression", "cells.csv")
        code, _, err = run(*arguments, "--treatments", "unknown.csv")
        assert code == 1
        assert "'HELA'" in err


def test_an_error_can_show_its_place_in_the_code(run):
    with pytest.raises(FileNotFoundError):
        run("predict", "nowhere.csg2a", "--traceback")


@pytest.mark.parametrize(
    ("package", "path", "extra"),
    [("openpyxl", "a.xlsx", "excel"), ("h5py", "a.h5ad", "h5")],
)
def test_a_missing_package_is_named_with_its_extra(
    run, monkeypatch, package, path, extra
):
    if extra == "excel":
        pd.DataFrame({"id": ["P1"], "TP53": [1.0]}).to_excel(path, index=False)
    else:
        Path(path).write_bytes(b"\x89HDF\r\n\x1a\n")
    real = optional.import_module

    def _import(name):
        if name == package:
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(optional, "import_module", _import)
    code, _, err = run("predict", "model.csg2a", "--expression", path)
    assert code == 1
    assert f"pip install 'sklearn_csg2a[{extra}]'" in err
    if extra == "excel":
        code, _, err = run(*PREDICT, "-o", "out.xlsx")
        assert code == 1
        assert "instead of which .csv can be written" in err


def test_ctrl_c_leaves_with_130(run, monkeypatch):
    def _stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(sklearn_csg2a.datasets, "read_expression", _stop)
    code, out, err = run(*PREDICT, "-o", "out.csv")
    assert (code, out) == (130, "")
    assert "stopped" in err


def test_warnings_are_messages(run):
    table = pd.read_csv("patients.csv", index_col=0)
    cohort = pd.DataFrame({"cohort": "A"}, index=table.index)
    pd.concat([cohort, table], axis=1).to_csv("patients2.csv")
    arguments = ("predict", "model.csg2a", "--expression", "patients2.csv")
    code, _, err = run(*arguments)
    assert code == 0
    assert "sklearn-csg2a: warning: patients2.csv: 1 columns left out" in err
