"""How much the shipped aviary is like a real benchmark: the card's table, and CUB's side of it."""

import re

import pytest
import torch
import torch.nn.functional as F

import zslnb
from zslnb import genzsl
from zslnb.datasets import aviary

FAMILY = [one.family for one in aviary.SPECIES]
KIN = torch.tensor([[a == b for b in FAMILY] for a in FAMILY])
OTHER = ~torch.eye(len(FAMILY), dtype=torch.bool)


def unit(rows):
    return F.normalize(rows.float(), dim=1)


def means(benchmark):
    """The mean unit feature of each class, and what the features vary by within classes."""
    features = unit(benchmark.features)
    classes = range(benchmark.n_classes)
    middle = torch.stack([features[benchmark.labels == c].mean(0) for c in classes])
    train = features[benchmark.train_idx]
    within = (train - middle[benchmark.labels[benchmark.train_idx]]).pow(2).sum()
    return unit(middle), (within / (train - train.mean(0)).pow(2).sum()).item()


def facts_of(semantics):
    """The card's rows for one kind of semantics."""
    b = zslnb.load("aviary", semantics=semantics)
    raw = unit(b.semantics)
    refined = unit(genzsl.class_diversity_promotion(raw))
    alike, refined_alike = raw @ raw.T, refined @ refined.T
    referents = b.seen[refined_alike[b.unseen][:, b.seen].topk(2).indices]
    middle, within = means(b)
    visual = middle @ middle.T
    to_seen = visual[b.unseen][:, b.seen]
    to_all, best = to_seen.mean(), to_seen.topk(2).values.mean()
    chosen = visual[b.unseen].gather(1, referents).mean()
    return {
        "mean": alike[OTHER].mean().item(),
        "family": refined_alike[KIN & OTHER].mean().item(),
        "others": refined_alike[~KIN].mean().item(),
        "highest": refined_alike[OTHER].max().item(),
        "kin": KIN[b.unseen].gather(1, referents).float().mean().item(),
        "referents": chosen.item(),
        "best": best.item(),
        "all": to_all.item(),
        "way": ((chosen - to_all) / (best - to_all)).item(),
        "within": within,
    }


def plain_clip():
    """Accuracy of the plain small CLIP, nearest class text: S, U, H, T1."""
    b = zslnb.load("aviary")

    def accuracy(rows, classes):
        nearest = classes[(unit(b.features)[rows] @ unit(b.semantics)[classes].T).argmax(1)]
        return (nearest == b.labels[rows]).float().mean().item()

    everything = torch.arange(b.n_classes)
    s, u = accuracy(b.test_seen_idx, everything), accuracy(b.test_unseen_idx, everything)
    return s, u, 2 * s * u / (s + u), accuracy(b.test_unseen_idx, b.unseen)


@pytest.fixture(scope="module")
def facts():
    return {name: facts_of(name) for name in ("clip_text", "attributes")}


@pytest.mark.parametrize(
    ("semantics", "fact", "lowest", "highest"),
    [
        ("clip_text", "mean", 0.5, 0.75),  # there is something common for CDP to take away
        ("clip_text", "family", 0.3, 0.8),
        ("clip_text", "others", -0.1, 0.0),
        ("clip_text", "highest", 0.5, 0.97),  # no two classes are one by their text
        ("clip_text", "kin", 0.6, 1.0),  # relatives lend their features
        ("clip_text", "way", 0.9, 1.0),  # and look like it
        ("clip_text", "within", 0.4, 0.6),  # there is spread for a generator to make
        ("attributes", "mean", 0.4, 0.6),
        ("attributes", "family", 0.3, 0.8),
        ("attributes", "kin", 0.6, 1.0),
        ("attributes", "way", 0.8, 1.0),
    ],
)
def test_the_aviary_is_like_a_real_benchmark(facts, semantics, fact, lowest, highest):
    assert lowest <= facts[semantics][fact] <= highest


def test_plain_clip_is_far_above_chance_and_far_from_perfect():
    s, u, _, t1 = plain_clip()
    assert all(0.25 < accuracy < 0.8 for accuracy in (s, u, t1))


def numbers_of(card, start):
    """The numbers of the card's row that begins so, from left to right."""
    row = re.search(rf"^\| {re.escape(start)}[^|]*\|(.+)\|$", card, re.MULTILINE)
    return [float(number) for number in re.findall(r"-?\d+\.\d+", row[1])]


def test_the_card_states_what_is_measured(facts):
    card = (aviary.DATA.parent / "CARD.md").read_text(encoding="utf-8")
    rows = {
        "mean cosine of two classes": ("mean",),
        "the same, refined, same family": ("family", "others"),
        "highest cosine of two": ("highest",),
        "referents of unseen classes that are kin": ("kin",),
        "visual cosine of an unseen class": ("referents", "best", "all"),
        "how far they are from all": ("way",),
    }
    for start, asked in rows.items():
        measured = [facts[name][fact] for name in facts for fact in asked]
        assert numbers_of(card, start)[-len(measured) :] == pytest.approx(measured, abs=6e-3), start
    assert numbers_of(card, "within-class share")[-1] == pytest.approx(
        facts["clip_text"]["within"], abs=6e-3
    )
    stated = [float(number) / 100 for number in re.findall(r"\| (\d\d\.\d) \|", card)]
    assert stated == pytest.approx(plain_clip(), abs=6e-4)
