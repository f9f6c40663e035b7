"""The whole way of a user's first run, over real HTTP, with everything that can go wrong on it."""

import errno
import multiprocessing
import os
import re
import shlex
import shutil
import signal
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
import tyro
from conftest import HEADER
from mats import (
    in_this_process,  # noqa: F401
    write_mat,
)
from pages import commands, page
from PIL import Image
from toys import shared_data
from web import serving
from world import (
    FOLDERS,
    INSIDE,
    NAMES,
    archive_of,
    build_world,
    cells,
    class_folder,
    column,
    picture,
    picture_archive,
    picture_paths,
    published_archive,
    small_clip,
    tarred,
    write_published,
    zipped,
)

import zslnb
from zslnb import cli
from zslnb.datasets.published import published_images
from zslnb.datasets.published_files import PublishedFiles
from zslnb.datasets.xlsa17 import PUBLISHED, Sizes, Split, read_split, readable
from zslnb.download import unpack
from zslnb.download.fetch import CHUNK
from zslnb.download.sources import WEIGHTS, pictures_folder, source
from zslnb.encode import extract, published_benchmark
from zslnb.encode.clip import extract_image_features, extract_text_features, load_clip
from zslnb.encode.requests import DataRequest
from zslnb.errors import BenchmarkError, RequestError, WorkError
from zslnb.notebook import reproduce
from zslnb.studies.published_data import bring_data

CPUS = "ignore:This process:DeprecationWarning"  # fork beside threads, from Python 3.12 on
WHOLE = 10**9
TRUE = {name: PUBLISHED[name.upper()] for name in NAMES}  # before a world changes them
VALIDATION = {"cub": 0, "sun": 65, "awa2": 13}  # classes in val_loc; our copy of CUB's has none
BATCH = 7


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(published_benchmark, "BATCH", BATCH)
    monkeypatch.setattr(extract, "default_workers", lambda device: 0)
    with serving() as web:
        yield build_world(web, monkeypatch, tmp_path)


def bring(benchmark: str = "cub", **asked: object) -> None:
    bring_data(DataRequest(benchmark, **asked))


def expected(name: str, root: Path) -> np.ndarray:
    """Features of a benchmark's pictures, one after the other, by the model itself."""
    paths, _ = picture_paths(name)
    archive = {"cub": "cub-images", "sun": "sun-images", "awa2": "awa2-images"}[name]
    encoder = load_clip("small", "rehearsal")
    opened = [Image.open(root / archive / INSIDE[name] / path) for path in paths]
    return extract_image_features(encoder, opened, batch_size=BATCH)


def test_a_dry_run_says_all_of_it_and_touches_nothing(world, capsys):
    bring("all", dry_run=True)
    said = capsys.readouterr().out
    for name in ("xlsa17", "cub-images", "sun-images", "awa2-images", "clip-vit-b-16"):
        assert said.count(f"{name} ") == 1
    assert re.search(r"To download: [\d.]+ MB\.", said)
    assert "Disk: " in said
    for name in NAMES:
        assert f"{name}: 30 of 30 pictures to extract" in said
    assert not world.web.requests
    assert not world.data.exists()


def test_from_nothing_to_the_benchmarks(world, capsys):
    bring("all")
    said = capsys.readouterr().out
    for name in NAMES:
        b = zslnb.load(name)
        assert repr(b).startswith(f"Benchmark({name!r}: 30 images, 4 seen + 2 unseen")
        np.testing.assert_allclose(b.features, expected(name, world.data), atol=1e-6)
        texts = extract_text_features(load_clip("small", "rehearsal"), b.class_names)
        np.testing.assert_allclose(b.semantics, texts, atol=1e-6)
        assert b.provenance["sizes"] == "as published"
        assert f"{name}: mean cosine of the class texts" in said
    assert zslnb.load("awa2").class_names[:2] == ("antelope", "grizzly bear")
    assert said.count("plain CLIP, H") == 3
    assert len(world.names()) == len(set(world.names())) == 5
    world.web.requests.clear()
    bring("all")
    assert capsys.readouterr().out.startswith("Nothing to download.")
    assert not world.web.requests


