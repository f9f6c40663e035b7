"""The whole way of a user's first run, over real HTTP, with everything that can go wrong on it."""

import errno
import re
import shlex
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
import tyro
from mats import (
    FOLDERS,
    NAMES,
    cells,
    class_folder,
    column,
    in_this_process,  # noqa: F401
    picture_paths,
    write_mat,
)
from pages import commands, page
from PIL import Image
from toys import shared_data
from web import serving
from world import (
    INSIDE,
    archive_of,
    build_world,
    picture,
    picture_archive,
    published_archive,
    small_clip,
    tarred,
    zipped,
)

import zslnb
from zslnb import cli
from zslnb.datasets.published_files import PublishedFiles
from zslnb.datasets.xlsa17 import PUBLISHED, Sizes, Split, read_split, readable
from zslnb.download import unpack
from zslnb.download.fetch import CHUNK
from zslnb.download.sources import source
from zslnb.encode import extract, published_benchmark
from zslnb.encode.clip import extract_image_features, extract_text_features, load_clip
from zslnb.encode.requests import DataRequest
from zslnb.errors import RequestError, WorkError
from zslnb.notebook import reproduce
from zslnb.studies.published_data import bring_data

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
    printed = capsys.readouterr().out
    for name in ("xlsa17", "cub-images", "sun-images", "awa2-images", "clip-vit-b-16"):
        assert printed.count(f"{name} ") == 1
    assert re.search(r"To download: [\d.]+ MB\.", printed)
    assert "Disk: " in printed
    for name in NAMES:
        assert f"{name}: 30 of 30 pictures to extract" in printed
    assert not world.web.requests
    assert not world.data.exists()


def test_from_nothing_to_the_benchmarks(world, capsys):
    bring("all")
    printed = capsys.readouterr().out
    for name in NAMES:
        b = zslnb.load(name)
        assert repr(b).startswith(f"Benchmark({name!r}: 30 images, 4 seen + 2 unseen")
        np.testing.assert_allclose(b.features, expected(name, world.data), atol=1e-6)
        texts = extract_text_features(load_clip("small", "rehearsal"), b.class_names)
        np.testing.assert_allclose(b.semantics, texts, atol=1e-6)
        assert b.provenance["sizes"] == "as published"
        assert f"{name}: mean cosine of the class texts" in printed
    assert zslnb.load("awa2").class_names[:2] == ("antelope", "grizzly bear")
    assert printed.count("plain CLIP, H") == 3
    assert len(world.names()) == len(set(world.names())) == 5
    before = zslnb.load("cub").sha256
    world.web.requests.clear()
    for unpacked in ("downloads", "cub-images"):  # once there are features nobody needs them
        shutil.rmtree(world.data / unpacked)
    bring("all")
    assert capsys.readouterr().out.startswith("Nothing to download.")
    assert not world.web.requests
    assert zslnb.load("cub").sha256 == before


def test_paths_are_those_of_the_sources(tmp_path):
    files = PublishedFiles("cub", "clip", tmp_path)
    listed = [source("xlsa17").folder(tmp_path) / path for path in source("xlsa17").holds]
    assert files.mat_folder / "res101.mat" in listed


def test_plain_clip_is_set_beside_what_is_published(world, capsys, monkeypatch):
    monkeypatch.setattr("zslnb.studies.input_acceptance.PAPERS_MODEL", ("small", "rehearsal"))
    bring()
    printed = capsys.readouterr().out
    assert "Published: 0.5726; it DIFFERS." in printed
    assert re.search(r"plain CLIP, U \(unseen, %\) +\| +[\d.]+ \| +55\.2 \| ± 1", printed)
    assert "does NOT match the paper's inputs (mean cosine of the class texts" in printed


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


