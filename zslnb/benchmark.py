"""The object every later step takes: features, labels, class semantics and a split.

A `Benchmark` cannot exist in a broken state: each rule it must obey is one small check
below, and each violation is one sentence naming the file, the field and the first offender.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.errors import BenchmarkError
from zslnb.text import markdown

if TYPE_CHECKING:  # pandas takes a second to import, and few need it
    import pandas as pd

INDEX_FIELDS = ("train_idx", "test_seen_idx", "test_unseen_idx")
UNIT_NORM_TOLERANCE = 2e-3  # float16 storage of a 1000-d unit vector stays well within this
EQUAL_TOLERANCE = 1e-5  # of a row's norm: one text encoded in two batches
SHOWN = 5  # pairs of classes in a remark
BLOCK = 1 << 20  # numbers looked at together, so that a check needs no second copy of them


@dataclass(frozen=True, eq=False, repr=False)
class Benchmark:
    """Features of images, semantics of classes, and which of both may be seen when.

    Args:
        features: (N, D) raw as stored; every method scales for itself.
        labels: (N,) class ids in 0..C-1.
        semantics: (C, S) one row a class.
        class_names: C names.
        train_idx, test_seen_idx, test_unseen_idx: rows of `features`; trainval, and the two tests.
        val_classes: seen classes held out when a hyper-parameter is chosen; may be empty.
        name: what records call it.
        provenance: where it came from. `file` is used in messages; `unit_norm` lists the
            fields ("features", "semantics") whose rows are promised to have norm one;
            `shared_space` is True if one model put both into one space.

    Raises:
        BenchmarkError: naming the file, the field and the first offending item.
    """

    features: Float[Tensor, "N D"]
    labels: Int64[Tensor, " N"]
    semantics: Float[Tensor, "C S"]
    class_names: tuple[str, ...]
    train_idx: Int64[Tensor, " n_train"]
    test_seen_idx: Int64[Tensor, " n_test_seen"]
    test_unseen_idx: Int64[Tensor, " n_test_unseen"]
    val_classes: Int64[Tensor, " n_val"]
    name: str = "unnamed"
    provenance: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Keep floats as float32; refuse a benchmark that breaks a rule, at the first broken."""
        for name in ("features", "semantics"):
            object.__setattr__(self, name, getattr(self, name).float())
        for rule in RULES:
            for complaint in rule(self):
                raise BenchmarkError(f"{self.provenance.get('file', self.name)}: {complaint}.")

    @cached_property
    def seen(self) -> Int64[Tensor, " n_seen"]:
        """Ids of the classes with training images, ascending."""
        return self.labels[self.train_idx].unique()

    @cached_property
    def unseen(self) -> Int64[Tensor, " n_unseen"]:
        """Ids of the classes met only at test time, ascending."""
        return self.labels[self.test_unseen_idx].unique()

    @property
    def n_classes(self) -> int:
        """C, classes with semantics."""
        return len(self.class_names)

    @property
    def feature_dim(self) -> int:
        """D, width of a feature."""
        return self.features.shape[1]

    @property
    def semantic_dim(self) -> int:
        """S, width of a class's semantics."""
        return self.semantics.shape[1]

    @property
    def shared_space(self) -> bool:
        """Whether features and semantics lie in one space, as CLIP's do; widths alone don't say."""
        return bool(self.provenance.get("shared_space"))

    @cached_property
    def equal_semantics(self) -> tuple[tuple[str, str], ...]:
        """Pairs of classes with one and the same semantics, which nothing can tell apart."""
        rows = self.semantics.double()
        # equal rows are neighbours once all are sorted by some weighted sum
        order = (rows @ torch.linspace(1, 2, self.semantic_dim).double()).argsort(stable=True)
        gaps = (rows[order[1:]] - rows[order[:-1]]).norm(dim=1)
        is_equal = gaps <= EQUAL_TOLERANCE * rows[order[1:]].norm(dim=1)
        pairs = [sorted(order[i : i + 2].tolist()) for i in is_equal.nonzero()[:, 0].tolist()]
        return tuple((self.class_names[i], self.class_names[j]) for i, j in sorted(pairs))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What its user should know before any number, a sentence each."""
        pairs = [f"{one!r} and {other!r}" for one, other in self.equal_semantics]
        if not pairs:
            return ()
        more = f" (and {len(pairs) - SHOWN} more pairs)" if len(pairs) > SHOWN else ""
        return (
            f"Classes with one and the same semantics, which no method can tell apart: "
            f"{', '.join(pairs[:SHOWN])}{more}. Texts may be equal but for case, or cut where the "
            "encoder stops reading; give such classes other names.",
        )

    def require_seen(self, n: int, why: str) -> None:
        """Raise ValueError, with the reason, if there are fewer than n seen classes."""
        if len(self.seen) < n:
            raise ValueError(f"{self.name} has {len(self.seen)} seen classes; {why}.")

    @property
    def has_images(self) -> bool:
        """False for a list of class names with semantics and nothing else."""
        return len(self.features) > 0

    @cached_property
    def sha256(self) -> str:
        """Hash of every array and name, so that a record can say what it was measured on."""
        digest = hashlib.sha256(repr(self.class_names).encode())
        for tensor in _tensors(self):
            # with its shape: the same images in a row, split elsewhere, are another benchmark
            digest.update(repr(tuple(tensor.shape)).encode())
            digest.update(tensor.contiguous().cpu().numpy().reshape(-1).view("u1"))
        return digest.hexdigest()

    def summary(self) -> "pd.DataFrame":
        """Count classes and images, one row for each part of the split."""
        import pandas as pd  # here, so that importing the package stays quick

        return pd.DataFrame.from_dict(self.counts, orient="index", columns=["classes", "images"])

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """Classes and images of each part of the split."""
        rows = {
            "trainval": (self.seen, self.train_idx),
            "test, seen classes": (self.labels[self.test_seen_idx].unique(), self.test_seen_idx),
            "test, unseen classes": (self.unseen, self.test_unseen_idx),
        }
        return {part: (len(classes), len(idx)) for part, (classes, idx) in rows.items()}

    def __repr__(self) -> str:
        """One line: name, sizes, widths."""
        return (
            f"Benchmark({self.name!r}: {len(self.features)} images, "
            f"{len(self.seen)} seen + {len(self.unseen)} unseen classes, "
            f"features {self.feature_dim}-d, semantics {self.semantic_dim}-d)"
        )

    def _repr_markdown_(self) -> str:
        """The summary as a table, which is what Jupyter shows for a cell ending in a benchmark."""
        rows = "\n".join(f"| {part} | {c} | {n:,} |" for part, (c, n) in self.counts.items())
        space = ", in one space" if self.shared_space else ""
        return (
            f"**{markdown(self.name)}**: {self.n_classes} classes; features {self.feature_dim}-d, "
            f"semantics {self.semantic_dim}-d{space}\n\n"
            f"| part | classes | images |\n| --- | ---: | ---: |\n{rows}\n"
            + "".join(f"\n{markdown(remark)}\n" for remark in self.remarks)
        )


def _tensors(b: Benchmark) -> tuple[Tensor, ...]:
    indices = [getattr(b, name) for name in INDEX_FIELDS]
    return (b.features, b.labels, b.semantics, *indices, b.val_classes)


def _first(mask: Tensor) -> int:
    return int(mask.nonzero()[0, 0])


def _types(b: Benchmark) -> Iterator[str]:
    for name in ("labels", *INDEX_FIELDS, "val_classes"):
        if getattr(b, name).dtype != torch.int64:
            yield f"{name} must hold int64, but holds {getattr(b, name).dtype}"


def _shapes(b: Benchmark) -> Iterator[str]:
    ranks = {"features": 2, "semantics": 2, "labels": 1}
    ranks |= dict.fromkeys((*INDEX_FIELDS, "val_classes"), 1)
    for name, rank in ranks.items():
        if getattr(b, name).ndim != rank:
            kind = "a matrix" if rank == 2 else "a row"
            yield f"{name} must be {kind}, but has shape {tuple(getattr(b, name).shape)}"
    for name in ("features", "semantics"):
        rows = getattr(b, name)
        if len(rows) and not rows.shape[1]:
            yield f"{name} has {len(rows)} rows of width 0, which hold no number"
    if len(b.labels) != len(b.features):
        yield f"labels has {len(b.labels)} entries for {len(b.features)} rows of features"
    if len(b.semantics) != len(b.class_names):
        yield f"semantics has {len(b.semantics)} rows for {len(b.class_names)} class_names"
    for name, count in Counter(b.class_names).items():
        if count > 1:
            yield f"class_names repeats {name!r}"


def _labels(b: Benchmark) -> Iterator[str]:
    bad = (b.labels < 0) | (b.labels >= b.n_classes)
    if bad.any():
        i = _first(bad)
        yield f"labels[{i}] is {int(b.labels[i])}, outside 0..{b.n_classes - 1}"


def _finite(b: Benchmark) -> Iterator[str]:
    for name in ("features", "semantics"):
        rows = getattr(b, name)
        step = max(1, BLOCK // max(1, rows.shape[1]))
        for start in range(0, len(rows), step):
            bad = ~rows[start : start + step].isfinite()
            if bad.any():
                row, column = bad.nonzero()[0].tolist()
                value = float(rows[start + row, column])
                yield f"{name}[{start + row}, {column}] is {value}, not finite"


def _unit_norm(b: Benchmark) -> Iterator[str]:
    for name in b.provenance.get("unit_norm", ()):
        norms = getattr(b, name).norm(dim=1)
        bad = (norms - 1).abs() > UNIT_NORM_TOLERANCE
        if bad.any():
            i = _first(bad)
            yield f"{name}[{i}] has norm {float(norms[i]):.4f} although unit norm is promised"


def _space(b: Benchmark) -> Iterator[str]:
    if b.shared_space and b.feature_dim != b.semantic_dim:
        yield (
            f"one space is promised, but features are {b.feature_dim}-d and semantics "
            f"{b.semantic_dim}-d"
        )


def _indices(b: Benchmark) -> Iterator[str]:
    for name in INDEX_FIELDS:
        idx = getattr(b, name)
        bad = (idx < 0) | (idx >= len(b.features))
        if bad.any():
            i = _first(bad)
            yield f"{name}[{i}] is {int(idx[i])}, but there are {len(b.features)} images"
        if not len(idx) and b.has_images:
            yield f"{name} is empty"
        values, counts = idx.unique(return_counts=True)
        if (counts > 1).any():
            yield f"{name} lists image {int(values[_first(counts > 1)])} more than once"


def _split(b: Benchmark) -> Iterator[str]:
    for name in INDEX_FIELDS[1:]:
        idx = getattr(b, name)
        leaked = torch.isin(idx, b.train_idx)
        if leaked.any():
            yield f"{name} and train_idx share image {int(idx[_first(leaked)])}"
    both = b.unseen[torch.isin(b.unseen, b.seen)]
    if len(both):
        yield f"class {int(both[0])} ({b.class_names[both[0]]!r}) is both seen and unseen"
    labels = b.labels[b.test_seen_idx]
    stray = ~torch.isin(labels, b.seen)
    if stray.any():
        i = _first(stray)
        yield f"test_seen_idx[{i}] is of class {int(labels[i])}, which has no training image"


def _validation(b: Benchmark) -> Iterator[str]:
    stray = b.val_classes[~torch.isin(b.val_classes, b.seen)]
    if len(stray):
        yield f"val_classes holds {int(stray[0])}, which is no seen class"
    if len(b.val_classes) and len(b.val_classes.unique()) == len(b.seen):
        yield "val_classes holds every seen class, which leaves none to train on"


RULES = (_types, _shapes, _labels, _finite, _unit_norm, _space, _indices, _split, _validation)