@pytest.mark.parametrize("name", NAMES)
def test_every_listed_picture_must_be_in_the_archives_layout(tmp_path, name):
    files = PublishedFiles(name, "clip", tmp_path)
    write_published(files.mat_folder, name)
    listed, folder = published_images(files).image_files, pictures_folder(name, tmp_path)
    assert list(listed) == picture_paths(name)[0]
    for path in listed:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    published_benchmark.require_pictures(files, listed)
    (folder / listed[4]).unlink()
    with pytest.raises(BenchmarkError, match=rf"1 of 30 pictures .*: {listed[4][:5]}"):
        published_benchmark.require_pictures(files, listed)


def test_paths_and_model_are_those_of_the_sources(tmp_path):
    files = PublishedFiles("cub", "clip", tmp_path)
    assert files.model == tuple(source(WEIGHTS).tag.split("/"))
    listed = [source("xlsa17").folder(tmp_path) / path for path in source("xlsa17").holds]
    assert files.mat_folder / "res101.mat" in listed


def test_features_need_neither_archives_nor_pictures(world, capsys):
    bring()
    before = zslnb.load("cub").sha256
    shutil.rmtree(world.data / "downloads")
    shutil.rmtree(world.data / "cub-images")
    world.web.requests.clear()
    bring()
    assert "Nothing to download." in capsys.readouterr().out
    assert zslnb.load("cub").sha256 == before
    assert not world.web.requests


def test_plain_clip_is_set_beside_what_is_published(world, capsys, monkeypatch):
    monkeypatch.setattr("zslnb.studies.input_acceptance.PAPERS_MODEL", ("small", "rehearsal"))
    bring()
    said = capsys.readouterr().out
    assert "Published: 0.5726; it DIFFERS." in said
    assert re.search(r"plain CLIP, U \(unseen, %\) +\| +[\d.]+ \| +55\.2 \| ± 1", said)
    assert "does NOT match the paper's inputs (mean cosine of the class texts" in said


def test_a_cut_connection_costs_what_was_cut(world, capsys):
    size = len(world.web.files["CUB_200_2011.tgz"])
    assert size > 3 * CHUNK
    world.web.cuts = [WHOLE, WHOLE, 2 * CHUNK]  # the split, the weights, the pictures
    world.web.statuses = [200, 200, 200, 404]
    with pytest.raises(WorkError, match="cub-images: cannot be downloaded"):
        bring()
    world.web.requests.clear()
    bring()
    assert [r.range for r in world.web.requests] == [f"bytes={2 * CHUNK}-"]
    assert world.web.sent == size - 2 * CHUNK
    assert zslnb.load("cub").has_images


@pytest.mark.filterwarnings(CPUS)
def test_killed_in_the_middle_of_extraction_it_goes_on_there(world, tmp_path, monkeypatch):
    ready, encode = tmp_path / "ready", extract.encode_pixels
    batches = []

    def counted(encoder, pixels, *rest):
        batches.append(len(pixels))
        return encode(encoder, pixels, *rest)

    def run():
        os.setsid()
        done = []

        def stuck(encoder, pixels, *rest):
            if len(done) == 2:
                ready.touch()
                time.sleep(60)
            done.append(encode(encoder, pixels, *rest))
            return done[-1]

        extract.encode_pixels = stuck
        bring()

    process = multiprocessing.get_context("fork").Process(target=run, daemon=False)
    process.start()
    while not ready.exists():
        assert process.is_alive()
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.join(10)
    monkeypatch.setattr(extract, "encode_pixels", counted)
    world.web.requests.clear()
    bring()
    assert batches == [BATCH, BATCH, 30 - 4 * BATCH]
    assert not world.web.requests
    killed = zslnb.load("cub")
    monkeypatch.setenv("ZSLNB_DATA", str(tmp_path / "one pass"))
    bring()
    assert zslnb.load("cub").sha256 == killed.sha256


