"""`induction_limits`, `relatives` and `fewer_images`: on classes whose distances are known."""

from dataclasses import dataclass, field, replace

import pytest
import torch
import torch.nn.functional as F
from toys import QUICK, QUICK_IMAGINATION, corrupted, toy

from zslnb import genzsl
from zslnb.experiments import (
    FewerImagesSettings,
    InductionLimitsSettings,
    MeansSettings,
    fewer_images,
    run,
)
from zslnb.experiments.fewer_images import fewer_images_scores, thinned
from zslnb.experiments.induction_limits import (
    IMAGINED,
    INDUCED,
    Hybrid,
    limits_scores,
    nearest_seen,
)
from zslnb.experiments.models import trained
from zslnb.experiments.relatives import relatives_of_unseen, relatives_scores, without
from zslnb.protocol import validation_split

HARD = toy(noise=0.5, seen=9)
ONE = {"n_synthetic_choices": (5,)}
SETTINGS = InductionLimitsSettings(
    genzsl=replace(QUICK, **ONE),
    imagination=replace(QUICK_IMAGINATION, kind="cvae", **ONE),
    means=replace(MeansSettings.beside(QUICK), **ONE),
    n_relatives=2,
)
METHODS = ["GenZSL", "GenZSL, noise", "cVAE", "means + spread"]


@pytest.fixture(scope="module", autouse=True)
def build(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZSLNB_BUILD", str(tmp_path_factory.mktemp("build")))
        yield


@pytest.fixture(scope="module")
def scores(build) -> dict:
    return limits_scores(HARD, SETTINGS, 0, "cpu")


def cosines(benchmark) -> torch.Tensor:
    """Refined semantics' cosines of unseen with seen classes, written out once more."""
    raw = F.normalize(benchmark.semantics.double(), dim=1)
    first = torch.linalg.svd(raw, full_matrices=False).Vh[0]
    refined = F.normalize(raw - torch.outer(raw @ first, first), dim=1)
    return refined[benchmark.unseen] @ refined[benchmark.seen].T


def test_the_distance_is_the_cosine_to_the_nearest_seen_class(scores):
    told = torch.tensor(scores["classes"]["nearest"]).double()
    torch.testing.assert_close(told, cosines(HARD).amax(1), rtol=0, atol=1e-5)
    assert scores["classes"]["name"] == ["bird 9", "bird 10"]


def test_visual_distance_is_between_means_about_that_of_the_seen_ones(scores):
    x = F.normalize(HARD.features.double(), dim=1)
    middle = torch.stack(
        [x[HARD.train_idx][HARD.labels[HARD.train_idx] == c].mean(0) for c in range(9)]
    )
    own = torch.stack([x[HARD.labels == c].mean(0) for c in (9, 10)]) - middle.mean(0)
    by_hand = F.cosine_similarity(own[:, None], (middle - middle.mean(0))[None], dim=2).amax(1)
    told = torch.tensor(scores["classes"]["visual"]).double()
    torch.testing.assert_close(told, by_hand, rtol=0, atol=1e-5)


def test_classes_average_to_the_t1_of_the_pure_forms(scores):
    for method, label in (("GenZSL", INDUCED), ("cVAE", IMAGINED)):
        each = scores["accuracy"][method]
        assert len(each) == 2
        assert sum(each) / 2 == pytest.approx(scores["hybrid"][label]["T1"])
    assert scores["hybrid"][INDUCED]["induced"] == 1
    assert scores["hybrid"][IMAGINED]["induced"] == 0


def test_plain_clip_stands_beside_them_where_features_and_semantics_share_a_space(scores):
    assert [*scores["accuracy"]] == [*METHODS, "plain CLIP"]
    apart = replace(HARD, provenance={})
    assert [*limits_scores(apart, SETTINGS, 0, "cpu")["accuracy"]] == METHODS
    b = HARD
    best = (F.normalize(b.features, dim=1) @ F.normalize(b.semantics[9:], dim=1).T).argmax(1) + 9
    by_hand = [float((best[b.labels == c] == c).double().mean()) for c in (9, 10)]
    assert scores["accuracy"]["plain CLIP"] == pytest.approx(by_hand)


def test_thresholds_are_the_validation_classes_own_and_chosen_without_the_test_set(scores):
    inner = validation_split(HARD, 0)
    nearest = nearest_seen(genzsl.prepare(inner, SETTINGS.genzsl), inner.unseen)
    hybrid = scores["hybrid"]
    assert hybrid["0 % imagined"]["threshold"] == pytest.approx(float(nearest.min()))
    assert hybrid["0 % imagined"]["validation"] == hybrid[INDUCED]["validation"]
    assert scores["chosen"] != "0 % imagined"  # the earliest of equals
    assert hybrid[scores["chosen"]]["validation"] == max(h["validation"] for h in hybrid.values())
    garbage = limits_scores(corrupted(HARD), SETTINGS, 0, "cpu")
    for label, one in garbage["hybrid"].items():
        assert one["validation"] == hybrid[label]["validation"]
    assert garbage["hybrid"][INDUCED]["T1"] != hybrid[INDUCED]["T1"]


@dataclass
class Constant:
    """A generator whose features all have one value."""

    value: float
    settings: object = SETTINGS.genzsl
    features: torch.Tensor = field(default_factory=lambda: torch.zeros(1, 2))
    labels: torch.Tensor = field(default_factory=lambda: torch.zeros(1, dtype=torch.int64))
    seed: int = 0
    history: list = field(default_factory=list)
    # classes 0 and 1 are seen; 2 is as near as 0.6 to one of them, 3 as 0
    semantics = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.6, 0.0, 0.8], [0.0, 0.0, 2.0]])
    seen = torch.tensor([0, 1])

    def synthesise(self, classes, n, stream="synthesis"):
        labels = classes.repeat_interleave(n)
        return torch.full((len(labels), 2), self.value), labels


