"""`zslnb.studies.quoted`: published numbers as they are printed, and what a profile changes."""

from dataclasses import replace

from zslnb import genzsl, imagination, studies


def test_quoted_tables_say_that_they_are_quoted():
    for study in (
        studies.quoted_results(),
        studies.quoted_rivals(),
        studies.quoted_ablation(),
        studies.quoted_semantics(),
    ):
        assert study.caption().startswith("**Quoted, not reproduced.** ")
        assert len(study.table())


def test_genzsls_row_is_printed_for_each_benchmark():
    table = studies.quoted_results().table().set_index("benchmark")
    assert table.loc["CUB", ["U", "S", "H"]].tolist() == [53.5, 61.9, 57.4]


def test_rivals_with_a_higher_h_are_named():
    study = studies.quoted_rivals()
    table = study.table().set_index("method")
    own = studies.quoted_results().table().set_index("benchmark")["H"]
    higher = table.index[table["CUB H"] > own["CUB"]]
    assert f"CUB: {', '.join(higher) or 'none'}" in study.caption()


def test_methods_that_change_a_setting_alike_share_a_line():
    settings = {"GenZSL": replace(genzsl.published_settings("cub"), rounds=2)}
    for kind in ("gan", "cvae"):
        published = imagination.published_settings("cub", kind)
        settings[kind] = replace(published, rounds=3)
    study = studies.Reductions(settings, "cub", "What changes.")
    assert study.table().to_dict("records") == [
        {"setting": "rounds", "published": "150", "here": "2", "methods": "GenZSL"},
        {"setting": "rounds", "published": "300", "here": "3", "methods": "gan, cvae"},
    ]
    by_method = replace(study, by_method=True).table()
    assert [*by_method["method"]] == ["GenZSL", "gan", "cvae"]
