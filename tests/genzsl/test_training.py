"""`zslnb.genzsl.training`: it learns, repeats bit for bit, and says why when it cannot."""

import pickle
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from toys import QUICK, toy

from zslnb.genzsl import (
    DivergedError,
    GenZSL,
    class_diversity_promotion,
    fit,
    kl_divergence,
    prepare,
    reconstruction_loss,
    semantics_to_features,
)
from zslnb.seeds import seeded

NOISE = replace(QUICK, referent="noise")


def weights(run: GenZSL) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in run.model.parameters()])


@pytest.mark.parametrize("settings", [QUICK, NOISE, replace(QUICK, boosting_mode="classes")])
@pytest.mark.parametrize("semantic_dim", [8, 5])
def test_losses_fall(settings, semantic_dim):
    run = fit(toy(semantic_dim=semantic_dim), replace(settings, rounds=15, lr=5e-3))
    first, last = run.history[0], run.history[-1]
    assert [line["round"] for line in run.history] == list(range(1, 16))
    assert last["reconstruction"] < 0.7 * first["reconstruction"]
    assert last["boosting"] < first["boosting"]


def test_training_is_adam_on_the_weighted_terms():
    """The released loop, written out: one round of two passes over 42 rows, 16 a batch."""
    settings = replace(
        QUICK, rounds=1, boosting_mode="classes", reconstruction_weight=0.7, kl_weight=3.0
    )
    run, reported = prepare(toy(), settings, seed=4), {}
    adam = torch.optim.Adam(run.model.parameters(), lr=1e-3, betas=(0.5, 0.999))
    with seeded(4, "genzsl/round0"):
        for batch in (part for _ in range(2) for part in torch.randperm(42).split(16)):
            labels, x = run.labels[batch], run.features[batch]
            x_hat, mean, log_var = run.model(run.referent_samples(labels), run.semantics[labels])
            terms = {
                "reconstruction": reconstruction_loss(x_hat, x),
                "kl": kl_divergence(mean, log_var),
                "boosting": F.cross_entropy(x_hat @ run.semantics[:6].T / 0.07, labels),
            }
            adam.zero_grad()
            (0.7 * terms["reconstruction"] + 3 * terms["kl"] + 0.1 * terms["boosting"]).backward()
            adam.step()
            for name, term in terms.items():
                reported.setdefault(name, []).append(float(term.detach()) * len(batch) / 42)
    fitted = fit(toy(), settings, seed=4)
    torch.testing.assert_close(weights(fitted), weights(run))
    last_pass = {name: sum(values[3:]) for name, values in reported.items()}
    assert fitted.history == [pytest.approx({"round": 1, **last_pass}, rel=1e-4)]


def test_every_pass_takes_each_row_once_in_another_order(monkeypatch):
    batches, losses = [], GenZSL.losses
    monkeypatch.setattr(GenZSL, "losses", lambda s, b: batches.append(b) or losses(s, b))
    fit(toy(), QUICK)
    assert [len(batch) for batch in batches] == [16, 16, 10] * QUICK.passes * QUICK.rounds
    orders = [tuple(torch.cat(batches[i : i + 3]).tolist()) for i in range(0, len(batches), 3)]
    assert all(sorted(order) == list(range(42)) for order in orders)
    assert len(set(orders)) == len(orders)


def test_without_boosting_there_is_no_such_term():
    run = fit(toy(), replace(QUICK, boosting_weight=0.0))
    assert set(run.history[0]) == {"round", "reconstruction", "kl"}


@pytest.mark.parametrize("settings", [QUICK, NOISE], ids=["induced", "noise"])
def test_a_seed_is_a_run_bit_for_bit(settings):
    one, same, other = (fit(toy(), settings, seed) for seed in (0, 0, 1))
    assert torch.equal(weights(one), weights(same))
    assert one.history == same.history
    assert not torch.equal(weights(one), weights(other))
    synthetic = [run.synthesise(torch.tensor([6, 7]), 4)[0] for run in (one, same, other)]
    assert torch.equal(synthetic[0], synthetic[1])
    assert not torch.equal(synthetic[0], synthetic[2])


def test_looking_on_does_not_shift_training():
    looks = []

    def look(run: GenZSL) -> None:
        looks.append(len(run.history))
        torch.rand(7)
        run.synthesise(torch.tensor([6]), 3)  # leaves the model in evaluation mode

    assert torch.equal(weights(fit(toy(), QUICK, on_round=look)), weights(fit(toy(), QUICK)))
    assert looks == [1, 2, 3]


def test_training_touches_trainval_alone():
    whole = toy()
    features, labels = whole.features.clone(), whole.labels.clone()
    features[torch.cat([whole.test_seen_idx, whole.test_unseen_idx])] = 7.0
    labels[whole.test_unseen_idx] = labels[whole.test_unseen_idx].flip(0)
    corrupted = replace(whole, features=features, labels=labels)
    assert torch.equal(weights(fit(whole, QUICK)), weights(fit(corrupted, QUICK)))


