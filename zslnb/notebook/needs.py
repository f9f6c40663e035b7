"""What a page needs of a benchmark: stated in its header, counted, and told in a sentence.

# zslnb:
#   needs: images              semantics, images or aviary
#   at_least:                  a number for any of `COUNTS`
#     unseen_classes: 2
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from jaxtyping import Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.errors import BenchmarkError, RequestError
from zslnb.files import repository_root
from zslnb.protocol.selection import DRAWN_VAL_SHARE

KINDS = {  # and how the list of notebooks calls them
    "semantics": "any class semantics",
    "images": "any benchmark",
    "aviary": "the built-in aviary",
}


def _per_class(benchmark: Benchmark, part: str) -> Int64[Tensor, " K"]:
    """Count the images of each class in one part of the split."""
    return benchmark.labels[getattr(benchmark, part)].unique(return_counts=True)[1]


def _in_pairs(benchmark: Benchmark, *parts: str) -> int:
    """Count the classes with two images or more."""
    return sum(int((_per_class(benchmark, part) > 1).sum()) for part in parts)


def _not_for_validation(b: Benchmark) -> int:
    return len(b.seen) - (len(b.val_classes) or math.ceil(DRAWN_VAL_SHARE * len(b.seen)))


COUNTS: dict[str, Callable[[Benchmark], int]] = {
    "seen_classes": lambda b: len(b.seen),
    "unseen_classes": lambda b: len(b.unseen),
    "seen_classes_not_for_validation": _not_for_validation,
    "training_images": lambda b: len(b.train_idx),
    "training_images_of_each_seen_class": lambda b: int(_per_class(b, "train_idx").min()),
    "classes_with_two_test_images": lambda b: _in_pairs(b, "test_seen_idx", "test_unseen_idx"),
    "seen_classes_with_two_test_images": lambda b: _in_pairs(b, "test_seen_idx"),
    "unseen_classes_with_two_test_images": lambda b: _in_pairs(b, "test_unseen_idx"),
}


@dataclass(frozen=True)
class Needs:
    """What one page needs: one of `KINDS`, and at least so much of some of `COUNTS`.

    Raises:
        RequestError: another kind, or a name that is not in `COUNTS`.
    """

    kind: str
    at_least: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot be counted."""
        if self.kind not in KINDS:
            raise RequestError(f"its header must say `zslnb: needs:`, one of {', '.join(KINDS)}")
        for name, least in self.at_least.items():
            if name not in COUNTS or not isinstance(least, int):
                raise RequestError(f"`at_least: {name}: {least}`: known are {', '.join(COUNTS)}")

    def unmet(self, benchmark: Benchmark) -> str:
        """Say what a benchmark lacks, as the end of a sentence; nothing if it lacks nothing."""
        if self.kind != "semantics" and not benchmark.has_images:
            return f"needs images, and {benchmark.name} has class semantics only"
        drawn = benchmark.name == "aviary" and "file_sha256" not in benchmark.provenance
        if self.kind == "aviary" and not drawn:
            return "needs the built-in aviary"
        for name, least in self.at_least.items():
            if (count := COUNTS[name](benchmark)) < least:
                what = name.replace("_", " ")
                what = what.replace("classes", "class") if least == 1 else what
                return f"needs at least {least} {what}, and {benchmark.name} has {count}"
        return ""


def read_header(path: Path) -> tuple[Needs, object]:
    """Read a page's needs and `seconds`; without jupytext, which is slow to import.

    Raises:
        RequestError: it does not say what it needs, or not in the words of this module.
    """
    head = re.match(r"# ---\n(.*?)# ---\n", path.read_text(encoding="utf-8"), re.S)
    text = re.sub(r"(?m)^# ?", "", head[1]) if head else "{}"
    header = yaml.safe_load(text).get("jupyter", {}).get("zslnb", {})
    try:
        return Needs(header.get("needs", ""), header.get("at_least", {})), header.get("seconds")
    except RequestError as error:
        raise RequestError(f"{path.name}: {error}.") from None


def require(notebook: str, benchmark: Benchmark) -> None:
    """Refuse a benchmark that lacks what the repository's page of that name needs.

    Raises:
        BenchmarkError: saying what is lacking.
    """
    path = (repository_root() or Path()) / "notebooks" / f"{notebook}.py"
    if path.is_file() and (reason := read_header(path)[0].unmet(benchmark)):
        raise BenchmarkError(f"This page {reason}.")