@pytest.mark.parametrize(
    ("threshold", "values"), [(-1.0, [1, 1]), (0.5, [1, 2]), (0.6, [1, 2]), (0.7, [2, 2])]
)
def test_a_hybrid_induces_from_its_threshold_on(threshold, values):
    class Inducing(Constant, genzsl.GenZSL):
        """Passes for a GenZSL, and is none."""

        __init__, synthesise, __eq__ = Constant.__init__, Constant.synthesise, object.__eq__

    hybrid = Hybrid(Inducing(1.0), Constant(2.0), threshold)
    features, labels = hybrid.synthesise(torch.tensor([3, 2]), 3)
    assert sorted(labels.tolist()) == [2, 2, 2, 3, 3, 3]
    for class_id, value in zip((2, 3), values, strict=True):
        assert (features[labels == class_id] == value).all()


def test_relatives_are_the_nearest_of_any_unseen_class():
    gone, k = relatives_of_unseen(HARD, SETTINGS)
    assert k == 2
    by_hand = HARD.seen[cosines(HARD).topk(2, dim=1).indices].unique()
    assert gone.tolist() == by_hand.tolist()


def test_where_relatives_would_be_half_of_the_seen_classes_fewer_are_taken():
    gone, k = relatives_of_unseen(HARD, replace(SETTINGS, n_relatives=8))
    assert k < 8
    assert len(gone) <= 4
    small = toy(seen=4)
    assert len(relatives_of_unseen(small, SETTINGS)[0]) == 1
    with pytest.raises(ValueError, match="toy has 3 seen classes; taking relatives away"):
        relatives_of_unseen(toy(seen=3), SETTINGS)


def test_what_is_taken_out_is_gone_from_the_split_alone():
    left = without(HARD, torch.tensor([1, 4]))
    assert left.seen.tolist() == [0, 2, 3, 5, 6, 7, 8]
    assert left.labels[left.test_seen_idx].unique().tolist() == left.seen.tolist()
    assert left.val_classes.tolist() == [3]
    assert torch.equal(left.semantics, HARD.semantics)
    assert torch.equal(left.test_unseen_idx, HARD.test_unseen_idx)


