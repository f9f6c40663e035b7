"""What every notebook imports: checked parameters, one plot style, and where results go.

    here = desk.begin("10_topic", benchmark, semantics, profile, seeds, device)

gives the benchmark, the seeds and the device; `here.figure`, `here.table` and `here.keep` show
a result, store it below the run's folder, and replace what an earlier run left there.
"""

import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import torch
from IPython.display import Image, Markdown, display
from matplotlib.figure import Figure

from zslnb.benchmark import Benchmark
from zslnb.datasets import load
from zslnb.datasets.published_files import features_of
from zslnb.device import choose_device
from zslnb.errors import unknown_name
from zslnb.files import run_dir
from zslnb.results.records import merge_records, record_key, write_records
from zslnb.results.tables import markdown_table, only_counts
from zslnb.studies.study import Study

PROFILES = ("smoke", "medium", "full")
SHOWN_DPI, SAVED_DPI = 100, 200  # a committed notebook must stay small; a file need not
FORMATS = {"png": {}, "jpeg": {"pil_kwargs": {"quality": 85, "optimize": True}}}


def check_settings(profile: str, seeds: int) -> None:
    """Refuse a profile or a number of seeds that no notebook knows.

    Raises:
        ValueError: saying what would be accepted.
    """
    if profile not in PROFILES:
        raise ValueError(unknown_name("profile", profile, PROFILES))
    if not isinstance(seeds, int) or isinstance(seeds, bool) or seeds < 1:
        raise ValueError(f"seeds counts the seeds to run, 1 or more; it cannot be {seeds!r}.")


def set_style() -> None:
    """Set the one plot style of all notebooks; its colours survive colour blindness."""
    sns.set_theme(context="notebook", style="whitegrid", palette="colorblind", font_scale=0.9)
    plt.rcParams.update({"figure.constrained_layout.use": True, "figure.dpi": SHOWN_DPI})


