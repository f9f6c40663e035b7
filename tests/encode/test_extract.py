import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections import namedtuple
from contextlib import suppress
from dataclasses import dataclass, field, replace

import joblib
import numpy as np
import open_clip
import psutil
import pytest
import torch
from clips import tiny_model
from joblib.externals.loky import get_reusable_executor
from PIL import Image

from zslnb.datasets.bundle import read_bundle, write_bundle
from zslnb.datasets.extracted import load_extracted
from zslnb.download import sources
from zslnb.encode import extract
from zslnb.encode.clip import ClipEncoder, extract_image_features
from zslnb.encode.extract import Extraction, ExtractionError, UnreadableImages
from zslnb.errors import BenchmarkError, WorkError

CPUS = "ignore:This process:DeprecationWarning"  # fork beside threads, from Python 3.12 on
CUDA = torch.device("cuda")


@dataclass
class Counting:
    """Loads a small CLIP of random weights, and counts batches; may stop before one of them."""

    seed: int = 0
    size: int = 16
    stop_before: int | None = None
    stop: object = KeyboardInterrupt
    batches: list[int] = field(default_factory=list)

    def __call__(self):
        model = tiny_model(self.seed)
        model.visual.register_forward_pre_hook(self.count)
        preprocess = open_clip.image_transform(16, is_train=False, mean=(self.size / 32,) * 3)
        return ClipEncoder(model, preprocess, open_clip.SimpleTokenizer(context_length=16))

    def count(self, _, inputs):
        if len(self.batches) == self.stop_before:
            if isinstance(self.stop, type):
                raise self.stop
            self.stop()
        self.batches.append(len(inputs[0]))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    pixels = np.random.default_rng(0).integers(0, 256, (11, 20, 18, 3), dtype=np.uint8)
    for i, one in enumerate(pixels):
        path = folder / f"{i % 3}" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(one).save(path)
    return folder


@pytest.fixture
def job(pictures, tmp_path):
    names = [f"{i % 3}/{i}.png" for i in range(11)]
    fixed = (pictures, names, Counting(), tmp_path / "made", "small", torch.device("cpu"))
    return Extraction(*fixed, batch_size=2, workers=0)


@pytest.fixture
def whole(job, tmp_path):
    """What the job gives in one pass."""
    return replace(job, load=Counting(), folder=tmp_path / "whole").run()


@pytest.fixture
def own_pictures(job, tmp_path):
    """The job on a copy of its pictures, three of them spoilt."""
    root = shutil.copytree(job.root, tmp_path / "own")
    (root / "0/0.png").write_bytes(b"")
    (root / "1/1.png").write_text("moved")
    (root / "2/8.png").write_bytes((root / "2/8.png").read_bytes()[:500])
    return replace(job, root=root)


def chunks(job):
    return sorted(job.work.glob("*.npz"))


def test_features_are_those_of_pictures_encoded_one_by_one(job, whole, tmp_path):
    opened = [Image.open(job.root / name) for name in job.images]
    theirs = extract_image_features(Counting()(), opened, batch_size=2)
    np.testing.assert_array_equal(whole.features, theirs)
    assert whole.features.dtype == np.float32
    assert whole.images == tuple(job.images)
    np.testing.assert_allclose(np.linalg.norm(whole.features, axis=1), 1, atol=1e-5)
    helped = replace(job, folder=tmp_path / "helped", workers=2).run()
    np.testing.assert_array_equal(whole.features, helped.features)


def test_the_result_says_what_decided_it_and_is_read_back(job):
    result = job.run()
    facts = result.provenance
    expected = {"model": "unnamed", "prompt": "A photo of a {}.", "precision": "float32"}
    expected |= {"device": "cpu", "images": 11, "unreadable": {}}
    assert facts | expected == facts
    assert facts["preprocessing"].startswith("Compose")
    assert "Resize(size=16, interpolation=bicubic" in facts["preprocessing"]
    assert facts["versions"]["torch"] == torch.__version__.split("+")[0]
    assert str(job.root) not in json.dumps(facts)
    assert {len(facts[f"{of}_sha256"]) for of in ("weights", "images", "features")} == {64}
    again = load_extracted(job.folder, job.images)
    np.testing.assert_array_equal(again.features, result.features)
    assert (again.images, again.provenance) == (result.images, facts)


