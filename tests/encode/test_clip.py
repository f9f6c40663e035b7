import warnings

import numpy as np
import open_clip
import pytest
import torch
from clips import TINY, tiny_model
from PIL import Image
from safetensors.torch import save_file

from zslnb.encode import clip
from zslnb.encode.aviary_clip import build_encoder, caption_vocabulary
from zslnb.errors import RequestError, WorkError


def aviary_encoder(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_encoder(caption_vocabulary())


@pytest.fixture(scope="module")
def encoder():
    return aviary_encoder()


@pytest.fixture(scope="module")
def pictures():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 3), dtype=np.uint8)
    return [Image.fromarray(one) for one in pixels]


def test_image_features_are_the_models_own_in_order_whatever_the_batches(encoder, pictures):
    rows = clip.extract_image_features(encoder, pictures)
    assert (rows.shape, rows.dtype) == ((5, 128), np.float32)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    pixels = torch.stack([encoder.preprocess(p) for p in pictures])
    with torch.inference_mode():
        theirs = encoder.model.eval().encode_image(pixels, normalize=True)
    np.testing.assert_allclose(rows, theirs.numpy(), atol=1e-5)
    in_twos = clip.extract_image_features(encoder, (p for p in pictures), batch_size=2)
    np.testing.assert_allclose(rows, in_twos, atol=1e-5)


def test_class_names_are_set_into_the_prompt(encoder):
    ours = clip.extract_text_features(encoder, ["scarlet ibis", "mossy kiwi"])
    tokens = encoder.tokenize(["A photo of a scarlet ibis.", "A photo of a mossy kiwi."])
    with torch.inference_mode():
        theirs = encoder.model.eval().encode_text(tokens, normalize=True)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


def test_weights_are_looked_for_where_open_clip_keeps_them(house, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    tags = {"direct": {"url": "https://birds.example/own.pt", "hf_hub": ""}}
    tags["hub"] = {"url": "https://birds.example/own.pt", "hf_hub": "birds/own/"}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "house", tags)
    asked = []

    def cached(model_id, name):
        asked.append((model_id, name))
        return "there" if name.endswith(".bin") and len(asked) > 2 else None

    monkeypatch.setattr(clip, "try_to_load_from_cache", cached)
    assert not clip.weights_are_here("house", "hub")
    assert clip.weights_are_here("house", "hub")
    safe, plain = "open_clip_model.safetensors", "open_clip_pytorch_model.bin"
    assert asked == 2 * [("birds/own", safe), ("birds/own", plain)]
    assert not clip.weights_are_here("house", "direct")
    (tmp_path / ".cache" / "clip").mkdir(parents=True)
    (tmp_path / ".cache" / "clip" / "own.pt").touch()
    assert clip.weights_are_here("house", "direct")


def put_in_place(monkeypatch, create):
    monkeypatch.setattr(open_clip, "create_model_from_pretrained", create)


@pytest.mark.parametrize(("tag", "quick"), [("openai", True), ("datacomp_xl_s13b_b90k", False)])
def test_the_activation_follows_the_weights(monkeypatch, tag, quick):
    asked = {}

    def create(model_name, pretrained, **options):
        asked.update(options, pretrained=pretrained)
        return torch.nn.Identity(), str

    put_in_place(monkeypatch, create)
    encoder = clip.load_clip("ViT-B-16", tag)
    assert (asked["pretrained"], asked["force_quick_gelu"]) == (tag, quick)
    assert (asked["image_interpolation"], asked["image_resize_mode"]) == ("bicubic", "shortest")
    assert encoder.preprocess is str
    assert encoder.tokenize(["A photo of a wren."]).shape == (1, 77)
    assert (encoder.model_name, encoder.pretrained) == ("ViT-B-16", tag)


def test_what_open_clip_warns_of_is_an_error(monkeypatch):
    def create(*_, **__):
        warnings.warn_explicit("a mismatch", UserWarning, "factory.py", 1, "open_clip.factory")

    put_in_place(monkeypatch, create)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tests have errors of all warnings, users do not
        with pytest.raises(RequestError, match="a mismatch"):
            clip.load_clip()


def test_weights_that_cannot_be_had_are_a_sentence_with_what_to_do(monkeypatch):
    def create(*_, **__):
        raise EOFError("no route\nand a page of advice")

    put_in_place(monkeypatch, create)
    with pytest.raises(WorkError, match=r"openai cannot be had: EOFError: no route\n") as caught:
        clip.load_clip()
    assert "give a file of the weights" in str(caught.value)
    assert "a page of advice" not in str(caught.value)


