"""`zslnb.experiments.sources`: what a method's numbers depend on, no less, and little more."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from test_memo import FEW
from toys import QUICK, QUICK_IMAGINATION, QUICK_REVCD, toy

from zslnb.experiments import (
    METHODS,
    ClipSettings,
    CodeChangedError,
    ESZSLSettings,
    FewerImagesSettings,
    InductionLimitsSettings,
    InformedSettings,
    LooksSettings,
    MeansSettings,
    NearestMeanSettings,
    PartsSettings,
    RidgeSettings,
    SeenUnseenSettings,
    TwoDirectionsSettings,
    sources,
)
from zslnb.experiments.sources import LEFT_OUT, PACKAGE, Sources, check_unchanged
from zslnb.genzsl import GenZSLSettings, released_training
from zslnb.imagination import KINDS, ImaginationSettings
from zslnb.revcd import KINDS as ESTIMATORS
from zslnb.revcd import RevCDSettings

ROOM = '''"""Module."""

import math

from house.garden import bed as flowers
from house import cellar, kitchen


def area(r):
    """Area."""
    return math.pi * r * r + flowers() + kitchen.boil()
'''
HOUSE = {
    "__init__": "",
    "room": ROOM,
    "garden/__init__": "from house.garden.beds import bed\nfrom house.garden.trees import tree\n",
    "garden/beds": "from house.settings import SIZE\n\n\ndef bed():\n    return 1\n",
    "garden/trees": "def tree():\n    return 2\n",
    "kitchen/__init__": "from house.kitchen.stove import boil\nSINK = 1\n",
    "kitchen/stove": "def boil():\n    from house import water  # late\n    return water.hot()\n",
    "cellar/__init__": "",
    "cellar/wine": "YEAR = 1\n",
    "water": "def hot():\n    return 3\n",
    "attic": "DUST = 1\n",
    "settings": "SIZE = 1\n",
}
SAME = {
    "comment": lambda s: s.replace("import math", "import math  # for pi"),
    "docstring": lambda s: s.replace("Area.", "What a circle\n    covers."),
    "no docstring": lambda s: s.replace('    """Area."""\n', ""),
    "no module docstring": lambda s: s.replace('"""Module."""', ""),
    "layout": lambda s: s.replace("math.pi * r * r", "(\n        math.pi * r * r\n    )"),
}
OTHER = {
    "code": lambda s: s.replace("r * r", "r * 2"),
    "name": lambda s: s.replace("area", "surface"),
    "string": lambda s: s + 'NAME = "x"\n',
    "half an edit": lambda s: s + "def (",
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for name, text in HOUSE.items():
        path = tmp_path / "house" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "house"


def edited(house: Path, name: str, change: Callable[[str], str]) -> str:
    path = house / f"{name}.py"
    assert change(path.read_text()) != path.read_text()
    path.write_text(change(path.read_text()))
    return Sources(house).sha256(["house.room"])


def test_what_a_package_hands_on_is_followed_to_where_it_is_defined(house):
    """Not to the package's other modules; a package that is handed on whole counts whole."""
    assert Sources(house).needed(["house.room"]) == [
        "house.cellar", "house.cellar.wine", "house.garden.beds", "house.kitchen.stove",
        "house.room", "house.water",
    ]  # fmt: skip


@pytest.mark.parametrize("change", SAME | OTHER)
def test_the_hash_is_of_what_does_something(house, change):
    before = Sources(house).sha256(["house.room"])
    assert (edited(house, "room", (SAME | OTHER)[change]) == before) == (change in SAME)


@pytest.mark.parametrize("module", HOUSE)
def test_a_hash_depends_on_what_is_imported_and_nothing_else(house, module):
    before = Sources(house)
    needed = f"house.{module}".replace("/", ".").removesuffix(".__init__")
    changed = edited(house, module, lambda s: s + "CHANGED = True\n")
    assert (changed != before.sha256(["house.room"])) == (needed in before.needed(["house.room"]))


def test_code_that_changed_on_disk_is_named(house, monkeypatch):
    monkeypatch.setattr(sources, "PACKAGE", house)
    monkeypatch.setattr(sources, "IMPORTED", Sources(house))
    monkeypatch.setattr(sources, "imported_sha256", sources.IMPORTED.sha256)
    check_unchanged(("house.room",))
    edited(house, "attic", OTHER["string"])
    edited(house, "water", lambda s: f"# a comment\n{s}")
    check_unchanged(("house.room",))
    edited(house, "water", OTHER["string"])
    with pytest.raises(
        CodeChangedError, match=r"house\.water changed on disk .* Restart the kernel"
    ):
        check_unchanged(("house.room",))


