"""From a name or a path to a `Benchmark`."""

from pathlib import Path

from zslnb.benchmark import Benchmark
from zslnb.datasets import aviary
from zslnb.datasets.bundle import benchmark_from_arrays, file_sha256, read_bundle
from zslnb.datasets.published import REAL, load_real
from zslnb.errors import BenchmarkError, unknown_name

BUILT_IN = ("aviary", "aviary-outliers")
RESERVED_NAMES = (*BUILT_IN, *REAL)


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
            published benchmarks the folder of all data; `files.data_dir()` unless said.

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