@dataclass
class Lesson:
    """One notebook's run: what it works on, and where its results go.

    Attributes:
        notebook: its name, which its files' names start with.
        benchmark: features, labels, semantics and split.
        profile: "smoke", "medium" or "full".
        seeds: 0, 1, ... as many as asked.
        device: where tensors go.
        run_dir: folder of this run.
        with_semantics: loads the same features beside the semantics that it is given.
    """

    notebook: str
    benchmark: Benchmark
    profile: str
    seeds: range
    device: torch.device
    run_dir: Path = field(repr=False)
    with_semantics: Callable[[str | None], Benchmark] = field(repr=False)
    _made: dict[str, dict] = field(default_factory=dict, repr=False)
    _records: dict[str, dict] = field(default_factory=dict, repr=False)

    def figure(
        self, drawn: Figure | Study, name: str = "", caption: str = "", *, format: str = "png"
    ) -> None:
        """Store a figure as `figures/<notebook>-<name>`, show it with its caption, and close it.

        Args:
            drawn: a matplotlib figure; or a study, whose records are kept, and which brings its
                name and, as its finding, the caption.
            name: what to call the file.
            caption: Markdown that states the finding.
            format: "png", or "jpeg" for a sheet of photographs or drawings.

        Raises:
            ValueError: another format, or a name that is unfit for a file.
        """
        fig = drawn
        if isinstance(drawn, Study):
            self.keep(drawn.records)
            fig, name, caption = drawn.figure(), name or drawn.name, caption or drawn.finding()
        if format not in FORMATS:
            raise ValueError(unknown_name("figure format", format, FORMATS))
        number = self._number("figure", name, caption)
        path = self._path("figures", name, f".{format}")
        fig.savefig(path, dpi=SAVED_DPI, format=format, **FORMATS[format])
        shown = io.BytesIO()
        fig.savefig(shown, dpi=SHOWN_DPI, format=format, **FORMATS[format])
        plt.close(fig)  # or the notebook would show it a second time, without its caption
        display(Image(shown.getvalue(), alt=caption), Markdown(f"**Figure {number}.** {caption}"))

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
            name: what to call the files.
            caption: Markdown that states the finding.
            headline: print it at the end of `make reproduce`, too.

        Raises:
            ValueError: a name that is unfit for a file.
        """
        frame = laid_out
        if isinstance(laid_out, Study):
            self.keep(laid_out.records)
            frame, name = laid_out.table(), name or laid_out.name
            caption, headline = caption or laid_out.caption(), headline or laid_out.headline
        number = self._number("table", name, caption, headline=headline)
        counts = only_counts(frame.index)
        frame.to_csv(self._path("tables", name, ".csv"), index=not counts, float_format="%.6g")
        text = markdown_table(frame)
        self._path("tables", name, ".md").write_text(f"{text}\n{caption}\n", encoding="utf-8")
        return Markdown(f"**Table {number}.** {caption}\n\n{text}")

    def keep(self, records: Iterable[Mapping]) -> None:
        """Note the records this notebook used, in `records.jsonl` of the run: a line for each id.

        Args:
            records: JSON objects, each with a unique string under "id".

        Raises:
            ValueError: a record without an id.
        """
        for record in records:
            if not isinstance(record.get("id"), str):
                raise ValueError(f"A record needs an 'id' of type str; this one has {[*record]}.")
            self._records[record_key(record)] = {**record, "notebook": self.notebook}
        write_records(self.run_dir / "records" / f"{self.notebook}.jsonl", self._records)
        merge_records(self.run_dir)

    def _number(self, kind: str, name: str, caption: str, headline: bool = False) -> int:
        if not re.fullmatch(r"[a-z0-9_-]+", name):
            raise ValueError(f"A {kind} is named with a-z, 0-9, _ and -; {name!r} is not.")
        known = self._made.setdefault(f"{kind}s", {})
        number = known.get(name, {}).get("number", len(known) + 1)
        known[name] = {"number": number, "caption": caption, "headline": headline}
        _write_json(self.run_dir / "made" / f"{self.notebook}.json", self._made)
        return number

    def _path(self, folder: str, name: str, suffix: str) -> Path:
        path = self.run_dir / folder / f"{self.notebook}-{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def begin(
    notebook: str,
    benchmark: str = "aviary",
    semantics: str = "",
    profile: str = "smoke",
    seeds: int = 5,
    device: str = "auto",
    *,
    prefer: tuple[str, str] = ("", ""),
) -> Lesson:
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
    preferred, preferred_semantics = prefer
    features = preferred if preferred in features_of(benchmark) else None

    def with_semantics(kind: str | None) -> Benchmark:
        return load(benchmark, features=features, semantics=kind)

    data = with_semantics(semantics or None)
    others = {*data.provenance.get("all_semantics", ())} - {data.provenance.get("semantics")}
    if not semantics and preferred_semantics in others:
        data = with_semantics(preferred_semantics)
    folder = run_dir(data.name, semantics, profile)
    _forget(folder, notebook)
    set_style()
    here = Lesson(notebook, data, profile, range(seeds), chosen, folder, with_semantics)
    display(Markdown(_setting(here)))
    return here


def _setting(here: Lesson) -> str:
    b, plural = here.benchmark, "s" if len(here.seeds) > 1 else ""
    return (
        f"**{b.name}**: {b.n_classes} classes ({len(b.seen)} seen, {len(b.unseen)} unseen), "
        f"{len(b.features):,} images, features {b.feature_dim}-d, "
        f"semantics {b.provenance.get('semantics', '')} {b.semantic_dim}-d · "
        f"profile {here.profile} · {len(here.seeds)} seed{plural} · {here.device.type}"
    )


def _forget(folder: Path, notebook: str) -> None:
    made = [folder / "made" / f"{notebook}.json", folder / "records" / f"{notebook}.jsonl"]
    made += [*folder.glob(f"figures/{notebook}-*"), *folder.glob(f"tables/{notebook}-*")]
    for path in made:
        path.unlink(missing_ok=True)
    merge_records(folder)


def _write_json(path: Path, value: Mapping) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
