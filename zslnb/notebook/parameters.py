"""The five parameters that every page takes: what they may be, and the folder that they name."""

from pathlib import Path

from zslnb.benchmark import Benchmark
from zslnb.datasets.loading import RESERVED_NAMES
from zslnb.device import choose_device
from zslnb.errors import RequestError, unknown_name
from zslnb.files import run_dir

PARAMETERS = ("benchmark", "semantics", "profile", "seeds", "device")
PROFILES = ("smoke", "medium", "full")


def check_settings(profile: str, seeds: int = 1, device: str = "auto") -> None:
    """Refuse a profile, a number of seeds or a device that no page can take.

    Raises:
        RequestError: saying what would be accepted.
    """
    if profile not in PROFILES:
        raise RequestError(unknown_name("profile", profile, PROFILES))
    if not isinstance(seeds, int) or isinstance(seeds, bool) or seeds < 1:
        raise RequestError(f"seeds counts the seeds to run, 1 or more; it cannot be {seeds!r}.")
    choose_device(device)


def run_folder(benchmark: Benchmark, semantics: str, profile: str) -> Path:
    """Folder of a run; a bundle's has part of its hash, since two may have one name."""
    file_sha256 = benchmark.provenance.get("file_sha256") or ""
    unique = benchmark.name in RESERVED_NAMES
    return run_dir(benchmark.name, semantics, profile, "" if unique else file_sha256)
