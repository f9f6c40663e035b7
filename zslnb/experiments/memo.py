"""One experiment is one call: method, benchmark, settings and seed in, one record out.

A record is a JSON file, and that file is the memo: the same inputs (source of the method,
settings, data, seed, device kind) are computed once and read back after that.
"""

import ast
import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import torch

import zslnb
from zslnb.benchmark import Benchmark
from zslnb.device import one_thread
from zslnb.errors import unknown_name
from zslnb.experiments import closed_form
from zslnb.experiments.estimators import estimator_scores
from zslnb.experiments.fidelity_and_speed import fidelity_scores, speed_scores
from zslnb.experiments.generative import generative_scores, released_scores
from zslnb.experiments.referent_swap import swap_scores
from zslnb.files import build_dir
from zslnb.genzsl import GenZSLSettings
from zslnb.imagination import ImaginationSettings
from zslnb.revcd import RevCDSettings

PACKAGE = Path(zslnb.__file__).parent
# a method's settings.py is left out: what it sets is in a record's key by value
GENZSL = tuple(f"genzsl/{name}.py" for name in ("boosting", "cdp", "ivae", "referents", "training"))
IMAGINATION = (
    "genzsl/ivae.py",
    *(f"imagination/{name}.py" for name in ("networks", "cvae", "gan", "fvaegan", "training")),
)
SCORING = tuple(
    f"protocol/{name}.py" for name in ("metrics", "classifiers", "selection", "evaluation")
)
COMMON_SOURCES = ("seeds.py", "benchmark.py", *SCORING)
SIMPLE = ("experiments/closed_form.py", "closed_form/eszsl.py")
SIMILARITY = ("genzsl/cdp.py", "genzsl/referents.py", *SIMPLE)
GENERATIVE = ("experiments/generative.py",)
COMPARED = (
    "genzsl/probes.py",
    "experiments/generative.py",
    "experiments/fidelity_and_speed.py",
    "protocol/fidelity.py",
)
ESTIMATING = (
    "training.py",
    "genzsl/ivae.py",
    "imagination/networks.py",
    "imagination/gan.py",
    *(f"revcd/{name}.py" for name in ("schedule", "losses", "conditioning", "unet", "sampling")),
    *(f"revcd/{name}.py" for name in ("semantics", "diffusion", "baselines", "training", "hull")),
    "experiments/estimators.py",
)


@dataclass(frozen=True)
class Method:
    """How to run a method: its function, its settings, and the source its numbers depend on."""

    function: Callable[[Benchmark, Any, int, torch.device | str], dict]
    settings: type
    sources: tuple[str, ...] = ()


METHODS = {
    "similarity": Method(closed_form.similarity_scores, closed_form.SimilaritySettings, SIMILARITY),
    "clip": Method(closed_form.clip_scores, closed_form.ClipSettings, SIMPLE),
    "eszsl": Method(closed_form.eszsl_scores, closed_form.ESZSLSettings, SIMPLE),
    "looks": Method(closed_form.looks_scores, closed_form.LooksSettings, SIMPLE),
    "genzsl": Method(generative_scores, GenZSLSettings, (*GENZSL, *GENERATIVE)),
    "genzsl_released": Method(released_scores, GenZSLSettings, (*GENZSL, *GENERATIVE)),
    "imagination": Method(generative_scores, ImaginationSettings, (*IMAGINATION, *GENERATIVE)),
    "fidelity": Method(fidelity_scores, GenZSLSettings, (*GENZSL, *COMPARED)),
    "imagination_fidelity": Method(fidelity_scores, ImaginationSettings, (*IMAGINATION, *COMPARED)),
    "speed": Method(speed_scores, GenZSLSettings, (*GENZSL, *COMPARED)),
    "imagination_speed": Method(speed_scores, ImaginationSettings, (*IMAGINATION, *COMPARED)),
    "revcd": Method(estimator_scores, RevCDSettings, ESTIMATING),
    "referent_swap": Method(
        swap_scores,
        GenZSLSettings,
        (*GENZSL, "genzsl/probes.py", "protocol/fidelity.py", "experiments/referent_swap.py"),
    ),
}


