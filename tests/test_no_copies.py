"""No code of the package stands in two places."""

from __future__ import annotations

import ast
import itertools
from collections import defaultdict
from pathlib import Path

import sklearn_csg2a

PACKAGE = Path(sklearn_csg2a.__file__).parent
N_LINES = 10


def _passed_over(tree):
    """Yield the nodes whose lines may stand twice.

    Docstrings, as each public name documents all of its parameters; constructors, as
    scikit-learn reads the parameters from the signature of each class and wants each
    to be set under its name; imports, and lists of public names.
    """
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Import | ast.ImportFrom)
            or (
                isinstance(node, ast.Assign)
                and ast.unparse(node.targets[0]) == "__all__"
            )
            or (
                isinstance(node, ast.Expr)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
            )
            or (isinstance(node, ast.FunctionDef) and node.name == "__init__")
        ):
            yield node


def _code(path):
    """Lines of code of a file with their numbers, without lone punctuation."""
    text = path.read_text("utf-8")
    dropped = {
        line
        for node in _passed_over(ast.parse(text))
        for line in range(node.lineno, node.end_lineno + 1)
    }
    return [
        (number, line.strip())
        for number, line in enumerate(text.splitlines(), 1)
        if number not in dropped
        and not line.strip().startswith("#")
        and any(character.isalnum() for character in line)
    ]


def _copies(paths, n_lines=N_LINES):
    """Describe the runs of identical lines, one for each pair of files."""
    places = defaultdict(list)
    for path in paths:
        lines = _code(path)
        for start in range(len(lines) - n_lines + 1):
            run = lines[start : start + n_lines]
            places[tuple(line for _, line in run)].append((path, run[0][0]))
    pairs = {}
    for found in places.values():
        for (first, at), (other, there) in itertools.combinations(found, 2):
            text = f"{first.name}, line {at}, and {other.name}, line {there}"
            pairs.setdefault((first, other), text)
    return list(pairs.values())


def test_no_ten_lines_of_code_are_repeated():
    found = _copies(sorted(PACKAGE.rglob("*.py")))
    assert not found, f"the same {N_LINES} lines: {found}"


def test_copies_are_found(tmp_path):
    lines = "".join(f"value_{number} = {number}\n" for number in range(N_LINES))
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(f'"""{name}"""\n\n{lines}', encoding="utf-8")
    (found,) = _copies(sorted(tmp_path.iterdir()))
    assert found == "one.py, line 3, and two.py, line 3"
