"""What every notebook imports: checked parameters, one plot style, and where results go.

    here = desk.begin("10_topic", benchmark, semantics, profile, seeds, device)

gives the benchmark, the seeds and the device; `here.figure`, `here.table` and `here.keep` show
a result, store it below the run's folder, and replace what an earlier run left there; `here.store`
stores a table alone.
"""

import io
import json
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FunctionType

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython.display import Image, Markdown, display
from matplotlib.figure import Figure
from PIL.Image import Dither, Quantize
from PIL.Image import open as open_picture

from zslnb.benchmark import Benchmark
from zslnb.datasets import load
from zslnb.datasets.published_files import features_of
from zslnb.device import choose_device
from zslnb.errors import unknown_name
from zslnb.experiments import benchmark_facts
from zslnb.files import write_atomically
from zslnb.notebook import needs
from zslnb.notebook.parameters import check_settings, run_folder
from zslnb.results.records import damaged_copy, merge_records, write_records
from zslnb.results.tables import markdown_table, only_counts
from zslnb.studies import style
from zslnb.studies.study import Study

NO_FONT = "Boxes stand for letters that no font here has; Noto Sans for their script would help."
FORMATS = ("png", "jpeg")
VECTORS = "ZSLNB_VECTORS"  # whether figures are stored as SVG and PDF, too
COLOURS = 256  # of a PNG: a palette makes it small


@dataclass
class Desk:
    """One notebook's run: what it works on, and where its results go."""

    notebook: str
    benchmark: Benchmark
    profile: str
    seeds: range
    device: torch.device
    run_dir: Path = field(repr=False)
    _load: Callable[..., Benchmark] = field(repr=False)
    _contents: dict[str, dict] = field(default_factory=dict, repr=False)  # what is in its folder
    _records: list[dict] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        """Note the benchmark, for the manifest."""
        self._note(benchmark_facts(self.benchmark))

    def with_semantics(self, kind: str | None) -> Benchmark:
        """Load the same features beside other semantics, or the benchmark's default ones."""
        benchmark = self._load(semantics=kind)
        self._note(benchmark_facts(benchmark))
        return benchmark

    def figure(self, study: Study, name: str = "", *, format: str = "png") -> None:
        """Store a figure as `figures/<notebook>-<name>`, show it with its caption, and close it.

        Where `$ZSLNB_VECTORS` is set, as `make reproduce` does, what is drawn, unlike photographs,
        is stored as SVG and PDF, too: that takes as long as all else of a page.

        Args:
            study: what it is of; its records are kept, and its finding is the caption.
            name: what to call the file, if not as the study; a ValueError if it is unfit for one.
            format: "png", or "jpeg" for a sheet of photographs or drawings.

        Raises:
            ValueError: no such format, no alt text, or something that cannot be read on a page.
        """
        self.keep(study.records)
        fig, name = study.figure(), name or study.name
        caption, alt = study.finding(), study.alt()
        if format not in FORMATS:
            raise ValueError(unknown_name("figure format", format, FORMATS))
        if not alt.strip() or alt == caption:
            raise ValueError(f"Figure {name!r} needs a text `alt` that says what it shows.")
        with _glyphs_missing() as missing:
            files = {format: _drawn(fig, format)}
            if format == "png" and os.environ.get(VECTORS):
                fig.set_layout_engine("none")  # laid out once, and alike in all files
                files |= style.vector_files(fig)
        style.check_readable(fig)  # ticks have their labels only once they are drawn
        number = self._number("figure", name, caption)
        plt.close(fig)  # or the notebook would show it a second time, without its caption
        for ending, content in files.items():
            path = self.run_dir / "figures" / f"{self.notebook}-{name}.{ending}"
            write_atomically(path, content)
        note = f" *{NO_FONT}*" if missing else ""
        width = round(fig.get_figwidth() * style.SHOWN_DPI)  # in pixels; the height follows
        said = Markdown(f"**Figure {number}.** {caption}{note}")
        display(Image(files[format], alt=alt, width=width), said)

    def table(
        self,
        laid_out: pd.DataFrame | Study,
        name: str = "",
        caption: str = "",
        *,
        headline: bool = False,
    ) -> Markdown:
        """Store a table as `tables/<notebook>-<name>.csv` and `.md`; return it to be shown.

        Args:
            laid_out: the table, whose columns' names are the head; or a study, whose records are
                kept, and which brings its name, caption and whether it is a headline.
            name: what to call the files; a ValueError if it is unfit for one.
            caption: Markdown that states the finding.
            headline: print it at the end of `make reproduce`, too.
        """
        frame, has_names = laid_out, False
        if isinstance(laid_out, Study):
            self.keep(laid_out.records)
            frame, has_names, name = laid_out.table(), laid_out.has_names, name or laid_out.name
            caption, headline = caption or laid_out.caption(), headline or laid_out.headline
        number = self._number("table", name, caption, headline=headline)
        text = self._write(frame, name, caption, has_names)
        return Markdown(f"**Table {number}.** {caption}\n\n{text}")

    def store(self, study: Study) -> None:
        """Store a study's table and keep its records, as `table` does, but show nothing.

        For long tables that a figure or a shorter one of the page sums up.
        """
        self.keep(study.records)
        self._write(study.table(), study.name, study.caption(), study.has_names)

    def _write(self, frame: pd.DataFrame, name: str, caption: str, has_names: bool) -> str:
        has_index = not only_counts(frame.index)
        csv = frame.to_csv(index=has_index, float_format="%.6g", lineterminator="\n")
        text = markdown_table(frame, has_names=has_names)
        for ending, content in (("csv", csv), ("md", f"{text}\n{caption}\n")):
            write_atomically(self.run_dir / "tables" / f"{self.notebook}-{name}.{ending}", content)
        return text

    def keep(self, records: Iterable[Mapping]) -> None:
        """Note the records this notebook used, in `records.jsonl` of the run: a line for each id.

        Raises:
            ValueError: a record without a string under "id".
        """
        for record in records:
            if not isinstance(record.get("id"), str):
                raise ValueError(f"A record needs an 'id' of type str; this one has {[*record]}.")
            self._records.append({**record, "notebook": self.notebook})
            if "benchmark" in record:
                self._note(record["benchmark"])
        write_records(self.run_dir / "records" / f"{self.notebook}.jsonl", self._records)
        merge_records(self.run_dir)

    def _number(self, kind: str, name: str, caption: str, headline: bool = False) -> int:
        if not re.fullmatch(r"[a-z0-9_-]+", name):
            raise ValueError(f"A {kind} is named with a-z, 0-9, _ and -; {name!r} is not.")
        known = self._contents.get(f"{kind}s", {})
        number = known.get(name, {}).get("number", len(known) + 1)
        self._list(f"{kind}s", name, {"number": number, "caption": caption, "headline": headline})
        return number

    def _note(self, benchmark: Mapping) -> None:
        """List a benchmark, by its hash, among those that this notebook loaded."""
        if benchmark["sha256"] not in self._contents.get("benchmarks", {}):
            self._list("benchmarks", benchmark["sha256"], dict(benchmark))

    def _list(self, kind: str, key: str, entry: dict) -> None:
        self._contents.setdefault(kind, {})[key] = entry
        text = json.dumps(self._contents, indent=1, sort_keys=True) + "\n"
        write_atomically(self.run_dir / "made" / f"{self.notebook}.json", text)


