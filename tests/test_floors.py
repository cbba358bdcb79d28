"""The house of DESIGN.md: an import only points down, wherever in a file it stands."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "molgnn"
# Each floor with all those below it; what stands on one line is not on each other's list.
BELOW = {
    "errors": set(),
    "chem": {"errors"},
    "data": {"errors", "chem"},
    "nn": {"errors", "chem"},
    "models": {"errors", "chem", "data", "nn"},
    "train": {"errors", "chem", "data", "nn", "models"},
    "screen": {"errors", "chem", "data", "nn", "models"},
    "bench": {"errors", "chem", "data", "nn", "models", "train", "screen"},
    "cli": {"errors", "chem", "data", "nn", "models", "train", "screen", "bench"},
    "sklearn": {"errors", "chem", "data", "nn", "models", "train"},
}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)
WORKERS = ("pool/workers", "pool/processes", "pool/start", "pool/careful", "packed/packing")
BACKENDS = {"torch", "torch_geometric", "lightning_fabric", "safetensors"}


def imports(path, at_import=False):
    """Full names of everything that a file imports: anywhere in it, in functions and under
    conditions too, or only what importing the file runs."""
    tree, names = ast.parse(path.read_text(encoding="utf-8")), set()
    for node in tree.body if at_import else ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            (name, *_) = node.args
            names |= {name.value} if isinstance(name, ast.Constant) else set()
    return names


def floors(path):
    """The floors of molgnn that a file imports from; the package's own module is no floor."""
    own = [name.split(".") for name in imports(path) if name.split(".")[0] == "molgnn"]
    return {parts[1] for parts in own if len(parts) > 1 and parts[1] in BELOW}


def test_every_folder_is_a_floor():
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(BELOW)
    assert {"chem", "data", "nn", "models", "train", "screen", "cli"} <= folders


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_from_its_own_floor_and_those_below(path):
    floor = path.relative_to(PACKAGE).parts[0]
    assert floors(path) - BELOW[floor] - {floor} == set()


def test_only_the_command_line_knows_hydra_and_argparse():
    asks = {"hydra", "omegaconf", "argparse"}
    knowing = [path for path in FILES if asks & tops(imports(path))]
    assert {path.relative_to(PACKAGE).parts[0] for path in knowing} <= {"cli"}


def loaded(name, seen):
    """The files of molgnn that importing one of its modules runs."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        base = PACKAGE.parent.joinpath(*parts[:end])
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.exists() and path not in seen:
                seen.add(path)
                for further in imports(path, at_import=True):
                    loaded(further, seen)
    return seen


def tops(names):
    return {name.split(".")[0] for name in names}


def test_what_worker_processes_load_never_reaches_torch():
    files = loaded("molgnn.data.packed.packing", loaded("molgnn.data.pool.workers", set()))
    assert PACKAGE / "chem" / "graph.py" in files
    assert [path for path in files if BACKENDS & tops(imports(path, at_import=True))] == []
    own = [
        *(PACKAGE / "data" / f"{name}.py" for name in WORKERS),
        *(PACKAGE / "chem").glob("*.py"),
    ]
    assert [path for path in own if BACKENDS & tops(imports(path))] == []


def test_estimators_are_made_without_torch():
    assert not BACKENDS & tops(
        name for path in loaded("molgnn.sklearn", set()) for name in imports(path, at_import=True)
    )


def test_layers_see_no_table_and_no_molecule():
    for path in (PACKAGE / "nn").glob("*.py"):
        assert not {"rdkit", "pandas", "pyarrow"} & tops(imports(path))


def test_importing_an_upper_floor_below_would_be_caught(tmp_path):
    """The test above can fail: an import inside a function counts."""
    path = tmp_path / "wrong.py"
    path.write_text("def f():\n    if 1:\n        from molgnn.cli import main\n")
    assert floors(path) == {"cli"}
    path.write_text("import importlib\nimportlib.import_module('molgnn.train.run')\n")
    assert floors(path) == {"train"}
