"""ESZSL on a grid of penalties equals ESZSL one penalty at a time."""

import pytest
import torch
from toys import toy

from zslnb.protocol import eszsl, eszsl_for_penalties


@pytest.mark.parametrize(("gamma", "lam"), [(1e-3, 1e3), (1.0, 1.0), (1e3, 1e-3)])
def test_the_decomposed_form_is_the_closed_form(gamma, lam):
    bench = toy(feature_dim=9, semantic_dim=5)
    data = bench.features, bench.labels, bench.semantics
    prepared = eszsl_for_penalties(*data)
    torch.testing.assert_close(prepared(gamma, lam), eszsl(*data, gamma, lam), rtol=1e-4, atol=1e-6)


def test_penalties_must_be_positive():
    bench = toy()
    with pytest.raises(ValueError, match="positive"):
        eszsl_for_penalties(bench.features, bench.labels, bench.semantics)(0.0, 1.0)