def test_interrupted_in_the_middle_of_extraction_it_goes_on_there(world, tmp_path, monkeypatch):
    encode, batches = extract.encode_pixels, []

    def interrupted(encoder, pixels, *rest):
        batches.append(len(pixels))
        if len(batches) == 3:
            raise KeyboardInterrupt
        return encode(encoder, pixels, *rest)

    monkeypatch.setattr(extract, "encode_pixels", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bring()
    world.web.requests.clear()
    bring()
    assert batches == [*[BATCH] * 3, BATCH, BATCH, 30 - 4 * BATCH]
    assert not world.web.requests
    resumed = zslnb.load("cub")
    monkeypatch.setenv("ZSLNB_DATA", str(tmp_path / "one pass"))
    bring()
    assert zslnb.load("cub").sha256 == resumed.sha256


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


def wrong_label(world):
    _, labels = picture_paths("cub")
    labels[3] = 1
    folder = world.data.parent / "wrong"
    world.publish("xlsa17", published_archive(folder, cub={"labels": column(labels)}))


def fills_up(world):
    def admit(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    world.patch.setattr(unpack._Guard, "admit", admit)


def first_picture(content):
    """Publish CUB's pictures with another first one, or without it."""
    changes = {picture_paths("cub")[0][0]: content}
    return lambda world: world.publish("cub-images", picture_archive("cub", **changes))


# what is wrong, and what is told of it
FAULTS = [
    (
        lambda world: world.publish("cub-images", picture_archive("cub"), hash=f"md5:{'0' * 32}"),
        r"does not match|is another file",
    ),
    (wrong_label, r"lies in the folder of another class.*away first"),
    (
        lambda world: world.patch.setitem(PUBLISHED, "CUB", Sizes(4, 2, 17, 4, 10)),
        r"16 trainval images, but cub has 17; .*another split",
    ),
    (lambda world: setattr(world.web, "declared", 10**8), r"xlsa17: cannot be downloaded"),
    (
        lambda world: world.web.files.pop("xlsa17.zip"),
        r"404.*page: https://www.mpi.*by hand: .*Put the file at",
    ),
    (
        lambda world: setattr(world.web, "statuses", [200, 404, 404]),
        r"weights small/rehearsal cannot be had: .*404.*by hand: ",
    ),
    (fills_up, r"disk of .* is full; nothing of xlsa17\.zip was kept"),
    (lambda world: world.publish("xlsa17", b"<html>We have moved.</html>"), r"gives a web page"),
    (
        lambda world: world.data.write_text("a file"),
        r"Not a directory.*set ZSLNB_DATA to a folder to write to",
    ),
    (
        lambda world: world.publish("cub-images", tarred({"../../out.jpg": b"x"})),
        r"is refused: '\.\./\.\./out\.jpg' leads outside",
    ),
    (first_picture(None), r"1 of 30 pictures that CUB/res101\.mat lists are not in"),
    (first_picture(picture(0)[:300]), r"1 of the pictures cannot be read:.*000\.jpg.*delete "),
]


@pytest.mark.parametrize(("fault", "message"), FAULTS)
def test_what_goes_wrong_is_told_once_and_clearly(world, capsys, fault, message):
    fault(world)
    with pytest.raises(WorkError) as caught:
        bring()
    assert re.search(message, str(caught.value), re.DOTALL), str(caught.value)
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    assert "plain CLIP" not in printed.out


def test_the_disk_is_asked_before_anything_comes(world):
    usage = namedtuple("usage", "total used free")(10**9, 0, 1000)
    world.patch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(WorkError, match=r"All of it needs .* 1 kB are free.*ZSLNB_DATA"):
        bring()
    assert not world.web.requests


def test_a_file_of_weights_serves_where_open_clip_cannot_download(world, tmp_path, capsys):
    torch.save(small_clip().state_dict(), tmp_path / "own.pt")
    del world.web.files["small.safetensors"]
    with pytest.raises(WorkError, match="give a file of the weights as weights"):
        bring()
    bring(weights=tmp_path / "own.pt")
    assert "there, own.pt" in capsys.readouterr().out
    b, encoder = zslnb.load("cub"), load_clip("small", "rehearsal", weights=tmp_path / "own.pt")
    texts = extract_text_features(encoder, b.class_names)
    np.testing.assert_allclose(b.semantics, texts, atol=1e-6)


def test_an_address_that_died_can_be_served_by_hand(world):
    content = world.web.files.pop("xlsa17.zip")
    with pytest.raises(WorkError):
        bring()
    (world.data / "downloads" / "xlsa17.zip").write_bytes(content)
    pictures = world.data / "cub-images"
    pictures.mkdir()
    (world.data / "p.tar.gz").write_bytes(picture_archive("cub"))
    shutil.unpack_archive(world.data / "p.tar.gz", pictures)
    bring()
    assert "CUB_200_2011.tgz" not in world.names()


def test_one_that_fails_stops_no_other(world, capsys):
    del world.web.files["SUNAttributeDB_Images.tar.gz"]
    with pytest.raises(WorkError, match=r"^sun could not be brought, as said above\.$"):
        bring("all")
    assert capsys.readouterr().err.count("zslnb: sun: sun-images: cannot be downloaded") == 1
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


@pytest.fixture
def notebooks(write_notebook):
    return write_notebook("10_topic", "1", needs="images").parent


def test_reproduce_says_what_it_would_do(world, capsys, notebooks):
    asked = ["--benchmark", "all", "--profile", "full", "--folder", str(notebooks)]
    assert cli.main(["reproduce", *asked, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "To download: " in printed
    runs = [line for line in printed.splitlines() if "notebook" in line]
    assert runs == [
        f"{name}-full: 1 notebook, time not known before a first run here."
        for name in ("cub", "sun", "awa2")
    ]
    assert not world.web.requests


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--semantics", "atributes"], "Did you mean 'attributes'"),
        (["--notebooks", "99"], "no notebook '99'"),
        (["--profile", "ful"], "Did you mean 'full'"),
        (["--device", "gpu"], "no device 'gpu'"),
    ],
)
def test_reproduce_refuses_a_bad_input_before_any_download(
    world, capsys, notebooks, arguments, message
):
    asked = ["--benchmark", "cub", "--folder", str(notebooks)]
    assert cli.main(["reproduce", *asked, *arguments]) == 2
    assert message in capsys.readouterr().err
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
        while len(of_kind := [run for run in runs if kinds[run[0]] == kind]) < count:
            longest = max(of_kind, key=len)
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
