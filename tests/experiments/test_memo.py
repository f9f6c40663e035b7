"""`zslnb.experiments.memo`: computed once per distinct input, and the same side by side."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import joblib
import pytest
import torch
from toys import QUICK, QUICK_IMAGINATION, QUICK_REVCD, bare, toy

from zslnb.experiments import (
    METHODS,
    ClipSettings,
    ESZSLSettings,
    LooksSettings,
    memo,
    run,
    run_rows,
)
from zslnb.genzsl import GenZSLSettings, released_training
from zslnb.imagination import KINDS, ImaginationSettings
from zslnb.revcd import KINDS as ESTIMATORS
from zslnb.revcd import RevCDSettings

FEW = ESZSLSettings(powers=(0, 1))
ROWS = {
    "plain": ("clip", None),
    "ESZSL": ("eszsl", FEW),
    "GenZSL": [("genzsl", QUICK), ("genzsl_released", QUICK)],
    "f-VAEGAN": ("imagination", QUICK_IMAGINATION),
}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, build: Path) -> list[int]:
    """Seeds that the method "eszsl" was really computed for."""
    seeds: list[int] = []

    def count(benchmark, settings, seed, device):
        seeds.append(seed)
        return {"clean": {"H": seed / 10}, "drawn": float(torch.rand(1, dtype=torch.float64))}

    monkeypatch.setitem(METHODS, "eszsl", replace(METHODS["eszsl"], function=count))
    return seeds


def records(build: Path) -> list[Path]:
    return sorted((build / "records").iterdir())


def test_a_record_says_what_was_measured_on_what(build):
    b = replace(toy(), provenance={"semantics": "words", "file_sha256": "ab"})
    record = run("eszsl", b, FEW, seed=3)
    assert (record["method"], record["seed"], record["device"]) == ("eszsl", 3, "cpu")
    assert record["settings"] == {"powers": [0, 1]}
    assert record["benchmark"] == {
        "name": "toy",
        "semantics": "words",
        "sha256": b.sha256,
        "file_sha256": "ab",
    }
    assert set(record["scores"]["clean"]) == {"S", "U", "H", "T1"}
    assert set(record["versions"]) == {"torch", "zslnb"}
    assert [p.name for p in records(build)] == [f"eszsl-{record['id']}.json"]


def test_the_second_time_is_read_back(calls):
    first = run("eszsl", toy(), FEW, 0)
    assert run("eszsl", toy(), FEW, 0) == first
    shown = {"row": "a", "order": 0, "table": ""}
    assert run_rows({"a": ("eszsl", FEW)}, toy(), [0]) == [{**shown, **first}]
    assert calls == [0]


def moved_boundary(b):
    both = torch.cat([b.train_idx, b.test_seen_idx])
    return replace(b, train_idx=both[:-19], test_seen_idx=both[-19:])


DISTINCT: dict[str, Callable[[], dict]] = {
    "settings": lambda: run("eszsl", toy(), ESZSLSettings(powers=(0,)), 0),
    "seed": lambda: run("eszsl", toy(), FEW, 1),
    "features": lambda: run("eszsl", replace(toy(), features=toy().features + 1e-6), FEW, 0),
    "split": lambda: run("eszsl", moved_boundary(toy()), FEW, 0),
    "name": lambda: run("eszsl", replace(toy(), name="other"), FEW, 0),
    "semantics": lambda: run("eszsl", replace(toy(), provenance={"semantics": "a"}), FEW, 0),
}


@pytest.mark.parametrize("other", DISTINCT.values(), ids=DISTINCT)
def test_distinct_inputs_have_distinct_records(calls, build, other):
    assert run("eszsl", toy(), FEW, 0)["id"] != other()["id"]
    assert len(calls) == len(records(build)) == 2


def test_another_source_has_another_record(calls, build, monkeypatch):
    run("eszsl", toy(), FEW, 0)
    monkeypatch.setattr(memo, "source_sha256", lambda sources: "other")
    run("eszsl", toy(), FEW, 0)
    assert calls == [0, 0]


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"id": 1}', None])
def test_a_damaged_record_is_computed_again(calls, build, damage):
    first = run("eszsl", toy(), FEW, 0)
    (path,) = records(build)
    path.write_text(path.read_text()[:-20] if damage is None else damage)
    assert run("eszsl", toy(), FEW, 0)["id"] == first["id"]
    path.write_text("{")
    run_rows({"a": ("eszsl", FEW)}, toy(), [0])
    assert calls == [0, 0, 0]
    assert json.loads(path.read_text())["id"] == first["id"]


def test_a_failing_method_leaves_nothing(build, monkeypatch):
    def fail(*_: object) -> dict:
        raise RuntimeError("on purpose")

    threads = torch.get_num_threads()
    monkeypatch.setitem(METHODS, "clip", replace(METHODS["clip"], function=fail))
    with pytest.raises(RuntimeError, match="on purpose"):
        run("clip", toy())
    assert not (build / "records").exists()
    assert torch.get_num_threads() == threads


def test_a_method_computes_on_one_thread_and_gives_the_others_back(build, monkeypatch):
    def count(*_: object) -> dict:
        return {"threads": torch.get_num_threads()}

    monkeypatch.setitem(METHODS, "clip", replace(METHODS["clip"], function=count))
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert run("clip", toy())["scores"] == {"threads": 1}
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("start", [run, lambda m, b, s=None: run_rows({"a": (m, s)}, b, [0])])
def test_wrong_calls_are_told_what_is_right(build, start):
    with pytest.raises(ValueError, match=r"no method 'genzls'\. Did you mean 'genzsl'"):
        start("genzls", toy())
    with pytest.raises(ValueError, match="eszsl takes ESZSLSettings, not ClipSettings"):
        start("eszsl", toy(), ClipSettings())
    assert not build.exists()


def test_rows_keep_their_order_and_share_what_is_equal(calls):
    rows = {"z": ("eszsl", FEW), "a": ("clip", None), "again": ("eszsl", FEW)}
    made = run_rows(rows, toy(), (seed for seed in (2, 0)), n_jobs=1)
    assert [(r["row"], r["order"], r["seed"]) for r in made] == [
        ("z", 0, 2), ("z", 0, 0), ("a", 1, 2), ("a", 1, 0), ("again", 2, 2), ("again", 2, 0),
    ]  # fmt: skip
    assert calls == [2, 0]
    assert made[4]["id"] == made[0]["id"]


def test_one_row_may_hold_several_experiments(calls):
    """They share the row's label and place, and the row after them is the next one."""
    other = ESZSLSettings(powers=(0,))
    rows = {"both": [("eszsl", FEW), ("eszsl", other)], "plain": ("clip", None)}
    made = run_rows(rows, toy(), [3, 4], n_jobs=1)
    assert [(r["row"], r["order"], r["method"], r["seed"]) for r in made] == [
        ("both", 0, "eszsl", 3), ("both", 0, "eszsl", 4), ("both", 0, "eszsl", 3),
        ("both", 0, "eszsl", 4), ("plain", 1, "clip", 3), ("plain", 1, "clip", 4),
    ]  # fmt: skip
    powers = [r["settings"].get("powers") for r in made]
    assert powers == [[0, 1], [0, 1], [0], [0], None, None]
    assert calls == [3, 4, 3, 4]


