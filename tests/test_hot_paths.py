"""`benchmarks/`: runs end to end on tiny sizes; its plain forms and documents are what they say."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from zslnb import genzsl, revcd
from zslnb.seeds import seeded

FOLDER = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(FOLDER))

import measure  # noqa: E402
import paths  # noqa: E402
import plain  # noqa: E402
import report  # noqa: E402
import run  # noqa: E402
import scaling  # noqa: E402
from sizes import QUICK  # noqa: E402


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict:
    path = tmp_path_factory.mktemp("benchmark") / "cpu.json"
    run.main(["--quick", "--device", "cpu", "--out", str(path)])
    assert path.with_suffix(".png").stat().st_size > 10_000
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_path_is_measured_against_something(told):
    compared = [row for row in told["rows"] if row["against"]]
    assert {row["path"] for row in told["rows"]} == {
        "IVAE epoch",
        "GenZSL step",
        "gradient of GenZSL's loss",
        "several seeds",
        "softmax classifier",
        "f-VAEGAN step",
        "RevCD sampling",
        "CDP",
        "top-2 referents",
        "extraction, a picture",
    }
    assert len(compared) == len(told["rows"]) - 2  # too many classes for the released forms
    assert all(row["ratio"] > 0 and min(row["seconds"]) > 0 for row in compared)
    assert all(row["limit"] > 0 for row in told["rows"] if row["path"] != "several seeds")


def test_the_machine_is_described(told):
    machine = told["machine"]
    assert machine["device"] == "cpu"
    assert machine["torch"] == torch.__version__
    assert all(rate > 0 for limits in machine["limits"].values() for rate in limits.values())


def test_curves_have_slopes(told):
    curves = {(curve["what"], curve["against"]): curve for curve in told["scaling"]}
    assert len(curves) == 7
    assert all(len(curve["points"]) > 1 for curve in curves.values())
    table = report.growth(told)
    assert {*table["grows with"]} == {"classes", "images", "steps", "seeds"}


def test_a_slope_is_the_power_of_growth():
    points = [{"n": n, "seconds": 5 * n**3, "bytes": 5 * n} for n in (1, 10, 20)]
    assert scaling.slope(points, "seconds") == pytest.approx(3)
    assert scaling.slope(points, "bytes") is None


def test_what_was_not_measured_says_so():
    row = measure.Row("extraction", "4 pictures", "its limit").report()
    cells = report.shown({"rows": [row]}).iloc[0]
    assert cells["time"] == cells["times as fast"] == "not measured"


def test_scaling_is_as_recorded():
    text = report.DOCS.read_text(encoding="utf-8")
    assert report.filled(text) == text


def test_a_document_needs_its_places():
    with pytest.raises(ValueError, match="needs one place for paths cpu"):
        report.filled("# No place")


def test_only_some_sections_can_be_measured(tmp_path, capsys):
    out = tmp_path / "some.json"
    run.main(["--quick", "--device", "cpu", "--only", "revcd", "--out", str(out)])
    shown = json.loads(out.read_text(encoding="utf-8"))
    assert [row["path"] for row in shown["rows"]] == ["RevCD sampling"]
    assert shown["scaling"] == []
    assert "RevCD sampling" in capsys.readouterr().out


def test_plain_forms_of_classes_give_what_ours_give():
    texts = paths.class_texts(60, 16, "cpu")
    expected = genzsl.class_diversity_promotion(texts)
    torch.testing.assert_close(plain.diversity_promotion(texts), expected, rtol=0, atol=1e-5)
    nearest = genzsl.top_k_referents(texts[:9], texts, 3)
    assert torch.equal(plain.nearest(texts[:9], texts, 3), nearest)


def test_the_plain_inductive_vae_learns_to_rebuild():
    benchmark = paths.cub_like(QUICK, QUICK.images, QUICK.feature_dim)
    prepared = genzsl.prepare(benchmark, QUICK.of_genzsl)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    model = plain.GenZSL(
        *(prepared.features, prepared.labels, prepared.semantics),
        anchors=prepared.anchors,
        referents=prepared.referents,
        hidden=32,
        latent=8,
        batch=32,
        device="cpu",
    )
    losses = [model.epoch() for _ in range(20)]
    assert losses[-1] < losses[0] - 0.2


def test_plain_sampling_walks_back_as_ours_does():
    """One step, from the same noise, for both forms of guidance."""
    one = replace(QUICK.of_revcd, steps=1)
    benchmark = paths.cub_like(QUICK, 2 * one.batch_size, QUICK.attributes)
    model = revcd.fit(benchmark, one)
    features = benchmark.features[:5]
    model.networks.eval()
    with seeded(0, "revcd/estimate"):
        walked = plain.revcd_sampling(
            model.networks, model.images(features), QUICK.attributes, one.guidance, 1
        )
    torch.testing.assert_close(walked, model.estimate(features), rtol=1e-4, atol=1e-5)
