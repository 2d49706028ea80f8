"""Every promise of reliability has a test that carries its number."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

TESTS = Path(__file__).resolve().parent


def _load_table():
    spec = importlib.util.spec_from_file_location("promises", TESTS / "reliability.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_40_of_40_promises_carry_a_test():
    table = _load_table()
    found = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                found |= set(table.promises_of(node.name))
    assert found == set(table.PROMISES)
    assert list(table.PROMISES) == [f"P{number:02d}" for number in range(1, 41)]


def test_figures_follow_from_promises():
    table = _load_table()
    assert {name for _, names in table.FIGURES for name in names} <= set(table.PROMISES)
