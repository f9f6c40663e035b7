"""What `docs/counts.py` counts, on a made-up page."""

import importlib.util

import nbformat
from conftest import ROOT

SPEC = importlib.util.spec_from_file_location("counts", ROOT / "docs" / "counts.py")
counts = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(counts)

CODE = """import torch

# a comment
x = torch.ones(3)
y = (x
     + 1)
here.table(y)
desk.check(x, y, "no")
"""


def test_a_page_is_counted_by_what_its_reader_meets():
    new, tagged = nbformat.v4, {"tags": ["hint"]}
    shown = new.new_output("stream", text="two words")
    page = new.new_notebook(
        cells=[
            new.new_markdown_cell("One [link](a.ipynb) and ![a picture](b.png): it's 3.1 long."),
            new.new_markdown_cell("Left out", metadata=tagged),
            new.new_markdown_cell("**Exercise**", metadata={"tags": ["exercise"]}),
            new.new_code_cell("seeds = 5", metadata={"tags": ["parameters"]}),
            new.new_code_cell(CODE),
            new.new_code_cell("print(1)", outputs=[shown]),
        ]
    )
    counted = counts.count(page)
    assert counted == {
        "cells": 4,
        "words": 10,
        "words by code": 2,
        "lines of code": 7,
        "mechanism": 4,
        "silent cells": 1,
        "exercises": 1,
        "links": 1,
    }
