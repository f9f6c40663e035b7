import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from zslnb.datasets import clip
from zslnb.datasets.aviary.clip_training import build_encoder, caption_vocabulary


@pytest.fixture(scope="module")
def encoder():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_encoder(caption_vocabulary())


@pytest.fixture(scope="module")
def pictures():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 3), dtype=np.uint8)
    return [Image.fromarray(one) for one in pixels]


def test_image_features_have_unit_norm_and_keep_the_order(encoder, pictures):
    rows = clip.extract_image_features(encoder, pictures)
    assert rows.shape == (5, 128)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    alone = clip.extract_image_features(encoder, [pictures[3]])
    np.testing.assert_allclose(rows[3], alone[0], atol=1e-5)


def test_batches_do_not_change_features_and_generators_are_read_lazily(encoder, pictures):
    at_once = clip.extract_image_features(encoder, pictures)
    in_twos = clip.extract_image_features(encoder, (p for p in pictures), batch_size=2)
    np.testing.assert_allclose(at_once, in_twos, atol=1e-5)


def test_features_are_those_of_the_model_itself(encoder, pictures):
    pixels = torch.stack([encoder.preprocess(p) for p in pictures])
    with torch.inference_mode():
        theirs = encoder.model.eval().encode_image(pixels, normalize=True)
    ours = clip.extract_image_features(encoder, pictures)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


def test_no_pictures_is_an_error(encoder):
    with pytest.raises(ValueError, match="no pictures"):
        clip.extract_image_features(encoder, [])


def test_class_names_are_set_into_the_prompt(encoder):
    ours = clip.extract_text_features(encoder, ["scarlet ibis", "mossy kiwi"])
    tokens = encoder.tokenize(["A photo of a scarlet ibis.", "A photo of a mossy kiwi."])
    with torch.inference_mode():
        theirs = encoder.model.eval().encode_text(tokens, normalize=True)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


def test_a_prompt_without_a_place_for_the_name_is_an_error(encoder):
    with pytest.raises(ValueError, match=r"no \{\} for the class name"):
        clip.extract_text_features(encoder, ["wren"], prompt="A photo.")


def test_unknown_weights_are_named_with_the_known_ones():
    with pytest.raises(ValueError, match="openai"):
        clip.load_clip("ViT-B-16", "no-such-weights")


@pytest.mark.parametrize(("tag", "quick"), [("openai", True), ("datacomp_xl_s13b_b90k", False)])
def test_the_activation_follows_the_weights(monkeypatch, tag, quick):
    asked = {}

    def create(model_name, pretrained, **options):
        asked.update(options, pretrained=pretrained)
        return torch.nn.Identity(), None, str

    monkeypatch.setattr(open_clip, "create_model_and_transforms", create)
    encoder = clip.load_clip("ViT-B-16", tag)
    assert asked == {"pretrained": tag, "force_quick_gelu": quick}
    assert encoder.preprocess is str
    assert encoder.tokenize(["A photo of a wren."]).shape == (1, 77)
