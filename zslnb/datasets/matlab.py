"""MATLAB files from strangers: named arrays of numbers or of text, and nothing else."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

import numpy as np

from zslnb.datasets import matlab_child
from zslnb.datasets.bundle import read_bundle
from zslnb.errors import BenchmarkError

AGAIN = "fetch it again"
SECONDS = 900  # the largest file, of 0.6 GB, takes a minute on a slow disk


def mat_label(path: Path) -> str:
    """Name of a file in messages: with its folder, because each benchmark has an `att_splits`."""
    return f"{path.parent.name}/{path.name}"


def mat_created(path: Path) -> str:
    """Date of writing in a file's header, as it stands there; empty if it names none."""
    with path.open("rb") as stream:
        head = stream.read(116).decode("latin-1")
    date = re.search(r"Created on: ([\w: ]+?) *(?:HDF5|[^\w: ]|$)", head)
    return date.group(1).strip() if date else ""


def read_mat(
    path: Path, *, numbers: Collection[str] = (), text: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """Read the named variables that a MATLAB file holds, of any version from 5 on.

    SciPy, which reads it, can end its process on damaged bytes; so this is a process of its own.

    Args:
        path: the file.
        numbers: real matrices; they keep the type they are stored in.
        text: matrices of characters, or cells of text: they come as a row of strings.

    Raises FileNotFoundError, or BenchmarkError for no MATLAB file, a damaged one, or a variable of
    another kind: a struct, an object, a function handle, a cell that holds more than text.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path.name!r} in {str(path.parent)!r}.")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "arrays.npz")
        status, message = run_child(path, target, json.dumps([[*numbers], [*text]]))
        if status == 0:
            return read_bundle(target)
    if status == matlab_child.REFUSED:
        raise BenchmarkError(f"{mat_label(path)}: {message}.")
    raise BenchmarkError(
        f"{mat_label(path)}: damaged, so that its reader broke down ({message or status}); {AGAIN}."
    )


def run_child(path: Path, target: Path, wanted: str) -> tuple[int, str]:
    """Let the child write the arrays; return its exit status and what it said last."""
    command = [sys.executable, "-P", matlab_child.__file__, str(path), str(target), wanted]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    try:
        child = subprocess.run(
            command, env=environment, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return -1, f"it took more than {SECONDS} s"
    message = child.stderr.decode("utf-8", "replace").strip()
    return child.returncode, message.splitlines()[-1] if message else ""
