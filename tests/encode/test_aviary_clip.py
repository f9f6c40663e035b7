"""`zslnb.encode.aviary_clip`: what the small CLIP is trained on, and what it never sees."""

import numpy as np
import pytest
import torch

from zslnb.datasets import aviary
from zslnb.datasets.aviary import species
from zslnb.encode import aviary_clip
from zslnb.encode.clip import extract_image_features
from zslnb.seeds import numpy_generator

TINY = aviary_clip.TrainingSettings(pictures=64, epochs=4, batch_size=16)
HELD_OUT = [*(aviary.SPECIES[i] for i in aviary.split()[0]), *aviary.OUTLIER_SPECIES]


def test_no_training_picture_shows_an_unseen_or_outlier_species():
    held_out = {one.bird for one in HELD_OUT}
    assert aviary_clip.held_out_birds() == held_out
    birds = aviary_clip.random_birds(species.SEED, aviary_clip.SHIPPED.pictures)
    assert not held_out & set(birds)
    assert {value for bird in birds for value in bird} >= species.RESERVED


@pytest.mark.parametrize(
    "settings",
    [
        aviary_clip.TrainingSettings(pictures=3000, epochs=1),
        pytest.param(aviary_clip.SHIPPED, marks=pytest.mark.slow),
    ],
    ids=["some", "all"],
)
def test_no_training_caption_equals_a_held_out_prompt(settings):
    prompts = {f"A photo of a {one.name}." for one in HELD_OUT}
    birds = aviary_clip.random_birds(species.SEED, settings.pictures)
    for _, captions in aviary_clip.shuffled_batches(birds, settings, species.SEED):
        assert not prompts & {*captions}


def test_a_caption_that_equals_a_held_out_prompt_is_drawn_again(monkeypatch):
    bird = aviary.SPECIES[0].bird
    first = aviary_clip.caption(bird, np.random.default_rng(0))
    monkeypatch.setattr(aviary_clip, "held_out_prompts", lambda: {first})
    assert aviary_clip.caption(bird, np.random.default_rng(0)) != first


def test_a_held_out_bird_is_drawn_again(monkeypatch):
    first = aviary_clip.random_bird(np.random.default_rng(0))
    monkeypatch.setattr(aviary_clip, "held_out_birds", lambda: {first})
    assert aviary_clip.random_bird(np.random.default_rng(0)) != first


def test_captions_teach_every_word_of_every_name():
    tokenizer = aviary_clip.SmallTokenizer(aviary_clip.caption_vocabulary())
    rng = np.random.default_rng(0)
    birds = aviary_clip.random_birds(1, 2000)
    taught = tokenizer([aviary_clip.caption(bird, rng) for bird in birds]).unique()
    asked = tokenizer([f"A photo of a {one.name}." for one in aviary.ALL_SPECIES]).unique()
    assert torch.isin(asked, taught).all()


def test_a_word_that_no_caption_uses_is_an_error():
    tokenizer = aviary_clip.SmallTokenizer(aviary_clip.caption_vocabulary())
    with pytest.raises(ValueError, match=r"does not know every word of 'A photo of a zebra\.'"):
        tokenizer(["A photo of a wren.", "A photo of a zebra."])


def test_training_lowers_the_loss_and_repeats_itself():
    birds = aviary_clip.random_birds(3, TINY.pictures)
    pictures = aviary_clip.training_pictures(birds, 3)
    pixels = aviary_clip.as_pixels(pictures[:16])
    rng = numpy_generator(3, "check")
    captions = [aviary_clip.caption(bird, rng) for bird in birds[:16]]
    first, again = (aviary_clip.train(TINY, seed=3) for _ in range(2))
    for one, other in zip(first.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)
    with torch.inference_mode():
        trained = aviary_clip.contrastive_loss(*first.model(pixels, first.tokenize(captions)))
    assert trained < np.log(16)


def test_training_sees_pixels_as_extraction_does():
    encoder = aviary_clip.build_encoder(aviary_clip.caption_vocabulary())
    bird = aviary.SPECIES[0].bird
    ours = aviary_clip.as_pixels(aviary_clip.training_pictures([bird], 0))[0]
    picture = aviary.draw(bird, numpy_generator(0, "aviary/training/0"))
    torch.testing.assert_close(ours, encoder.preprocess(picture))


def test_saved_weights_come_back(tmp_path):
    encoder = aviary_clip.build_encoder(aviary_clip.caption_vocabulary())
    aviary_clip.save_encoder(encoder, tmp_path / "clip.safetensors")
    back = aviary_clip.load_encoder(tmp_path / "clip.safetensors")
    pictures = [aviary.picture(0, i) for i in range(4)]
    ours, theirs = (extract_image_features(one, pictures) for one in (encoder, back))
    np.testing.assert_allclose(ours, theirs, atol=5e-3)


def test_weights_of_another_architecture_are_an_error(tmp_path, monkeypatch):
    encoder = aviary_clip.build_encoder(aviary_clip.caption_vocabulary())
    aviary_clip.save_encoder(encoder, tmp_path / "clip.safetensors")
    monkeypatch.setitem(aviary_clip.ARCHITECTURE, "embed_dim", 64)
    with pytest.raises(ValueError, match="another architecture"):
        aviary_clip.load_encoder(tmp_path / "clip.safetensors")
