"""`import zslnb`: quick, and everything named in it is there when it is asked for."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

import zslnb

HEAVY = (
    *("torch", "pandas", "matplotlib", "IPython", "open_clip", "sklearn", "torch._dynamo"),
    "lark",  # whose grammars take seconds to read
)


def loaded(code: str) -> set[str]:
    """Return which of the heavy packages a fresh interpreter holds after some code."""
    code += f"\nimport sys\nprint(*[name for name in {HEAVY} if sys.modules.get(name)])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    assert loaded("import zslnb") == set()


def test_reading_a_notebook_builds_no_grammar():
    assert "lark" not in loaded("import zslnb.notebook.sources")


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("lark"), reason="jsonschema came without its extras.")
def test_a_grammar_would_be_built_by_nbformat_alone():
    """Else `zslnb.notebook` need not leave it out."""
    assert "lark" in loaded("import nbformat")


def test_what_is_named_is_there():
    assert all(hasattr(zslnb, name) for name in zslnb.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = zslnb.lode
