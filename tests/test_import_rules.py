"""Who may import whom, and a few things that no module may do."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "sklearn_csg2a"

# Each room of the package may import from itself and from the lines above its own; of
# two rooms on one line neither imports the other.
LAYERS = (
    ("exceptions", "_version"),
    ("_utils",),
    ("chem", "nn"),
    ("treatments",),
    ("preprocessing", "metrics", "model_selection"),
    ("datasets",),
    ("training",),
    ("encoders",),
    ("persistence",),
    ("baselines", "estimators"),
    ("uncertainty", "inspection", "patients"),
    ("evaluation",),
    ("plotting",),
    ("cli",),
    ("__main__",),
)
RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}

# Packages that only the rooms named may import.
ONLY_IN = {
    "rdkit": {"chem", "encoders"},
    "skorch": {"training"},
    "matplotlib": {"evaluation", "plotting"},
}

# Packages that the rooms named must not import.
NOT_IN = {
    "torch": {
        *("_utils", "chem", "treatments", "preprocessing", "metrics"),
        *("model_selection", "datasets"),
    },
    "skorch": {"encoders", "persistence", "baselines", "estimators"},
    "rdkit": {"nn", "training", "baselines", "estimators"},
    "sklearn": {"nn"},
    "pandas": {"nn"},
}

# The only modules that look a name up by a string.
LOOK_UP = {
    "sklearn_csg2a._utils.lazy",  # names of a package on first use
    "sklearn_csg2a._utils.optional",  # packages that some features need
    "sklearn_csg2a.persistence._classes",  # the classes that a model file may name
}

# What would run code that a file brings along.
RUNS_CODE_OF_FILES = {
    "dill.load",
    "joblib.load",
    "pickle.Unpickler",
    "pickle.load",
    "pickle.loads",
}

MAX_LINES = 450


def _module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def _trees():
    return {name: ast.parse(path.read_text("utf-8")) for name, path in FILES.items()}


def _part(module):
    """First name below the package: 'chem' for sklearn_csg2a.chem._compounds."""
    return module.split(".")[1] if "." in module else ""


def _imports(tree):
    """Yield the modules that a tree imports, with the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner if inner in FILES else node.module), node.lineno


def _own_imports(module, tree=None):
    for imported, line in _imports(tree or _trees()[module]):
        if imported.split(".")[0] == PACKAGE.name:
            yield imported, line


def _calls(tree):
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _is_constant(node, value):
    return isinstance(node, ast.Constant) and node.value is value


def _place(module, node):
    return f"{module}, line {node.lineno}"


def test_every_part_of_the_package_has_a_layer():
    parts = {_part(name) for name in FILES} - {""}
    assert parts == set(RANK), f"{sorted(parts ^ set(RANK))}"


def test_imports_point_to_the_room_itself_or_to_lines_above():
    """Imports for annotations alone count, too."""
    wrong = [
        f"{module}, line {line}: {imported}"
        for module in set(FILES) - {PACKAGE.name}
        for imported, line in _own_imports(module)
        if _part(imported) != _part(module)
        and (imported, _part(module)) != (PACKAGE.name, "cli")
        and RANK.get(_part(imported), len(LAYERS)) >= RANK[_part(module)]
    ]
    assert wrong == []


def test_the_command_line_uses_public_names_alone():
    wrong = [
        f"{module}, line {line}: {imported}"
        for module in FILES
        if _part(module) == "cli"
        for imported, line in _own_imports(module)
        if _part(imported) not in {"cli", "_utils", "_version"}
        and any(part.startswith("_") for part in imported.split("."))
    ]
    assert wrong == []


def test_modules_do_not_import_each_other_in_a_circle():
    """Imports for annotations alone count, too."""
    graph = {name: {to for to, _ in _own_imports(name)} for name in FILES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"circle of imports: {' -> '.join(error.args[1])}")


def test_modules_are_looked_up_by_name_in_few_places_only():
    """What is looked up by a string is invisible to the two tests above."""
    wrong = [
        _place(module, call)
        for module in set(FILES) - LOOK_UP
        for call in _calls(_trees()[module])
        if ast.unparse(call.func).split(".")[-1] in {"import_module", "__import__"}
    ]
    assert wrong == []


def test_packages_stay_in_the_parts_that_own_them():
    wrong = [
        f"{module}, line {line}: {imported}"
        for module, tree in _trees().items()
        for imported, line in _imports(tree)
        if _part(module) not in ONLY_IN.get(imported.split(".")[0], {_part(module)})
        or _part(module) in NOT_IN.get(imported.split(".")[0], ())
    ]
    assert wrong == []


def test_matplotlib_is_imported_only_when_something_is_drawn():
    wrong = [
        f"{module}, line {line}: {imported}"
        for module, tree in _trees().items()
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for imported, line in _imports(ast.Module(body=[node], type_ignores=[]))
        if imported.split(".")[0] == "matplotlib"
    ]
    assert wrong == []


def test_imports_are_absolute():
    relative = [
        _place(module, node)
        for module, tree in _trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def _exports(body, module):
    """Return what an `__init__` file names as exported, and what it imports."""
    exported, imported = None, set()
    for node in body:
        where = _place(module, node)
        if isinstance(node, ast.ImportFrom):
            if node.module != "__future__":
                imported |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            assert ast.unparse(node.value.func) == "attach", where
        elif isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
            exported = ast.literal_eval(node.value)
        elif isinstance(node, ast.If):  # for type checkers; loaded on first use
            assert ast.unparse(node.test) == "TYPE_CHECKING", where
            imported |= {a.name for inner in node.body for a in inner.names}
        else:
            assert isinstance(node, ast.Expr), f"{where}: code"
            assert isinstance(node.value, ast.Constant), where
    return set(exported or ()), imported


def test_init_files_only_re_export_and_name_what_they_export():
    inits = [name for name, path in FILES.items() if path.name == "__init__.py"]
    assert inits
    for module in inits:
        exported, imported = _exports(_trees()[module].body, module)
        tools = {"TYPE_CHECKING", "attach"} - exported
        assert exported == imported - tools, module


def test_weights_and_arrays_are_never_read_as_pickles():
    wrong = []
    for module, tree in _trees().items():
        for call in _calls(tree):
            keywords = {word.arg: word.value for word in call.keywords}
            weights_only = keywords.get("weights_only")
            if (
                _is_constant(keywords.get("allow_pickle"), value=True)
                or _is_constant(weights_only, value=False)
                or ast.unparse(call.func) in RUNS_CODE_OF_FILES
                or (
                    ast.unparse(call.func) == "torch.load"
                    and not _is_constant(weights_only, value=True)
                )
            ):
                wrong.append(_place(module, call))
    assert wrong == []


def test_readers_of_pickles_are_not_imported_by_name():
    """The check above knows them by their full names."""
    wrong = [
        _place(module, node)
        for module, tree in _trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if f"{node.module}.{alias.name}" in RUNS_CODE_OF_FILES | {"torch.load"}
    ]
    assert wrong == []


def test_files_are_short_enough_to_read_in_one_go():
    lines = {
        module: len(path.read_text("utf-8").splitlines())
        for module, path in FILES.items()
    }
    long = {module: n for module, n in lines.items() if n > MAX_LINES}
    assert long == {}, "one concept a file?"