def test_the_tables_name_is_told_but_makes_no_other_experiment(calls):
    one, other = (run_rows({"a": ("eszsl", FEW)}, toy(), [0], table=name)[0] for name in "xy")
    assert (one.pop("table"), other.pop("table")) == ("x", "y")
    assert one == other
    assert calls == [0]


def test_settings_of_a_row_in_a_list_are_checked_too(build):
    with pytest.raises(ValueError, match="eszsl takes ESZSLSettings, not ClipSettings"):
        run_rows({"a": [("eszsl", FEW), ("eszsl", ClipSettings())]}, toy(), [0])
    assert not build.exists()


@pytest.mark.slow  # workers import everything anew
def test_numbers_are_the_same_alone_and_side_by_side(tmp_path, monkeypatch):
    """Bit for bit; and workers, which outlive a call, follow each call's build folder."""
    made = {}
    for name, jobs in (("alone", 1), ("beside", 2), ("again", 2)):
        monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path / name))
        made[name] = run_rows(ROWS, toy(), range(2), n_jobs=jobs)
        assert len(list((tmp_path / name / "records").glob("*.json"))) == 10
    scores = [[(r["row"], r["id"], r["scores"]) for r in rows] for rows in made.values()]
    assert scores[0] == scores[1] == scores[2]


def test_nothing_is_started_for_what_is_there(build, monkeypatch):
    first = run_rows({"plain": ("clip", None)}, toy(), range(4), n_jobs=1)
    monkeypatch.setattr(memo, "_compute", None)
    jobs = []
    parallel = joblib.Parallel
    monkeypatch.setattr(joblib, "Parallel", lambda n_jobs: jobs.append(n_jobs) or parallel(n_jobs))
    assert run_rows({"plain": ("clip", None)}, toy(), range(4), n_jobs=2) == first
    assert jobs == [1]


