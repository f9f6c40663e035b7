"""`zslnb.studies.forward_noise`: what noise does to semantics, and what DDIM carries on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import zslnb
from tests.toys import toy
from zslnb.datasets.aviary import attribute_names
from zslnb.revcd import NoiseSchedule, Standardiser
from zslnb.studies import forward_noise as studies

SCHEDULE, B = NoiseSchedule(500), toy()
Z = Standardiser.fitted(B.semantics[B.seen])(B.semantics)
VARIES = torch.arange(8) > 0
FLAT = B.semantics.clone()  # its first column is
FLAT[:, 0], FLAT[B.unseen[0], 0] = 0.3, 0.8


def test_flat_columns_are_counted_and_standardised_ones_keep_variance_1():
    b = replace(B, semantics=FLAT)
    z = Standardiser.fitted(FLAT[b.seen])(FLAT)
    study = studies.noised_variance(b, SCHEDULE, z, VARIES)
    assert study.off < 0.3
    assert f"within {study.off:.3f} of 1" in study.caption()
    table = study.table()
    assert table["how many"].tolist() == [7, 7, 1]
    assert table.loc["raw, vary", "step 1"] < 0.5 < table.loc["raw, vary", "step 500"]
    every = torch.ones(8, dtype=torch.bool)
    assert "do not vary" not in studies.noised_variance(B, SCHEDULE, Z, every).table().index


def test_a_walk_is_drawn_beside_its_mean():
    path = SCHEDULE.alphas_cumprod.sqrt()[:, None] * torch.tensor([2.0, -1.0])  # no noise
    lines = studies.noised_walk(SCHEDULE, torch.tensor([2.0, -1.0]), path).figure().axes[0].lines
    assert lines[0].get_ydata() == pytest.approx(lines[1].get_ydata())
    assert sum(len(line.get_xdata()) > 0 for line in lines) == 4


def test_noise_overtakes_a_narrow_column_first():
    snr = SCHEDULE.signal_to_noise(torch.arange(500))
    says = studies.noise_overtakes("toy", torch.tensor([[0.01], [0.01]]) * snr, snr).finding()
    narrow, standard = int((0.01 * snr > 1).sum()) + 1, int((snr > 1).sum()) + 1
    assert narrow < standard
    assert f"middle column at step {narrow} " in says
    assert f"all of them at step {standard}." in says


def test_pairs_lie_within_two_standard_deviations_of_the_step_back():
    t, n = 60, 2000
    at_t, z0 = torch.full((n,), t), torch.ones(n, 1)
    noise = torch.randn(n, 1, generator=torch.Generator().manual_seed(0))
    later = SCHEDULE.q_sample(z0, at_t, noise)
    mean = SCHEDULE.posterior_mean(z0, later, at_t)[:, 0]
    sigma = SCHEDULE.posterior_variance(at_t[:1]).sqrt()
    inside, outside = mean + sigma, mean + 3 * sigma
    assert studies.step_back(SCHEDULE, t, inside, later[:, 0], mean).inside == 1
    assert studies.step_back(SCHEDULE, t, outside, later[:, 0], mean).inside == 0


def test_a_dissolving_class_is_its_own_nearest_at_first():
    study = studies.dissolving_class(B, SCHEDULE, Z)
    assert study.nearest[0] == B.unseen[0]
    kept = sum(c == B.unseen[0] for c in study.nearest[1:])
    assert f"still the nearest in {kept} of 8 noised rows" in study.finding()
    assert "*bird 6* dissolving." in study.finding()
    assert study.figure().axes[0].texts[1].get_text() == "✓ its own"


def test_half_is_lost_where_the_line_between_two_steps_crosses():
    steps = torch.tensor([1, 21, 41])
    assert studies._half_lost(steps, np.array([1.0, 0.6, 0.2])) == "at step 26"
    assert studies._half_lost(steps, np.array([1.0, 0.9, 0.8])) == "never"
    assert studies._half_lost(steps, np.array([0.4, 0.2, 0.1])) == "at step 1"


def test_columns_that_are_shown_have_their_own_names():
    """The aviary has more attributes than columns are shown."""
    bench = zslnb.load("aviary", semantics="attributes")
    rows = bench.semantics[:2]
    ax = studies._semantics_rows(bench, rows, ["a", "b"]).axes[0]
    names, shown = attribute_names(), ax.images[0].get_array()
    labels = [text.get_text() for text in ax.get_xticklabels()]
    assert len(labels) == shown.shape[1] < len(names)
    assert [rows[0, names.index(label)].item() for label in labels] == shown[0].tolist()


def test_classes_are_identified_at_first_and_guessed_at_the_end_of_a_schedule_that_leaves_nothing():
    study = studies.share_identified(B, SCHEDULE, Z, range(2))
    accuracy = study.accuracy["standardised, cosine"]
    assert accuracy.shape == (2, 26)
    assert accuracy[:, 0].min() > 0.95
    assert study.at_end["standardised, cosine"] == pytest.approx(study.chance, abs=0.05)
    assert f"guessing gives {study.chance:.1%}. Mean and range over seeds (2)." in study.finding()
    grid, below = np.linspace(1, 500, 26), np.flatnonzero(accuracy.mean(0) < 0.5)[0]
    step = int(study.finding().split("cosine schedule at step ")[1].split(".")[0])
    assert grid[below - 1] - 1 <= step <= grid[below]
    assert len(study.figure().axes) == 2


def test_a_longer_schedule_and_a_cosine_one_leave_less():
    left = studies.schedule_ends(SCHEDULE).table().iloc[:, 0]
    assert [*left.index] == ["linear, 500 steps", "linear, 1000 steps", "cosine, 500 steps"]
    assert left.is_monotonic_decreasing


def test_ddim_ends_short_of_the_mean_as_the_formula_says():
    study = studies.lost_signal(NoiseSchedule(60), 1.0, torch.tensor([0.5, 1.0]))
    ddim, _, ancestral, cosine = study.lack.values()
    assert (ddim < -0.1).all()
    np.testing.assert_allclose(ddim, study.predicted, rtol=0.05)
    assert abs(cosine).max() < 0.01
    assert f"{ddim[1]:+.3f} (DDIM)" in study.finding()
    assert abs(ancestral).max() < abs(ddim).max()
    # left of what the start lacks: each step keeps the root of its alpha, there and back
    left = float(NoiseSchedule(60).alphas_cumprod[-1])
    assert ancestral[1] == pytest.approx(-left, abs=0.03)
    assert f"m$ = {left:.3f}." in study.finding()
    assert study.figure().axes[1].lines[0].get_ydata() == pytest.approx(study.predicted)
