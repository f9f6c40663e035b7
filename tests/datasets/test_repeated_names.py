"""A list of words may hold one twice; a benchmark with images may not."""

from pathlib import Path

import numpy as np
import pytest

from zslnb import load
from zslnb.errors import BenchmarkError

TWICE = np.array(["crane", "bittern", "crane", "dove"])


def test_repeats_in_a_list_of_names_are_numbered(names_only: Path) -> None:
    np.savez(names_only, class_names=TWICE, words=np.eye(4))
    assert load(names_only).class_names == ("crane", "bittern", "crane (2)", "dove")


def test_a_benchmark_with_images_must_not_repeat_a_name(bundle: Path) -> None:
    with np.load(bundle) as file:
        arrays = dict(file)
    np.savez(bundle, **arrays | {"class_names": TWICE})
    with pytest.raises(BenchmarkError, match="repeats 'crane'"):
        load(bundle)
