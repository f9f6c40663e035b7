"""`zslnb.download.sources`: what is known of each source, and what a plan says beforehand."""

import re

import pytest

from zslnb.datasets.published_files import PAPERS_MODEL
from zslnb.download import sources
from zslnb.download.sources import all_sources, describe, needed, plan, source
from zslnb.files import data_dir

OPEN_CLIPS = "to download by open_clip, to its own cache"


def test_every_source_says_where_it_is_from_and_what_to_do_without_it():
    for name, s in all_sources().items():
        assert s.page.startswith("https://"), name
        assert s.licence, name
        assert s.by_hand.endswith("."), name
        assert s.address.startswith("https://"), name
        assert s.hash is None or re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", s.hash), name
        assert bool(s.file) == bool(s.holds), name


@pytest.mark.parametrize("benchmark", ["cub", "sun", "awa2"])
def test_a_benchmark_needs_features_or_pictures_and_weights(benchmark):
    assert [s.name for s in needed(benchmark, "resnet101")] == ["xlsa17"]
    assert [s.name for s in needed(benchmark)] == ["xlsa17", f"{benchmark}-images", "clip-vit-b-16"]


def test_the_papers_model_is_one_that_open_clip_knows_with_quick_gelu():
    import open_clip

    clip = source("clip-vit-b-16")
    config = open_clip.get_pretrained_cfg(*PAPERS_MODEL)
    assert config["quick_gelu"]
    assert config["url"] == clip.address
    assert clip.hash.removeprefix("sha256:") in clip.address
    assert config["hf_hub"].strip("/") in clip.page


def test_zslnb_data_moves_the_data(monkeypatch, tmp_path):
    monkeypatch.setenv("ZSLNB_DATA", str(tmp_path / "data"))
    assert data_dir() == tmp_path / "data"
    assert source("xlsa17").archive() == tmp_path / "data" / "downloads" / "xlsa17.zip"
    monkeypatch.delenv("ZSLNB_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data_dir().name == "zslnb"


def test_a_plan_counts_what_is_missing_and_touches_nothing(tmp_path):
    planned = plan(needed("cub"), tmp_path)
    assert [part.state for part in planned.values()] == ["to download", "to download", OPEN_CLIPS]
    assert planned["cub-images"].download == 1_150_585_339
    assert planned["cub-images"].disk == 2 * 1_150_585_339  # packed, and as much unpacked
    assert not list(tmp_path.iterdir())


def test_a_plan_sees_what_is_there(tmp_path):
    archive = source("cub-images").archive(tmp_path)
    archive.parent.mkdir()
    archive.with_name("CUB_200_2011.tgz.part").write_bytes(bytes(585_339))
    assert plan(needed("cub"), tmp_path)["cub-images"].download == 1_150_000_000
    archive.write_bytes(bytes(10))
    part = plan(needed("cub"), tmp_path)["cub-images"]
    assert part == ("downloaded, to be unpacked", 0, 10)
    source("cub-images").folder(tmp_path).mkdir()
    assert plan(needed("cub"), tmp_path)["cub-images"] == ("there", 0, 0)


def test_a_plan_is_told_with_units_sums_and_the_disk(monkeypatch, tmp_path):
    monkeypatch.setenv("ZSLNB_DATA", str(tmp_path))
    monkeypatch.setattr(sources, "free", lambda folder: 7_000_000_000)
    lines = describe(plan(needed("sun"))).splitlines()
    assert lines[0].split() == ["xlsa17", "922", "MB", "to", "download"]
    xlsa17 = source("xlsa17")
    assert lines[2:4] == [f"    licence: {xlsa17.licence}", f"    {xlsa17.page}"]
    assert "unknown size  to download" in lines[4]
    assert lines[8].split()[:3] == ["clip-vit-b-16", "599", "MB"]
    assert lines[12] == "To download: 1.52 GB and 1 of unknown size."
    disk = f"Disk: 1.84 GB and 1 of unknown size in {tmp_path}, where 7 GB are free; "
    assert lines[13] == f"{disk}ZSLNB_DATA moves it."


@pytest.mark.parametrize(
    ("count", "written"),
    [
        *((0, "0 bytes"), (999, "999 bytes"), (12_000, "12 kB"), (1.15e9, "1.15 GB")),
        *((13e9, "13 GB"), (None, "unknown size")),
    ],
)
def test_sizes_are_in_powers_of_a_thousand(count, written):
    assert sources.size(count) == written
