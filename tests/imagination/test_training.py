"""`zslnb.imagination.training`: the released loop by hand, and what comes out of the generator."""

import copy
import pickle
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from toys import QUICK_IMAGINATION, corrupted, toy

from zslnb.errors import DivergedError
from zslnb.imagination import KINDS, Imagination, Networks, cvae_losses, fit, prepare, training
from zslnb.protocol import ClassifierSettings, train_classifier
from zslnb.seeds import seeded

OF = {kind: replace(QUICK_IMAGINATION, kind=kind) for kind in KINDS}
UNSEEN = torch.tensor([6, 7])
each_kind = pytest.mark.parametrize("settings", OF.values(), ids=OF)


def parts(networks: Networks) -> dict[str, torch.nn.Module]:
    return {name: getattr(networks, name) for name in networks.optimisers}


def weights(run: Imagination) -> torch.Tensor:
    networks = parts(run.networks).values()
    return torch.cat([p.detach().flatten() for net in networks for p in net.parameters()])


class ByHand:
    """The released loop without a line of the package's steps: nets, optimisers, one round."""

    def __init__(self, run: Imagination) -> None:
        self.s, self.n, self.run = run.settings, copy.deepcopy(parts(run.networks)), run
        betas = {"encoder": (0.9, 0.999)}
        self.adams = {
            name: torch.optim.Adam(net.parameters(), self.s.lr, betas.get(name, (0.5, 0.999)))
            for name, net in self.n.items()
        }
        self.judge, self.lam = run.networks.judge, self.s.penalty_weight
        self.reported: dict[str, list[float]] = {}

    def encoded(self, x, a) -> tuple:
        mean, log_var = self.n["encoder"](x, a)
        z = mean + log_var.exp().sqrt() * torch.randn(len(x), self.s.latent_dim)
        return self.n["generator"](z, a), mean, log_var

    def imagined(self, a) -> torch.Tensor:
        return self.n["generator"](torch.randn(len(a), self.s.latent_dim), a)

    def batch(self) -> tuple:
        rows = torch.randperm(42)[:16]
        x = self.run.features
        low, high = x.min(0).values, x.max(0).values
        return ((x - low) / (high - low))[rows], self.run.semantics[self.run.labels[rows]], rows

    def critic_step(self, x, a) -> dict[str, torch.Tensor]:
        use_encoder = "encoder" in self.n and self.s.encoded_noise
        fake = (self.encoded(x, a)[0] if use_encoder else self.imagined(a)).detach()
        share = torch.rand(len(x), 1)
        between = (share * x + (1 - share) * fake).requires_grad_()
        scores = self.n["critic"](between, a).sum()
        (gradient,) = torch.autograd.grad(scores, between, create_graph=True)
        terms = {
            "critic": self.n["critic"](fake, a).mean() - self.n["critic"](x, a).mean(),
            "penalty": ((gradient.norm(dim=1) - 1) ** 2).mean(),
        }
        self.step(self.s.adversarial_weight * (terms["critic"] + self.lam * terms["penalty"]),
                  "critic")  # fmt: skip
        return terms

    def generator_step(self, x, a, rows) -> dict[str, torch.Tensor]:
        terms, fake = {}, None
        if "encoder" in self.n:
            fake, mean, log_var = self.encoded(x, a)
            terms = cvae_losses(fake, x, mean, log_var)
        loss = sum(terms.values())
        if "critic" in self.n:
            if fake is None or not self.s.encoded_noise:
                fake = self.imagined(a)
            terms["adversarial"] = -self.n["critic"](fake, a).mean()
            loss = loss + self.s.adversarial_weight * terms["adversarial"]
        if self.judge:
            entropy = F.cross_entropy(self.judge(fake), self.run.labels[rows])
            terms["classification"] = entropy
            gamma, beta = self.s.adversarial_weight, self.s.classification_weight
            loss = loss + gamma * beta * entropy
        self.step(loss, "encoder", "generator")
        return terms

    def step(self, loss: torch.Tensor, *names: str) -> None:
        for adam in self.adams.values():
            adam.zero_grad()
        loss.backward()
        for name in set(names) & set(self.adams):
            self.adams[name].step()

    def round(self, steps: int) -> None:
        for _ in range(steps):
            penalties, terms = [], {}
            in_step = self.s.critic_steps if "critic" in self.n else 1
            drawn = [self.batch() for _ in range(in_step)]
            for x, a, _ in drawn if "critic" in self.n else ():
                terms = self.critic_step(x, a)
                penalties.append(float(terms["penalty"].detach()))
            x, a, rows = drawn[-1]
            terms = {**terms, **self.generator_step(x, a, rows)}
            mean = sum(penalties) / max(1, len(penalties))
            if penalties and self.s.adaptive_penalty:
                self.lam *= 1.1 if mean > 1.05 else 1 / 1.1 if mean < 1.001 else 1
            for name, term in terms.items():
                self.reported.setdefault(name, []).append(float(term.detach()))


