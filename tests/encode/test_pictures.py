import threading

import numpy as np
import open_clip
import pytest
import torch
from PIL import ExifTags, Image, ImageCms, ImageOps

from zslnb.encode.pictures import default_workers, open_as_shown, read_pictures

PREPROCESS = open_clip.image_transform(16, is_train=False)


@pytest.fixture
def folder(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 20, 24, 3), dtype=np.uint8)
    for i, one in enumerate(pixels):
        Image.fromarray(one).save(tmp_path / f"{i}.png")
    return tmp_path


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_come_in_order_and_leave_the_programs_random_numbers_alone(folder, workers):
    before = torch.random.get_rng_state()
    names = [["3.png", "0.png"], ["1.png"], ["4.png", "2.png"]]
    batches = list(read_pictures(folder, names, PREPROCESS, workers=workers))
    assert torch.equal(torch.random.get_rng_state(), before)
    for (pixels, reasons), expected in zip(batches, names, strict=True):
        assert reasons == [""] * len(expected)
        theirs = torch.stack([PREPROCESS(Image.open(folder / name)) for name in expected])
        assert torch.equal(pixels, theirs)


RAMP = np.arange(64, dtype=np.uint8)[None, :].repeat(64, 0) * 4


def shown(path, image, **options):
    image.save(path, **options)
    return np.asarray(open_as_shown(path)).astype(int)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_as_the_camera_was_held(tmp_path, name, orientation):
    image = Image.fromarray(np.stack([RAMP, RAMP.T, 0 * RAMP], 2)[:, :48])
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    pixels = shown(tmp_path / name, image, exif=exif, quality=95)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / name)).convert("RGB"))
    assert pixels.shape == ((48, 64, 3) if orientation > 4 else (64, 48, 3))
    np.testing.assert_array_equal(pixels, upright)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bits_of_grey_keep_their_shades(tmp_path, name, order):
    grey = (RAMP.astype(np.int64) * 257).astype(order)
    pixels = shown(tmp_path / name, Image.fromarray(grey))
    np.testing.assert_array_equal(pixels, RAMP[..., None].repeat(3, 2))


def test_what_is_transparent_is_white(tmp_path):
    image = Image.new("RGBA", (8, 8), (200, 0, 0, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 102))
    pixels = shown(tmp_path / "a.png", image)
    assert pixels[0, :3].tolist() == [[255] * 3, [153] * 3, [200, 0, 0]]
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 0, 200, 0])
    palette.putpixel((0, 0), 0)
    pixels = shown(tmp_path / "b.png", palette, transparency=0)
    assert pixels[0, :2].tolist() == [[255] * 3, [0, 200, 0]]
    pixels = shown(tmp_path / "c.png", image.convert("RGB"), transparency=(200, 0, 0))
    assert pixels[1, 1].tolist() == [255] * 3


@pytest.mark.parametrize("mode", ["L", "1", "LA", "P", "CMYK", "YCbCr", "LAB"])
def test_other_modes_become_rgb(tmp_path, mode):
    name = "a.png" if mode in ("L", "1", "LA", "P") else "a.tif"
    image = Image.fromarray(RAMP[..., None].repeat(3, 2))
    pixels = shown(tmp_path / name, image.convert(mode))
    assert np.abs(pixels.mean(axis=0) - RAMP[0, :, None]).max() < (128 if mode in "1P" else 8)


def test_colours_follow_the_files_profile_where_it_is_one(tmp_path):
    image = Image.new("RGB", (8, 8), (200, 100, 50))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for odd in (profile, b"no profile"):
        assert shown(tmp_path / "a.png", image, icc_profile=odd)[0, 0].tolist() == [200, 100, 50]
    swapped = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for one, other in ((b"sRGB", b"mine"), (b"rXYZ", b"tXYZ"), (b"gXYZ", b"rXYZ")):
        swapped = swapped.replace(one, other)  # what is called red now is green
    swapped = swapped.replace(b"s\0R\0G\0B", b"m\0i\0n\0e").replace(b"tXYZ", b"gXYZ")
    pixels = shown(tmp_path / "a.png", image, icc_profile=bytes(swapped))
    assert np.abs(pixels[0, 0] - [100, 200, 50]).max() <= 2


@pytest.mark.parametrize("mode", ["I", "F"])
def test_grey_without_a_white_is_named(tmp_path, mode):
    Image.new(mode, (8, 8)).save(tmp_path / "a.tif")
    ((_, reasons),) = read_pictures(tmp_path, [["a.tif"]], PREPROCESS)
    assert "nobody knows the white" in reasons[0]


def test_a_strip_that_resizing_would_blow_up_is_named(tmp_path):
    sizes = {"wide.png": (5000, 1), "tall.png": (1, 5000), "fit.png": (300, 3000)}
    for name, size in sizes.items():
        Image.new("RGB", size).save(tmp_path / name)
    ((pixels, reasons),) = read_pictures(tmp_path, [[*sizes]], PREPROCESS)
    assert "a strip of 5000 x 1 pixels, too narrow" in reasons[0]
    assert "a strip of 1 x 5000 pixels" in reasons[1]
    assert (reasons[2], len(pixels)) == ("", 1)


def test_reading_ahead_needs_no_processes_and_no_shared_memory(folder, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError

    monkeypatch.setattr("multiprocessing.process.BaseProcess.start", refuse)
    monkeypatch.setattr(torch.Tensor, "share_memory_", refuse)
    threads, before = set(), torch.get_num_threads()

    def preprocess(image):
        threads.add((threading.get_ident(), torch.get_num_threads()))
        return PREPROCESS(image)

    names = [[f"{i}.png"] for i in range(5)]
    assert len(list(read_pictures(folder, names, preprocess, workers=2))) == 5
    assert {n for _, n in threads} == {1}
    assert threading.get_ident() not in {thread for thread, _ in threads}
    assert torch.get_num_threads() == before


def test_no_more_than_a_few_batches_wait_to_be_used(folder):
    read = []

    def preprocess(image):
        read.append(image)
        return PREPROCESS(image)

    batches = read_pictures(folder, [["0.png"]] * 50, preprocess, workers=2)
    next(batches)
    batches.close()
    assert len(read) <= 5


def test_what_cannot_be_read_has_a_reason_that_tells_no_folder(folder):
    whole = (folder / "0.png").read_bytes()
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("not found")
    names = ["empty.png", "0.png", "cut.png", "text.png", "gone.png"]
    ((pixels, reasons),) = read_pictures(folder, [names], PREPROCESS)
    assert pixels.shape == (1, 3, 16, 16)
    assert [bool(why) for why in reasons] == [True, False, True, True, True]
    assert str(folder) not in str(reasons)
    ((pixels, reasons),) = read_pictures(folder, [["empty.png"]], PREPROCESS)
    assert len(pixels) == 0
    assert reasons[0].startswith("UnidentifiedImageError")


@pytest.mark.parametrize("limit", [300, 100])  # Pillow warns of the first and refuses the second
def test_a_decompression_bomb_is_not_opened(folder, monkeypatch, limit):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    ((_, reasons),) = read_pictures(folder, [["0.png"]], PREPROCESS)
    assert "480 pixels" in reasons[0]


def test_a_model_on_the_cpu_keeps_the_cores(monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 16)
    assert [default_workers(torch.device(name)) for name in ("cpu", "cuda:1")] == [1, 15]
