"""What can be asked for, as the command line's options; nothing here takes long to import."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from zslnb.errors import RequestError


@dataclass(frozen=True)
class ReproduceRequest:
    """Run the notebooks on a benchmark, and print the headline tables.

    Attributes:
        benchmark: name, path of an .npz bundle, or "all" published ones.
        semantics: which class semantics; the benchmark's default if empty.
        profile: smoke (minutes), medium (hours) or full (the published schedules; wants a GPU).
        seeds: how many.
        device: auto, cpu, cuda or cuda:1.
        notebooks: numbers or names; all that apply, if there is none.
        folder: where the notebooks are; the repository's unless said.
        jobs: how many processes compute, in all notebooks together; one a core unless said.
        at_once: how many notebooks run side by side; by jobs and memory unless said.
        scheduler: address of a Dask cluster, such as tcp://host:8786, which computes instead.
        force: compute all anew; what is there stays until that is done.
        timeout: seconds for one notebook; by the profile unless said.
        dry_run: check everything, say what would run and for how long, and stop.
    """

    benchmark: str = "aviary"
    semantics: str = ""
    profile: str = "smoke"
    seeds: int = 5
    device: str = "auto"
    notebooks: tuple[str, ...] = ()
    folder: Path | None = None
    jobs: int | None = None
    at_once: int | None = None
    scheduler: str = ""
    force: bool = False
    timeout: float | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.at_once is not None and self.at_once < 1:
            raise RequestError(f"At least one notebook runs at once, not {self.at_once}.")
        if self.jobs is not None and self.jobs < 1:
            raise RequestError(f"At least one process computes, not {self.jobs}.")
        _refuse_timeout(self.timeout)


@dataclass(frozen=True)
class RecordRequest:
    """Promote the records of the last such run to results/.

    Attributes:
        benchmark: as it was given to reproduce.
        semantics: likewise.
        profile: likewise.
        results: the folder that records are kept in; the repository's unless said.
        new: keep only records that the repository's own folder does not have, such as those of
            more seeds; with another folder for `results`.
    """

    benchmark: str = "aviary"
    semantics: str = ""
    profile: str = "smoke"
    results: Path | None = None
    new: bool = False


@dataclass(frozen=True)
class PairRequest:
    """Execute the notebooks whose source changed, on the built-in benchmark and the CPU.

    Attributes:
        notebooks: numbers or names; all, if none is named.
        force: execute those that are up to date as well.
        folder: where the notebooks are; the repository's unless said.
        timeout: seconds for one notebook.
    """

    notebooks: Positional[tuple[str, ...]] = ()
    force: bool = False
    folder: Path | None = None
    timeout: float = 1800.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        _refuse_timeout(self.timeout)


@dataclass(frozen=True)
class ExercisesRequest:
    """Write copies of the notebooks for students, with blanks, and for instructors, with solutions.

    Attributes:
        notebooks: numbers or names; all, if none is named.
        folder: where the notebooks are; the repository's unless said.
    """

    notebooks: Positional[tuple[str, ...]] = ()
    folder: Path | None = None


@dataclass(frozen=True)
class WhyRequest:
    """Say where a file came from: command, revision, data, seeds, versions.

    Attributes:
        file: a record; or a table, figure, page or manifest of a run, wherever it was copied to.
    """

    file: Path


def _refuse_timeout(seconds: float | None) -> None:
    if seconds is not None and not seconds > 0:
        raise RequestError(f"A time-out is above 0 seconds; it cannot be {seconds:g}.")
