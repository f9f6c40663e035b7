"""The names that `zslnb.studies` offers are there, and cost nothing until they are asked for."""

import subprocess
import sys

import pytest

from zslnb import studies


def test_every_offered_name_is_there() -> None:
    assert all(getattr(studies, name) for name in dir(studies))
    with pytest.raises(AttributeError, match="no attribute 'Splits'"):
        _ = studies.Splits


def test_names_are_imported_when_asked_for() -> None:
    code = "import sys, zslnb.studies; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
