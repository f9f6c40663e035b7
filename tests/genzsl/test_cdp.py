"""`zslnb.genzsl.cdp` against the released full-SVD projector, and the published means."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from toys import shared_data

from zslnb.genzsl import cdp, class_diversity_promotion, mean_cosines
from zslnb.seeds import torch_generator

# mean cosines of real class names: before; then after with and without diagonal, and absolute
CLIP_TEXT = {
    "imagenet1k_vitb32": (0.648, 1.5e-4, -8.5e-4, 0.080),
    "lvis1203_vitb32": (0.743, 7.7e-5, -7.5e-4, 0.069),
}


def released(embeddings: torch.Tensor, n_removed: int) -> np.ndarray:
    """P E with P = U'U'^T, U' the left singular vectors without the first columns."""
    e = embeddings.double().numpy()
    u = np.linalg.svd(e, full_matrices=True)[0][:, n_removed:]
    return u @ u.T @ e


def names(n_classes: int, width: int, common: float = 1.0) -> torch.Tensor:
    """Unit-norm embeddings that share a direction, as class names do."""
    rng = np.random.default_rng(n_classes)
    rows = rng.normal(size=(n_classes, width)) / width**0.5 + common * np.eye(width)[0]
    return F.normalize(torch.from_numpy(rows), dim=1).float()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize(("n_classes", "width"), [(40, 12), (12, 40), (9, 9), (6, 3)])
@pytest.mark.parametrize("n_removed", [0, 1, 2, 5])
def test_it_equals_the_released_projector(n_removed, n_classes, width, dtype):
    embeddings = names(n_classes, width).to(dtype)
    refined = class_diversity_promotion(embeddings, n_removed)
    np.testing.assert_allclose(refined, released(embeddings, n_removed), atol=1e-5)
    assert refined.dtype == torch.promote_types(dtype, torch.float32)
    assert n_removed or torch.equal(refined, embeddings.to(refined.dtype))


def test_close_singular_values_are_told_apart():
    """Norms near 80 and a relative gap of one in ten thousand, which float32 would blur."""
    rng = np.random.default_rng(0)
    u, v = (np.linalg.qr(rng.normal(size=(n, 8)))[0] for n in (30, 20))
    e = torch.from_numpy(u @ np.diag(80 + 0.008 * np.arange(8)[::-1]) @ v.T).float()
    for n_removed in (1, 2, 5):
        difference = class_diversity_promotion(e, n_removed).numpy() - released(e, n_removed)
        assert np.abs(difference).max() < 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_removed", [1, 2, 5, 12, 20])
def test_many_classes_are_refined_as_few_are(n_removed, dtype, monkeypatch):
    """The sum over blocks of classes against the singular value decomposition."""
    embeddings = names(100, 12).to(dtype)
    embeddings[:, 11] = embeddings[:, 10]  # a direction without any length
    expected = class_diversity_promotion(embeddings, n_removed)
    monkeypatch.setattr(cdp, "MANY_CLASSES", 50)
    monkeypatch.setattr(cdp, "ROWS_AT_ONCE", 7)
    refined = class_diversity_promotion(embeddings, n_removed)
    torch.testing.assert_close(refined, expected, rtol=0, atol=6e-8)  # the last bit of 0.5
    assert refined.dtype == dtype


@pytest.mark.parametrize(("n_removed", "exact"), [(1, [False]), (2, [False, True])])
def test_many_classes_are_multiplied_exactly_where_directions_lie_close(
    n_removed, exact, monkeypatch
):
    """The first direction of names is far longer than the next, the second is not."""
    embeddings, asked, gram = names(6000, 64), [], cdp._gram
    monkeypatch.setattr(cdp, "_gram", lambda e, x: asked.append(x) or gram(e, x))
    refined = class_diversity_promotion(embeddings, n_removed)
    directions = np.linalg.svd(embeddings.double().numpy(), full_matrices=False)[2][:n_removed]
    rows = embeddings.double().numpy()
    expected = rows - rows @ directions.T @ directions
    np.testing.assert_allclose(refined, expected, rtol=0, atol=3e-8)
    assert asked == exact


def test_a_value_not_finite_is_named_among_many(monkeypatch):
    monkeypatch.setattr(cdp, "ROWS_AT_ONCE", 7)
    embeddings = names(100, 5)
    embeddings[81, 2] = torch.inf
    with pytest.raises(ValueError, match=r"embeddings\[81\]"):
        class_diversity_promotion(embeddings)


def test_rows_are_not_renormalised():
    embeddings = names(30, 10)
    common = torch.linalg.svd(embeddings)[2][0]
    expected = (1 - (embeddings @ common).square()).sqrt()
    norms = class_diversity_promotion(embeddings).norm(dim=1)
    torch.testing.assert_close(norms, expected, atol=1e-5, rtol=0)
    assert norms.mean() < 0.9


