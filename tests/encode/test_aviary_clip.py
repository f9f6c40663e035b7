"""`zslnb.encode.aviary_clip`: what the small CLIP is trained on, and what it never sees."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from zslnb.datasets import aviary
from zslnb.datasets.aviary import species
from zslnb.encode import aviary_clip, aviary_world
from zslnb.encode.clip import extract_image_features
from zslnb.seeds import numpy_generator

TINY = aviary_clip.TrainingSettings(pictures=64, epochs=4, batch_size=16)
HELD_OUT = [*(aviary.SPECIES[i] for i in aviary.split()[0]), *aviary.OUTLIER_SPECIES]


@pytest.mark.parametrize(
    "pictures",
    [2000, pytest.param(aviary_clip.SHIPPED.pictures, marks=pytest.mark.slow)],
    ids=["some", "all"],
)
def test_no_training_picture_shows_an_unseen_or_outlier_species(pictures):
    held_out = {one.bird for one in HELD_OUT}
    assert aviary_world.held_out_birds() == held_out
    subjects = [one.subject for one in aviary_world.random_sightings(species.SEED, pictures)]
    birds = [one for one in subjects if isinstance(one, species.Bird)]
    assert not held_out & {*birds}
    assert {value for bird in birds for value in bird} >= species.RESERVED
    assert len(birds) / len(subjects) == pytest.approx(aviary_world.BIRDS, abs=0.05)


@pytest.mark.parametrize(
    "settings",
    [
        aviary_clip.TrainingSettings(pictures=2000, epochs=1),
        pytest.param(aviary_clip.SHIPPED, marks=pytest.mark.slow),
    ],
    ids=["some", "all"],
)
def test_no_training_caption_names_a_held_out_species(settings):
    named = re.compile(rf"A photo of a ({'|'.join(one.name for one in HELD_OUT)})[ .]")
    sightings = aviary_world.random_sightings(species.SEED, settings.pictures)
    for _, captions in aviary_clip.shuffled_batches(sightings, settings, species.SEED):
        assert not [text for text in captions if named.match(text)]


def bird_seen():
    return aviary_world.Sighting("robin", aviary.SPECIES[0].bird, aviary.scene.STILL)


def test_a_caption_in_the_words_of_a_held_out_name_is_drawn_again(monkeypatch):
    first = aviary_world.caption(bird_seen(), np.random.default_rng(0))
    name = first.removeprefix("A photo of a ").removesuffix(".")
    monkeypatch.setattr(aviary_world, "held_out_names", lambda: {name})
    assert aviary_world.caption(bird_seen(), np.random.default_rng(0)) != first


def test_a_held_out_bird_is_drawn_again(monkeypatch):
    first = aviary_world.random_bird("owl", np.random.default_rng(0))
    monkeypatch.setattr(aviary_world, "held_out_birds", lambda: {first})
    assert aviary_world.random_bird("owl", np.random.default_rng(0)) != first


def test_captions_tell_of_colours_kinds_and_scenes():
    sightings = aviary_world.random_sightings(2, 300)
    rng = np.random.default_rng(0)
    said = " ".join(aviary_world.caption(one, rng) for one in sightings)
    for words in ("fish", "robin", "scarlet", " red", "in the woods", "at dusk", "young", " and "):
        assert words in said


def test_captions_teach_every_word_of_every_name():
    tokenizer = aviary_clip.SmallTokenizer(aviary_clip.caption_vocabulary())
    rng = np.random.default_rng(0)
    sightings = aviary_world.random_sightings(1, 1200)
    taught = tokenizer([aviary_world.caption(one, rng) for one in sightings]).unique()
    asked = tokenizer([f"A photo of a {one.name}." for one in aviary.ALL_SPECIES]).unique()
    assert torch.isin(asked, taught).all()


def test_a_word_that_no_caption_uses_is_an_error():
    tokenizer = aviary_clip.SmallTokenizer(aviary_clip.caption_vocabulary())
    with pytest.raises(ValueError, match=r"does not know every word of 'A photo of a zebra\.'"):
        tokenizer(["A photo of a wren.", "A photo of a zebra."])


def test_training_lowers_the_loss_and_repeats_itself():
    sightings = aviary_world.random_sightings(3, TINY.pictures)
    pixels = aviary_clip.as_pixels(aviary_clip.training_pictures(sightings)[:16])
    rng = numpy_generator(3, "check")
    captions = [aviary_world.caption(one, rng) for one in sightings[:16]]
    first, again = (aviary_clip.train(TINY, seed=3) for _ in range(2))
    for one, other in zip(first.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)
    untrained = aviary_clip.train(replace(TINY, epochs=1, learning_rate=1e-9), seed=3)
    with torch.inference_mode():
        before, after = (
            aviary_clip.contrastive_loss(*one.model(pixels, one.tokenize(captions)))
            for one in (untrained, first)
        )
    assert after < 0.9 * before


def test_training_sees_pixels_as_extraction_does():
    encoder = aviary_clip.build_encoder(aviary_clip.caption_vocabulary())
    seen = bird_seen()
    ours = aviary_clip.as_pixels(aviary_clip.training_pictures([seen]))[0]
    picture = aviary.paint(seen.subject, seen.pose)
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
