"""`zslnb.revcd.conditioning`: embeddings and joins by their formulas, and who hears whom."""

import math

import pytest
import torch

from zslnb.revcd import CONDITIONINGS, Join, VisualEncoder, time_embedding
from zslnb.seeds import seeded

B, W, V = 5, 4, 3
T = torch.tensor([0, 1, 7, 250, 499])


def encoder(feature_dim: int, tokens: int = 4) -> VisualEncoder:
    """Return an encoder of fixed weights, without dropout."""
    with seeded(0, "test/encoder"):
        return VisualEncoder(feature_dim, tokens, 8, 2, 0.0)


def rows(*shape: int) -> torch.Tensor:
    with seeded(1, "test/rows"):
        return torch.randn(*shape)


def test_a_time_embedding_is_sines_then_cosines():
    embedding = time_embedding(T, 6)
    assert embedding.shape == (B, 6)
    for i in range(3):
        angles = [t * 10_000 ** (-2 * i / 6) for t in T.tolist()]
        assert embedding[:, i].tolist() == pytest.approx([math.sin(a) for a in angles], abs=1e-4)
        assert embedding[:, 3 + i].tolist() == pytest.approx(
            [math.cos(a) for a in angles], abs=1e-4
        )


@pytest.mark.parametrize("width", [-2, 0, 1, 7])
def test_a_time_embedding_has_pairs(width):
    with pytest.raises(ValueError, match=f"even width of at least 2, not {width}"):
        time_embedding(T, width)


@pytest.mark.parametrize(("feature_dim", "tokens"), [(8, 4), (10, 4), (3, 8), (5, 1)])
def test_features_of_any_width_are_cut(feature_dim, tokens):
    visual = encoder(feature_dim, tokens)
    assert visual.width == 8 * tokens
    assert visual(rows(B, feature_dim)).shape == (B, visual.width)


def test_the_last_part_is_filled_up_with_zeros():
    """Ten features are four parts of three, as twelve of which the last two are zero."""
    filled = torch.cat([rows(B, 10), torch.zeros(B, 2)], dim=1)
    torch.testing.assert_close(encoder(10)(rows(B, 10)), encoder(12)(filled))


@pytest.mark.parametrize("feature", [0, 4, 9])
def test_every_token_hears_every_part(feature):
    net, x = encoder(10), rows(B, 10)
    other = x.clone()
    other[0, feature] += 1
    change = (net(other) - net(x)).view(B, 4, 8).abs().amax(2)
    assert (change[0] > 1e-4).all()
    assert change[1:].max() < 1e-6  # and no image hears another


def test_tokens_know_their_place():
    """Four parts alike are four different tokens."""
    tokens = encoder(12)(rows(1, 3).repeat(1, 4)).view(4, 8)
    assert torch.pdist(tokens).min() > 1e-3


def test_heads_share_a_token_among_them():
    with pytest.raises(ValueError, match="3 heads do not divide a token width of 8"):
        VisualEncoder(10, 4, 8, 3, 0.0)


def time_times(h, time, image, join):
    return h * time + image


def image_times(h, time, image, join):
    return h * image + time


def added(h, time, image, join):
    return h + time + image


def joined(h, time, image, join):
    return torch.cat([h, time, image], dim=1) @ join.back.weight.T + join.back.bias


def scaled_and_shifted(h, time, image, join):
    both = time + image
    return h * (1 + both[:, :W]) + both[:, W:]


BY_HAND = {  # of an encoder's layer, and of a decoder's
    "cross": (time_times, image_times),
    "swapped": (image_times, time_times),
    "addition": (added, added),
    "concatenation": (joined, joined),
    "film": (scaled_and_shifted, scaled_and_shifted),
}
every_join = pytest.mark.parametrize(
    ("how", "decoder"), [(how, decoder) for how in CONDITIONINGS for decoder in (False, True)]
)


def a_join(how: str, decoder: bool) -> tuple[Join, torch.Tensor, torch.Tensor]:
    """Return a join with a layer's output and an image's condition."""
    with seeded(2, "test/join"):
        return Join(W, V, how, decoder=decoder), torch.randn(B, W), torch.randn(B, V)


@every_join
def test_a_join_by_hand(how, decoder):
    join, h, visual = a_join(how, decoder)
    time = time_embedding(T, W) @ join.time.weight.T + join.time.bias
    image = visual @ join.visual.weight.T + join.visual.bias
    expected = BY_HAND[how][decoder](h, time, image, join)
    torch.testing.assert_close(join(h, T, visual), expected)


@pytest.mark.parametrize("decoder", [False, True])
@pytest.mark.parametrize("how", CONDITIONINGS)
def test_a_join_is_the_same_in_evaluation_and_with_several_images_a_row(how, decoder):
    with seeded(3, "test/join"):
        join = Join(W, V, how, decoder=decoder)
        h, time, images = torch.randn(B, W), join.timed(T[1:2]), join.visual(torch.randn(3, B, V))
    alone = torch.stack([join.train().joined(h, time, image) for image in images])
    torch.testing.assert_close(join.eval().joined(h, time, images), alone)