def test_as_many_others_are_gone_and_the_loss_is_the_difference():
    told = relatives_scores(HARD, SETTINGS, 0, "cpu")
    gone, _ = relatives_of_unseen(HARD, SETTINGS)
    assert told["setup"]["gone"] == len(gone)
    kept = ~torch.isin(HARD.seen, gone)
    setup, c = told["setup"], cosines(HARD)
    assert setup["nearest, relatives gone"] == pytest.approx(float(c[:, kept].amax(1).mean()))
    assert setup["nearest, others gone"] == pytest.approx(float(c.amax(1).mean()))
    assert [*told["lost"]] == METHODS
    for method, lost in told["lost"].items():
        conditions = [told[name][method]["T1"] for name in ("others gone", "relatives gone")]
        assert lost["T1"] == pytest.approx(conditions[0] - conditions[1])


FEWER = FewerImagesSettings(SETTINGS.genzsl, SETTINGS.imagination, SETTINGS.means, (1, 2, 8))


def test_thinned_classes_keep_drawn_images_of_their_own_and_never_fewer_than_two():
    def counts(b) -> list[int]:
        return torch.bincount(b.labels[b.train_idx], minlength=9)[:9].tolist()

    assert thinned(HARD, 1, 0) is HARD
    half, few = thinned(HARD, 2, 0), thinned(HARD, 1000, 0)
    assert counts(half) == [-(-n // 2) for n in counts(HARD)]
    assert counts(few) == [2] * 9
    assert {*half.train_idx.tolist()} < {*HARD.train_idx.tolist()}
    assert torch.equal(half.train_idx, thinned(HARD, 2, 0).train_idx)
    assert not torch.equal(half.train_idx, thinned(HARD, 2, 1).train_idx)
    assert torch.equal(half.test_unseen_idx, HARD.test_unseen_idx)


def test_what_is_lost_is_from_the_most_images_to_the_fewest(monkeypatch):
    """And passes grow as images get fewer."""
    passes = []

    def noted(benchmark, settings, *rest):
        passes.append((len(benchmark.train_idx), settings.passes))
        return trained(benchmark, settings, *rest)

    monkeypatch.setattr(fewer_images, "trained", noted)
    told = fewer_images_scores(HARD, FEWER, 0, "cpu")
    assert [*told] == ["1", "2", "8", "lost"]
    for name, lost in told["lost"].items():
        assert lost["T1"] == told["1"][name]["T1"] - told["8"][name]["T1"]
    assert told["1"]["images"] == len(HARD.train_idx) / 9
    assert told["2"]["images"] == len(thinned(HARD, 2, 0).train_idx) / 9
    (most, once), *fewer = passes[::2]  # of GenZSL
    assert once == QUICK.passes
    assert [n for _, n in fewer] == [round(once * most / images) for images, _ in fewer]
    assert most > fewer[0][0] > fewer[1][0]


def test_what_takes_no_image_away_is_left_out():
    twice = replace(FEWER, one_in=(64, 1, 32, 1))  # two images are left by either
    assert [*fewer_images_scores(HARD, twice, 0, "cpu")] == ["1", "32", "lost"]


def test_fewer_images_can_be_run_and_read_back():
    assert run("fewer_images", HARD, FEWER, 0) == run("fewer_images", HARD, FEWER, 0)
    with pytest.raises(ValueError, match="one_in must"):
        replace(FEWER, one_in=())


def test_records_of_both_can_be_run_and_read_back():
    for method in ("induction_limits", "relatives_removed"):
        assert run(method, HARD, SETTINGS, 0) == run(method, HARD, SETTINGS, 0)
    with pytest.raises(ValueError, match=r"shares must lie in 0\.\.1"):
        replace(SETTINGS, shares=(1.0,))
