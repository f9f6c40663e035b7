"""`import zslnb`: quick, and everything named in it is there when it is asked for."""

import subprocess
import sys

import pytest

import zslnb

HEAVY = ("torch", "pandas", "matplotlib", "IPython", "open_clip", "sklearn", "torch._dynamo")


def loaded(code: str) -> set[str]:
    """Return which of the heavy packages a fresh interpreter holds after some code."""
    code += f"\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    assert loaded("import zslnb") == set()


def test_what_is_named_is_there():
    assert all(hasattr(zslnb, name) for name in zslnb.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = zslnb.lode
