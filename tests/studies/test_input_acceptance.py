"""`zslnb.studies.input_acceptance`: plain CLIP's inputs beside what is published of them."""

from dataclasses import replace

import pandas as pd
import pytest
import torch
from toys import toy

from zslnb import experiments, load, studies
from zslnb.genzsl import mean_cosines
from zslnb.studies import input_acceptance
from zslnb.studies.input_acceptance import UNDECIDED, acceptance, acceptance_words, text_acceptance

FACTS = {"semantics": "clip-text", "weights_sha256": "w", "model": "ViT-B-16", "tag": "openai"}


def clip(name: str, **changes: str):
    return replace(toy(), name=name, provenance=FACTS | changes)


def test_measured_values_stand_beside_the_published_ones(build):
    b = clip("cub")
    compared = acceptance(b).set_index("quantity")
    assert list(compared["published"]) == [0.5726, 54.8, 55.2, 55.0]
    scores = experiments.run("clip", b)["scores"]["clean"]
    measured = [mean_cosines(b.semantics)["with diagonal"], *(100 * scores[m] for m in "SUH")]
    assert compared["measured"].tolist() == pytest.approx(measured, abs=1e-4)
    assert compared["source"].iloc[0] == "Figure 3, public reviews (reviews)"
    assert "does NOT match" in acceptance_words(compared.reset_index())


@pytest.mark.parametrize(
    ("difference", "verdict"), [(0.0, "agrees"), (0.99, "agrees"), (-1.01, "DIFFERS")]
)
def test_a_verdict_follows_from_the_difference_alone(build, monkeypatch, difference, verdict):
    scores = {m: (v + difference) / 100 for m, v in {"S": 54.8, "U": 55.2, "H": 55.0}.items()}
    monkeypatch.setattr(input_acceptance, "run", lambda *_, **__: {"scores": {"clean": scores}})
    monkeypatch.setattr(input_acceptance, "mean_cosines", lambda _: {"with diagonal": 0.5713})
    compared = acceptance(clip("cub"))
    assert compared["verdict"].tolist() == ["agrees", verdict, verdict, verdict]
    words = acceptance_words(compared)
    if verdict == "agrees":
        assert words.endswith("agree, 4 of 4.")
        assert words.startswith("The pipeline matches the paper's inputs")
    else:
        assert "plain CLIP, H (harmonic mean, %): 53.99, published 55" in words


def test_a_number_from_memory_decides_nothing(build):
    compared = acceptance(clip("awa2"))
    assert compared["published"].tolist()[1:] == [93.1, 88.3, 90.6]
    assert set(compared["verdict"]) == {UNDECIDED}
    assert acceptance_words(compared).startswith("No published value can tell")


@pytest.mark.parametrize(("name", "changes"), [("sun", {}), ("cub", {"tag": "laion400m_e31"})])
def test_nothing_is_published_of_other_benchmarks_or_models(build, name, changes):
    compared = acceptance(clip(name, **changes))
    assert compared["published"].isna().all()
    assert compared["measured"].notna().all()


def test_what_is_not_clips_is_left_alone(build):
    aviary = (load("aviary"), load("aviary", semantics="attributes"))
    for benchmark in (toy(), clip("cub", semantics="attributes"), *aviary):
        compared = acceptance(benchmark)
        assert isinstance(compared, pd.DataFrame)
        assert compared.empty
        assert acceptance_words(compared) == ""


def test_texts_alone_can_be_compared_before_there_are_pictures():
    row = text_acceptance(torch.eye(4), "cub")
    assert (row["measured"], row["published"], row["verdict"]) == (0.25, 0.5726, "DIFFERS")


def test_inputs_are_a_study_where_they_can_be_compared(build):
    assert studies.inputs(toy()) is None
    study = studies.inputs(clip("cub"))
    assert study.caption().startswith(
        "**cub**: are these the papers' inputs? The pipeline does NOT"
    )
    assert len(study.table()) == 4
