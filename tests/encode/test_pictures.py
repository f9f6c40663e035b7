import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from zslnb.encode.pictures import default_workers, read_pictures

PREPROCESS = open_clip.image_transform(16, is_train=False)


@pytest.fixture
def folder(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 20, 24, 3), dtype=np.uint8)
    for i, one in enumerate(pixels):
        Image.fromarray(one).save(tmp_path / f"{i}.png")
    return tmp_path


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # fork beside threads
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


@pytest.mark.parametrize("mode", ["RGBA", "CMYK", "P", "L", "LA", "1", "I;16"])
def test_odd_modes_go_through_the_models_own_preprocessing(folder, mode):
    grey = np.arange(480, dtype=np.uint16).reshape(20, 24)
    if mode == "I;16":
        image = Image.fromarray(grey)
    else:
        image = Image.fromarray((grey[..., None] * (1, 2, 3) % 256).astype(np.uint8)).convert(mode)
    name = "odd.tif" if mode in ("CMYK", "I;16") else "odd.png"
    image.save(folder / name)
    ((pixels, reasons),) = read_pictures(folder, [[name]], PREPROCESS)
    assert reasons == [""]
    with Image.open(folder / name) as opened:
        assert opened.mode == mode
        assert torch.equal(pixels[0], PREPROCESS(opened))


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


def test_a_batch_of_which_nothing_can_be_read_has_no_pixels(folder):
    (folder / "0.png").write_bytes(b"")
    ((pixels, reasons),) = read_pictures(folder, [["0.png"]], PREPROCESS)
    assert len(pixels) == 0
    assert reasons[0].startswith("UnidentifiedImageError")


@pytest.mark.parametrize("limit", [300, 100])  # Pillow warns of the first and refuses the second
def test_a_decompression_bomb_is_not_opened(folder, monkeypatch, limit):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    ((_, reasons),) = read_pictures(folder, [["0.png"]], PREPROCESS)
    assert reasons[0].startswith("DecompressionBombError")


def test_a_model_on_the_cpu_keeps_the_cores(monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 16)
    assert (default_workers("cpu"), default_workers("cuda:1")) == (1, 15)