def _drawn(fig: Figure, format: str) -> bytes:
    stream, small = io.BytesIO(), io.BytesIO()
    fig.savefig(stream, dpi=style.DPI, format="png")
    picture = open_picture(stream).convert("RGB")
    if format == "png":
        picture = picture.quantize(COLOURS, Quantize.MAXCOVERAGE, dither=Dither.NONE)
    picture.save(small, format, optimize=True, quality=85, dpi=(style.DPI, style.DPI))
    return small.getvalue()


@contextmanager
def _glyphs_missing() -> Iterator[list[str]]:
    """Collect matplotlib's many warnings of missing letters, and let all others through."""
    missing: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", "Glyph .* missing from")
        yield missing
    for w in caught:
        if str(w.message).startswith("Glyph"):
            missing.append(str(w.message))
        else:
            warnings.warn_explicit(w.message, w.category, w.filename, w.lineno)


def begin(
    notebook: str,
    benchmark: str = "aviary",
    semantics: str = "",
    profile: str = "smoke",
    seeds: int = 5,
    device: str = "auto",
    *,
    prefer: tuple[str, str] = ("", ""),
) -> Desk:
    """Check a notebook's parameters, load its benchmark, set the style, and make room for results.

    Args:
        notebook: the notebook's own name, as its file is called.
        benchmark: name or path, as `zslnb.load` takes it.
        semantics: which semantics; "" is the preferred, or the benchmark's default.
        profile: "smoke", "medium" or "full".
        seeds: how many seeds.
        device: "auto", "cpu", "cuda" or "cuda:1".
        prefer: features and semantics that this notebook's method is meant for, where the
            benchmark has them; semantics that are asked for go first. A published benchmark has
            its features whether they are here or not.

    Raises:
        ValueError: a parameter that cannot be; `BenchmarkError` is one.
        FileNotFoundError: no bundle at that path.
    """
    if not re.fullmatch(r"\w+", notebook):
        raise ValueError(f"A notebook is named with letters, digits and _; {notebook!r} is not.")
    check_settings(profile, seeds)
    chosen = choose_device(device)
    features, preferred = prefer
    wanted = features if features in features_of(benchmark) else None
    load_with = partial(load, benchmark, features=wanted)
    data = load_with(semantics=semantics or None)
    others = {*data.provenance.get("all_semantics", ())} - {data.provenance.get("semantics")}
    if not semantics and preferred in others:
        data = load_with(semantics=preferred)
    needs.require(notebook, data)
    folder = run_folder(data, semantics, profile)
    _forget(folder, notebook)
    style.set_style()
    here = Desk(notebook, data, profile, range(seeds), chosen, folder, load_with)
    plural = "s" if seeds > 1 else ""
    display(
        Markdown(
            f"**{data.name}**: {data.n_classes} classes ({len(data.seen)} seen, "
            f"{len(data.unseen)} unseen), {len(data.features):,} images, features "
            f"{data.feature_dim}-d, semantics {data.provenance.get('semantics', '')} "
            f"{data.semantic_dim}-d · profile {profile} · {seeds} seed{plural} · {chosen.type}"
        )
    )
    return here


