"""What all tests share: shapes in signatures are checked, and a tiny benchmark."""

import os
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import jaxtyping
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

# Libraries first: those that the package imports under the hook below are compiled anew each time
for library in ("open_clip", "pandas", "papermill", "scipy.stats", "seaborn"):
    import_module(library)

# before anything imports the package; with the tower an int may stand for a float
CHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
jaxtyping.install_import_hook("zslnb", CHECKER)

# tests run side by side, and what they compute is tiny: no processes for it, and one thread
os.environ.setdefault("ZSLNB_JOBS", "1")
torch.set_num_threads(1)


def tiny_arrays() -> dict[str, np.ndarray]:
    """Four classes of six images, two seen and two unseen; features 5-d, semantics 3-d."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 6)
    return {
        "features": (rng.normal(size=(24, 5)) + labels[:, None]).astype(np.float32),
        "labels": labels,
        "class_names": np.array(["auk", "bittern", "crane", "dove"]),
        "trainval_idx": np.r_[0:4, 6:10],
        "test_seen_idx": np.r_[4:6, 10:12],
        "test_unseen_idx": np.r_[12:24],
        "words": rng.normal(size=(4, 3)).astype(np.float32),
    }


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A tiny `.npz` bundle with images."""
    path = tmp_path / "tiny.npz"
    np.savez(path, **tiny_arrays())
    return path


@pytest.fixture
def names_only(tmp_path: Path) -> Path:
    """A bundle of class names with semantics, and no images."""
    arrays = tiny_arrays()
    path = tmp_path / "names.npz"
    np.savez(path, class_names=arrays["class_names"], words=arrays["words"])
    return path


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `build/` of the test's own."""
    path = tmp_path / "build"
    monkeypatch.setenv("ZSLNB_BUILD", str(path))
    monkeypatch.delenv("ZSLNB_RUNS", raising=False)
    monkeypatch.setenv("ZSLNB_DEVICE", "cpu")
    return path


@pytest.fixture
def styled() -> Iterator[None]:
    """The style of pages; figures are closed afterwards."""
    from zslnb.studies import style

    with plt.rc_context():
        style.set_style()
        yield
    plt.close("all")


HEADER = """\
# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   zslnb:
#     needs: {needs}
#     seconds: 3
# ---

# %% [markdown]
# # A title

# %% tags=["parameters"]
benchmark = "aviary"
semantics = ""
profile = "smoke"
seeds = 5
device = "auto"
"""


@pytest.fixture
def write_notebook(tmp_path: Path) -> Callable[..., Path]:
    """Write a notebook's source: header, title, parameters, then a cell for each text."""

    def write(name: str, *cells: str, needs: str = "semantics", parameters: str = "") -> Path:
        folder = tmp_path / "notebooks"
        folder.mkdir(exist_ok=True)
        text = HEADER.format(needs=needs) + parameters
        text += "".join(f"\n# %%\n{cell}\n" for cell in cells)
        path = folder / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write
