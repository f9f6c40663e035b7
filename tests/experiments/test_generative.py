"""`experiments.generative`: one code path for all; clean choices, and the best of all looks."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from toys import QUICK, QUICK_IMAGINATION, corrupted, toy

from zslnb import Benchmark, genzsl, imagination
from zslnb.errors import DivergedError
from zslnb.experiments import generative, run
from zslnb.experiments.generative import BestOnTest, generative_scores, released_scores
from zslnb.experiments.scoring import Looks
from zslnb.genzsl import GenZSL, GenZSLSettings, released_training
from zslnb.imagination import Imagination
from zslnb.protocol import (
    ClassifierTrainer,
    evaluate_conventional,
    evaluate_gzsl,
    train_classifier,
    validation_split,
)

HARD = toy(noise=0.5)  # so hard that settings differ
# many candidates, so that two ways of choosing hardly ever agree by chance
CHOICES = (1, 3, 5, 8, 13)
MANY = {
    "genzsl": replace(QUICK, n_synthetic_choices=CHOICES),
    **{
        kind: replace(QUICK_IMAGINATION, kind=kind, n_synthetic_choices=CHOICES)
        for kind in ("fvaegan", "gan")
    },
}
FEW = {
    "genzsl": QUICK,
    "as released": released_training(QUICK),
    "fvaegan": QUICK_IMAGINATION,
    "gan, per image": replace(QUICK_IMAGINATION, kind="gan", conventional="per image"),
    "fresh": replace(QUICK, keep_classifier=False),
    "kept": replace(QUICK_IMAGINATION, kind="cvae", keep_classifier=True),
}
FIT = {"genzsl": genzsl.fit, **dict.fromkeys(imagination.KINDS, imagination.fit)}
every = pytest.mark.parametrize("name", FEW)
SCORES = {"S", "U", "H", "T1"}


def scores_of(settings, benchmark: Benchmark = HARD, seed: int = 0) -> dict:
    return generative_scores(benchmark, settings, seed, "cpu")


def released_of(settings, benchmark: Benchmark = HARD, seed: int = 0) -> dict:
    return released_scores(benchmark, settings, seed, "cpu")


@pytest.fixture(scope="module")
def scores_by_name() -> dict[str, dict]:
    """Scores of every family with many candidates, made once."""
    return {name: scores_of(settings) for name, settings in MANY.items()}


@pytest.mark.parametrize("name", ["genzsl", "fvaegan", "gan"])
def test_clean_choices_never_see_the_test_set(name, scores_by_name):
    honest, garbage = scores_by_name[name], scores_of(MANY[name], corrupted(HARD))
    assert honest["chosen"]["clean"] == garbage["chosen"]["clean"]
    assert honest["clean"] != garbage["clean"]
    assert honest["history"] == garbage["history"]


@pytest.mark.parametrize("name", MANY)
def test_the_clean_pair_is_the_best_on_the_validation_split(name, scores_by_name):
    """By hand: train without validation classes, score every pair on them, keep the best H."""
    settings, chosen = MANY[name], scores_by_name[name]["chosen"]["clean"]
    inner = validation_split(HARD, 0)
    x, model = F.normalize(HARD.features, dim=1), FIT[name](inner, settings, 0)
    tried = {}
    for n in CHOICES:
        features, labels = model.synthesise(inner.unseen, n)
        features, labels = torch.cat([x[inner.train_idx], features]), torch.cat(
            [HARD.labels[inner.train_idx], labels])  # fmt: skip
        for epochs in (1, 2, 3):
            one = train_classifier(features, labels, replace(settings.classifier, epochs=epochs), 0)
            tried[n, epochs] = evaluate_gzsl(one.scores, one.classes, x, inner)["H"]
    assert tried[chosen["n_synthetic"], chosen["epochs"]] == max(tried.values())
    assert max(tried.values()) > min(tried.values())


@pytest.mark.parametrize("name", MANY)
def test_the_clean_number_can_be_had_by_hand(name, scores_by_name):
    """Choose, train on all of trainval, train the classifier so long, look at the test once."""
    settings, scores = MANY[name], scores_by_name[name]
    n, epochs = scores["chosen"]["clean"]["n_synthetic"], scores["chosen"]["clean"]["epochs"]
    model = FIT[name](HARD, settings, 0)
    features, labels = model.synthesise(HARD.unseen, n)
    features, labels = torch.cat([model.features, features]), torch.cat([model.labels, labels])
    last = train_classifier(features, labels, replace(settings.classifier, epochs=epochs), 0)
    x = F.normalize(HARD.features, dim=1)
    by_hand = evaluate_gzsl(last.scores, last.classes, x, HARD)
    by_hand["T1"] = evaluate_conventional(last.scores, last.classes, x, HARD)
    assert by_hand == scores["clean"]
    assert model.history == scores["history"]


@pytest.mark.parametrize("name", MANY)
def test_peeked_is_the_best_pair_on_the_test_set(name, scores_by_name):
    scores = scores_by_name[name]
    model = FIT[name](HARD, MANY[name], 0)
    on_test = {pick: found for pick, (found, _) in generative.candidates(model, HARD)}
    assert set(on_test) == {(n, epochs) for n in CHOICES for epochs in (1, 2, 3)}
    lucky = scores["chosen"]["peeked"]
    assert scores["peeked"] == on_test[lucky["n_synthetic"], lucky["epochs"]]
    assert scores["peeked"]["H"] == max(s["H"] for s in on_test.values())
    assert scores["peeked"]["H"] >= scores["clean"]["H"]
    assert any(scores["clean"] != scores["peeked"] for scores in scores_by_name.values())


@pytest.mark.parametrize("name", MANY)
def test_each_number_of_samples_has_a_clean_row_of_its_own(name, scores_by_name):
    rows, chosen = scores_by_name[name]["by n_synthetic"], scores_by_name[name]["chosen"]["clean"]
    assert list(rows) == [str(n) for n in CHOICES]
    assert rows[str(chosen["n_synthetic"])] == scores_by_name[name]["clean"]
    for n in CHOICES:
        alone = scores_of(replace(MANY[name], n_synthetic_choices=(n,))) if n == 5 else None
        assert alone is None or alone["clean"] == rows["5"]


@pytest.mark.parametrize("name", MANY)
def test_what_is_reported_is_what_the_protocols_are_asked_for(name, scores_by_name):
    protocols = {"clean", "peeked", "calibrated"}
    others = {"chosen", "by n_synthetic", "history", "validation", "hubness"}
    assert set(scores_by_name[name]) == protocols | others
    for protocol in protocols:
        assert set(scores_by_name[name][protocol]) == SCORES
    assert set(scores_by_name[name]["chosen"]) == protocols
    released = released_of(MANY[name])
    assert set(released) == {"released", "last", "conventional", "chosen", "history"}
    assert set(released["conventional"]) == {"per class", "per image", "restricted"}
    assert set(released["released"]) == set(released["last"]) == SCORES
    assert released["history"] == scores_by_name[name]["history"]  # one training is both


@pytest.mark.parametrize("name", MANY)
def test_calibrated_moves_cleans_border_by_validation_alone(name, scores_by_name):
    """T1 has no border to move; validation gains by the constant, or keeps what it had."""
    scores = scores_by_name[name]
    picked = dict(scores["chosen"]["calibrated"])
    constant = picked.pop("calibration")
    assert picked == scores["chosen"]["clean"]
    assert scores["calibrated"]["T1"] == scores["clean"]["T1"]
    before, after = (scores["validation"][kind]["H"] for kind in ("clean", "calibrated"))
    assert after >= before - 1e-9
    if constant == 0:
        assert scores["calibrated"]["H"] == pytest.approx(scores["clean"]["H"])


@pytest.fixture(scope="module")
def watched() -> dict[str, tuple[dict, list[dict]]]:
    """For each of FEW its released scores, and what every look of the watcher saw."""
    take, seen = BestOnTest._take, []

    def noted(watcher: BestOnTest, scores: dict, t1: dict, where: dict) -> None:
        take(watcher, scores, t1, where)
        assert watcher.trainers[0].epoch == watcher.trainers[1].epoch
        seen[-1].append({**watcher.last, **where})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BestOnTest, "_take", noted)
        return {
            name: (released_of(settings), seen[-1])
            for name, settings in FEW.items()
            if not seen.append([])
        }


@every
def test_released_is_the_best_of_all_looks(watched, name):
    settings, (scores, looks) = FEW[name], watched[name]
    released, chosen = scores["released"], scores["chosen"]["released"]
    assert len(looks) == chosen["looks"] == settings.rounds * settings.classifier.epochs
    best = max(looks, key=lambda look: look["H"])  # the earliest of equals
    assert {metric: released[metric] for metric in "SUH"} == {m: best[m] for m in "SUH"}
    assert released["T1"] == max(look["T1"] for look in looks)
    assert (chosen["round"], chosen["epochs"]) == (best["round"], best["epochs"])
    assert scores["last"] == {metric: looks[-1][metric] for metric in SCORES}


def test_the_best_h_and_the_best_t1_may_come_from_different_looks():
    """H is best at the second of three looks, T1 at the first, and nothing found is lost."""
    script = [(0.1, 0.9, 0.3), (0.5, 0.2, 0.1), (0.5, 0.4, 0.6)]  # H, T1 per class, per image
    watcher = BestOnTest(HARD)
    for epoch, (h, t1, image) in enumerate(script, 1):
        ways = {"per class": t1, "per image": image, "restricted": t1 / 2}
        scores = {"S": h, "U": h, "H": h, "T1": t1}
        watcher._take(scores, ways, {"round": 7, "epochs": epoch})
    assert watcher.scores() == {
        "released": {"S": 0.5, "U": 0.5, "H": 0.5, "T1": 0.9},
        "last": {"S": 0.5, "U": 0.5, "H": 0.5, "T1": 0.4},
        "conventional": {"per class": 0.9, "per image": 0.6, "restricted": 0.45},
        "chosen": {"released": {"round": 7, "epochs": 2, "looks": 3}},
    }


@every
def test_classifiers_live_through_all_rounds_or_are_new_in_each(watched, name):
    settings, looks = FEW[name], watched[name][1]
    per_round = settings.classifier.epochs
    epochs = [(i if settings.keep_classifier else i % per_round) + 1 for i in range(len(looks))]
    assert [look["epochs"] for look in looks] == epochs
    assert [look["round"] for look in looks] == [i // per_round + 1 for i in range(len(looks))]


@every
def test_watching_shifts_no_training(watched, name):
    fit = genzsl.fit if isinstance(FEW[name], GenZSLSettings) else imagination.fit
    assert watched[name][0]["history"] == fit(HARD, FEW[name], 0).history


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("name", ["genzsl", "fvaegan"])
def test_the_last_number_can_be_had_by_hand(name, keep):
    """Rounds of new synthetic features; one classifier on everything, one on those alone."""
    settings, trainers, x = FEW[name], [], F.normalize(HARD.features, dim=1)
    settings = replace(settings, keep_classifier=keep)

    def on_round(model: GenZSL | Imagination) -> None:
        stream = f"synthesis/{len(model.history)}"
        unseen = model.synthesise(HARD.unseen, settings.n_synthetic, stream)
        both = torch.cat([model.features, unseen[0]]), torch.cat([model.labels, unseen[1]])
        if not (trainers and keep):
            trainers[:] = [
                ClassifierTrainer(8, labels.unique(), settings.classifier, 0)
                for _, labels in (both, unseen)
            ]
        for _ in range(settings.classifier.epochs):
            trainers[0].train_epoch(*both)
            trainers[1].train_epoch(*unseen)

    FIT[name](HARD, settings, 0, on_round=on_round)
    expected = evaluate_gzsl(trainers[0].scores, trainers[0].classes, x, HARD)
    expected["T1"] = evaluate_conventional(trainers[1].scores, trainers[1].classes, x, HARD)
    assert released_of(settings)["last"] == expected


def uneven() -> Benchmark:
    """Unseen test images of ten and of three, so that averages over classes and images differ."""
    return replace(HARD, test_unseen_idx=HARD.test_unseen_idx[:13])


def test_conventional_accuracy_is_told_in_three_ways(monkeypatch):
    """Of synthetic features alone per class and per image, and of the generalised classifier."""
    best: dict[str, float] = {}
    look, b = Looks.look, uneven()
    x, labels = F.normalize(b.features, dim=1)[b.test_unseen_idx], b.labels[b.test_unseen_idx]

    def noted(looks: Looks, scorer: Callable[[Tensor], Tensor]) -> None:
        look(looks, scorer)
        right = scorer(x)[:, -2:].argmax(1) + 6 == labels
        per_class = float((right[:10].double().mean() + right[10:].double().mean()) / 2)
        measured = {"restricted": per_class}
        if len(looks.classes) == 2:  # the classifier of synthetic features alone
            measured = {"per class": per_class, "per image": float(right.double().mean())}
        best.update({name: max(value, best.get(name, 0)) for name, value in measured.items()})

    monkeypatch.setattr(Looks, "look", noted)
    scores = released_of(QUICK, b)
    assert scores["conventional"] == pytest.approx(best)
    assert len(set(scores["conventional"].values())) > 1
    assert scores["released"]["T1"] == pytest.approx(best["per class"])
    by_image = released_of(replace(QUICK, conventional="per image"), b)["released"]
    assert by_image["T1"] == pytest.approx(best["per image"])


LEARNT = {"genzsl": {"lr": 5e-3}, "fvaegan": {"lr": 2e-2}}


@pytest.mark.parametrize(("name", "changes"), LEARNT.items(), ids=LEARNT)
def test_they_learn_the_toy(name, changes):
    easy = replace(MANY[name], **changes, passes=30, rounds=1, n_synthetic_choices=(10,))
    easy = replace(easy, classifier=replace(easy.classifier, lr=0.1, epochs=10))
    scores = scores_of(easy, toy(noise=0.05))
    assert scores["clean"]["S"] > 0.75  # chance: an eighth
    assert scores["clean"]["T1"] > 0.6  # chance: a half


@pytest.mark.parametrize("name", ["genzsl", "fvaegan"])
def test_other_widths_work_too(name):
    scores = scores_of(FEW[name], toy(semantic_dim=5))
    assert set(scores["clean"]) == SCORES
    assert set(released_of(FEW[name], toy(semantic_dim=5))["released"]) == SCORES


FAILING = {
    "genzsl": QUICK,
    "genzsl_released": released_training(QUICK),
    "imagination": QUICK_IMAGINATION,
    "imagination_released": QUICK_IMAGINATION,
    "fidelity": QUICK,
    "imagination_speed": replace(QUICK_IMAGINATION, kind="gan"),
}


@pytest.mark.parametrize(("method", "settings"), FAILING.items(), ids=FAILING)
def test_a_training_that_diverges_or_cannot_be_leaves_no_record(build, method, settings):
    with pytest.raises(DivergedError, match=r"diverged at step \d+: .*(inf|nan)"):
        run(method, toy(), replace(settings, lr=1e10))
    with pytest.raises(ValueError, match="at least two"):
        run(method, toy(seen=1), settings)
    assert not (build / "records").exists()


def test_settings_of_the_other_family_are_refused(build):
    with pytest.raises(ValueError, match="imagination takes ImaginationSettings, not GenZSL"):
        run("imagination", toy(), QUICK)
    with pytest.raises(ValueError, match="genzsl_released takes GenZSLSettings, not Imagination"):
        run("genzsl_released", toy(), QUICK_IMAGINATION)
