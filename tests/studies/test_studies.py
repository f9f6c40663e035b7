"""The names that `zslnb.studies` offers are there, and cost nothing until they are asked for."""

import subprocess
import sys
from pathlib import Path

import pytest

from zslnb import studies


def test_every_offered_name_is_there() -> None:
    offered = dir(studies)
    assert all(callable(getattr(studies, name)) for name in offered if name[0].islower())
    modules = {path.stem for path in Path(studies.__file__).parent.glob("*.py")}
    assert not modules & {*offered}  # once imported, a module would stand in a name's place
    with pytest.raises(AttributeError, match="no attribute 'Splits'"):
        _ = studies.Splits


def test_names_are_imported_when_asked_for() -> None:
    code = "import sys, zslnb.studies; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