VARIANTS = {
    **OF,
    "noise to the critic": replace(OF["fvaegan"], encoded_noise=False),
    "fixed penalty": replace(OF["fvaegan"], adaptive_penalty=False, adversarial_weight=2.0),
    "gan without judge": replace(OF["gan"], classification_weight=0.0),
    "gan with a strong judge": replace(OF["gan"], classification_weight=3.0),
}


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
def test_training_is_the_released_loop(settings):
    settings = replace(settings, rounds=1, passes=2, lr=1e-3)
    hand = ByHand(prepare(toy(), settings, seed=4))
    with seeded(4, "imagination/round0"):
        hand.round(6)  # two passes of three batches
    fitted = fit(toy(), settings, seed=4)
    for name, net in parts(fitted.networks).items():
        made, expected = ([*n.parameters()] for n in (net, hand.n[name]))
        torch.testing.assert_close(made, expected, atol=2e-5, rtol=1e-4, msg=name)
    batches = 6 * (2 if settings.kind != "cvae" else 1)
    expected = {name: sum(values) / 6 for name, values in hand.reported.items()}
    expected |= {"round": 1, "steps": 6, "samples": 16 * batches, "penalty weight": hand.lam}
    assert fitted.history == [pytest.approx(expected, rel=1e-3, abs=1e-6)]


def test_steps_and_samples_are_counted_from_the_first():
    """Three generator steps a round, two critic batches each, 16 rows a batch."""
    counted = {
        kind: [(h["round"], h["steps"], h["samples"]) for h in fit(toy(), settings).history]
        for kind, settings in OF.items()
    }
    assert counted["fvaegan"] == counted["gan"] == [(1, 3, 96), (2, 6, 192), (3, 9, 288)]
    assert counted["cvae"] == [(1, 3, 48), (2, 6, 96), (3, 9, 144)]


def test_a_batch_larger_than_the_data_is_the_data():
    run = fit(toy(), replace(OF["cvae"], batch_size=1000, rounds=1, passes=2))
    assert (run.history[0]["steps"], run.history[0]["samples"]) == (2, 84)


def test_the_vae_learns_to_reconstruct():
    for kind in ("cvae", "fvaegan"):
        history = fit(toy(noise=0.02), replace(OF[kind], rounds=15, lr=2e-2)).history
        assert history[-1]["reconstruction"] < history[0]["reconstruction"] - 0.3


def test_the_gan_learns_where_features_of_a_class_lie():
    """Cosine of generated and real means of seen classes, against those of other classes."""
    b = toy(noise=0.02)
    settings = replace(OF["gan"], rounds=30, lr=2e-2)
    before, after = (
        own_minus_other(make(b, settings)) for make in (prepare, fit)
    )  # fmt: skip
    assert after > before + 0.3


def own_minus_other(run: Imagination) -> float:
    made, labels = run.synthesise(run.seen, 50)
    means = [torch.stack([x[y == c].mean(0) for c in run.seen]) for x, y in (
        (made, labels), (run.features, run.labels))]  # fmt: skip
    cosines = F.normalize(means[0], dim=1) @ F.normalize(means[1], dim=1).T
    own = cosines.diagonal().mean()
    return float(own - (cosines.sum() - cosines.trace()) / (cosines.numel() - len(cosines)))


@each_kind
def test_a_seed_is_a_run_bit_for_bit(settings):
    one, same, other = (fit(toy(), settings, seed) for seed in (0, 0, 1))
    assert torch.equal(weights(one), weights(same))
    assert one.history == same.history
    assert not torch.equal(weights(one), weights(other))
    synthetic = [run.synthesise(UNSEEN, 4)[0] for run in (one, same, other)]
    assert torch.equal(synthetic[0], synthetic[1])
    assert not torch.equal(synthetic[0], synthetic[2])


@each_kind
def test_looking_on_does_not_shift_training(settings):
    looks = []

    def look(run: Imagination) -> None:
        looks.append(len(run.history))
        torch.rand(7)
        run.synthesise(UNSEEN, 3)

    watched, alone = fit(toy(), settings, on_round=look), fit(toy(), settings)
    assert torch.equal(weights(watched), weights(alone))
    assert looks == [1, 2, 3]