def test_rows_of_any_scale_train_alike():
    scaled = replace(toy(), features=80 * toy().features, semantics=3 * toy().semantics)
    torch.testing.assert_close(weights(fit(scaled, QUICK)), weights(fit(toy(), QUICK)))


def test_prepared_parts_are_those_of_the_mechanisms():
    b = toy()
    run = prepare(b, QUICK)
    refined = class_diversity_promotion(F.normalize(b.semantics, dim=1))
    torch.testing.assert_close(run.semantics, refined)
    torch.testing.assert_close(run.anchors, refined)
    assert run.weights.tolist() == pytest.approx([0.8, 0.2])
    assert torch.isin(run.referents, b.seen).all()
    assert not (run.referents[b.seen] == b.seen[:, None]).any()


def test_semantics_of_another_width_are_mapped_to_features():
    run = prepare(toy(semantic_dim=5), QUICK)
    expected = semantics_to_features(run.semantics, run.features, run.labels)
    torch.testing.assert_close(run.anchors, expected)


def test_referents_are_chosen_on_what_the_settings_say():
    b = toy()
    common = replace(b, semantics=b.semantics + 0.6 * torch.ones(8))
    refined, raw = (prepare(common, replace(QUICK, select_on=on)) for on in ("refined", "raw"))
    plain = prepare(common, replace(QUICK, n_removed=0))
    assert not torch.equal(refined.referents, raw.referents)
    assert torch.equal(raw.referents, plain.referents)


def test_synthetic_features_are_unit_and_labelled():
    run = prepare(toy(), QUICK)
    features, labels = run.synthesise(torch.tensor([7, 6]), 3)
    assert labels.tolist() == [7, 7, 7, 6, 6, 6]
    torch.testing.assert_close(features.norm(dim=1), torch.ones(6))


def test_streams_of_synthesis_differ():
    run = prepare(toy(), QUICK)
    one, same, other = (run.synthesise(torch.tensor([6]), 3, s)[0] for s in ("a", "a", "b"))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_noise_takes_the_referents_place():
    run = prepare(toy(), NOISE)
    drawn = run.referent_samples(torch.zeros(4000, dtype=torch.int64))
    assert drawn.std() == pytest.approx(1, abs=0.02)
    assert drawn.mean() == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("n", [0, -3])
def test_no_synthetic_samples_is_no_request(n):
    with pytest.raises(ValueError, match=f"must be at least 1, not {n}"):
        prepare(toy(), QUICK).synthesise(torch.tensor([6]), n)


def test_a_class_outside_the_split_has_no_synthetic_samples():
    b = toy()
    partly = replace(b, test_unseen_idx=b.test_unseen_idx[:10])  # class 7 is in neither set now
    with pytest.raises(ValueError, match="Class 7 is neither seen nor unseen"):
        prepare(partly, QUICK).synthesise(torch.tensor([6, 7]), 1)


@pytest.mark.parametrize("settings", [QUICK, NOISE], ids=["induced", "noise"])
def test_a_class_cannot_have_more_referents_than_others_are_seen(settings):
    assert fit(toy(seen=4), replace(settings, n_referents=3))
    with pytest.raises(ValueError, match=r"k must lie in 1\.\.3 available referent classes, not 4"):
        fit(toy(seen=4), replace(settings, n_referents=4))


def test_one_seen_class_is_too_few():
    with pytest.raises(ValueError, match="toy has 1 seen classes; GenZSL needs at least two"):
        fit(toy(seen=1), replace(QUICK, n_referents=1))


@pytest.mark.parametrize("lr", [10.0, 1e10, 1e38])
def test_a_wild_learning_rate_diverges(lr):
    with pytest.raises(DivergedError, match=r"diverged in round 1: .*'kl': (inf|nan)"):
        fit(toy(), replace(QUICK, lr=lr))


def test_divergence_names_the_round_and_keeps_the_history():
    def poison(run: GenZSL) -> None:
        if len(run.history) == 2:
            torch.nn.init.constant_(run.model.log_var.bias, 100)  # exp(100) is beyond float32

    with pytest.raises(DivergedError, match=r"diverged in round 3: .*'kl': nan") as caught:
        fit(toy(), QUICK, on_round=poison)
    assert caught.value.history == fit(toy(), QUICK).history[:2]
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_divergence_in_the_very_last_step_shows_in_the_samples():
    run = fit(toy(), replace(QUICK, lr=1e10, rounds=1, passes=1, batch_size=1000))
    with pytest.raises(DivergedError, match="after round 1: samples are not finite"):
        run.synthesise(torch.tensor([6]), 2)
