"""`zslnb.genzsl.ivae`: the network as released, and its two losses in closed form."""

import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Normal
from torch.distributions import kl_divergence as kl_of

from zslnb.genzsl import InductiveVAE, kl_divergence, reconstruction_loss
from zslnb.seeds import seeded, torch_generator

GENERATOR = torch_generator(0, "tests/ivae")


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR)


@pytest.fixture
def model() -> InductiveVAE:
    with seeded(0, "tests/weights"):
        return InductiveVAE(feature_dim=6, semantic_dim=4, hidden_dim=32, latent_dim=3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_shapes_norms_and_precision(model, dtype):
    x_hat, mean, log_var = model(rows(5, 6).to(dtype), rows(5, 4))
    assert (x_hat.shape, mean.shape, log_var.shape) == ((5, 6), (5, 3), (5, 3))
    assert x_hat.dtype == torch.float32
    torch.testing.assert_close(x_hat.norm(dim=1), torch.ones(5))


def test_defaults_are_the_released_widths():
    model = InductiveVAE(512, 512)
    layers = [m for m in model.modules() if isinstance(m, torch.nn.Linear)]
    widths = {(layer.in_features, layer.out_features) for layer in layers}
    assert widths == {(1024, 2048), (2048, 512)}
    assert len(layers) == 5
    for layer in layers:
        assert not layer.bias.any()
        assert float(layer.weight.detach().std()) == pytest.approx(0.02, rel=0.01)
        assert layer.weight.mean().abs() < 1e-4


def test_forward_is_encode_draw_decode(model):
    referents, semantics = rows(5, 6), rows(5, 4)
    with seeded(0, "noise"):
        x_hat, mean, log_var = model(referents, semantics)
    with seeded(0, "noise"):
        latent = mean + log_var.exp().sqrt() * torch.randn(5, 3)
    torch.testing.assert_close(x_hat, model.decode(latent, semantics))
    torch.testing.assert_close((mean, log_var), model.encode(referents, semantics))


def test_the_referent_reaches_the_output_through_the_latent_alone(model):
    with torch.no_grad():
        for head in (model.mean, model.log_var):
            head.weight.zero_()
    semantics = rows(5, 4)
    outputs = []
    for referents in (rows(5, 6), rows(5, 6)):
        with seeded(0, "noise"):
            outputs.append(model(referents, semantics)[0])
    assert torch.equal(*outputs)


def test_reconstruction_of_unit_rows_is_two_minus_twice_the_cosine():
    x_hat, x = F.normalize(rows(7, 5)), F.normalize(rows(7, 5))
    expected = (2 - 2 * F.cosine_similarity(x_hat, x)).mean()
    torch.testing.assert_close(reconstruction_loss(x_hat, x), expected)
    assert reconstruction_loss(torch.zeros(3, 5), torch.full((3, 5), 2.0)) == 20  # summed, averaged


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_kl_to_a_prior_is_the_closed_form_too(dtype):
    q, p = ((rows(7, 5), rows(7, 5)) for _ in range(2))
    sides = [Normal(mean, (log_var / 2).exp()) for mean, log_var in (q, p)]
    expected = kl_of(*sides).sum(1).mean()
    kl = kl_divergence(*q, tuple(part.to(dtype) for part in p))
    assert kl.dtype == torch.float32
    tolerance = {"rtol": 1e-2, "atol": 1e-2} if dtype == torch.float16 else {}
    torch.testing.assert_close(kl, expected, **tolerance)
    assert float(kl_divergence(*q, q)) == pytest.approx(0, abs=1e-6)
    to_standard = kl_of(sides[0], Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(kl_divergence(*q), to_standard)


def test_the_conditional_prior_is_a_linear_map_of_the_semantics(model):
    assert model.prior_of(rows(5, 4)) is None
    model = InductiveVAE(6, 4, hidden_dim=8, latent_dim=3, conditional_prior=True)
    semantics = rows(5, 4)
    mean, log_var = model.prior_of(semantics.double())
    both = semantics @ model.prior.weight.T + model.prior.bias
    torch.testing.assert_close(torch.cat([mean, log_var], dim=1), both)
    assert (mean.shape, log_var.shape) == ((5, 3), (5, 3))
    assert float(model.prior.weight.detach().std()) == pytest.approx(0.02, rel=0.5)
    assert not model.prior.bias.any()


def test_the_papers_decoder_input_is_the_referent_plus_the_latent():
    with seeded(0, "tests/weights"):
        model = InductiveVAE(6, 4, hidden_dim=32, latent_dim=6, add_referent=True)
    referents, semantics = rows(5, 6), rows(5, 4)
    with seeded(0, "noise"):
        x_hat, mean, log_var = model(referents.double(), semantics)
    with seeded(0, "noise"):
        latent = mean + log_var.exp().sqrt() * torch.randn(5, 6)
    torch.testing.assert_close(x_hat, model.decode(referents + latent, semantics))
    assert x_hat.dtype == torch.float32


@pytest.mark.parametrize("latent_dim", [3, 7])
def test_a_sum_of_unequal_widths_is_refused_with_what_to_do(latent_dim):
    message = rf"features are 6-d and the latent is {latent_dim}-d\. Set latent_dim=6\."
    with pytest.raises(ValueError, match=message):
        InductiveVAE(6, 4, latent_dim=latent_dim, add_referent=True)


def test_half_precision_overflows_neither_loss():
    ones = torch.ones(2, 4, dtype=torch.float16)
    assert reconstruction_loss(300 * ones, 0 * ones) == 4 * 300**2
    assert kl_divergence(ones * 0, 12 * ones).isfinite()