def test_interrupted_it_goes_on_there(world, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(extract, "encode_pixels", interrupt)
        with pytest.raises(KeyboardInterrupt):
            bring()
    bring()


def test_four_shards_equal_one_pass(world, tmp_path, monkeypatch):
    bring()
    whole = zslnb.load("cub")
    monkeypatch.setenv("ZSLNB_DATA", str(tmp_path / "at once"))
    with joblib.parallel_config(backend="threading"):
        bring(shards=4)
    assert zslnb.load("cub").sha256 == whole.sha256
    monkeypatch.setenv("ZSLNB_DATA", str(tmp_path / "machine by machine"))
    for part in (3, 1, 4, 2):
        bring(shard=f"{part}/4")
    with pytest.raises(FileNotFoundError, match="have not been made yet"):
        zslnb.load("cub")
    bring()
    assert zslnb.load("cub").sha256 == whole.sha256


def test_features_of_resnet_need_the_published_files_alone(world, capsys):
    bring(features="resnet101")
    assert world.names() == ["xlsa17.zip"]
    b = zslnb.load("cub", features="resnet101")
    assert (b.feature_dim, b.provenance["semantics"]) == (12, "attributes")
    with pytest.raises(FileNotFoundError, match="make data BENCHMARK=cub"):
        zslnb.load("cub")
    load_clip("small", "rehearsal")
    bring(dry_run=True)
    assert re.search(r"clip-vit-b-16 +0 bytes  there, open_clip's", capsys.readouterr().out)
    assert "plain CLIP" not in capsys.readouterr().out


def test_another_model_has_a_folder_of_its_own(world, monkeypatch):
    import open_clip

    tags = open_clip.pretrained._PRETRAINED["small"]
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "small", tags | {"b": tags["rehearsal"]})
    bring(features="small/b")
    b = zslnb.load("cub", features="small/b")
    assert (b.provenance["model"], b.provenance["tag"]) == ("small", "b")
    with pytest.raises(FileNotFoundError, match="have not been made yet"):
        zslnb.load("cub")


def wrong_hash(world):
    world.publish("cub-images", picture_archive("cub"), hash=f"md5:{'0' * 32}")


def wrong_label(world):
    _, labels = picture_paths("cub")
    labels[3] = 1
    folder = world.data.parent / "wrong"
    world.publish("xlsa17", published_archive(folder, cub={"labels": column(labels)}))


def wrong_split(world):
    world.patch.setitem(PUBLISHED, "CUB", Sizes(4, 2, 17, 4, 10))


def short(world):
    world.web.declared = 10**8


def dead(world):
    del world.web.files["xlsa17.zip"]


def nobody(world):
    world.web.statuses = [200, 404, 404]


def full(world):
    usage = namedtuple("usage", "total used free")(10**9, 0, 1000)
    world.patch.setattr(shutil, "disk_usage", lambda folder: usage)