@pytest.mark.parametrize("stop_before", range(6))
def test_stopped_before_any_batch_it_goes_on_there(job, whole, stop_before):
    broken, resumed = Counting(stop_before=stop_before), Counting()
    with pytest.raises(KeyboardInterrupt):
        replace(job, load=broken).run()
    result = replace(job, load=resumed).run()
    assert broken.batches + resumed.batches == [2, 2, 2, 2, 2, 1]
    assert result.features.tobytes() == whole.features.tobytes()
    assert result.provenance["features_sha256"] == whole.provenance["features_sha256"]


@pytest.mark.filterwarnings(CPUS)
@pytest.mark.parametrize(("sent", "workers"), [(signal.SIGKILL, 0), (signal.SIGINT, 1)])
def test_a_process_that_is_killed_leaves_whole_chunks(job, tmp_path, sent, workers):
    ready = tmp_path / "ready"

    def wait():
        ready.touch()
        time.sleep(30)

    stopped = replace(job, load=Counting(stop_before=3, stop=wait), workers=workers)

    def run():
        os.setsid()  # a group of its own, which Ctrl-C reaches whole
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored under a shell's "&"
        stopped.run()

    process = multiprocessing.get_context("fork").Process(target=run, daemon=False)
    process.start()
    while not ready.exists():
        assert process.is_alive()
        time.sleep(0.01)
    os.killpg(process.pid, sent)
    process.join(10)
    assert process.exitcode not in (None, 0)
    assert len(chunks(job)) == 3
    job.run()
    assert job.load.batches == [2, 2, 1]


def test_on_cuda_a_batch_is_written_while_the_next_one_runs(job, whole, monkeypatch):
    order, write = [], extract._Chunk.write
    job.load.count = lambda *_: order.append("encode")
    monkeypatch.setattr(Extraction, "_on_cuda", True)
    monkeypatch.setattr(Extraction, "_precision", "float32")
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda pixels: pixels)
    monkeypatch.setattr(torch.cuda, "get_device_name", str)
    monkeypatch.setattr(extract._Chunk, "write", lambda *a: (order.append("write"), write(*a)))
    assert job.run().features.tobytes() == whole.features.tobytes()
    assert order == ["encode", *["encode", "write"] * 5, "write"]


def test_a_second_run_computes_nothing_and_loads_nothing(job):
    first = job.run()

    def refuse():
        raise AssertionError

    again = replace(job, load=refuse)
    assert again.run().features.tobytes() == first.features.tobytes()
    chunks(job)[1].unlink()
    with pytest.raises(AssertionError):
        again.run()
    with pytest.raises(ExtractionError, match="asked_for: 'small' before, 'another' now"):
        replace(job, model="another").run()


def test_a_damaged_chunk_is_made_again(job):
    first = job.run()
    job.load.batches.clear()
    chunks(job)[2].write_bytes(chunks(job)[2].read_bytes()[:-40])
    np.testing.assert_array_equal(job.run().features, first.features)
    assert len(job.load.batches) == 1


@pytest.mark.parametrize("of", [2, 4, 9])  # of 6 chunks
def test_shards_equal_one_pass_exactly(job, whole, of):
    encoder = Counting()()
    with joblib.parallel_config(backend="threading"):
        result = replace(job, load=lambda: encoder).run(shards=of)
    assert result.features.tobytes() == whole.features.tobytes()
    assert result.images == whole.images


def test_machines_that_share_a_disk_do_a_shard_each(job, whole):
    with pytest.raises(ExtractionError, match="11 of 11 pictures are missing"):
        job.merge()
    for part in (3, 1):
        assert job.run(shard=(part, 3)) is None
    missing = r"4 of 11 pictures are missing, from 2/2\.png to 0/9\.png"
    with pytest.raises(ExtractionError, match=missing):
        job.merge()
    job.run(shard=(2, 3))
    assert job.merge().features.tobytes() == whole.features.tobytes()