def check(
    mine: object, right: object, wrong: str, *, rtol: float | None = None, atol: float | None = None
) -> None:
    """Compare a reader's answer to an exercise with the right one.

    What counts are its values: a number may be a tensor, a list an array, and the other way round.

    Args:
        mine: the answer: a string, or whatever `torch.testing.assert_close` compares. Where a
            reader writes a function, `lambda: theirs(x)`, whose failure is a wrong answer, too.
        right: what it should be, or a function that tells whether an answer is right.
        wrong: one sentence that says what is wrong if it is not.
        rtol: relative tolerance; by the types unless said, then with `atol`.
        atol: absolute tolerance.

    Raises:
        AssertionError: with that sentence; or nothing has been put in the place of the dots.
    """
    if isinstance(mine, FunctionType):  # not whatever can be called, such as `x.mean`
        try:
            mine = mine()
        except Exception as error:  # a reader's function may do anything
            raise AssertionError(f"{wrong} (It stops with {type(error).__name__}.)") from error
    parts = [*mine.values()] if isinstance(mine, Mapping) else mine
    if any(part is ... for part in (parts if isinstance(parts, list | tuple) else [parts])):
        raise AssertionError("Not yet: put lines of your own in the place of the dots.")
    shaped = ""
    try:
        if callable(right):
            mine, right = right(mine), True
        if isinstance(right, str) and mine == right:
            return
        mine = _like(right, mine)
        shapes = [tuple(getattr(value, "shape", ())) for value in (mine, right)]
        shaped = f" (It has shape {shapes[0]}, not {shapes[1]}.)" if shapes[0] != shapes[1] else ""
        torch.testing.assert_close(mine, right, rtol=rtol, atol=atol, check_dtype=False)
    except Exception:  # an answer may be of any kind
        raise AssertionError(wrong + shaped) from None


def _like(right: object, mine: object) -> object:
    """Bring an answer into the form of the right one, where only its form is another."""
    if isinstance(right, Mapping) and isinstance(mine, Mapping):
        return {name: _like(right.get(name), part) for name, part in mine.items()}
    if isinstance(right, torch.Tensor) and not isinstance(mine, torch.Tensor):
        return torch.as_tensor(mine, device=right.device)
    if isinstance(right, np.ndarray):
        return np.asarray(mine)
    if isinstance(right, list | tuple):
        mine = mine.tolist() if isinstance(mine, torch.Tensor | np.ndarray) else mine
        return type(right)(map(_like, right, mine)) if len(mine) == len(right) else mine
    if isinstance(right, bool | int | float) and isinstance(mine, torch.Tensor | np.ndarray):
        return mine.item()
    return mine


def _forget(folder: Path, notebook: str) -> None:
    """Delete what an earlier run of the notebook left."""
    records = folder / "records" / f"{notebook}.jsonl"
    left = [folder / "made" / f"{notebook}.json", records, damaged_copy(records)]
    left += [*folder.glob(f"figures/{notebook}-*"), *folder.glob(f"tables/{notebook}-*")]
    for path in left:
        path.unlink(missing_ok=True)
    merge_records(folder)
