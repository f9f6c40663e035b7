"""`zslnb.imagination.training`: the released loop by hand, and what comes out of the generator."""

import copy
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from toys import QUICK_IMAGINATION, toy

from zslnb.imagination import (
    KINDS,
    Imagination,
    Networks,
    critic_death,
    cvae_losses,
    fit,
    prepare,
    training,
)
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

    def made(self, x, a) -> torch.Tensor:
        use_encoder = "encoder" in self.n and self.s.encoded_noise
        return (self.encoded(x, a)[0] if use_encoder else self.imagined(a)).detach()

    def critic_step(self, x, fake, a) -> dict[str, torch.Tensor]:
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
            # as released, in double precision
            terms["kl"] = -(1 + log_var - mean**2 - log_var.exp()).sum() / 2 / len(x)
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
            # as released, but that all noise is drawn before the first of these steps
            fakes = [self.made(x, a) for x, a, _ in drawn] if "critic" in self.n else ()
            for (x, a, _), fake in zip(drawn, fakes, strict=False):
                terms = self.critic_step(x, fake, a)
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


@pytest.fixture
def double() -> Iterator[None]:
    """Compute in double precision: Adam takes whole steps along rounding errors of gradients."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
def test_training_is_the_released_loop(settings):
    settings = replace(settings, rounds=1, passes=2, lr=1e-3)
    b = toy()
    for name in ("features", "semantics"):  # which a benchmark is made to hold as single
        object.__setattr__(b, name, getattr(b, name).double())
    hand = ByHand(prepare(b, settings, seed=4))
    with seeded(4, "imagination/round0"):
        hand.round(6)  # two passes of three batches
    fitted = fit(b, settings, seed=4)
    for name, net in parts(fitted.networks).items():
        trained, expected = ([*n.parameters()] for n in (net, hand.n[name]))
        torch.testing.assert_close(trained, expected, atol=1e-8, rtol=1e-6, msg=name)
    batches = 6 * (2 if settings.kind != "cvae" else 1)
    expected = {name: sum(values) / 6 for name, values in hand.reported.items()}
    expected |= {"round": 1, "steps": 6, "samples": 16 * batches, "penalty weight": hand.lam}
    assert fitted.history == [pytest.approx(expected, rel=1e-3, abs=1e-6)]


def test_a_batch_larger_than_the_data_is_the_data():
    run = fit(toy(), replace(OF["cvae"], batch_size=1000, rounds=1, passes=2))
    assert (run.history[0]["steps"], run.history[0]["samples"]) == (2, 84)


def test_the_gan_learns_where_features_of_a_class_lie():
    """Cosine of generated and real means of seen classes, against those of other classes."""
    b = toy(noise=0.02)
    settings = replace(OF["gan"], rounds=30, lr=2e-2)
    before, after = (
        own_minus_other(make(b, settings)) for make in (prepare, fit)
    )  # fmt: skip
    assert after > before + 0.3


def test_the_vae_learns_to_reconstruct():
    for kind in ("cvae", "fvaegan"):
        history = fit(toy(noise=0.02), replace(OF[kind], rounds=15, lr=2e-2)).history
        assert history[-1]["reconstruction"] < history[0]["reconstruction"] - 0.3


def own_minus_other(run: Imagination) -> float:
    samples, labels = run.synthesise(run.seen, 50)
    means = [torch.stack([x[y == c].mean(0) for c in run.seen]) for x, y in (
        (samples, labels), (run.features, run.labels))]  # fmt: skip
    cosines = F.normalize(means[0], dim=1) @ F.normalize(means[1], dim=1).T
    same_class = cosines.diagonal().mean()
    return float(same_class - (cosines.sum() - cosines.trace()) / (cosines.numel() - len(cosines)))


def test_networks_see_features_between_0_and_1():
    run = prepare(toy(), OF["cvae"])
    assert torch.equal(run.scaled.min(0).values, torch.zeros(8))
    assert torch.equal(run.scaled.max(0).values, torch.ones(8))
    unit = F.normalize(toy().features[toy().train_idx], dim=1)
    torch.testing.assert_close(run.features, unit)
    torch.testing.assert_close(run.scaled * (unit.max(0).values - unit.min(0).values)
                               + unit.min(0).values, unit)  # fmt: skip


def test_what_is_generated_is_scaled_back_as_features_were_scaled(monkeypatch):
    """A generator that gives training rows back makes those very features, of unit norm."""
    run = prepare(toy(), OF["cvae"])
    monkeypatch.setattr(run.networks.generator, "from_noise", lambda a: run.scaled[:12])
    torch.testing.assert_close(run.synthesise(UNSEEN, 6)[0], run.features[:12])


def test_each_class_is_generated_from_its_semantics(monkeypatch):
    """In parts of ROWS_AT_ONCE rows, which must come together in order."""
    monkeypatch.setattr(training, "ROWS_AT_ONCE", 4)
    run = prepare(toy(), OF["cvae"])
    monkeypatch.setattr(run.networks.generator, "from_noise", lambda a: a)
    features, labels = run.synthesise(torch.tensor([7, 1, 6]), 3)
    expected = F.normalize(run.semantics[labels] * run.span + run.low, dim=1)
    torch.testing.assert_close(features, expected)
    torch.testing.assert_close(run.semantics, F.normalize(toy().semantics, dim=1))


@each_kind
def test_a_dimension_that_is_constant_trains_and_stays_constant(settings):
    """ReLU features have dead dimensions; a value there would tell synthetic from real."""
    features = toy().features.clone()
    features[:, 3] = 0.0
    run = fit(replace(toy(), features=features), settings)
    assert torch.equal(run.scaled[:, 3], torch.zeros(42))
    samples, _ = run.synthesise(UNSEEN, 20)
    torch.testing.assert_close(samples.norm(dim=1), torch.ones(40))
    assert not samples[:, 3].any()


@pytest.mark.parametrize("classifier", [ClassifierSettings(), ClassifierSettings(hidden=(7,))])
def test_the_gans_judge_knows_the_seen_classes_and_stays_as_it_is(classifier):
    """f-CLSWGAN's classifier of real features: trained before, then fixed and without dropout."""
    settings = replace(OF["gan"], classifier=classifier)
    run = prepare(toy(), settings, seed=2)
    alone = train_classifier(run.scaled, run.labels, classifier, 2)
    expected = alone.scores(run.scaled)
    after = fit(toy(), settings, seed=2).networks.judge
    for judge in (run.networks.judge, after):
        assert not judge.training
        assert not any(p.requires_grad for p in judge.parameters())
        assert torch.equal(judge(run.scaled), expected)
        assert expected.shape == (42, 6)


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

    def noted(self: Networks, *batch: torch.Tensor) -> dict:
        terms = step(self, *batch)
        penalties.append(float(terms["penalty"].detach()))
        return terms

    monkeypatch.setattr(Networks, "critic_step", noted)
    monkeypatch.setattr(Networks, "adapt", lambda _, values: told.append(values.tolist()))
    fit(toy(), replace(OF["fvaegan"], critic_steps=3, rounds=1))
    assert told == [penalties[i : i + 3] for i in (0, 3, 6)]


@pytest.mark.parametrize("changes", [{"penalty_weight": 1.5e-6}, {"lr": 1e-12, "passes": 40}])
def test_a_critic_that_dies_is_told_and_trains_on(changes):
    """A weight that the released rule takes to nothing; a critic that never leaves 0."""
    settings = replace(OF["fvaegan"], **{"passes": 2, **changes})
    with pytest.warns(UserWarning, match=r"The critic died in round \d: (its penalty|it is flat)"):
        run = fit(toy(), settings)
    assert len(run.history) == settings.rounds
    assert critic_death(run.history)