SOURCE = '''"""Module."""

import math


def area(r):
    """Area."""
    return math.pi * r * r
'''
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
}


@pytest.fixture
def source_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    monkeypatch.setattr(memo, "PACKAGE", tmp_path)

    def of(source: str) -> str:
        (tmp_path / "part").mkdir(exist_ok=True)
        (tmp_path / "part" / "module.py").write_text(source)
        return bare(memo.source_sha256)(("part",))

    return of


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_what_does_nothing_keeps_the_source_hash(source_hash, change):
    assert change(SOURCE) != SOURCE
    assert source_hash(change(SOURCE)) == source_hash(SOURCE)


@pytest.mark.parametrize("change", OTHER.values(), ids=OTHER)
def test_what_does_something_alters_the_source_hash(source_hash, change):
    assert source_hash(change(SOURCE)) != source_hash(SOURCE)


def sources_of(method: str) -> tuple[str, ...]:
    return (*memo.COMMON_SOURCES, *METHODS[method].sources)


def modules_of(method: str) -> set[Path]:
    return {file for source in sources_of(method) for file in memo._modules(memo.PACKAGE / source)}


def test_a_record_depends_on_its_own_sources_alone(tmp_path, monkeypatch):
    """Other code in a module is another source for the methods that list it, for no other."""
    hash_of = bare(memo.source_sha256)
    here = {method: hash_of(sources_of(method)) for method in METHODS}
    shutil.copytree(memo.PACKAGE, tmp_path / "zslnb", ignore=shutil.ignore_patterns("data"))
    monkeypatch.setattr(memo, "PACKAGE", tmp_path / "zslnb")
    monkeypatch.setattr(memo, "_bare", cache(memo._bare))  # each text parsed once
    assert {method: hash_of(sources_of(method)) for method in METHODS} == here
    for file in (tmp_path / "zslnb").rglob("*.py"):
        text = file.read_text()
        file.write_text(text + "CHANGED = True\n")
        changed = {method for method in METHODS if hash_of(sources_of(method)) != here[method]}
        assert changed == {method for method in METHODS if file in modules_of(method)}, file
        file.write_text(text)


@pytest.mark.parametrize("method", METHODS)
def test_sources_of_every_method_exist(method):
    assert all(file.is_file() for file in modules_of(method))
    assert len(set(sources_of(method))) == len(sources_of(method))


FREE_OF = {
    "imagination": ("genzsl/training.py", "genzsl/referents.py", "ledger/comparing.py"),
    "imagination_speed": ("genzsl/training.py", "genzsl/boosting.py"),
    "genzsl": ("imagination/fvaegan.py", "imagination/training.py", "ledger/methods.py"),
    "genzsl_released": ("imagination/networks.py", "ledger/comparing.py"),
    "eszsl": ("ledger/generative.py", "genzsl/training.py", "imagination/training.py"),
}


@pytest.mark.parametrize(("method", "others"), FREE_OF.items())
def test_work_on_one_family_keeps_the_others_records(method, others):
    assert not {memo.PACKAGE / other for other in others} & modules_of(method)


SMALL = {
    GenZSLSettings: [
        replace(QUICK, rounds=1),
        replace(released_training(QUICK), rounds=1, mixing="drawn", prior="conditional"),
    ],
    ImaginationSettings: [replace(QUICK_IMAGINATION, rounds=1, kind=kind) for kind in KINDS],
    LooksSettings: [LooksSettings(looks=2)],
    ESZSLSettings: [FEW],
    RevCDSettings: [replace(QUICK_REVCD, kind=kind) for kind in ESTIMATORS],
}
# what they set is in the record by value; a training that diverges leaves none
FAMILIES = ("genzsl", "imagination", "revcd")
NO_NUMBERS = {"settings.py", "divergence.py", *(f"{name}/settings.py" for name in FAMILIES)}


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
    inside = (Path(file) for file in files if Path(file).is_relative_to(memo.PACKAGE))
    return {file.relative_to(memo.PACKAGE).as_posix() for file in inside}


@pytest.mark.parametrize("method", METHODS)
def test_every_module_whose_code_ran_is_among_the_sources(method):
    """Or a record would be read back although the code behind its numbers has changed."""
    listed = {file.relative_to(memo.PACKAGE).as_posix() for file in modules_of(method)}
    run_there = modules_run(method)
    assert run_there - NO_NUMBERS <= listed
    own = Path(bare(METHODS[method].function).__code__.co_filename)
    assert own.relative_to(memo.PACKAGE).as_posix() in run_there  # it does note what runs
