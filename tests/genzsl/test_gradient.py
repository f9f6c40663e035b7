"""`zslnb.genzsl.gradient`: what is written out is what autograd finds."""

from dataclasses import replace

import pytest
import torch
from toys import QUICK, toy

from zslnb.genzsl import GenZSL, InductiveVAE, fit, prepare
from zslnb.genzsl.gradient import is_written_out
from zslnb.seeds import seeded

WEIGHED = {"reconstruction_weight": 0.7, "kl_weight": 3.0, "boosting_weight": 0.3}
SETTINGS = {
    "released": {},
    "other weights": WEIGHED,
    "no boosting": {"boosting_weight": 0.0},
    "nothing but boosting": {"reconstruction_weight": 0.0, "kl_weight": 0.0},
    "another temperature": {"temperature": 0.5},
}


def drawn(run: GenZSL, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the model weights as after some training, and draw a batch and its referents."""
    with seeded(1, "test/gradient"):
        with torch.no_grad():
            for weight in run.model.parameters():
                weight.add_(torch.randn_like(weight), alpha=0.3)
        batch = torch.randperm(len(run.labels))[:rows]
        return batch, run.referent_samples(run.labels[batch])


def gradients(model: InductiveVAE) -> dict[str, torch.Tensor]:
    found = {name: p.grad for name, p in model.named_parameters()}
    model.zero_grad()
    return found


@pytest.mark.parametrize("semantic_dim", [8, 5])  # as wide as features, and not
@pytest.mark.parametrize("rows", [16, 7])
@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
def test_the_gradient_is_autograds(changes, rows, semantic_dim):
    settings = replace(QUICK, **changes)
    run = prepare(toy(semantic_dim=semantic_dim), settings)
    batch, referents = drawn(run, rows)
    assert is_written_out(run.model, settings.boosting_mode)
    with seeded(2, "test/gradient"):
        told = run.losses(batch, referents)
    sum(getattr(settings, f"{name}_weight") * term for name, term in told.items()).backward()
    wanted = gradients(run.model)
    with seeded(2, "test/gradient"):
        terms = run.leave_gradients(batch, referents)
    torch.testing.assert_close(terms, {name: term.detach() for name, term in told.items()})
    torch.testing.assert_close(gradients(run.model), wanted, rtol=1e-4, atol=1e-6)
    assert any(gradient.abs().max() > 1e-2 for gradient in wanted.values())


class Otherwise(InductiveVAE):
    """A network that may go another way."""


VARIANTS = {
    "prior": InductiveVAE(8, 8, 6, 4, conditional_prior=True),
    "decoded": InductiveVAE(8, 8, 6, 8, add_referent=True),
    "network": Otherwise(8, 8, 6, 4),
}


@pytest.mark.parametrize("model", VARIANTS.values(), ids=VARIANTS)
def test_a_variant_is_left_to_autograd(model):
    assert not is_written_out(model, "batch")


def test_boosting_among_classes_is_left_to_autograd():
    model = InductiveVAE(8, 8, 6, 4)
    assert (is_written_out(model, "batch"), is_written_out(model, "classes")) == (True, False)


def test_training_takes_what_is_written_out(monkeypatch):
    def refused(*_: object) -> None:
        raise AssertionError("autograd's form was asked")

    monkeypatch.setattr(GenZSL, "losses", refused)
    assert len(fit(toy(), QUICK).history) == QUICK.rounds
    with pytest.raises(AssertionError, match="autograd's form"):
        fit(toy(), replace(QUICK, boosting_mode="classes"))


def test_a_variant_learns_by_autograd():
    run = prepare(toy(), replace(QUICK, boosting_mode="classes", **WEIGHED))
    batch, referents = drawn(run, 16)
    with seeded(2, "test/gradient"):
        told = run.losses(batch, referents)
    sum(WEIGHED[f"{name}_weight"] * term for name, term in told.items()).backward()
    wanted = gradients(run.model)
    for _ in "12":  # what a step leaves, the next one forgets
        with seeded(2, "test/gradient"):
            run.leave_gradients(batch, referents)
    torch.testing.assert_close(gradients(run.model), wanted)
