"""What the server imports that pages are forked from: all they import, and no number computed.

Nothing here may start a thread or ask for a GPU: neither survives a fork.
"""

import ipykernel.kernelapp
import torch

from zslnb import studies
from zslnb.experiments.methods import METHODS
from zslnb.experiments.sources import imported_sha256
from zslnb.notebook import desk

__all__ = ["desk", "ipykernel"]

for name in dir(studies):
    getattr(studies, name)
for method in METHODS.values():
    imported_sha256(method.roots)  # parses the sources, which takes a page half a second
torch.testing.assert_close(torch.zeros(1), torch.zeros(1))  # the first one imports SymPy