KERNEL = """
from zslnb.experiments import METHODS, run, sources
from toys import toy
scoring = sources.PACKAGE / "experiments" / "scoring.py"
run("clip", toy(), seed=0)
scoring.write_text(scoring.read_text() + "\\nEDITED = True\\n")
assert run("clip", toy(), seed=0)
run("clip", toy(), seed=1)
"""


@pytest.mark.slow  # imports everything in a process of its own
def test_a_kernel_that_is_open_during_an_edit_keeps_no_number(tmp_path, build):
    """It ran the old code, and would have filed it where the new code looks."""
    shutil.copytree(PACKAGE, tmp_path / "zslnb")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{Path(__file__).parent.parent}"}
    command = [sys.executable, "-c", KERNEL]
    kernel = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert "CodeChangedError: zslnb.experiments.scoring changed on disk" in kernel.stderr
    assert len([*(build / "records").iterdir()]) == 1


def needed(method: str) -> set[str]:
    return {*sources.IMPORTED.needed(METHODS[method].roots)}


FREE_OF = {
    "imagination": ("genzsl.training", "genzsl.referents", "experiments.fidelity"),
    "imagination_speed": ("genzsl.training", "genzsl.boosting"),
    "genzsl": ("imagination.fvaegan", "imagination.training", "experiments.closed_form"),
    "genzsl_released": ("imagination.networks", "experiments.fidelity"),
    "eszsl": ("experiments.generative", "genzsl.training", "imagination.training"),
    "revcd": ("genzsl.training", "imagination.training"),
}


@pytest.mark.parametrize(("method", "others"), FREE_OF.items())
def test_work_on_one_family_keeps_the_others_records(method, others):
    assert {f"zslnb.{other}" for other in others} <= sources.IMPORTED.texts.keys() - needed(method)


MEANS = MeansSettings.beside(QUICK)
SMALL = {
    GenZSLSettings: [
        replace(QUICK, rounds=1),
        replace(released_training(QUICK), rounds=1, mixing="drawn", prior="conditional"),
    ],
    ImaginationSettings: [replace(QUICK_IMAGINATION, rounds=1, kind=kind) for kind in KINDS],
    LooksSettings: [LooksSettings(looks=2)],
    ESZSLSettings: [FEW],
    RevCDSettings: [replace(QUICK_REVCD, kind=kind) for kind in ESTIMATORS],
    TwoDirectionsSettings: [TwoDirectionsSettings(QUICK, MEANS, QUICK_REVCD)],
    InductionLimitsSettings: [
        InductionLimitsSettings(QUICK, replace(QUICK_IMAGINATION, kind="cvae"), MEANS)
    ],
    FewerImagesSettings: [
        FewerImagesSettings(QUICK, replace(QUICK_IMAGINATION, kind="cvae"), MEANS, (1, 2))
    ],
    PartsSettings: [PartsSettings(QUICK, (QUICK_IMAGINATION,), MEANS)],
    InformedSettings: [InformedSettings(QUICK, MEANS)],
    SeenUnseenSettings: [
        SeenUnseenSettings(method)
        for method in (
            *(FEW, NearestMeanSettings(), RidgeSettings(), ClipSettings()),
            *(replace(QUICK, rounds=1), replace(QUICK_IMAGINATION, rounds=1), QUICK_REVCD),
            MEANS,
        )
    ],
}


def modules_run(method: str) -> set[str]:
    """Modules of the package of which a function ran while a method was computed."""
    files: set[str] = set()
    known = METHODS[method]
    every = SMALL.get(known.settings) or [known.settings()]
    b = toy(semantic_dim=5) if known.settings in (GenZSLSettings, ImaginationSettings) else toy()
    sys.setprofile(lambda frame, event, _: files.add(frame.f_code.co_filename))
    try:
        for settings in every:
            known.function(b, settings, 0, "cpu")
    finally:
        sys.setprofile(None)
    inside = (Path(file) for file in files if Path(file).is_relative_to(PACKAGE))
    return {".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts) for file in inside}


@pytest.mark.parametrize("method", METHODS)
def test_every_module_whose_code_ran_is_among_the_sources(method):
    """Or a record would be read back although the code behind its numbers has changed."""
    ran = modules_run(method)
    assert {m for m in ran if m.rpartition(".")[2] not in LEFT_OUT} <= needed(method)
    assert METHODS[method].function.__module__ in ran  # it does note what runs
