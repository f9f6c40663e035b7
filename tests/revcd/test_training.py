"""`zslnb.revcd.training`: what is learnt and from what, and when it stops or refuses."""

from dataclasses import replace

import pytest
import torch
from toys import QUICK_REVCD, toy

from zslnb.errors import DivergedError
from zslnb.revcd import CONDITIONINGS, KINDS, RevCD, RevCDSettings, fit, prepare, training
from zslnb.revcd import prototype_scores as cosines
from zslnb.seeds import seeded

OF = {kind: replace(QUICK_REVCD, kind=kind) for kind in KINDS}
each_kind = pytest.mark.parametrize("settings", OF.values(), ids=OF)
TERMS = {
    "revcd": {"reconstruction", "noise", "classification"},
    "cvae": {"reconstruction", "kl"},
    "gan": {"critic", "penalty", "generator"},
}


def weights(run: RevCD) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in run.networks.parameters()])


def seen_accuracy(settings: RevCDSettings) -> float:
    """Share of the seen test images whose estimate is nearest to their own of six classes."""
    b = toy(noise=0.02)
    scores = fit(b, settings).scores(b.features[b.test_seen_idx])[:, b.seen]
    return float((b.seen[scores.argmax(1)] == b.labels[b.test_seen_idx]).float().mean())


LONGER = {
    "revcd": replace(OF["revcd"], epochs=10),
    "cvae": replace(OF["cvae"], epochs=20, lr=2e-2, widths=(32,)),
    "gan": replace(OF["gan"], epochs=30, lr=2e-2, widths=(64,), penalty_weight=1.0, dropout=0.0),
}


@pytest.mark.parametrize("settings", LONGER.values(), ids=LONGER)
def test_seen_classes_are_learnt(settings):
    """A guess is right once in six."""
    assert seen_accuracy(settings) > 0.7


