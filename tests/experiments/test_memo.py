"""`zslnb.experiments.memo`: computed once per distinct input, and the same side by side."""

import json
import pickle
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import joblib
import pytest
import torch
from toys import QUICK, QUICK_IMAGINATION, toy

from zslnb.errors import RequestError
from zslnb.experiments import (
    METHODS,
    ClipSettings,
    CodeChangedError,
    ESZSLSettings,
    inputs_of_record,
    memo,
    run,
    run_rows,
    sources,
)
from zslnb.experiments.models import trained
from zslnb.files import claimed, write_atomically

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
    assert set(record["versions"]) == {"torch", "numpy"}
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


@pytest.mark.parametrize(
    ("module", "name", "other"),
    [
        (memo, "imported_sha256", lambda roots: "other"),
        (sources, "np", SimpleNamespace(__version__="0.1")),
        (sources, "torch", SimpleNamespace(__version__="0.1")),
    ],
)
def test_another_source_or_version_has_another_record(build, monkeypatch, module, name, other):
    record = run("eszsl", toy(), FEW, 0)
    assert inputs_of_record(record)["id"] == record["id"]
    monkeypatch.setattr(module, name, other)
    assert inputs_of_record(record)["id"] != record["id"]


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_record_is_refused_where_the_code_on_disk_has_moved(build, monkeypatch, when):
    """A kernel that was open during an edit runs the old code: its numbers are nobody's."""
    edited = when == "before"

    def look(roots: tuple[str, ...]) -> None:
        if edited:
            raise CodeChangedError(f"{roots[0]} changed on disk")

    def compute(*_: object) -> dict:
        nonlocal edited
        assert not edited, "it is said before hours of computing"
        edited = True
        return {}

    monkeypatch.setattr(memo, "check_unchanged", look)
    monkeypatch.setitem(METHODS, "clip", replace(METHODS["clip"], function=compute))
    with pytest.raises(CodeChangedError):
        run("clip", toy())
    assert not (build / "records").exists()


def test_a_worker_with_other_code_than_its_sender_refuses(build):
    inputs = memo._inputs("clip", toy(), ClipSettings(), 0, "cpu")
    with pytest.raises(CodeChangedError, match="worker process runs other code"):
        memo._compute(build / "a.json", inputs | {"source": "x"}, toy(), ClipSettings(), "cpu")
    assert not (build / "a.json").exists()


def test_what_works_on_the_cpu_says_so_wherever_it_was_sent(build):
    for method in ("eszsl", "clip", "similarity", "looks"):
        sent, here = (run(method, toy(), device=device) for device in ("cuda", "cpu"))
        assert sent == here
        assert sent["device"] == "cpu"
    assert inputs_of_record({**sent, "method": "genzsl", "device": "cuda:1"})["device"] == "cuda"


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
        raise RuntimeError(f"on {torch.get_num_threads()} thread")

    monkeypatch.setitem(METHODS, "clip", replace(METHODS["clip"], function=fail))
    torch.set_num_threads(3)
    try:
        with pytest.raises(RuntimeError, match="on 1 thread"):
            run("clip", toy())
        assert torch.get_num_threads() == 3  # given back
    finally:
        torch.set_num_threads(1)
    assert not (build / "records").exists()


@pytest.mark.parametrize("start", [run, lambda m, b, s=None: run_rows({"a": (m, s)}, b, [0])])
def test_wrong_calls_are_told_what_is_right(build, start):
    with pytest.raises(ValueError, match=r"no method 'genzls'\. Did you mean 'genzsl'"):
        start("genzls", toy())
    with pytest.raises(ValueError, match="eszsl takes ESZSLSettings, not ClipSettings"):
        start("eszsl", toy(), ClipSettings())
    with pytest.raises(ValueError, match="eszsl takes ESZSLSettings, not ClipSettings"):
        run_rows({"a": [("eszsl", FEW), ("eszsl", ClipSettings())]}, toy(), [0])
    assert not build.exists()


def test_rows_keep_their_order_and_may_hold_several_experiments(calls):
    """They share the row's label and place, and the row after them is the next one."""
    other = ESZSLSettings(powers=(0,))
    rows = {"both": [("eszsl", FEW), ("eszsl", other)], "plain": ("clip", None)}
    rows["again"] = ("eszsl", FEW)  # computed once
    lines = run_rows(rows, toy(), (seed for seed in (4, 3)), n_jobs=1, table="x")
    assert [(r["row"], r["order"], r["seed"], r["settings"].get("powers")) for r in lines] == [
        ("both", 0, 4, [0, 1]), ("both", 0, 3, [0, 1]), ("both", 0, 4, [0]), ("both", 0, 3, [0]),
        ("plain", 1, 4, None), ("plain", 1, 3, None),
        ("again", 2, 4, [0, 1]), ("again", 2, 3, [0, 1]),
    ]  # fmt: skip
    assert {r["table"] for r in lines} == {"x"}
    assert lines[6]["id"] == lines[0]["id"]
    assert calls == [4, 3, 4, 3]


