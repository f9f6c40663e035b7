"""From a name or a path to a `Benchmark`."""

from pathlib import Path

from zslnb.benchmark import Benchmark
from zslnb.datasets import aviary
from zslnb.datasets.bundle import benchmark_from_arrays, file_sha256, open_bundle
from zslnb.datasets.published import load_published
from zslnb.datasets.published_files import PUBLISHED_BENCHMARKS
from zslnb.errors import BenchmarkError, unknown_name

BUILT_IN = ("aviary", "aviary-outliers")
RESERVED_NAMES = (*BUILT_IN, *PUBLISHED_BENCHMARKS)


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
            where their data are here (`load_published` says more); or the path of a bundle.
        features: which features, where a benchmark has several ("clip", "resnet101").
        semantics: which class semantics, where it has several ("clip-text", "sentences", ...).
        root: folder that a relative path starts from; the current one unless said. For the
            published benchmarks the folder of all data; `files.data_dir()` unless said.

    Raises BenchmarkError for an unknown name (the nearest are suggested), a bundle that breaks a
    rule, or one that has the name of another benchmark; FileNotFoundError for no bundle at that
    path, or data that are not here, with the command that brings them.
    """
    name, wishes = str(name_or_path), {"features": features, "semantics": semantics}
    if name in PUBLISHED_BENCHMARKS:
        return load_published(name, **wishes, root=None if root is None else Path(root))
    if name in BUILT_IN:
        return benchmark_from_arrays(aviary.load_arrays(name), name=name, file=name, **wishes)
    path = Path(root or ".", Path(name_or_path).expanduser())
    if path.suffix != ".npz":
        hint = unknown_name("benchmark", name, RESERVED_NAMES)
        raise BenchmarkError(f"{hint} Or give the path of an .npz bundle.")
    arrays = open_bundle(path)
    refuse_reserved_name(path)
    facts = {"file_sha256": file_sha256(path)}
    return benchmark_from_arrays(arrays, name=path.stem, file=path.name, **wishes, provenance=facts)


def refuse_reserved_name(path: Path) -> None:
    """Raise BenchmarkError for a bundle called as a built-in or published benchmark, in any case.

    Settings, published numbers and folders of results go by a benchmark's name.
    """
    if path.stem.casefold() in RESERVED_NAMES:
        raise BenchmarkError(
            f"{path.name}: {path.stem!r} is the name of a benchmark that comes with the package "
            "or is published, whose settings, numbers and results go by it. Rename the file."
        )