def fills_up(world):
    def admit(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    world.patch.setattr(unpack._Guard, "admit", admit)


def web_page(world):
    world.publish("xlsa17", b"<html>We have moved.</html>")


def no_folder(world):
    world.data.write_text("a file")


def way_out(world):
    world.publish("cub-images", tarred({"../../out.jpg": b"x"}))


def no_pictures(world):
    first = picture_paths("cub")[0][0]
    world.publish("cub-images", picture_archive("cub", **{first: None}))


def unreadable(world):
    first = picture_paths("cub")[0][0]
    world.publish("cub-images", picture_archive("cub", **{first: picture(0)[:300]}))


FAULTS = {
    "wrong hash": (wrong_hash, r"does not match|is another file"),
    "wrong content": (wrong_label, r"lies in the folder of another class.*away first"),
    "wrong sizes": (wrong_split, r"16 trainval images, but cub has 17; .*another split"),
    "wrong length": (short, r"xlsa17: cannot be downloaded"),
    "dead address": (dead, r"404.*page: https://www.mpi.*by hand: .*Put the file at"),
    "no weights": (nobody, r"weights small/rehearsal cannot be had: .*404.*by hand: "),
    "no room": (full, r"All of it needs .* 1 kB are free.*ZSLNB_DATA"),
    "disk fills up": (fills_up, r"disk of .* is full; nothing of xlsa17\.zip was kept"),
    "a web page": (web_page, r"gives a web page"),
    "a file in the way": (no_folder, r"Not a directory.*set ZSLNB_DATA to a folder to write to"),
    "a way out": (way_out, r"is refused: '\.\./\.\./out\.jpg' leads outside"),
    "a picture less": (no_pictures, r"1 of 30 pictures that CUB/res101\.mat lists are not in"),
    "an unreadable one": (unreadable, r"1 of the pictures cannot be read:.*000\.jpg.*delete "),
}


@pytest.mark.parametrize(("fault", "message"), FAULTS.values(), ids=FAULTS)
def test_what_goes_wrong_is_told_once_and_clearly(world, capsys, fault, message):
    fault(world)
    with pytest.raises(WorkError) as caught:
        bring()
    assert re.search(message, str(caught.value), re.DOTALL), str(caught.value)
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    assert "plain CLIP" not in printed.out


def test_what_was_put_right_goes_on_without_loss(world, monkeypatch):
    with monkeypatch.context() as patch:
        usage = namedtuple("usage", "total used free")(10**9, 0, 1000)
        patch.setattr(shutil, "disk_usage", lambda folder: usage)
        with pytest.raises(WorkError):
            bring()
        assert not world.web.requests
    world.web.statuses = [200, 404]
    with pytest.raises(WorkError):  # without its weights
        bring()
    bring()
    assert world.names().count("xlsa17.zip") == 1


def test_a_file_of_weights_serves_where_open_clip_cannot_download(world, tmp_path, capsys):
    torch.save(small_clip().state_dict(), tmp_path / "own.pt")
    del world.web.files["small.safetensors"]
    with pytest.raises(WorkError, match="give a file of the weights as weights"):
        bring()
    bring(weights=tmp_path / "own.pt")
    assert "there, own.pt" in capsys.readouterr().out
    np.testing.assert_allclose(
        zslnb.load("cub").semantics,
        extract_text_features(
            load_clip("small", "rehearsal", weights=tmp_path / "own.pt"),
            zslnb.load("cub").class_names,
        ),
        atol=1e-6,
    )


def test_an_address_that_died_can_be_served_by_hand(world):
    content = world.web.files.pop("xlsa17.zip")
    with pytest.raises(WorkError):
        bring()
    (world.data / "downloads" / "xlsa17.zip").write_bytes(content)
    pictures = world.data / "cub-images"
    pictures.mkdir()
    shutil.unpack_archive(write(world.data / "p.tar.gz", picture_archive("cub")), pictures)
    bring()
    assert "CUB_200_2011.tgz" not in world.names()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_one_that_fails_stops_no_other(world, capsys):
    del world.web.files["SUNAttributeDB_Images.tar.gz"]
    with pytest.raises(WorkError, match="sun: sun-images: cannot be downloaded"):
        bring("all")
    assert "zslnb: sun: sun-images: cannot be downloaded" in capsys.readouterr().err
    assert zslnb.load("cub").name == "cub"
    assert zslnb.load("awa2").name == "awa2"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"benchmark": "CUB"}, "Did you mean 'cub'"),
        ({"benchmark": "aviary"}, "Known: cub, sun, awa2, all"),
        ({"benchmark": "flo"}, "no benchmark to download 'flo'"),
        ({"features": "vgg"}, "no features 'vgg' of cub"),
        ({"features": "small/x"}, "no weights 'x' for 'small'"),
        ({"device": "gpu"}, "no device 'gpu'"),
        ({"shard": "0/2"}, "from 1/4 to 4/4 of four; not '0/2'"),
        ({"weights": Path("gone.pt")}, "no file of weights 'gone.pt'"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_wrong_request_is_told_at_once(world, capsys, asked, message, dry_run):
    with pytest.raises(RequestError, match=message):
        bring(**asked, dry_run=dry_run)
    assert not capsys.readouterr().out
    assert not world.web.requests


NOTEBOOK = """
from zslnb.notebook import desk
here = desk.begin("10_topic", benchmark, semantics, profile, seeds, device)
assert here.benchmark.feature_dim == 8
"""


@pytest.fixture
def notebooks(tmp_path):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "10_topic.py").write_text(HEADER.format(needs="images") + f"\n# %%{NOTEBOOK}")
    return folder


