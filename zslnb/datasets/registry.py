"""From a name or a path to a `Benchmark`."""

import difflib
from collections.abc import Iterable
from pathlib import Path

from zslnb.benchmark import Benchmark, BenchmarkError
from zslnb.datasets import aviary
from zslnb.datasets.bundle import benchmark_from_arrays, file_sha256, read_bundle
from zslnb.datasets.real import REAL, load_real

BUILT_IN = ("aviary", "aviary-outliers")


def load(
    name_or_path: str | Path,
    *,
    features: str | None = None,
    semantics: str | None = None,
    root: str | Path | None = None,
) -> Benchmark:
    """Load a benchmark by its name, or from an `.npz` bundle. Nothing is downloaded.

    Args:
        name_or_path: "aviary", "aviary-outliers"; "cub", "sun", "awa2", "awa1", "flo", "apy",
            where their data are here (`load_real` says more); or the path of a bundle.
        features: which features, where a benchmark has several ("clip", "resnet101").
        semantics: which class semantics, where it has several ("clip-text", "sentences", ...).
        root: folder that a relative path starts from; the current one unless said. For the
            published benchmarks the folder of all data; `places.data_dir()` unless said.

    Raises:
        BenchmarkError: no such name (the nearest are suggested), or a bundle that breaks a rule.
        FileNotFoundError: no bundle at that path; or data that are not here, with the command
            that brings them.
    """
    if str(name_or_path) in REAL:
        place = None if root is None else Path(root)
        return load_real(str(name_or_path), features=features, semantics=semantics, root=place)
    if str(name_or_path) in BUILT_IN:
        name = str(name_or_path)
        arrays = aviary.load_arrays(name)
        return benchmark_from_arrays(
            arrays, name=name, file=name, semantics=semantics, features=features
        )
    path = Path(root or ".", Path(name_or_path).expanduser())
    if path.suffix != ".npz":
        hint = unknown_name("benchmark", str(name_or_path), (*BUILT_IN, *REAL))
        raise BenchmarkError(f"{hint} Or give the path of an .npz bundle.")
    return benchmark_from_arrays(
        read_bundle(path),
        name=path.stem,
        file=path.name,
        semantics=semantics,
        features=features,
        provenance={"file_sha256": file_sha256(path)},
    )


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, what was probably meant, and what there is."""
    known = list(known)
    return f"There is no {kind} {name!r}.{did_you_mean(name, known)} Known: {', '.join(known)}."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Ask for the nearest names, as the end of a sentence; nothing if none is near."""
    folded = {one.casefold(): one for one in known}  # papers write CUB
    near = difflib.get_close_matches(name.casefold(), [*folded], n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(repr(folded[one]) for one in near)}?" if near else ""