@each_kind
@pytest.mark.parametrize("semantic_dim", [8, 5])
def test_training_touches_trainval_alone(settings, semantic_dim):
    """Garbage in the test rows would show in the scaling to 0..1, too."""
    b = toy(semantic_dim=semantic_dim)
    one, other = (fit(which, settings) for which in (b, corrupted(b)))
    assert torch.equal(weights(one), weights(other))
    assert torch.equal(one.synthesise(UNSEEN, 3)[0], other.synthesise(UNSEEN, 3)[0])


@each_kind
def test_rows_of_any_scale_train_alike(settings):
    scaled = replace(toy(), features=80 * toy().features, semantics=3 * toy().semantics)
    both = [weights(fit(b, replace(settings, rounds=1, lr=1e-3))) for b in (scaled, toy())]
    torch.testing.assert_close(*both, atol=1e-4, rtol=1e-3)


def test_networks_see_features_between_0_and_1():
    run = prepare(toy(), OF["cvae"])
    scaled = run.scaled(torch.arange(42))
    assert torch.equal(scaled.min(0).values, torch.zeros(8))
    assert torch.equal(scaled.max(0).values, torch.ones(8))
    unit = F.normalize(toy().features[toy().train_idx], dim=1)
    torch.testing.assert_close(run.features, unit)
    torch.testing.assert_close(scaled * (unit.max(0).values - unit.min(0).values)
                               + unit.min(0).values, unit)  # fmt: skip


def test_what_is_generated_is_scaled_back_as_features_were_scaled(monkeypatch):
    """A generator that gives training rows back makes those very features, of unit norm."""
    run = prepare(toy(), OF["cvae"])
    rows = torch.arange(12)
    monkeypatch.setattr(run.networks.generator, "from_noise", lambda a: run.scaled(rows))
    made, labels = run.synthesise(UNSEEN, 6)
    torch.testing.assert_close(made, run.features[:12])
    assert labels.tolist() == [6] * 6 + [7] * 6


def test_generated_features_of_any_size_get_unit_norm(monkeypatch):
    run = prepare(toy(), OF["cvae"])
    monkeypatch.setattr(run.networks.generator, "from_noise", lambda a: 0.5 + 0 * a)
    middle = F.normalize((run.low + run.low + run.span) / 2, dim=0)
    torch.testing.assert_close(run.synthesise(UNSEEN[:1], 2)[0], middle.expand(2, 8))


@each_kind
def test_synthetic_features_are_unit_and_labelled(settings):
    features, labels = fit(toy(), settings).synthesise(torch.tensor([7, 2, 6]), 3)
    assert labels.tolist() == [7, 7, 7, 2, 2, 2, 6, 6, 6]
    torch.testing.assert_close(features.norm(dim=1), torch.ones(9))
    assert len(features.unique(dim=0)) == 9  # noise of its own for each


def test_each_class_is_generated_from_its_semantics(monkeypatch):
    """In parts of ROWS_AT_ONCE rows, which must come together in order."""
    monkeypatch.setattr(training, "ROWS_AT_ONCE", 4)
    run = prepare(toy(), OF["cvae"])
    monkeypatch.setattr(run.networks.generator, "from_noise", lambda a: a)
    features, labels = run.synthesise(torch.tensor([7, 1, 6]), 3)
    expected = F.normalize(run.semantics[labels] * run.span + run.low, dim=1)
    torch.testing.assert_close(features, expected)
    torch.testing.assert_close(run.semantics, F.normalize(toy().semantics, dim=1))


def test_streams_of_synthesis_differ():
    run = prepare(toy(), OF["fvaegan"])
    one, same, other = (run.synthesise(UNSEEN, 3, stream)[0] for stream in ("a", "a", "b"))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@each_kind
def test_a_dimension_that_is_constant_trains_and_stays_constant(settings):
    """ReLU features have dead dimensions; a value there would tell synthetic from real."""
    features = toy().features.clone()
    features[:, 3] = 0.0
    run = fit(replace(toy(), features=features), settings)
    assert torch.equal(run.scaled(torch.arange(42))[:, 3], torch.zeros(42))
    made, _ = run.synthesise(UNSEEN, 20)
    torch.testing.assert_close(made.norm(dim=1), torch.ones(40))
    assert not made[:, 3].any()


@pytest.mark.parametrize("n", [0, -3])
def test_no_synthetic_samples_is_no_request(n):
    with pytest.raises(ValueError, match=f"must be at least 1, not {n}"):
        prepare(toy(), OF["cvae"]).synthesise(UNSEEN, n)


@each_kind
def test_one_seen_class_is_too_few(settings):
    with pytest.raises(ValueError, match=r"toy has 1 seen classes; .* at least two"):
        fit(toy(seen=1), settings)