@pytest.mark.slow
def test_shards_run_in_processes_of_their_own(job, whole):
    encoder = Counting()()
    encoder.model.visual._forward_pre_hooks.clear()

    def load():  # by value, since the workers cannot import a test
        return encoder

    assert replace(job, load=load).run(shards=2).features.tobytes() == whole.features.tobytes()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"load": Counting(seed=1)}, "weights_sha256"),
        ({"load": Counting(size=8)}, "preprocessing"),
    ],
)
def test_a_folder_keeps_to_one_model_and_one_preprocessing(job, change, named):
    job.run(shard=(1, 2))
    with pytest.raises(ExtractionError, match=named):
        replace(job, **change).run()


def test_another_batch_size_or_precision_has_chunks_of_its_own(job):
    job.run(shard=(1, 2))
    replace(job, batch_size=3).run()
    assert (job.work.name, replace(job, device=CUDA).work.name) == ("float32-2", "float16-2")
    assert len(chunks(job)) == 3
    job.load.batches.clear()
    job.run()
    assert job.load.batches == [2, 2, 1]


def test_another_list_takes_no_chunk_that_is_not_the_same(job):
    job.run()
    job.load.batches.clear()
    swapped = [*job.images[:-3], *job.images[:-4:-1]]
    result = replace(job, images=swapped).run()
    assert job.load.batches == [2, 1]
    assert result.images == tuple(swapped)
    with pytest.raises(BenchmarkError, match="another list"):
        load_extracted(job.folder, job.images)


def test_a_picture_of_another_size_or_content_is_another(job):
    first = replace(job, hashes={"1/4.png": "before"}).run()
    job.load.batches.clear()
    second = replace(job, hashes={"1/4.png": "now"}).run()
    assert job.load.batches == [2]
    assert first.provenance["images_sha256"] != second.provenance["images_sha256"]


def test_unreadable_pictures_are_listed_and_nothing_is_lost(own_pictures):
    with pytest.raises(UnreadableImages, match="3 of the pictures") as caught:
        own_pictures.run()
    assert list(caught.value.reasons) == ["0/0.png", "1/1.png", "2/8.png"]
    assert all(name in str(caught.value) for name in caught.value.reasons)
    assert "and 30 more" in str(UnreadableImages({f"{i}.jpg": "cut short" for i in range(130)}))
    assert len(chunks(own_pictures)) == 6
    own_pictures.load.batches.clear()
    result = replace(own_pictures, allow_unreadable=True).run()
    assert own_pictures.load.batches == []
    assert result.images == tuple(n for n in own_pictures.images if n not in caught.value.reasons)
    assert len(result.features) == 8
    assert result.provenance["unreadable"] == caught.value.reasons
    load_extracted(own_pictures.folder, own_pictures.images)


def test_mended_pictures_cost_their_batches_only(own_pictures, job):
    with pytest.raises(UnreadableImages):
        own_pictures.run(shard=(1, 1))
    shutil.copytree(job.root, own_pictures.root, dirs_exist_ok=True)
    own_pictures.load.batches.clear()
    result = own_pictures.run()
    assert own_pictures.load.batches == [2, 2]
    assert result.images == tuple(job.images)


def test_pictures_that_are_not_there_are_told_before_the_work(own_pictures):
    (own_pictures.root / "0/3.png").unlink()
    with pytest.raises(UnreadableImages, match=r"0/3\.png: not there"):
        own_pictures.run()
    assert own_pictures.load.batches == []
    result = replace(own_pictures, allow_unreadable=True).run()
    assert "0/3.png" in result.provenance["unreadable"]
    spoilt = replace(own_pictures, images=["0/0.png", "1/1.png"], allow_unreadable=True)
    for nothing in (spoilt, replace(spoilt, root=own_pictures.root / "0")):
        with pytest.raises(UnreadableImages, match="2 of the pictures"):
            nothing.run()


