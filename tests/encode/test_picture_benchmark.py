"""From a folder of pictures to a benchmark, and the commands of the page on it."""

import json
import re
import shlex
import shutil
from dataclasses import fields, replace

import joblib
import numpy as np
import open_clip
import pytest
from clips import TINY, tiny_model
from pages import arguments, commands, page
from PIL import Image
from safetensors.torch import save_file

import zslnb
from zslnb import cli
from zslnb.encode import division, picture_benchmark
from zslnb.encode.clip import ClipEncoder
from zslnb.encode.extract import ExtractionError
from zslnb.encode.requests import PicturesRequest
from zslnb.errors import RequestError, WorkError
from zslnb.notebook import reproduce
from zslnb.notebook.requests import ReproduceRequest

CLASSES = ("auk", "dove", "emu", "grey_heron", "kiwi", "little_egret", "owl", "wren")
PAGE = page("your-own-data")
TABLES = {  # of the notebooks, with methods that must be in them
    "14_genzsl_results-clean": ("GenZSL", "cVAE", "f-VAEGAN", "plain CLIP"),
    "24_revcd_results-models": ("RevCD", "cVAE", "GAN"),
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Eight classes of five pictures, 32 pixels wide."""
    folder = tmp_path_factory.mktemp("drawn") / "photos"
    pixels = np.random.default_rng(0).integers(0, 256, (8, 5, 32, 32, 3), dtype=np.uint8)
    for name, pictures in zip(CLASSES, pixels, strict=True):
        (folder / name).mkdir(parents=True)
        for i, one in enumerate(pictures):
            Image.fromarray(one).save(folder / name / f"{i}.png")
    return folder


@pytest.fixture
def photos(drawn, tmp_path):
    """A copy of them, to spoil."""
    return shutil.copytree(drawn, tmp_path / "photos")


@pytest.fixture
def tiny_clip(monkeypatch):
    """A tiny CLIP of random weights in the place of any other; counts batches of pictures."""
    model = tiny_model()
    batches = []
    model.visual.register_forward_pre_hook(lambda _, inputs: batches.append(len(inputs[0])))
    preprocess = open_clip.image_transform(16, is_train=False)
    encoder = ClipEncoder(model, preprocess, open_clip.SimpleTokenizer(context_length=16))
    monkeypatch.setattr("zslnb.encode.clip.load_clip", lambda *_, **__: encoder)
    return batches


@pytest.fixture
def request_(photos, build, tiny_clip):
    return PicturesRequest(photos, photos.parent / "mine.npz", workers=0, batch_size=8)


def made(request):
    return picture_benchmark.make(picture_benchmark.prepare(request))


def test_a_folder_becomes_a_benchmark(request_):
    bench = made(request_)
    assert (bench.name, len(bench.features), bench.feature_dim) == ("mine", 40, 8)
    assert bench.class_names[3] == "grey heron"
    assert (len(bench.unseen), len(bench.seen), len(bench.val_classes)) == (2, 6, 2)
    sizes = [len(rows) for rows in (bench.train_idx, bench.test_seen_idx, bench.test_unseen_idx)]
    assert sizes == [24, 6, 10]
    assert bench.provenance["semantics"] == "clip_text"
    assert bench.provenance["unit_norm"] == ["features", "semantics"]
    assert not list(request_.bundle.parent.glob(".*"))
    arrays = np.load(request_.bundle)
    folders = [CLASSES[label] for label in arrays["labels"]]
    assert [image.split("/")[0] for image in arrays["images"]] == folders


def test_the_bundle_says_what_it_was_made_of(request_):
    made(request_)
    facts = json.loads(str(np.load(request_.bundle)["provenance"]))
    assert (facts["recipe"]["seed"], facts["recipe"]["test_share"]) == (0, 0.2)
    assert facts["recipe"]["class_folders"]["grey_heron"] == "grey heron"
    assert {len(facts[f"{of}_sha256"]) for of in ("weights", "images", "features")} == {64}
    assert facts["default_semantics"] == "clip_text"
    assert str(request_.pictures.parent) not in json.dumps(facts)


def test_the_same_request_computes_nothing_and_changes_nothing(request_, tiny_clip):
    made(request_)
    before = request_.bundle.stat()
    tiny_clip.clear()
    made(request_)
    assert (tiny_clip, request_.bundle.stat()) == ([], before)
    made(replace(request_, overwrite=True))
    assert tiny_clip == []
    assert request_.bundle.stat().st_ino != before.st_ino


def test_a_bundle_of_something_else_is_not_replaced_unless_told(request_):
    made(request_)
    other = replace(request_, seed=3, test_share="40%")
    with pytest.raises(RequestError, match=r"something else .*test_share, seed"):
        picture_benchmark.prepare(other)
    assert len(made(replace(other, overwrite=True)).test_seen_idx) == 12
    request_.bundle.write_text("a letter")
    assert len(made(replace(request_, overwrite=True)).features) == 40


def test_another_picture_of_the_same_name_and_size_is_another(request_, tiny_clip):
    made(request_)
    tiny_clip.clear()
    path = request_.pictures / "auk" / "0.png"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # in the end marker's checksum, which Pillow leaves alone
    path.write_bytes(content)
    with pytest.raises(RequestError, match=r"\(pictures_sha256\)"):
        picture_benchmark.prepare(request_)
    made(replace(request_, overwrite=True))
    assert tiny_clip == [8]


def test_copies_are_left_out_and_told_as_all_that_is_passed_over(request_, capsys):
    shutil.copy(request_.pictures / "auk/0.png", request_.pictures / "auk/5.png")
    (request_.pictures / "auk" / "notes.txt").touch()
    picture_benchmark.make_benchmark(replace(request_, dry_run=True))
    output = capsys.readouterr().out
    assert "40 pictures of 8 classes" in output
    assert "copies of other pictures: 1 ('auk/5.png')" in output
    assert "not pictures by their endings: 1 ('auk/notes.txt')" in output
    assert not request_.bundle.exists()
    made(request_)
    assert "auk/5.png" not in np.load(request_.bundle)["images"]


def test_one_picture_in_two_classes_is_refused(request_):
    shutil.copy(request_.pictures / "auk/0.png", request_.pictures / "wren/5.png")
    with pytest.raises(RequestError, match=r"auk/0\.png and wren/5\.png are one picture in two"):
        picture_benchmark.prepare(request_)


@pytest.mark.parametrize("recipe", [None, "[1]", "{}", "null"])
def test_a_bundle_with_an_odd_recipe_was_not_made_here(request_, recipe):
    if recipe is None:
        request_.bundle.write_text("a letter")
    else:
        np.savez(request_.bundle, provenance=f'{{"recipe": {recipe}}}')
    with pytest.raises(RequestError, match="not made here"):
        picture_benchmark.prepare(request_)


def test_names_that_are_one_to_clip_are_refused_with_both(request_, tmp_path):
    long = "a bird with a neck as long as its name, which is " * 9
    lines = ["folder,name", "auk,Cat", "dove,cat", f'owl,"{long}red"', f'wren,"{long}blue"']
    (tmp_path / "names.csv").write_text("\n".join(lines))
    request = replace(request_, names=tmp_path / "names.csv")
    with pytest.raises(RequestError, match="To CLIP these names are one") as caught:
        made(request)
    pairs = r"Cat \(folder auk\) and cat \(folder dove\); .*\(folder owl\) and .*\(folder wren\)"
    assert re.search(pairs, str(caught.value))


def test_a_folder_too_high_or_too_few_classes_is_told_by_what_it_holds(request_):
    too_high = replace(request_, pictures=request_.pictures.parent)
    message = r"has 1 class, a .* photos \(40 pic.* In .*/photos are .*'auk', 'dove', 'emu' and 5"
    with pytest.raises(RequestError, match=message):
        picture_benchmark.prepare(too_high)
    for name in CLASSES[2:]:
        shutil.rmtree(request_.pictures / name)
    with pytest.raises(RequestError, match=r"2 classes.* auk \(5 pictures\), dove .* 6 are needed"):
        picture_benchmark.prepare(request_)


def test_where_nothing_can_be_written_is_told_before_the_work(request_, tmp_path):
    (tmp_path / "file").touch()
    for change in ({"bundle": tmp_path / "file" / "mine.npz"}, {"work": tmp_path / "file"}):
        with pytest.raises(ExtractionError, match="no folder to write to"):
            picture_benchmark.make_benchmark(replace(request_, dry_run=True, **change))


def test_pictures_are_hashed_once(request_, monkeypatch):
    hashed = []
    monkeypatch.setattr(
        "zslnb.datasets.picture_folder.file_sha256", lambda path: hashed.append(path) or str(path)
    )
    made(request_)
    assert len(hashed) == 40


def test_the_seed_alone_decides_the_split(request_):
    plans = [picture_benchmark.prepare(replace(request_, seed=seed)) for seed in (0, 0, 1)]
    assert plans[0].parts == plans[1].parts != plans[2].parts
    labels, seen = np.repeat(np.arange(3), 10), {"a": "training", "b": "validation"}
    before = division.divide_pictures(labels, seen | {"c": "unseen"}, 0.2, 0)
    after = division.divide_pictures(labels, seen | {"d": "training"}, 0.2, 0)
    assert len(before["test_seen_idx"]) == 4
    np.testing.assert_array_equal(before["test_seen_idx"], after["test_seen_idx"][:4])


@pytest.mark.parametrize(("share", "test"), [(0.01, 1), (0.5, 2), (0.99, 3)])
def test_of_five_pictures_one_is_tested_and_two_are_trained_on_at_least(share, test):
    rows = division.divide_pictures(np.zeros(5, np.int64), {"a": "training"}, share, 0)
    assert (len(rows["test_seen_idx"]), len(rows["trainval_idx"])) == (test, 5 - test)
    assert {*np.concatenate([*rows.values()]).tolist()} == {*range(5)}


@pytest.mark.parametrize(
    ("asked", "n"),
    [("20%", 2), ("1%", 2), ("50%", 4), ("37.5%", 3), ("3", 3), ("0.2", 2), (".5", 4)],
)
def test_unseen_classes_are_drawn_by_share_or_count(request_, asked, n):
    request = replace(request_, unseen=asked, validation="1")
    assert len(picture_benchmark.prepare(request).classes("unseen")) == n


def test_classes_may_be_listed_in_files(request_, tmp_path):
    (tmp_path / "unseen.txt").write_text("wren\n\nauk \n")
    (tmp_path / "validation.txt").write_text("emu\n")
    listed = {"unseen": f"{tmp_path}/unseen.txt", "validation": f"{tmp_path}/validation.txt"}
    plan = picture_benchmark.prepare(replace(request_, **listed))
    assert (plan.classes("unseen"), plan.classes("validation")) == (["auk", "wren"], ["emu"])
    bench = picture_benchmark.make(plan)
    assert [bench.class_names[i] for i in bench.unseen] == ["auk", "wren"]
    assert [bench.class_names[i] for i in bench.val_classes] == ["emu"]
    twice = replace(request_, unseen=listed["unseen"], validation=listed["unseen"])
    with pytest.raises(RequestError, match="'wren', 'auk': without pictures, or unseen already"):
        picture_benchmark.prepare(twice)
    (tmp_path / "unseen.txt").write_text("wrens\n")
    with pytest.raises(RequestError, match=r"unseen.txt, line 1: .*Did you mean 'wren'"):
        picture_benchmark.prepare(replace(request_, **listed))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unseen": "1"}, "1 for unseen, 2 for validation, 5 for training. At least 6"),
        ({"unseen": "5"}, "5 for unseen, 1 for validation, 2 for training"),
        ({"unseen": "9"}, "9 unseen classes cannot be drawn from 8"),
        ({"validation": "0"}, "0 for validation"),
        ({"unseen": "unseen.txt"}, "There is no file 'unseen.txt'"),
    ],
)
def test_too_few_classes_are_refused_with_what_is_needed(request_, change, message):
    with pytest.raises(RequestError, match=message):
        picture_benchmark.prepare(replace(request_, **change))


def test_too_few_pictures_are_refused_before_the_model_is_loaded(request_):
    seen = picture_benchmark.prepare(request_).classes("training")[0]
    for i in range(3):
        (request_.pictures / seen / f"{i}.png").unlink()
    with pytest.raises(RequestError, match=f"{seen} has 2.* needs 3 .2 to train on, 1 to test"):
        picture_benchmark.prepare(request_)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bundle": "mine.npy"}, "must end in .npz"),
        ({"bundle": "CUB.npz"}, "name of a benchmark that comes with"),
        ({"test_share": "100%"}, "lies in 0..1"),
        ({"test_share": "a few"}, "lies in 0..1"),
        ({"test_share": "20"}, "written as 20% or 0.2; it cannot be '20'"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"shard": "0/3"}, "from 1/4 to 4/4 of four; not '0/3'"),
        ({"device": "tpu"}, "no device 'tpu'"),
        ({"shard": "1/3", "shards": 2}, "one of the two"),
        ({"pretrained": "nobodys"}, "no weights 'nobodys'"),
        ({"pretrained": ""}, "no weights ''"),
        ({"model": "ViT-B-17"}, "no weights of a model 'ViT-B-17'. Did you mean 'ViT-B-1"),
        ({"weights": "gone.pt"}, "no file of weights"),
    ],
)
def test_what_cannot_be_meant_is_refused(request_, tmp_path, change, message):
    paths = {key: tmp_path / change[key] for key in ("bundle", "weights") if key in change}
    changed = change | paths
    with pytest.raises(RequestError, match=message):
        picture_benchmark.prepare(replace(request_, **changed))


def test_shards_give_the_same_bundle(request_):
    whole = made(request_)
    parted = replace(request_, shards=2, work=request_.bundle.parent / "w", overwrite=True)
    with joblib.parallel_config(backend="threading"):
        assert made(parted).sha256 == whole.sha256


def test_machines_may_do_a_shard_each(request_, tiny_clip, capsys):
    shared = replace(request_, work=request_.bundle.parent / "shared")
    for part in ("1/2", "2/2"):
        picture_benchmark.make_benchmark(replace(shared, shard=part))
        assert not request_.bundle.exists()
    tiny_clip.clear()
    picture_benchmark.make_benchmark(shared)
    assert tiny_clip == []
    assert "test, unseen classes" in capsys.readouterr().out


def test_unreadable_pictures_are_named_and_left_out_only_if_told(request_, capsys):
    seen = picture_benchmark.prepare(request_).classes("training")[0]
    spoilt = request_.pictures / seen / "1.png"
    spoilt.write_text("moved")
    with pytest.raises(WorkError, match=rf"(?s){seen}/1\.png.*--allow-unreadable"):
        picture_benchmark.make_benchmark(request_)
    assert not request_.bundle.exists()
    allowed = replace(request_, allow_unreadable=True)
    picture_benchmark.make_benchmark(allowed)
    assert f"left out, unreadable: 1 ('{seen}/1.png')" in capsys.readouterr().out
    assert len(zslnb.load(request_.bundle).features) == 39
    for i in (2, 3):
        (request_.pictures / seen / f"{i}.png").write_text(f"moved {i}")
    with pytest.raises(RequestError, match=f"{seen} has 2"):
        picture_benchmark.make_benchmark(replace(allowed, overwrite=True))


def test_attributes_are_kept_beside_the_class_names(request_, tmp_path):
    lines = ["folder,size,flies", *(f"{name},{i},{i % 2}" for i, name in enumerate(CLASSES))]
    (tmp_path / "attributes.csv").write_text("\n".join(lines))
    request = replace(request_, attributes=tmp_path / "attributes.csv")
    made(request)
    bench = zslnb.load(request_.bundle, semantics="attributes")
    assert bench.semantics.tolist() == [[i, i % 2] for i in range(8)]
    assert bench.provenance["attribute_names"] == ["size", "flies"]
    assert zslnb.load(request_.bundle).semantic_dim == 8
    lines[-1] = "wren,6,0"  # as the owl
    (tmp_path / "attributes.csv").write_text("\n".join(lines))
    plan = picture_benchmark.prepare(replace(request, overwrite=True))
    assert "not told apart by them: owl and wren" in picture_benchmark.describe(plan)


def test_any_open_clip_model_does_and_local_weights(photos, build, monkeypatch):
    recipe = {"mean": (0.1,) * 3, "std": (0.2,) * 3, "interpolation": "bilinear"}
    tag = recipe | {"resize_mode": "squash", "url": "", "hf_hub": ""}
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "house", TINY)
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "house", {"plain": tag})
    save_file(tiny_model().state_dict(), photos.parent / "tiny.safetensors")
    weights = photos.parent / "tiny.safetensors"
    chosen = {"model": "house", "pretrained": "plain", "weights": weights, "workers": 0}
    made(PicturesRequest(photos, photos.parent / "mine.npz", **chosen))
    facts = zslnb.load(photos.parent / "mine.npz").provenance
    assert facts["pretrained"] == "tiny.safetensors, prepared as plain"
    assert "Resize(size=(16, 16), interpolation=bilinear" in facts["preprocessing"]


def asked(command):
    """What a `make pictures` line of the page asks for."""
    given = dict(word.split("=", 1) for word in shlex.split(command)[2:])
    words = [given["PICTURES"], given["BENCHMARK"], *shlex.split(given.get("ARGS", ""))]
    return cli.parse(PicturesRequest, "zslnb pictures", words)


@pytest.fixture
def beside(photos, monkeypatch):
    """The files that the page's commands name, in the current folder."""
    names, attributes = re.findall(r"(?ms)^```\n(folder,.*?)^```", PAGE)
    monkeypatch.chdir(photos.parent)
    (photos.parent / "names.csv").write_text(names)
    others = [name for name in CLASSES if name not in attributes]
    rows = "".join(f"{name},{i},1,0\n" for i, name in enumerate(others))
    (photos.parent / "attributes.csv").write_text(attributes + rows)
    (photos.parent / "unseen.txt").write_text("owl\nwren\n")
    return photos.parent


def test_the_commands_of_the_page_lead_to_the_tables(beside, build, tiny_clip, capsys):
    targets = [command.split()[1] for command in commands(PAGE)[:4]]
    assert targets == ["pictures", "pictures", "reproduce", "reproduce"]
    for command in commands(PAGE):
        if command.startswith("make pictures"):
            request = asked(command)
            picture_benchmark.make_benchmark(replace(request, workers=0))
            assert request.bundle.exists() is not request.dry_run
            continue
        _, given = arguments(command, beside / "venv")
        request = cli.parse(ReproduceRequest, "zslnb reproduce", given)
        plan = reproduce.prepare(request)
        assert {outcome.status for outcome in plan.outcomes.values()} != {"skipped"}
        semantics = f"-{request.semantics}" if request.semantics else ""
        name = rf"{plan.benchmark.name}-[0-9a-f]{{8}}{semantics}-medium"
        assert re.fullmatch(name, plan.run_dir.name)
    assert "next: make reproduce BENCHMARK=mine.npz" in capsys.readouterr().out
    assert "`build/mine-<hash>-medium/`" in PAGE
    chosen, described = zslnb.load("chosen.npz"), zslnb.load("described.npz")
    assert [chosen.class_names[i] for i in chosen.unseen] == ["owl", "wren"]
    assert "grey heron standing in water" in described.class_names
    assert described.provenance["attribute_names"] == ["wingspan_cm", "white", "wades"]


@pytest.mark.slow
def test_pictures_lead_all_the_way_to_the_tables(request_, build, monkeypatch):
    """The page's commands as they are, but for the profile and the seeds."""
    made(request_)
    asked = ["--benchmark", str(request_.bundle), "--seeds", "1"]
    assert cli.main(["reproduce", *asked, "--notebooks", "01"]) == 0
    assert cli.main(["reproduce", *asked, "--notebooks", "14", "24"]) == 0
    (tables,) = build.glob("mine-*-smoke/tables")
    for table, methods in TABLES.items():
        text = (tables / f"{table}.md").read_text(encoding="utf-8")
        assert all(f"| {method} " in text for method in methods), text


def test_the_page_says_the_defaults_and_the_least():
    options = dict(re.findall(r"(?m)^\| `--([\w-]+)` \| `([\d%]+)` \|", PAGE))
    for option in ("unseen", "validation", "seed", "test-share"):
        assert options[option] == str(getattr(PicturesRequest, option.replace("-", "_")))
    assert division.LEAST == {"unseen": 2, "validation": 1, "training": 3}
    assert "six classes: two unseen, one for validation, three others" in PAGE
    assert (division.LEAST_TRAIN, division.LEAST_TEST, division.LEAST_UNSEEN) == (2, 1, 2)


def test_the_page_and_the_command_know_the_same_options():
    options = {f"--{f.name.replace('_', '-')}" for f in fields(PicturesRequest)}
    of_reproduce = {"--benchmark", "--profile", "--notebooks"}
    named = {*re.findall(r"--[a-z]+(?:-[a-z]+)*", re.sub(r"(?m)^\| -.*", "", PAGE))}
    assert named - of_reproduce == (options | {"--help"}) - {"--device", "--pictures", "--bundle"}
