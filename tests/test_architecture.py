"""The plan of the house: a module imports only what stands above it, and nothing in a circle."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

# from the ground up
ORDER = """
    errors files text seeds device settings networks benchmark
    download datasets encode protocol closed_form training genzsl imagination revcd
    experiments results studies notebook report cli __main__
""".split()  # noqa: SIM905
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "zslnb").rglob("*.py"))
}
FACE = "zslnb"  # it gathers public names, each imported when it is asked for
LIGHT = ("errors", "files")


def imported(path: Path) -> Iterator[str]:
    """Modules of the package that a file imports anywhere, functions included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "zslnb")
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "zslnb":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


def room(module: str) -> str:
    return module.split(".")[1]


IMPORTS = {
    name: {other for other in imported(path) if other != name}
    for name, path in MODULES.items()
    if name != FACE
}


def test_every_room_has_its_place():
    assert {room(name) for name in IMPORTS} == {*ORDER}


@pytest.mark.parametrize("name", IMPORTS)
def test_a_module_imports_only_what_stands_above_it(name):
    wrong = [
        other
        for other in IMPORTS[name]
        if room(other) != room(name) and ORDER.index(room(other)) > ORDER.index(room(name))
    ]  # fmt: skip
    assert not wrong, f"{name} imports {wrong}"


def test_there_is_no_circle():
    left = {name: {*others} - {FACE} for name, others in IMPORTS.items()}
    while free := [name for name, others in left.items() if not others & {*left}]:
        for name in free:
            del left[name]
    assert not left


@pytest.mark.parametrize("name", LIGHT)
def test_errors_and_files_import_neither_torch_nor_pandas(name):
    tree = ast.parse(MODULES[f"zslnb.{name}"].read_text(encoding="utf-8"))
    names = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    assert not names & {"torch", "pandas", "numpy"}


def test_the_ground_is_in_the_guide():
    guide = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert not [room for room in ORDER if room != "__main__" and room not in guide]