def run(
    method: str,
    benchmark: Benchmark,
    settings: Any = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> dict:
    """Run one experiment, or read back its record if it has been run before.

    Args:
        method: a name in `METHODS`.
        benchmark: any benchmark the method can work on.
        settings: the method's settings; its defaults unless given.
        seed: of the run.
        device: where to compute; records of "cpu" and "cuda" are kept apart.

    Returns:
        The record: `id`, `method`, `benchmark`, `settings`, `seed`, `device`, `versions`,
        `seconds` and `scores`.

    Raises:
        ValueError: unknown method (the nearest names are suggested), or settings of another one.
    """
    settings = _checked(method, settings)
    path, inputs = _place(method, benchmark, settings, seed, device)
    return _read(path) or _compute(path, inputs, benchmark, settings, device)


Experiment = tuple[str, Any]  # a method's name and its settings


def run_rows(
    rows: Mapping[str, Experiment | list[Experiment]],
    benchmark: Benchmark,
    seeds: Iterable[int],
    device: torch.device | str = "cpu",
    n_jobs: int | None = None,
    table: str = "",
) -> list[dict]:
    """Run every row of a table for every seed, side by side on the CPU's cores.

    Args:
        rows: label -> (method, settings), in the table's order. A list of such pairs makes one
            row of several experiments: the clean training and the released one.
        benchmark, device: as in `run`.
        seeds: of the runs.
        n_jobs: processes; one for each core unless given. A GPU is used by one at a time.
        table: what the rows belong to, where a notebook has several tables.

    Returns:
        Records with the row's label added under `row`, its place in the table under `order`, and
        the table's name under `table`.
    """
    seeds, jobs = list(seeds), []
    for order, (label, method, settings) in _flat(rows):
        settings = _checked(method, settings)
        places = (_place(method, benchmark, settings, seed, device) for seed in seeds)
        shown = {"row": label, "order": order, "table": table}
        jobs += [(shown, settings, *place) for place in places]
    missing = {path: (inputs, s) for _, s, path, inputs in jobs if _read(path) is None}
    if torch.device(device).type != "cpu":
        n_jobs = 1
    # workers live on, so they are told where records go: their environment may be an old one
    jobs_at_once = min(n_jobs or joblib.cpu_count(), max(1, len(missing)))
    with warnings.catch_warnings():  # joblib replaces a worker that has grown, and says so
        warnings.filterwarnings("ignore", "A worker stopped while some jobs")
        joblib.Parallel(n_jobs=jobs_at_once)(
            joblib.delayed(_compute)(path, inputs, benchmark, s, device)
            for path, (inputs, s) in missing.items()
        )
    return [{**row, **json.loads(path.read_text())} for row, _, path, _ in jobs]


def _flat(
    rows: Mapping[str, Experiment | list[Experiment]],
) -> Iterator[tuple[int, tuple[str, str, Any]]]:
    for order, (label, row) in enumerate(rows.items()):
        for method, settings in row if isinstance(row, list) else [row]:
            yield order, (label, method, settings)


def _checked(method: str, settings: Any) -> Any:
    """Return the settings of a known method, its defaults for None."""
    if method not in METHODS:
        raise ValueError(unknown_name("method", method, METHODS))
    wanted = METHODS[method].settings
    settings = wanted() if settings is None else settings
    if not isinstance(settings, wanted):
        raise ValueError(f"{method} takes {wanted.__name__}, not {type(settings).__name__}.")
    return settings


def _place(
    method: str, benchmark: Benchmark, settings: Any, seed: int, device: torch.device | str
) -> tuple[Path, dict]:
    """Return the path of an experiment's record, and what identifies it."""
    inputs = _inputs(method, benchmark, settings, seed, torch.device(device).type)
    return build_dir() / "records" / f"{method}-{inputs['id']}.json", inputs


def _read(path: Path) -> dict | None:
    """Read a record; None where there is none, or a damaged one, which is as good as none."""
    try:
        record = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return record if isinstance(record, dict) and "scores" in record else None


def _inputs(method: str, benchmark: Benchmark, settings: Any, seed: int, device: str) -> dict:
    inputs = {
        "method": method,
        "benchmark": benchmark_facts(benchmark),
        "settings": asdict(settings),
        "seed": seed,
        "device": device,
        "source": source_sha256((*COMMON_SOURCES, *METHODS[method].sources)),
    }
    text = json.dumps(inputs, sort_keys=True)
    return {"id": hashlib.sha256(text.encode()).hexdigest()[:16], **inputs}


def benchmark_facts(benchmark: Benchmark) -> dict[str, str | None]:
    """What names a benchmark in a record; `features` only where it can have several kinds."""
    known = benchmark.provenance
    features = {"features": known["features"]} if "features" in known else {}
    return {
        "name": benchmark.name,
        **features,
        "semantics": known.get("semantics"),
        "sha256": benchmark.sha256,
        "file_sha256": known.get("file_sha256"),
    }


def _compute(
    path: Path, inputs: dict, benchmark: Benchmark, settings: Any, device: torch.device | str
) -> dict:
    """Run the experiment that `inputs` identify, and write its record."""
    start = time.perf_counter()
    with one_thread():
        scores = METHODS[inputs["method"]].function(benchmark, settings, inputs["seed"], device)
    record = {
        **inputs,
        "scores": scores,
        "seconds": round(time.perf_counter() - start, 2),
        "versions": {"torch": torch.__version__, "zslnb": zslnb.__version__},
    }
    _write(path, record)
    return json.loads(path.read_text())  # as it will be read back: tuples are lists there


def _write(path: Path, record: dict) -> None:
    """Write a record so that a reader never meets half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(record, indent=1))
    os.replace(part, path)


@cache
def source_sha256(sources: tuple[str, ...]) -> str:
    """Hash package modules by what they do: comments, docstrings and layout do not count."""
    digest = hashlib.sha256()
    for path in sorted(file for source in sources for file in _modules(PACKAGE / source)):
        digest.update(_bare(path.read_text()).encode())
    return digest.hexdigest()[:16]


def _modules(path: Path) -> Iterable[Path]:
    return [path] if path.suffix == ".py" else path.rglob("*.py")


def _bare(source: str) -> str:
    tree = ast.parse(source)
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