@pytest.mark.parametrize("classifier", [ClassifierSettings(), ClassifierSettings(hidden=(7,))])
def test_the_gans_judge_knows_the_seen_classes_and_stays_as_it_is(classifier):
    """f-CLSWGAN's classifier of real features: trained before, then fixed and without dropout."""
    settings = replace(OF["gan"], classifier=classifier)
    run = prepare(toy(), settings, seed=2)
    scaled = run.scaled(torch.arange(42))
    alone = train_classifier(scaled, run.labels, classifier, 2)
    expected = alone.scores(scaled)
    after = fit(toy(), settings, seed=2).networks.judge
    for judge in (run.networks.judge, after):
        assert not judge.training
        assert not any(p.requires_grad for p in judge.parameters())
        assert torch.equal(judge(scaled), expected)
        assert expected.shape == (42, 6)


@pytest.mark.parametrize(("kind", "weight"), [("gan", 0.0), ("fvaegan", 0.01), ("cvae", 0.01)])
def test_no_other_has_a_judge(kind, weight):
    run = prepare(toy(), replace(OF[kind], classification_weight=weight))
    assert run.networks.judge is None


def test_seen_classes_may_have_any_ids(monkeypatch):
    """The judge counts seen classes from 0, whatever their ids, and judges the batch's own."""
    b, judged, step = toy(), [], Networks.generator_step
    order = torch.tensor([7, 1, 6, 3, 5, 2, 0, 4])  # new id of each class
    moved = replace(
        b,
        labels=order[b.labels],
        semantics=b.semantics[order.argsort()],
        val_classes=order[b.val_classes],
    )

    def noted(self: Networks, x: torch.Tensor, a: torch.Tensor, labels: torch.Tensor) -> dict:
        judged.append((a, labels))
        return step(self, x, a, labels)

    monkeypatch.setattr(Networks, "generator_step", noted)
    run = fit(moved, OF["gan"])
    assert run.seen.tolist() == sorted(order[:6].tolist())
    for a, labels in judged:
        assert torch.equal(a, run.semantics[run.seen[labels]])


def test_the_penaltys_weight_follows_all_critic_steps_before_a_generator_step(monkeypatch):
    penalties, told, step = [], [], Networks.critic_step

    def noted(self: Networks, x: torch.Tensor, a: torch.Tensor) -> dict:
        terms = step(self, x, a)
        penalties.append(float(terms["penalty"].detach()))
        return terms

    monkeypatch.setattr(Networks, "critic_step", noted)
    monkeypatch.setattr(Networks, "adapt", lambda _, values: told.append(values.tolist()))
    fit(toy(), replace(OF["fvaegan"], critic_steps=3, rounds=1))
    assert told == [penalties[i : i + 3] for i in (0, 3, 6)]


@each_kind
@pytest.mark.parametrize("lr", [1e10, 1e38])
def test_a_wild_learning_rate_diverges_in_the_first_round(settings, lr):
    with pytest.raises(DivergedError, match=r"diverged at step [1-3]: .*(inf|nan)") as caught:
        fit(toy(), replace(settings, lr=lr))
    assert caught.value.history == []


@pytest.mark.parametrize("kind", ["fvaegan", "cvae"])
def test_divergence_names_the_step_and_keeps_the_history(kind):
    def poison(run: Imagination) -> None:
        if len(run.history) == 2:
            torch.nn.init.constant_(run.networks.encoder.log_var.bias, 100)  # exp(100) is inf

    with pytest.raises(DivergedError, match=r"diverged at step 7: .*kl inf") as caught:
        fit(toy(), OF[kind], on_round=poison)
    assert caught.value.history == fit(toy(), OF[kind]).history[:2]
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@each_kind
@pytest.mark.parametrize("at", [1, 3, 4, 8])
def test_the_step_is_the_first_one(monkeypatch, settings, at):
    count, step = [], Networks.generator_step

    def once(self: Networks, *args: object) -> dict[str, torch.Tensor]:
        count.append(args)
        terms = step(self, *args)
        bad = {name: term * torch.nan for name, term in terms.items()}
        return bad if len(count) == at else terms

    monkeypatch.setattr(Networks, "generator_step", once)
    with pytest.raises(DivergedError, match=rf"diverged at step {at}: .* nan") as caught:
        fit(toy(), settings)
    assert len(caught.value.history) == (at - 1) // 3


def test_divergence_in_the_very_last_step_shows_in_the_samples():
    run = fit(toy(), OF["cvae"])
    torch.nn.init.constant_(run.networks.generator.layers[2].bias, torch.nan)
    with pytest.raises(DivergedError, match="after round 3: samples are not finite") as caught:
        run.synthesise(UNSEEN, 2)
    assert caught.value.history == run.history