def test_reproduce_says_what_it_would_do(world, capsys, notebooks):
    asked = ["--benchmark", "all", "--profile", "full", "--folder", str(notebooks)]
    assert cli.main(["reproduce", *asked, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "To download: " in said
    runs = [line for line in said.splitlines() if "notebook" in line]
    assert runs == [
        f"{name}-full: 1 notebook, time not known before a first run here."
        for name in ("cub", "sun", "awa2")
    ]
    assert not world.web.requests


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--semantics", "atributes"], "Did you mean 'attributes'"),
        (["-p", "epochs=3"], "no parameter 'epochs'"),
        (["--notebooks", "99"], "no notebook '99'"),
        (["--profile", "ful"], "Did you mean 'full'"),
        (["--device", "gpu"], "no device 'gpu'"),
    ],
)
def test_reproduce_refuses_a_bad_input_before_any_download(
    world, capsys, notebooks, arguments, told
):
    asked = ["--benchmark", "cub", "--folder", str(notebooks)]
    assert cli.main(["reproduce", *asked, *arguments]) == 2
    assert told in capsys.readouterr().err
    assert not world.web.requests


def test_reproduce_brings_the_data_before_it_runs(world, capsys, notebooks, monkeypatch):
    ran = []

    def run(plan):
        ran.append((plan.benchmark.name, plan.benchmark.provenance["features"], plan.run_dir.name))
        return []

    monkeypatch.setattr(reproduce, "run", run)
    del world.web.files["SUNAttributeDB_Images.tar.gz"]
    asked = ["--profile", "full", "--folder", str(notebooks)]
    assert cli.main(["reproduce", "--benchmark", "sun", *asked]) == 1
    assert ran == []
    assert cli.main(["reproduce", "--benchmark", "all", *asked]) == 1
    assert ran == [("cub", "clip", "cub-full"), ("awa2", "clip", "awa2-full")]
    assert "CLIP features of sun have not been made yet" in capsys.readouterr().err


def test_the_commands_of_the_page_are_understood(world, tmp_path, capsys):
    config = (tyro.conf.PositionalRequiredArgs, tyro.conf.FlagCreatePairsOff)
    asked = [command for command in commands(page("data")) if command.startswith("make data")]
    assert len(asked) > 5
    for command in asked:
        given = dict(word.split("=", 1) for word in shlex.split(command)[2:])
        words = [given["BENCHMARK"], *shlex.split(given.get("ARGS", ""))]
        request = tyro.cli(DataRequest, args=words, config=config)
        bring_data(replace(request, features=given.get("FEATURES", ""), dry_run=True))
        assert "To download: " in capsys.readouterr().out
    assert not world.web.requests