def test_many_classes_need_no_matrix_of_pairs():
    """The released projector would take 30,000 x 30,000 numbers, 7 GB."""
    embeddings = names(30_000, 32)
    sizes: list[int] = []
    with Watch(sizes):
        refined = class_diversity_promotion(embeddings)
    assert max(sizes) == embeddings.numel()
    assert (refined.norm(dim=1) < 1).all()


class Watch(torch.overrides.TorchFunctionMode):
    """Notes the size of every tensor that is made."""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self.sizes = sizes

    def __torch_function__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for part in out if isinstance(out, tuple) else [out]:
            self.sizes += [part.numel()] if isinstance(part, torch.Tensor) else []
        return out


@pytest.mark.parametrize("n_removed", [-1, 8])
def test_it_cannot_remove_more_directions_than_classes(n_removed):
    with pytest.raises(ValueError, match=rf"0\.\.7 classes, not {n_removed}"):
        class_diversity_promotion(names(7, 5), n_removed)


def test_a_value_not_finite_is_named_by_its_row():
    embeddings = names(7, 5)
    embeddings[4, 2] = torch.nan
    with pytest.raises(ValueError, match=r"embeddings\[4\]"):
        class_diversity_promotion(embeddings)


def test_the_three_means_by_hand():
    rows = torch.tensor([[2.0, 0.0], [0.0, 5.0], [-1.0, 0.0]])  # cosines 0, -1, 0
    means = mean_cosines(rows)
    assert means == pytest.approx(
        {"with diagonal": 1 / 9, "without diagonal": -1 / 3, "absolute": 1 / 3}
    )


def test_more_classes_than_a_block_give_the_same_means():
    rows = F.normalize(torch.randn(1500, 6, generator=torch.Generator().manual_seed(0)).double())
    cosines = (rows @ rows.T).numpy()
    others = cosines[~np.eye(1500, dtype=bool)]
    assert mean_cosines(rows) == pytest.approx(
        {
            "with diagonal": cosines.mean(),
            "without diagonal": others.mean(),
            "absolute": np.abs(others).mean(),
        },
        abs=1e-12,
    )


@pytest.mark.parametrize("n_removed", [0, 1, 3])
def test_the_mean_with_diagonal_is_an_identity(n_removed):
    refined = class_diversity_promotion(names(40, 12), n_removed)
    mean = F.normalize(refined.double(), dim=1).mean(0)
    assert mean_cosines(refined)["with diagonal"] == pytest.approx(float(mean @ mean), abs=1e-12)


def test_a_cosine_needs_two_classes_and_a_direction():
    with pytest.raises(ValueError, match="at least two of them, not 1"):
        mean_cosines(torch.ones(1, 3))
    with pytest.raises(ValueError, match="Class 2 has a zero embedding"):
        mean_cosines(torch.tensor([[1.0], [2.0], [0.0]]))


@pytest.mark.parametrize(("name", "expected"), CLIP_TEXT.items(), ids=CLIP_TEXT)
def test_real_class_names_have_the_known_means(name, expected):
    with np.load(shared_data(f"clip_text/{name}.npz"), allow_pickle=False) as file:
        raw = F.normalize(torch.from_numpy(file["embeddings"]).double(), dim=1)
    before, after = mean_cosines(raw), mean_cosines(class_diversity_promotion(raw))
    assert before["without diagonal"] == pytest.approx(expected[0], abs=6e-4)
    assert after["with diagonal"] == pytest.approx(expected[1], rel=0.04)
    assert after["without diagonal"] == pytest.approx(expected[2], rel=0.01)
    assert after["absolute"] == pytest.approx(expected[3], abs=6e-4)
    assert -after["without diagonal"] == pytest.approx(1 / (len(raw) - 1), rel=0.2)


def test_what_is_common_to_some_classes_is_taken_from_all():
    """By a full SVD of those rows; the others lose the same direction."""
    rows = F.normalize(torch.randn(9, 5, generator=torch_generator(0, "test/some")) + 1, dim=1)
    first = torch.linalg.svd(rows[:6].double()).Vh[0]
    expected = rows.double() - (rows.double() @ first)[:, None] * first
    refined = class_diversity_promotion(rows, 1, rows[:6])
    torch.testing.assert_close(refined.double(), expected, rtol=0, atol=1e-6)
    assert not torch.allclose(refined, class_diversity_promotion(rows), atol=1e-3)
    with pytest.raises(ValueError, match=r"0\.\.6 classes"):
        class_diversity_promotion(rows, 7, rows[:6])
