"""Which code a method's numbers depend on: found by its imports, hashed as it was imported.

The package's sources are read once, when this module is imported. What changes on disk after
that is not the code that runs, so nothing that is computed beside it may be kept.
"""

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch

PACKAGE = Path(__file__).parent.parent
# it names the training of every family; a method follows only its own
BORDERS = {"zslnb.experiments.families"}
# settings are in a record's key by value; what errors say, where files lie, and what is hashed here
# are in no number
LEFT_OUT = {"settings", "errors", "files", "sources"}


class CodeChangedError(RuntimeError):
    """The code on disk is not the code that runs; the message says which, and what to do."""


class Sources:
    """The modules of a package as text, and which of them a module depends on."""

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or PACKAGE
        self.texts: dict[str, str] = {}
        self.packages: set[str] = set()
        self._imports = cache(self._imported)  # methods share most modules
        for path in folder.rglob("*.py"):
            parts = (folder.name, *path.relative_to(folder).with_suffix("").parts)
            name = ".".join(parts).removesuffix(".__init__")
            self.texts[name] = path.read_text(encoding="utf-8")
            if path.stem == "__init__":
                self.packages.add(name)

    def needed(self, roots: Iterable[str]) -> list[str]:
        """Name the modules that the roots import, they and these in turn, in alphabetic order.

        A package's `__init__` is passed through to the modules that define what it hands on.
        """
        needed, waiting = set(), [*roots]
        while waiting:
            module = waiting.pop()
            left_out = module.rpartition(".")[2] in LEFT_OUT
            if module in self.texts and module not in needed and not left_out:
                needed.add(module)
                waiting += [] if module in BORDERS else self._imports(module)
        return sorted(needed)

    def sha256(self, roots: Iterable[str]) -> str:
        """Hash what the roots need by what it does: comments, docstrings and layout don't count."""
        digest = hashlib.sha256()
        for module in self.needed(roots):
            digest.update(f"{module}\n{_bare(self.texts[module])}\n".encode())
        return digest.hexdigest()[:16]

    def _imported(self, module: str) -> set[str]:
        tree, modules = _tree(self.texts[module]), set()
        attributes = {
            (node.value.id, node.attr)
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        }
        for alias, target in _imported_names(tree):
            used = [attribute for name, attribute in attributes if name == alias]
            if target not in self.packages:
                modules |= self._origins(target)
            elif used:
                modules |= {m for name in used for m in self._origins(f"{target}.{name}")}
            else:  # handed on whole: anything in it may be called
                modules |= self._below(target)
        return modules

    def _origins(self, target: str) -> set[str]:
        """Find the modules that define a dotted name; all of a package that hides where it is."""
        if target in self.texts:
            return self._below(target) if target in self.packages else {target}
        parent, _, name = target.rpartition(".")
        if parent not in self.packages:
            return {parent} & self.texts.keys()
        tree = _tree(self.texts[parent])
        handed_on = [whence for alias, whence in _imported_names(tree) if alias == name]
        if handed_on:
            return {module for whence in handed_on for module in self._origins(whence)}
        return {parent} if name in _defined(tree) else self._below(parent)

    def _below(self, package: str) -> set[str]:
        return {module for module in self.texts if f"{module}.".startswith(f"{package}.")}


IMPORTED = Sources()


def versions() -> dict[str, str]:
    """Versions of the libraries that compute, on which numbers depend as on the code."""
    return {"numpy": np.__version__, "torch": str(torch.__version__)}


def hash_of(inputs: Mapping[str, object]) -> str:
    """Name what inputs give: sixteen digits, the same for equal inputs, which JSON can hold."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


@cache
def imported_sha256(roots: tuple[str, ...]) -> str:
    """Hash what the roots need, as this process imported it."""
    return IMPORTED.sha256(roots)


def check_unchanged(roots: tuple[str, ...]) -> None:
    """Raise CodeChangedError if what the roots need is no longer on disk as it was imported."""
    now = Sources()
    if now.texts == IMPORTED.texts or now.sha256(roots) == imported_sha256(roots):
        return
    either = {*IMPORTED.needed(roots), *now.needed(roots)}
    changed = [m for m in sorted(either) if now.texts.get(m) != IMPORTED.texts.get(m)]
    raise CodeChangedError(
        f"{', '.join(changed) or 'The package'} changed on disk after this process imported it, so "
        "its numbers would be kept as those of other code. Restart the kernel (or the process) "
        "and run again; nothing was written."
    )


def _imported_names(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Give what a module imports: the name it has there, and the dotted name it comes from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                yield item.asname or item.name, item.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for item in node.names:
                yield item.asname or item.name, f"{node.module}.{item.name}"


def _defined(tree: ast.Module) -> set[str]:
    named = {node.name for node in tree.body if hasattr(node, "name")}
    assigned = [node.targets for node in tree.body if isinstance(node, ast.Assign)]
    return named | {t.id for targets in assigned for t in targets if isinstance(t, ast.Name)}


def _parse(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError:  # half an edit: other text than what was imported, and that is enough
        return ast.Module([ast.Pass(), ast.Expr(ast.Constant(text))], [])


_tree = cache(_parse)


@cache
def _bare(text: str) -> str:
    """Return a module's code without comments, docstrings and layout."""
    tree = _parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
