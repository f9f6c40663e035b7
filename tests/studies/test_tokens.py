"""`tokens`: what trained attention looks at, and what the cut is worth."""

import matplotlib.pyplot as plt
import pytest
import torch

from tests.studies.records import record, several
from tests.toys import QUICK_REVCD, toy
from zslnb import experiments, revcd
from zslnb.studies.tokens import (
    BlindAttention,
    FeatureTokens,
    TokenAttention,
    attention_weights,
    blinded,
)


@pytest.fixture(scope="module")
def model() -> revcd.RevCD:
    return revcd.fit(toy(), QUICK_REVCD, 0)


def test_attention_sums_to_1_and_is_even_when_blind(model: revcd.RevCD):
    weights = attention_weights(model, toy())
    assert weights.shape[1:] == (2, 4, 4)
    torch.testing.assert_close(weights.sum(3), torch.ones_like(weights.sum(3)))
    even = attention_weights(blinded(model), toy())
    torch.testing.assert_close(even, torch.full_like(even, 0.25))
    torch.testing.assert_close(attention_weights(model, toy()), weights)  # a copy was blinded


def test_even_attention_listens_to_all_tokens(model: revcd.RevCD):
    study = TokenAttention([blinded(model)], toy())
    assert study.listened_to == pytest.approx([4])
    assert "listens to 4.00 tokens" in study.finding()
    assert len(study.figure().axes) == 3
    plt.close("all")


def test_a_model_that_was_blind_before_keeps_every_class(model: revcd.RevCD):
    study = BlindAttention([blinded(model)], toy())
    assert study.kept == [100]
    assert study.finding().startswith("With blind attention 100.0 % of the test images keep")


def test_other_cuts_are_set_against_the_columns_as_stored(monkeypatch: pytest.MonkeyPatch):
    ran = []

    def run_rows(rows, data, seeds, *_, **__):
        ((label, (_, settings)),) = rows.items()
        ran.append((settings.tokens, settings.token_dim, data.features))
        return [record(label, s, 0.1 if label == "one token" else 0.0) for s in seeds]

    monkeypatch.setattr(experiments, "run_rows", run_rows)
    study = FeatureTokens(toy(), QUICK_REVCD, range(3), "cpu", several({"cross": 0.0}))
    (tokens, _, shuffled), (one, wide, features) = ran
    assert (tokens, one, wide) == (4, 1, 32)
    assert not torch.equal(shuffled, features)
    torch.testing.assert_close(shuffled.sort(1).values, features.sort(1).values)
    assert {r["row"] for r in study.records} == {"columns shuffled", "one token"}
    assert study.table().loc["one token", "H, over as stored"] == "+10.0 ± 0.0"
    assert "are not told apart" in study.verdicts()[0]
    assert "**one token** is above **as stored**" in study.verdicts()[2]
    assert "cut in three ways" in study.caption()
