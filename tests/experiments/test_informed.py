"""`zslnb.experiments.informed`: referents that are moved, by hand."""

from dataclasses import replace

import pytest
import torch
from toys import QUICK, bare, corrupted, toy

from zslnb.closed_form import kernel_ridge
from zslnb.experiments import InformedSettings, MeansSettings, run
from zslnb.experiments import informed as module
from zslnb.experiments.informed import covariance_products, pair, without_itself
from zslnb.experiments.means import training_set
from zslnb.protocol import class_means, validation_split

HARD = toy(noise=0.5)
MEANS = MeansSettings.beside(QUICK)
SETTINGS = InformedSettings(QUICK, MEANS)
KERNEL = (1.0, 0.1)


def moved(temperature: float | None) -> module.Moved:
    return module._moved(HARD, MEANS, KERNEL, temperature, 0, "cpu")


def test_a_class_is_predicted_from_the_others_alone():
    features, labels, refined = training_set(HARD, MEANS)
    seen, means = labels.unique(), class_means(features, labels)
    told = without_itself(refined[seen], means, KERNEL)
    by_hand = kernel_ridge(refined[seen[1:]], means[1:], refined[seen[:1]], *KERNEL)[0]
    assert torch.allclose(told[0], by_hand.float(), atol=1e-6)
    means[0] = 100  # its own mean is not read
    assert torch.allclose(without_itself(refined[seen], means, KERNEL)[0], told[0], atol=1e-5)


def test_an_image_of_a_referent_is_moved_by_the_difference_of_two_means():
    """At a temperature near 0 the nearest class alone lends; a seen class never lends to itself."""
    found, (features, labels, refined) = moved(1e-3), training_set(HARD, MEANS)
    means = class_means(features, labels)
    for target in (0, 6):
        cosines = refined[target] @ refined[:6].T
        cosines[target : target + 1] = -2
        lender = int(cosines.argmax())
        drawn = found.referents(torch.tensor([target] * 20))
        images = features[labels == lender] + found.told[target] - means[lender]
        assert torch.cdist(drawn, images).min(1).values.max() < 1e-3


def test_moved_by_predictions_alone_the_referents_own_error_stays():
    found, (features, labels, _) = moved(None), training_set(HARD, MEANS)
    drawn = found.referents(torch.tensor([6] * 40))
    assert (found.shares > 0).sum(1).tolist() == [2] * 8
    lenders = found.shares[6].nonzero()[:, 0]
    images = torch.cat([features[labels == c] - found.told[c] for c in lenders]) + found.told[6]
    assert torch.cdist(drawn, images).min(1).values.max() < 1e-3


def test_products_of_covariances_need_no_covariance():
    labels = torch.tensor([0, 0, 2, 2, 2])
    kept = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    s = [kept[labels == c].T @ kept[labels == c] / n for c, n in ((0, 2), (2, 3))]
    products = covariance_products(kept, labels, 3)
    assert float(products[0, 2]) == pytest.approx(float((s[0] * s[1]).sum()), rel=1e-5)
    assert float(products[2, 2]) == pytest.approx(float((s[1] * s[1]).sum()), rel=1e-5)
    assert products[1].tolist() == [0, 0, 0]


def test_the_temperature_is_the_one_whose_blend_is_nearest():
    inner = validation_split(HARD, 0)
    features, labels, refined = training_set(inner, MEANS)
    rows, seen = inner.test_unseen_idx, labels.unique()
    real = torch.nn.functional.normalize(inner.features[rows], dim=1)

    def covariances(x, y):
        kept = module.residuals(x, y)
        parts = [kept[y == c] for c in y.unique()]
        return torch.stack([p.T @ p / len(p) for p in parts])

    lent, asked = covariances(features, labels), covariances(real, inner.labels[rows])
    cosines = refined[inner.unseen] @ refined[seen].T
    off = {
        t: float(
            (torch.einsum("vk,kab->vab", (cosines / t).softmax(1), lent) - asked).square().sum()
        )
        for t in SETTINGS.temperatures
    }
    assert module.chosen_temperature(inner, SETTINGS) == min(off, key=off.get)


def test_pairing_makes_the_sum_of_squares_the_least_within_each_class():
    targets = torch.tensor([[0.0], [1.0], [2.0], [10.0], [11.0]])
    referents = torch.tensor([[2.1], [0.2], [0.9], [11.5], [0.0]])
    labels = torch.tensor([0, 0, 0, 1, 1])
    paired = pair(referents, targets, labels)
    assert paired[:, 0].tolist() == pytest.approx([0.2, 0.9, 2.1, 0.0, 11.5])


def test_a_network_that_changes_nothing_gives_the_moved_referent():
    net = module.ChangeVAE(8, 0, 4, 2)
    for layer in net.decoder:
        if hasattr(layer, "weight"):
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    referents = 3 * torch.randn(5, 8)
    x_hat, *_ = net(referents, torch.zeros(5, 0))
    assert torch.allclose(x_hat, torch.nn.functional.normalize(referents, dim=1))


def test_training_lowers_the_error_and_hears_the_moved_referents(build):
    longer = replace(QUICK, rounds=30)
    run_ = module._fitted(HARD, longer, moved(0.3), True, True, 0, "cpu")
    errors = [entry["reconstruction"] for entry in run_.history]
    assert errors[-1] < errors[0]
    assert run_.semantics.shape == (8, 0)
    features, labels = run_.synthesise(HARD.unseen, 3)
    assert features.shape == (6, 8)
    assert labels.tolist() == [6, 6, 6, 7, 7, 7]
    assert torch.allclose(features.norm(dim=1), torch.ones(6), atol=1e-5)


def test_a_record_has_every_row_and_controls_only_where_asked(build):
    record = run("informed", HARD, SETTINGS, 0)
    assert record == run("informed", HARD, SETTINGS, 0)
    every = {*record["scores"]["rows"]}
    few = {*run("informed", HARD, replace(SETTINGS, controls=False), 0)["scores"]["rows"]}
    assert every - few == {module.PREDICTED, module.UNPAIRED}
    assert {*record["scores"]["kl"]} == {module.MOVED, module.CHANGE, module.UNPAIRED}
    rows = record["scores"]["rows"].values()
    assert all(0 <= row[metric] <= 1 for row in rows for metric in ("S", "U", "H", "T1"))


def test_choices_and_training_never_see_the_test_set(build):
    few = replace(SETTINGS, controls=False)
    clean, garbage = (module.informed_scores(b, few, 0, "cpu") for b in (HARD, corrupted(HARD)))
    assert clean["chosen"] == garbage["chosen"]
    assert clean["kl"] == garbage["kl"]
    assert clean["rows"] != garbage["rows"]


def test_too_few_seen_classes_and_nonsense_are_refused():
    with pytest.raises(ValueError, match="temperatures must be positive, not 0"):
        InformedSettings(QUICK, MEANS, (0.0,))
    two = toy(seen=2)
    with pytest.raises(ValueError, match="predicted from others'"):
        bare(module._moved)(two, MeansSettings(n_referents=1), KERNEL, 0.3, 0, "cpu")
    with pytest.raises(ValueError, match="at least 1"):
        moved(0.3).synthesise(HARD.unseen, 0)
