"""`zslnb.studies.training_curves`: what training buys, from made-up curves and on a toy."""

from dataclasses import replace

from toys import QUICK, QUICK_IMAGINATION, toy

from zslnb import studies
from zslnb.studies.training_curves import PASSES


def trained(row: str, h: list[float], seeds: int = 5) -> list[dict]:
    """A row whose H goes along `h`, a little higher in each seed; T1 never moves."""
    return [
        {
            "row": row,
            "seed": seed,
            "seconds": 9.0,
            "scores": {
                "curve": [
                    {"samples": 64 * i, "seconds": 2.0 * i, "H": score + 0.01 * seed, "T1": 0.5}
                    for i, score in enumerate(h, 1)
                ]
            },
        }
        for seed in range(seeds)
    ]


def solved(row: str, h: float, seeds: int = 5) -> list[dict]:
    scores = [{"clean": {"H": h + 0.01 * seed, "T1": 0.5}} for seed in range(seeds)]
    return [{"row": row, "seed": s, "seconds": 0.5, "scores": c} for s, c in enumerate(scores)]


RECORDS = [
    *trained("GenZSL", [0.1, 0.2, 0.3, 0.3]),
    *trained("cVAE", [0.1, 0.2, 0.3, 0.6]),
    *solved("means + spread", 0.5),
    *solved("nearest mean", 0.495),
]


def test_rows_are_read_on_the_way_and_set_against_the_closed_form():
    table = studies.gains_of(RECORDS, "toy").table()
    h = table.loc["H"]
    assert h.loc["cVAE", ["a quarter", "half", "end"]].tolist() == [
        "12.0 ± 1.6",
        "22.0 ± 1.6",
        "62.0 ± 1.6",
    ]
    assert h.loc["cVAE", "last half"] == "+40.0 ± 0.0, rising"
    assert h["over means + spread"].tolist() == [
        "-20.0 ± 0.0, below",
        "+10.0 ± 0.0, above",
        "",
        "-0.5 ± 0.0, not significant",  # less than a point
    ]
    assert table.loc[("T1", "GenZSL"), "last half"] == "+0.0 ± 0.0, not significant"
    assert h.loc["nearest mean"].tolist()[:4] == ["", "", "51.5 ± 1.6", ""]


def test_the_first_look_after_a_share_is_taken():
    table = studies.gains_of([*trained("GenZSL", [0.1, 0.2, 0.3]), *RECORDS[10:]], "toy").table()
    assert table.loc[("H", "GenZSL")].tolist()[:3] == ["12.0 ± 1.6", "22.0 ± 1.6", "32.0 ± 1.6"]


def test_two_seeds_are_too_few():
    few = [record for record in RECORDS if record["seed"] < 2]
    assert (
        studies.gains_of(few, "toy")
        .table()
        .loc[("H", "cVAE"), "last half"]
        .endswith("too few seeds to tell")
    )


def test_the_finding_says_what_a_sample_is_and_what_the_closed_form_costs():
    study = studies.gains_of(RECORDS, "toy")
    text = study.finding()
    assert "mean and range over 5 seeds" in text
    assert "A sample is one training feature in a batch" in text
    assert "Trainings take 8 to 8 s, means + spread 0.5 s with its classifier." in text
    assert "Significantly rising in the last half: all in H; none in T1." in text
    assert "Significantly below means + spread at the end: GenZSL in H; none in T1." in text
    left = study.figure().axes[0]
    assert left.get_xscale() == "log"
    assert {"GenZSL", "cVAE", "means + spread"} <= {line.get_label() for line in left.lines}


def test_what_nobody_has_measured_is_said_to_be():
    assert studies.gains_of([], "toy").table()["method"].tolist() == ["not measured"]


def test_looks_are_seldom_and_quick_where_the_profile_is_medium():
    rows = studies.watched_settings("cub", "medium")
    assert {row: s.passes * s.rounds for row, s in rows.items()} == PASSES
    assert {(s.passes, s.n_synthetic) for s in rows.values()} == {(3, 100)}
    rows = studies.watched_settings("aviary", "smoke")
    assert {s.passes for s in rows.values()} == {1}
    assert len({s.classifier for s in rows.values()}) == 1


def test_it_runs_what_it_draws(build):
    rows = {"GenZSL": replace(QUICK, rounds=2), "cVAE": replace(QUICK_IMAGINATION, kind="cvae")}
    study = studies.training_gains(toy(), rows, range(1))
    assert {r["row"]: r["method"] for r in study.records} == {
        "GenZSL": "speed",
        "cVAE": "imagination_speed",
        "means + spread": "means_look",
        "nearest mean": "nearest_mean",
        "plain CLIP": "clip",
    }
    assert {r["table"] for r in study.records} == {"training"}
    assert [*study.table().index.unique("metric")] == ["H", "T1"]