@pytest.mark.slow  # workers import everything anew
def test_numbers_are_the_same_alone_and_side_by_side(tmp_path, monkeypatch):
    """Bit for bit; and workers, which outlive a call, follow each call's build folder."""
    by_jobs = {}
    for name, jobs in (("alone", 1), ("beside", 2), ("again", 2)):
        monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path / name))
        by_jobs[name] = run_rows(ROWS, toy(), range(2), n_jobs=jobs)
        assert len(list((tmp_path / name / "records").glob("*.json"))) == 10
    scores = [[(r["row"], r["id"], r["scores"]) for r in rows] for rows in by_jobs.values()]
    assert scores[0] == scores[1] == scores[2]


def test_nothing_is_started_for_what_is_there(build, monkeypatch):
    first = run_rows({"plain": ("clip", None)}, toy(), range(4), n_jobs=1)
    monkeypatch.setattr(memo, "_compute", None)
    monkeypatch.setattr(joblib, "Parallel", None)
    assert run_rows({"plain": ("clip", None)}, toy(), range(4), n_jobs=2) == first


def test_a_worker_maps_the_benchmark_and_is_not_sent_it(build):
    """A task carries where the arrays lie, not the arrays."""
    wide = toy(feature_dim=512)
    with memo._on_disk(wide) as handed:
        assert len(pickle.dumps(handed)) < 2000 < wide.features.nbytes
        mapped = handed.load()
        assert mapped.sha256 == wide.sha256
        assert (mapped.name, mapped.class_names) == (wide.name, wide.class_names)
        mapped.features[0] = 7  # copy on write: the file, and so the others, keep theirs
        assert handed.load().sha256 == wide.sha256
    assert not [*build.iterdir()]


def test_what_another_process_computes_is_left_to_it(calls, build):
    """It is waited for after the rest, and then taken as it is."""
    rows = {"a": ("eszsl", FEW)}
    expected = run_rows(rows, toy(), [0, 1], n_jobs=1)
    first, second = (build / "records" / f"eszsl-{record['id']}.json" for record in expected)
    content = first.read_text()
    first.unlink()
    second.unlink()
    claimed_there = threading.Event()

    def other() -> None:
        with claimed(first.parent / "claims" / f"{first.stem}.lock") as is_mine:
            assert is_mine
            claimed_there.set()
            while not second.exists():
                time.sleep(0.01)
            first.write_text(content)

    process = threading.Thread(target=other)
    process.start()
    claimed_there.wait()
    assert run_rows(rows, toy(), [0, 1], n_jobs=1)[0] == expected[0]
    process.join()
    assert calls == [0, 1, 1]


def test_a_record_whose_model_another_process_trains_comes_after_the_rest(build):
    """Two pages that ask for the same trainings at the same time share them out."""
    trained(toy(), QUICK, 0)
    (path,) = (build / "models").iterdir()
    content = path.read_bytes()
    path.unlink()
    claimed_there, ended = threading.Event(), []

    def other() -> None:
        with claimed(build / "claims" / f"{path.stem}.lock"):
            claimed_there.set()
            while not [*(build / "records").glob("fidelity-*.json")]:
                time.sleep(0.01)
            ended.append([r.stem for r in (build / "records").glob("fidelity-*.json")])
            write_atomically(path, content)

    process = threading.Thread(target=other)
    process.start()
    claimed_there.wait()
    first, second = run_rows({"a": ("fidelity", QUICK)}, toy(), [0, 1], n_jobs=1)
    process.join()
    assert ended == [[f"fidelity-{second['id']}"]]
    assert path.read_bytes() == content  # of the first, which was not trained again
    assert first["seed"] == 0


@pytest.mark.parametrize(("chosen", "device", "expected"), [
    ("3", "cpu", 3), ("3", "cuda", 3), ("", "cpu", joblib.cpu_count()), ("", "cuda", 1),
])  # fmt: skip
def test_how_many_run_at_once(monkeypatch, chosen, device, expected):
    monkeypatch.setenv("ZSLNB_JOBS", chosen)
    assert memo.processes(device) == expected


@pytest.mark.parametrize("chosen", ["auto", "-1", "2.5"])
def test_what_is_no_number_of_processes_is_refused(monkeypatch, chosen):
    monkeypatch.setenv("ZSLNB_JOBS", chosen)
    with pytest.raises(RequestError, match=f"ZSLNB_JOBS cannot be '{chosen}': set it to a number"):
        memo.processes("cpu")