VARIANTS = {
    "noise": {"predicts": "noise", "epochs": 20},
    "variational": {"weighting": "variational"},
    "variational noise": {"predicts": "noise", "weighting": "variational", "epochs": 20},
    "cosine": {"schedule": "cosine"},
    "ancestral": {"sampler": "ancestral"},
    "without classification": {"classification_weight": 0.0},
    **{how: {"conditioning": how} for how in CONDITIONINGS if how != "cross"},
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_learns(changes):
    assert seen_accuracy(replace(LONGER["revcd"], **changes)) > 0.5


def test_unseen_semantics_are_mapped_and_not_learnt_from():
    b = toy()
    moved = replace(b, semantics=b.semantics.index_fill(0, b.unseen, 3.0))
    one, other = (fit(which, OF["revcd"]) for which in (b, moved))
    assert torch.equal(weights(one), weights(other))
    assert torch.equal(one.prototypes[b.seen], other.prototypes[b.seen])
    assert not torch.equal(one.prototypes[b.unseen], other.prototypes[b.unseen])


def test_both_spaces_are_standardised_by_what_is_seen():
    b, run = toy(semantic_dim=5), prepare(toy(semantic_dim=5), OF["revcd"])
    for rows in (run.features, run.prototypes[b.seen]):
        torch.testing.assert_close(rows.mean(0), torch.zeros(rows.shape[1]), rtol=0, atol=1e-5)
        torch.testing.assert_close(rows.std(0, correction=0), torch.ones(rows.shape[1]))
    assert torch.equal(run.features, run.images(b.features[b.train_idx]))
    assert torch.equal(run.prototypes, run.semantics(b.semantics))
    assert torch.equal(run.networks.prototypes, run.prototypes[b.seen])


def test_every_image_comes_once_an_epoch_with_the_semantics_of_its_class(monkeypatch):
    """Seen classes may have any ids; the network counts them from 0."""
    b, given, order = toy(), [], torch.tensor([7, 1, 6, 3, 5, 2, 0, 4])
    moved = replace(
        b,
        labels=order[b.labels],
        semantics=b.semantics[order.argsort()],
        val_classes=order[b.val_classes],
    )
    run = prepare(moved, OF["revcd"])
    step = type(run.networks).step
    monkeypatch.setattr(
        type(run.networks), "step", lambda net, *batch: given.append(batch[:3]) or step(net, *batch)
    )
    fit(moved, replace(OF["revcd"], epochs=2))
    x, z0, targets = (torch.cat(parts) for parts in zip(*given, strict=True))
    assert torch.equal(z0, run.prototypes[run.seen[targets]])
    for epoch in (x[:42], x[42:]):
        torch.testing.assert_close(epoch.unique(dim=0), run.features.unique(dim=0))
    assert not torch.equal(x[:42], x[42:])


@each_kind
def test_the_history_counts_epochs_and_steps(settings):
    history = fit(toy(), settings).history
    assert [(h["epoch"], h["steps"]) for h in history] == [(1, 3), (2, 6), (3, 9)]
    assert all(set(h) == {"epoch", "steps"} | TERMS[settings.kind] for h in history)


@each_kind
def test_the_rate_falls_in_a_line_to_a_twentieth(settings, monkeypatch):
    kind = type(prepare(toy(), settings).networks)
    rates, step = [], kind.step

    def note(self, x, z0, targets, *optimisers):
        rates.append([group["lr"] for o in optimisers for group in o.param_groups])
        return step(self, x, z0, targets, *optimisers)

    monkeypatch.setattr(kind, "step", note)
    fit(toy(), settings)
    n = 2 if settings.kind == "gan" else 1
    expected = [share * 1e-2 for share in (1, 0.525, 0.05) for _ in range(3)]
    assert rates == [pytest.approx([rate] * n) for rate in expected]


@each_kind
@pytest.mark.parametrize(("batch_size", "steps"), [(41, 1), (42, 1), (1000, 1), (40, 2)])
def test_a_last_batch_of_one_image_is_left_out(settings, batch_size, steps):
    """Batch normalisation has nothing to compare it with."""
    run = fit(toy(), replace(settings, batch_size=batch_size, epochs=1))
    assert run.history[0]["steps"] == steps


@each_kind
def test_nothing_is_estimated_before_training(settings):
    with pytest.raises(ValueError, match="not been trained"):
        prepare(toy(), settings).estimate(toy().features)


@pytest.fixture(scope="module")
def run() -> RevCD:
    return fit(toy(), OF["revcd"])


def test_scores_are_cosines_with_all_prototypes(run):
    x = toy().features
    assert torch.equal(run.scores(x), cosines(run.estimate(x), run.prototypes))
    assert run.scores(x[:3], guidance=4.0).shape == (3, 8)


def test_guidance_is_the_settings_unless_given(run):
    x = toy().features
    assert torch.equal(run.estimate(x), run.estimate(x, guidance=run.settings.guidance))
    for guidance in (0.0, 1.0):
        assert not torch.equal(run.estimate(x), run.estimate(x, guidance=guidance))
        assert not torch.equal(run.scores(x), run.scores(x, guidance=guidance))


def test_samples_of_one_image_are_averaged(run):
    x = toy().features
    more = replace(run, settings=replace(run.settings, n_samples=3))
    with seeded(run.seed, "revcd/estimate"), torch.no_grad():
        draws = [run.networks.draw(run.images(x), 2.0) for _ in range(3)]
    torch.testing.assert_close(more.estimate(x), torch.stack(draws).mean(0))
    assert not torch.equal(draws[0], draws[1])


def test_many_images_come_in_parts_and_in_order(run, monkeypatch):
    monkeypatch.setitem(training.ROWS_AT_ONCE, "cpu", 7)
    monkeypatch.setattr(run.networks, "draws", lambda x, scales: [x])
    assert torch.equal(run.estimate(toy().features), run.images(toy().features))


@pytest.mark.parametrize("sampler", ["ddim", "ancestral"])
@pytest.mark.parametrize("predicts", ["clean", "noise"])
def test_several_scales_at_once_give_what_each_gives_alone(sampler, predicts):
    """One after another or together, in parts or not, averaged or not."""
    settings = replace(QUICK_REVCD, sampler=sampler, predicts=predicts, n_samples=2)
    model = fit(toy(), settings, 0)
    together = model.estimates(toy().features, (0.0, 1.0, 2.0, -1.0))
    for scale, estimates in together.items():
        alone = model.estimate(toy().features, guidance=scale)
        torch.testing.assert_close(estimates, alone, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(together[2.0], together[1.0], atol=1e-3)


def test_features_of_double_precision_are_accepted(run):
    x = toy().features
    torch.testing.assert_close(run.estimate(x.double()), run.estimate(x), rtol=1e-3, atol=1e-3)


def test_an_estimate_of_one_image_or_none(run):
    """Batch normalisation and dropout rest by then."""
    for n in (1, 0):
        assert run.estimate(toy().features[:n]).shape == (n, 8)
    assert not run.networks.training


@pytest.mark.parametrize("scale", [1e38, 1e30, -1e30, float("nan")])
def test_a_guidance_scale_beyond_numbers_is_named_and_the_history_kept(run, scale):
    with pytest.raises(DivergedError, match=r"guidance scale .* not finite") as caught:
        run.estimate(toy().features, guidance=scale)
    assert f"scale {scale:g} are" in str(caught.value)
    assert caught.value.history == run.history


def spoil(run: RevCD, epochs: int) -> None:
    if len(run.history) == epochs:
        torch.nn.utils.vector_to_parameters(weights(run) * torch.nan, run.networks.parameters())


@each_kind
def test_divergence_in_the_very_last_step_is_not_put_down_to_guidance(settings):
    """No loss shows it; at scale 1 there is no guidance, and two of the kinds have none at all."""
    run = fit(toy(), settings, on_epoch=lambda run: spoil(run, 3))
    with pytest.raises(DivergedError, match=r"^(?!.*guidance).*not finite"):
        run.estimate(toy().features, guidance=1.0)