@pytest.fixture
def house(monkeypatch):
    """A small architecture that open_clip knows, with two tags; a model of random weights."""
    recipe = {"mean": (0.1,) * 3, "std": (0.2,) * 3, "interpolation": "bilinear"}
    recipe = {**recipe, "resize_mode": "squash", "url": "", "hf_hub": ""}
    tags = {"quick": {**recipe, "quick_gelu": True}, "plain": recipe}
    for name, quick in (("house", {}), ("house-quickgelu", {"quick_gelu": True})):
        monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, name, {**TINY, **quick})
        monkeypatch.setitem(open_clip.pretrained._PRETRAINED, name, tags)
    return tiny_model(quick_gelu=True)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_local_weights_have_the_preprocessing_and_activation_that_were_named(
    house, tmp_path, suffix, pictures
):
    save = save_file if suffix == ".safetensors" else torch.save
    save(house.state_dict(), tmp_path / f"own{suffix}")
    loaded = clip.load_clip("house", "quick", weights=tmp_path / f"own{suffix}")
    facts = loaded.facts()
    assert facts["weights_sha256"] == clip.weights_sha256(house)
    assert facts["quick_gelu"] is True
    assert facts["pretrained"] == f"own{suffix}, prepared as quick"
    assert "bilinear" in facts["preprocessing"]
    assert "mean=(0.1, 0.1, 0.1)" in facts["preprocessing"]
    with torch.inference_mode():
        pixels = torch.stack([loaded.preprocess(picture) for picture in pictures])
        theirs = house.encode_image(pixels, normalize=True)
    ours = clip.extract_image_features(loaded, pictures)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-6)
    plain = clip.load_clip("house", "plain", weights=tmp_path / f"own{suffix}")
    assert plain.facts()["quick_gelu"] is False


@pytest.mark.parametrize(
    ("model", "tag", "file", "message"),
    [
        ("ViT-B-16", "no-such-weights", None, "'no-such-weights' for 'ViT-B-16'; known: .*openai"),
        ("house", "own.pt", None, "given as weights="),  # a path is no tag
        ("house-quickgelu", "plain", None, "recorded without"),
        ("house", "quick", "gone.pt", r"no file of weights .*gone\.pt"),
        ("house", "quick", "own.npz", r"read from \.safetensors"),  # a kind that may run code
        ("house", "quick", "own.safetensors", "does not hold the tensors"),
    ],
)
def test_what_cannot_be_loaded_is_refused(house, tmp_path, model, tag, file, message):
    for name in ("own.npz", "own.safetensors"):
        (tmp_path / name).touch()
    with pytest.raises(RequestError, match=message):
        clip.load_clip(model, tag, weights=file and tmp_path / file)


class Harmful:
    def __reduce__(self):
        return open, ("harm was done", "x")


@pytest.mark.filterwarnings("ignore:.*TorchScript|.*torch.jit")
@pytest.mark.parametrize("content", [{"a": torch.zeros(1)}, {}, Harmful(), b"no weights", None])
def test_a_local_file_of_something_else_is_refused(house, tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    if isinstance(content, bytes):
        (tmp_path / "own.pt").write_bytes(content)
    elif content is None:
        torch.jit.trace(torch.nn.Linear(1, 1), torch.zeros(1, 1)).save(tmp_path / "own.pt")
    else:
        torch.save(content, tmp_path / "own.pt")
    message = r"own\.pt does not hold the tensors of a house"
    with pytest.raises(RequestError, match=message) as caught:
        clip.load_clip("house", "quick", weights=tmp_path / "own.pt")
    assert not (tmp_path / "harm was done").exists()
    assert "weights_only" not in str(caught.value)  # torch advises to run what is in it


class Published(torch.nn.Module):
    """A scripted module that holds the tensors of another, in half precision, as OpenAI's do."""

    def __init__(self, tensors):
        super().__init__()
        for name, tensor in tensors.items():
            *parents, leaf = name.split(".")
            module = self
            for parent in parents:
                if not hasattr(module, parent):
                    module.add_module(parent, torch.nn.Module())
                module = getattr(module, parent)
            module.register_parameter(leaf, torch.nn.Parameter(tensor.half()))
        self.register_buffer("input_resolution", torch.tensor(16))

    def forward(self, x):
        return x + 1


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_openais_own_file_is_read_and_its_program_is_not(house, tmp_path, monkeypatch):
    torch.jit.trace(Published(house.state_dict()), torch.zeros(1)).save(tmp_path / "ViT-B-16.pt")
    for reader in ("load", "script", "trace"):
        monkeypatch.setattr(torch.jit, reader, None)
    loaded = clip.load_clip("house", "quick", weights=tmp_path / "ViT-B-16.pt")
    for name, tensor in loaded.model.state_dict().items():
        assert torch.equal(tensor, house.state_dict()[name].half().float()), name
    assert loaded.facts()["pretrained"] == "ViT-B-16.pt, prepared as quick"


def test_a_tokenizer_that_cannot_be_had_is_a_sentence(house, tmp_path, monkeypatch):
    def refuse(_):
        raise ImportError("no transformers")

    monkeypatch.setattr(open_clip, "get_tokenizer", refuse)
    torch.save(house.state_dict(), tmp_path / "own.pt")
    with pytest.raises(WorkError, match="tokenizer of house cannot be had: ImportError: no trans"):
        clip.load_clip("house", "quick", weights=tmp_path / "own.pt")


def test_half_precision_is_near_full_and_comes_back_as_float32(encoder, pictures):
    pixels = torch.stack([encoder.preprocess(p) for p in pictures])
    full = clip.encode_pixels(encoder, pixels)
    half = clip.encode_pixels(encoder, pixels, precision="bfloat16")
    assert half.dtype == torch.float32
    assert not torch.equal(full, half)
    torch.testing.assert_close(half.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(full, half, atol=0.05, rtol=0)


def test_facts_tell_models_apart_and_hold_no_addresses(encoder):
    facts, others = encoder.facts(), aviary_encoder(seed=1).facts()
    assert "0x" not in facts["preprocessing"]
    assert others["weights_sha256"] != facts["weights_sha256"]
    assert others["preprocessing"] == facts["preprocessing"]
