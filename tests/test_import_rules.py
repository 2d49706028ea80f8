"""Who may import whom, and a few things that no module may do."""

from __future__ import annotations

import ast
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
    ("evaluation",),
)
RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}

# Packages that only the rooms named may import.
ONLY_IN = {
    "rdkit": {"chem", "encoders"},
    "skorch": {"training"},
    "matplotlib": {"evaluation"},
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
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in FILES.items()}


def _part(module):
    """First name below the package: 'chem' for sklearn_csg2a.chem._smiles."""
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
    for imported, line in _imports(tree or TREES[module]):
        if imported.split(".")[0] == PACKAGE.name:
            yield imported, line


def _calls(tree):
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _is_constant(node, value):
    return isinstance(node, ast.Constant) and node.value is value


@pytest.fixture(params=list(FILES))
def module(request):
    return request.param


def test_every_part_of_the_package_has_a_layer():
    parts = {_part(name) for name in FILES} - {""}
    assert parts == set(RANK), f"{sorted(parts ^ set(RANK))}"


def test_imports_point_to_the_room_itself_or_to_lines_above(module):
    """Imports for annotations alone count, too."""
    if module == PACKAGE.name:
        return
    part = _part(module)
    wrong = [
        f"line {line}: {imported}"
        for imported, line in _own_imports(module)
        if _part(imported) != part
        and RANK.get(_part(imported), len(LAYERS)) >= RANK[part]
    ]
    assert not wrong, f"{module} imports from a line below its own: {wrong}"


def test_modules_do_not_import_each_other_in_a_circle():
    """Imports for annotations alone count, too."""
    graph = {name: {to for to, _ in _own_imports(name)} for name in TREES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"circle of imports: {' -> '.join(error.args[1])}")


def test_modules_are_looked_up_by_name_in_few_places_only(module):
    """What is looked up by a string is invisible to the two tests above."""
    names = {ast.unparse(call.func).split(".")[-1] for call in _calls(TREES[module])}
    if names & {"import_module", "__import__"}:
        assert module in LOOK_UP


def test_packages_stay_in_the_parts_that_own_them(module):
    part = _part(module)
    wrong = [
        f"line {line}: {imported}"
        for imported, line in _imports(TREES[module])
        if part not in ONLY_IN.get(imported.split(".")[0], {part})
        or part in NOT_IN.get(imported.split(".")[0], ())
    ]
    assert not wrong, f"{module} must not import these: {wrong}"


def test_matplotlib_is_imported_only_when_something_is_drawn(module):
    at_import = [
        node
        for node in TREES[module].body
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    names = {
        imported.split(".")[0]
        for node in at_import
        for imported, _ in _imports(ast.Module(body=[node], type_ignores=[]))
    }
    assert "matplotlib" not in names, f"{module} needs matplotlib to be imported"


def test_imports_are_absolute(module):
    relative = [
        node.lineno
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative, f"{module}: relative imports in lines {relative}"


def test_init_files_only_re_export_and_name_what_they_export(module):
    if FILES[module].name != "__init__.py":
        return
    body = TREES[module].body
    exported, imported = None, set()
    for node in body:
        if isinstance(node, ast.ImportFrom):
            if node.module != "__future__":
                imported |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            assert ast.unparse(node.value.func) == "attach", f"line {node.lineno}"
        elif isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
            exported = ast.literal_eval(node.value)
        elif isinstance(node, ast.If):  # for type checkers; loaded on first use
            assert ast.unparse(node.test) == "TYPE_CHECKING"
            imported |= {a.name for inner in node.body for a in inner.names}
        else:
            assert isinstance(node, ast.Expr), f"{module}: code in line {node.lineno}"
            assert isinstance(node.value, ast.Constant), f"line {node.lineno}"
    tools = {"TYPE_CHECKING", "attach"} - set(exported or ())
    assert sorted(exported or ()) == sorted(imported - tools)


def test_weights_and_arrays_are_never_read_as_pickles(module):
    for call in _calls(TREES[module]):
        keywords = {word.arg: word.value for word in call.keywords}
        where = f"{module}, line {call.lineno}"
        assert not _is_constant(keywords.get("allow_pickle"), value=True), where
        assert not _is_constant(keywords.get("weights_only"), value=False), where
        if ast.unparse(call.func) == "torch.load":
            assert _is_constant(keywords.get("weights_only"), value=True), where
        assert ast.unparse(call.func) not in RUNS_CODE_OF_FILES, where


def test_readers_of_pickles_are_not_imported_by_name(module):
    """The check above knows them by their full names."""
    named = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert not named & (RUNS_CODE_OF_FILES | {"torch.load"})


def test_files_are_short_enough_to_read_in_one_go(module):
    lines = len(FILES[module].read_text("utf-8").splitlines())
    assert lines <= MAX_LINES, f"{module} has {lines} lines: one concept a file?"