def test_the_python_of_the_page_loads(world):
    (block,) = re.findall(r"(?ms)^```python\n(.*?)^```", page("data"))
    *these, (another, tag) = re.findall(r"zslnb\.load\((.+?)\) +# (.+)", block)
    bring("all")
    loaded = [eval(f"zslnb.load({wishes})") for wishes, _ in these]
    assert [b.provenance["features"] for b in loaded] == ["clip", "clip", "resnet101"]
    assert [b.provenance["semantics"] for b in loaded] == ["clip-text", *["attributes"] * 2]
    assert tag == "once they have been made"
    with pytest.raises(
        FileNotFoundError, match="make data BENCHMARK=awa2 FEATURES=ViT-L-14/openai"
    ):
        eval(f"zslnb.load({another})")


def true_labels(name: str, split: Split) -> np.ndarray:
    """A label for each image, from 0: CUB's are known, others are made to fit the split."""
    if name == "cub":
        with np.load(shared_data("cub_resnet_fc1000.npz")) as arrays:
            counts = np.bincount(arrays["labels"])
        order = sorted(range(200), key=lambda i: split.class_names[i])
        return np.repeat(order, counts)
    sizes, held_out = TRUE[name], VALIDATION[name]
    kinds = np.zeros(sizes.trainval + sizes.test_seen + sizes.test_unseen, int)
    kinds[split.test_unseen_idx], kinds[split.val_idx] = 1, 2
    runs = np.split(np.arange(len(kinds)), np.flatnonzero(np.diff(kinds)) + 1)
    for kind, count in enumerate((sizes.seen - held_out, sizes.unseen, held_out)):
        while len(own := [run for run in runs if kinds[run[0]] == kind]) < count:
            longest = max(own, key=len)
            at = next(i for i, run in enumerate(runs) if run is longest)
            runs[at : at + 1] = np.array_split(longest, 2)
    return np.repeat(np.arange(len(runs)), [len(run) for run in runs])


@pytest.mark.slow
@pytest.mark.parametrize("name", TRUE)
def test_the_published_split_goes_all_the_way(world, tmp_path, capsys, name):
    """As a user runs it, on the true list of images; only pictures and model are small."""
    att = shared_data(f"xlsa17/{name.upper()}/att_splits.mat")
    world.patch.setitem(PUBLISHED, name.upper(), TRUE[name])
    split = read_split(att)
    names, labels = split.class_names, true_labels(name, split)
    folders = [class_folder(name, one) for one in names]
    paths = [f"{folders[y]}/{i:05}.jpg" for i, y in enumerate(labels)]
    folder = tmp_path / "true"
    published_archive(folder)
    listed = {"image_files": cells([FOLDERS[name] + path for path in paths])}
    listed |= {"features": np.ones((3, len(paths))), "labels": column(labels + 1)}
    write_mat(folder / name.upper() / "res101.mat", listed)
    (folder / name.upper() / "att_splits.mat").write_bytes(att.read_bytes())
    files = {f"xlsa17/data/{f.relative_to(folder)}": f.read_bytes() for f in folder.rglob("*.mat")}
    world.publish("xlsa17", zipped(files))
    looks = [picture(seed) for seed in range(50)]
    pictures = {path: looks[y % 50] for path, y in zip(paths, labels, strict=True)}
    world.publish(f"{name}-images", archive_of(name, pictures))
    world.patch.setattr(published_benchmark, "BATCH", 512)
    bring(name)
    b = zslnb.load(name)
    assert len(b.features) == len(paths)
    assert b.class_names == tuple(map(readable, names))
    assert len(b.val_classes) == VALIDATION[name]
    assert "sizes as published" in capsys.readouterr().out
    if name == "cub":
        sentences = shared_data("xlsa17/CUB/sent_splits.mat")
        shutil.copy(sentences, world.data / "xlsa17/xlsa17/data/CUB/sent_splits.mat")
        b = zslnb.load("cub", semantics="sentences")
        assert (b.semantic_dim, len(b.val_classes)) == (1024, 50)
