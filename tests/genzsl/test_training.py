"""`zslnb.genzsl.training`: it learns, repeats bit for bit, and says why when it cannot."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Normal
from torch.distributions import kl_divergence as kl_of
from toys import QUICK, toy

from zslnb.genzsl import (
    GenZSL,
    ReferentPool,
    class_diversity_promotion,
    fit,
    prepare,
    reconstruction_loss,
    semantics_to_features,
    training,
)
from zslnb.seeds import seeded

NOISE = replace(QUICK, referent="noise")


def weights(run: GenZSL) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in run.model.parameters()])


def prior_by_hand(run: GenZSL, semantics: torch.Tensor) -> Normal:
    if run.settings.prior == "standard":
        return Normal(0.0, 1.0)
    both = semantics @ run.model.prior.weight.T + run.model.prior.bias
    return Normal(both[:, :4], (both[:, 4:] / 2).exp())


VARIANTS = {
    "shuffled": {},
    "fixed order": {"shuffle": False},
    "conditional prior": {"prior": "conditional"},
    "both": {"prior": "conditional", "shuffle": False},
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_training_is_adam_on_the_weighted_terms(changes):
    """The released loop, written out: one round of two passes over 42 rows, 16 a batch."""
    settings = replace(
        QUICK, rounds=1, boosting_mode="classes", reconstruction_weight=0.7, kl_weight=3
    )
    settings = replace(settings, **changes)
    run, reported = prepare(toy(), settings, seed=4), {}
    adam = torch.optim.Adam(run.model.parameters(), lr=1e-3, betas=(0.5, 0.999))
    with seeded(4, "genzsl/round0"):
        for order in (torch.randperm(42) if settings.shuffle else torch.arange(42) for _ in "12"):
            referents = run.referent_samples(run.labels[order])
            for batch, drawn in zip(order.split(16), referents.split(16), strict=True):
                labels, x = run.labels[batch], run.features[batch]
                semantics = run.semantics[labels]
                x_hat, mean, log_var = run.model(drawn, semantics)
                kl = kl_of(Normal(mean, (log_var / 2).exp()), prior_by_hand(run, semantics))
                terms = {
                    "reconstruction": reconstruction_loss(x_hat, x),
                    "kl": kl.sum(1).mean(),
                    "boosting": F.cross_entropy(x_hat @ run.semantics[:6].T / 0.07, labels),
                }
                adam.zero_grad()
                total = 0.7 * terms["reconstruction"] + 3 * terms["kl"] + 0.1 * terms["boosting"]
                total.backward()
                adam.step()
                for name, term in terms.items():
                    reported.setdefault(name, []).append(float(term.detach()))
    fitted = fit(toy(), settings, seed=4)
    torch.testing.assert_close(weights(fitted), weights(run))
    last_pass = {name: sum(values[3:]) / 3 for name, values in reported.items()}
    counts = {"round": 1, "steps": 6, "samples": 84}
    assert fitted.history == [pytest.approx({**counts, **last_pass}, rel=1e-4, abs=1e-7)]


@pytest.mark.parametrize("shuffle", [True, False])
def test_every_pass_takes_each_row_once_in_another_order_or_as_stored(monkeypatch, shuffle):
    batches, step = [], GenZSL.leave_gradients
    monkeypatch.setattr(
        GenZSL, "leave_gradients", lambda run, b, r: batches.append(b) or step(run, b, r)
    )
    fit(toy(), replace(QUICK, shuffle=shuffle))
    passes = QUICK.passes * QUICK.rounds
    assert [len(batch) for batch in batches] == [16, 16, 10] * passes
    orders = [torch.cat(batches[i : i + 3]).tolist() for i in range(0, len(batches), 3)]
    assert all(sorted(order) == list(range(42)) for order in orders)
    assert len({*map(tuple, orders)}) == (passes if shuffle else 1)
    assert shuffle or orders[0] == list(range(42))


TRAINS_OTHERWISE = {
    "noise": {"referent": "noise"},
    "shuffle": {"shuffle": False},
    "mixing": {"mixing": "drawn"},
    "referent": {"referent": "random"},
    "renormalise": {"renormalise": True},
    "prior": {"prior": "conditional"},
    "decoded": {"decoded": "referent + latent", "latent_dim": 8},
    "boosting_mode": {"boosting_mode": "classes"},
    "select_on": {"select_on": "raw"},
}


@pytest.mark.parametrize("changes", TRAINS_OTHERWISE.values(), ids=TRAINS_OTHERWISE)
def test_every_way_to_train_is_a_way_of_its_own_and_learns(changes):
    b = replace(toy(), semantics=toy().semantics + 0.6 * torch.ones(8))
    longer = replace(QUICK, rounds=12, lr=5e-3, latent_dim=changes.get("latent_dim", 4))
    plain, history = fit(b, replace(longer, rounds=1)), fit(b, replace(longer, **changes)).history
    assert plain.history[0] != history[0]
    assert history[-1]["reconstruction"] < 0.75 * history[0]["reconstruction"]


def test_without_boosting_there_is_no_such_term():
    run = fit(toy(), replace(QUICK, boosting_weight=0.0))
    assert set(run.history[0]) == {"round", "steps", "samples", "reconstruction", "kl"}


def test_prepared_parts_are_those_of_the_mechanisms():
    b = toy()
    run = prepare(b, QUICK)
    refined = class_diversity_promotion(F.normalize(b.semantics, dim=1))
    torch.testing.assert_close(run.semantics, refined)
    torch.testing.assert_close(run.anchors, refined)
    other = prepare(toy(semantic_dim=5), QUICK)
    mapped = semantics_to_features(other.semantics, other.features, other.labels)
    torch.testing.assert_close(other.anchors, mapped)
    assert run.weights.tolist() == pytest.approx([0.8, 0.2])
    assert torch.isin(run.referents, b.seen).all()
    assert not (run.referents[b.seen] == b.seen[:, None]).any()


def test_referents_are_chosen_on_what_the_settings_say():
    b = toy()
    common = replace(b, semantics=b.semantics + 0.6 * torch.ones(8))
    refined, raw = (prepare(common, replace(QUICK, select_on=on)) for on in ("refined", "raw"))
    plain = prepare(common, replace(QUICK, n_removed=0))
    assert not torch.equal(refined.referents, raw.referents)
    assert torch.equal(raw.referents, plain.referents)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_random_referents_are_other_seen_classes_by_seed(k):
    """They follow no semantics, and every class gets its turn."""
    b, settings = toy(), replace(QUICK, referent="random", n_referents=k)
    drawn = [prepare(b, settings, seed).referents for seed in range(40)]
    for referents in drawn[:2]:
        assert torch.isin(referents, b.seen).all()
        assert not (referents[b.seen] == b.seen[:, None]).any()
        assert all(len(row.unique()) == k for row in referents)
    first_of_class_6 = torch.stack(drawn)[:, 6, 0].bincount(minlength=6)
    assert (first_of_class_6 > 0).all()
    moved = replace(b, semantics=b.semantics.flip(0))
    assert torch.equal(prepare(moved, settings, 0).referents, drawn[0])


@pytest.mark.parametrize("changes", [{}, {"renormalise": True}, {"synthesis": "tiled"}])
def test_noise_takes_the_referents_place(changes):
    """Whatever is done to features of referents."""
    run, samples = echoed(replace(NOISE, **changes), 4000)
    for noise in (samples, run.referent_samples(torch.zeros(4000, dtype=torch.int64))):
        assert noise.std() == pytest.approx(1, abs=0.02)
        assert noise.mean() == pytest.approx(0, abs=0.02)


def shown_shares(settings, n: int = 3000) -> torch.Tensor:
    """Mixtures for class 6 where each sample of class c is the c-th unit vector, so its shares."""
    run = prepare(toy(), settings)
    run.pool = ReferentPool.of(F.one_hot(run.labels, 8).float(), run.labels, 8)
    with seeded(0, "tests/shares"):
        mixed = run.referent_samples(torch.full((n,), 6))
    assert torch.equal(mixed.any(0).nonzero()[:, 0], run.referents[6].sort().values)
    return mixed[:, run.referents[6]]


def test_shares_are_fixed_unless_drawn():
    fixed, drawn = (shown_shares(replace(QUICK, mixing=mixing)) for mixing in ("fixed", "drawn"))
    torch.testing.assert_close(fixed, torch.tensor([[0.8, 0.2]]).expand(3000, 2))
    torch.testing.assert_close(drawn.sum(1), torch.ones(3000))
    assert drawn[:, 0].mean() == pytest.approx(0.8, abs=4 * (0.16 / 6 / 3000) ** 0.5)
    assert len(drawn[:, 0].unique()) > 2900


@pytest.mark.parametrize("mixing", ["fixed", "drawn"])
def test_renormalised_mixtures_have_unit_norm_and_the_same_direction(mixing):
    plain, unit = (
        shown_shares(replace(QUICK, mixing=mixing, renormalise=on)) for on in (False, True)
    )
    assert (plain.norm(dim=1) < 1 - 1e-4).any()
    torch.testing.assert_close(unit, F.normalize(plain, dim=1))


def test_renormalised_semantics_have_unit_norm_and_choose_as_before():
    b = replace(toy(), semantics=toy().semantics + 0.6 * torch.ones(8))
    plain, unit = (prepare(b, replace(QUICK, renormalise=on)) for on in (False, True))
    assert (plain.semantics.norm(dim=1) < 0.99).any()
    torch.testing.assert_close(unit.semantics, F.normalize(plain.semantics, dim=1))
    torch.testing.assert_close(unit.anchors, unit.semantics)
    assert torch.equal(unit.referents, plain.referents)


def test_referent_plus_latent_needs_a_latent_of_the_features_width():
    settings = replace(QUICK, decoded="referent + latent")
    with pytest.raises(ValueError, match=r"8-d and the latent is 4-d\. Set latent_dim=8"):
        fit(toy(), settings)
    assert prepare(toy(), replace(settings, latent_dim=8)).model.add_referent


class Echo(torch.nn.Module):
    """Gives the referents back as the reconstruction, so that synthesis shows them."""

    def forward(self, referents: torch.Tensor, semantics: torch.Tensor) -> tuple:
        return referents, semantics, semantics


def echoed(settings, n: int) -> tuple[GenZSL, torch.Tensor]:
    """A run whose model is an echo, and the n referents that class 7 is synthesised from."""
    run = prepare(toy(), settings)
    run.model = Echo()
    return run, run.synthesise(torch.tensor([7]), n)[0]


@pytest.mark.parametrize("n", [3, 7, 17])
def test_tiled_synthesis_takes_each_training_sample_in_turn(n):
    """Of seven samples a class: none, once, twice, then a random rest."""
    run, samples = echoed(replace(QUICK, n_referents=1, synthesis="tiled"), n)
    of_class = run.features[run.labels == run.referents[7, 0]]
    whole = n // 7 * 7
    assert torch.equal(samples[:whole], of_class.repeat(n // 7, 1))
    assert all((row == of_class).all(1).any() for row in samples[whole:])


def test_tiled_synthesis_pairs_the_referents_by_position_and_mixes_as_training_does():
    run, samples = echoed(replace(QUICK, synthesis="tiled"), 14)
    first, second = (run.features[run.labels == c].repeat(2, 1) for c in run.referents[7])
    torch.testing.assert_close(samples, 0.8 * first + 0.2 * second)
    _, unit = echoed(replace(QUICK, synthesis="tiled", renormalise=True), 14)
    torch.testing.assert_close(unit, F.normalize(samples, dim=1))
    _, drawn = echoed(replace(QUICK, synthesis="tiled", mixing="drawn"), 14)
    assert not torch.allclose(drawn, samples)


def test_tiling_changes_no_training():
    drawn, tiled = (fit(toy(), replace(QUICK, synthesis=how)) for how in ("drawn", "tiled"))
    assert torch.equal(weights(drawn), weights(tiled))
    samples = [run.synthesise(torch.tensor([6, 7]), 10)[0] for run in (drawn, tiled)]
    assert not torch.equal(*samples)


def test_classes_made_in_parts_are_labelled_right(monkeypatch):
    """As many classes at once as fit ROWS_AT_ONCE rows, and never fewer than one."""
    monkeypatch.setattr(training, "ROWS_AT_ONCE", 7)
    run = prepare(toy(), replace(QUICK, n_referents=1))
    run.model = Echo()
    for n in (3, 10):  # two classes at once, one at once
        samples, labels = run.synthesise(torch.tensor([7, 0, 6, 3, 1]), n)
        assert torch.equal(labels, torch.tensor([7, 0, 6, 3, 1]).repeat_interleave(n))
        for row, label in zip(samples, labels, strict=True):
            of_class = run.features[run.labels == run.referents[label, 0]]
            assert (row == of_class).all(1).any()


def test_a_class_outside_the_split_has_no_synthetic_samples():
    b = toy()
    partly = replace(b, test_unseen_idx=b.test_unseen_idx[:10])  # class 7 is in neither set now
    with pytest.raises(ValueError, match="Class 7 is neither seen nor unseen"):
        prepare(partly, QUICK).synthesise(torch.tensor([6, 7]), 1)


RANDOM = replace(QUICK, referent="random")


@pytest.mark.parametrize("settings", [QUICK, NOISE, RANDOM], ids=["induced", "noise", "random"])
def test_a_class_cannot_have_more_referents_than_others_are_seen(settings):
    assert fit(toy(seen=4), replace(settings, n_referents=3))
    with pytest.raises(ValueError, match=r"k must lie in 1\.\.3 available referent classes, not 4"):
        fit(toy(seen=4), replace(settings, n_referents=4))