def test_a_feature_that_is_not_finite_is_refused_and_named(job):
    def load():
        encoder = Counting()()
        encoder.model.visual.proj.data[0, 0] = torch.nan
        return encoder

    with pytest.raises(ExtractionError, match=r"not finite.*0/0\.png"):
        replace(job, load=load).run()
    assert chunks(job) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, 3.0])
def test_a_merge_refuses_a_feature_that_is_wrong(job, value):
    job.run()
    arrays = read_bundle(chunks(job)[0])
    arrays["features"][0, 0] = value
    write_bundle(chunks(job)[0], arrays)
    with pytest.raises(ExtractionError, match="not finite or not of unit norm"):
        job.merge()


def test_a_merge_refuses_a_chunk_of_other_pictures(job):
    job.run()
    first, second = chunks(job)[:2]
    first.write_bytes(second.read_bytes())
    with pytest.raises(ExtractionError, match="2 of 11 pictures are missing"):
        job.merge()


def test_a_folder_that_cannot_be_written_or_has_no_room_is_told_before_the_work(
    job, tmp_path, monkeypatch
):
    (tmp_path / "file").touch()
    with pytest.raises(ExtractionError, match="is no folder to write to"):
        replace(job, folder=tmp_path / "file" / "made").run()
    usage = namedtuple("usage", "total used free")(1, 1, 1)
    monkeypatch.setattr(sources.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ExtractionError, match="needs 110 kB, and 1 bytes are free"):
        job.run()
    assert job.load.batches == []
    assert not job.folder.exists()


@pytest.mark.parametrize("raised", [torch.OutOfMemoryError, torch.AcceleratorError])
def test_a_device_that_fails_is_a_sentence(job, raised):
    def stop():
        raise raised("CUDA error: an illegal memory access\nand advice")

    with pytest.raises(WorkError, match=r"cpu failed with 2 pictures .*illegal memory access\)"):
        replace(job, load=Counting(stop_before=2, stop=stop)).run()
    assert len(chunks(job)) == 2


def test_a_killed_shard_is_a_sentence(job):
    """Killed as soon as it is there: it would import for seconds before it could do so itself."""

    def is_worker(child):
        with suppress(psutil.Error):  # it may be gone
            return any("popen_loky" in part for part in child.cmdline())

    def kill_a_worker():
        while not (workers := [*filter(is_worker, psutil.Process().children())]):
            time.sleep(0.01)
        workers[0].kill()

    get_reusable_executor().shutdown(kill_workers=True)  # which another test may have left
    killer = threading.Thread(target=kill_a_worker, daemon=True)
    killer.start()
    with pytest.raises(ExtractionError, match="One of the 2 processes was killed"):
        job.run(shards=2)
    killer.join()
    job.run()  # and what was asked for can still be done


def test_shards_share_the_gpus(job, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    devices = [str(replace(job, device=CUDA)._device(part)) for part in (1, 2, 3)]
    assert devices == ["cuda:0", "cuda:1", "cuda:0"]
    assert str(replace(job, device=torch.device("cuda:1"))._device(1)) == "cuda:1"


@pytest.mark.parametrize(
    ("images", "message"), [(["a.png", "a.png"], "twice"), (["../a.png"], "leads out")]
)
def test_a_list_that_cannot_be_meant_is_refused_at_once(job, images, message):
    with pytest.raises(ValueError, match=message):
        replace(job, images=images)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_half_precision_is_near_full(job, whole):
    half = replace(job, device=CUDA).run()
    assert half.features.dtype == np.float32
    np.testing.assert_allclose(whole.features, half.features, atol=1e-2)


def test_without_a_terminal_progress_comes_in_lines(job, capsys):
    job.run()
    lines = list(filter(None, capsys.readouterr().err.splitlines()))
    assert lines[-1].startswith("extracting: 100%")
    assert "11/11" in lines[-1]
    assert "images/s" in lines[-1]
