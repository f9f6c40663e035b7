"""The gradient of GenZSL's loss, written out for the losses that the released code trains on.

Autograd takes longer (`make benchmark`): for its own work, and for the decoder's gradient at the
semantics, which nobody needs.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from zslnb.genzsl.boosting import Mode
from zslnb.genzsl.ivae import (
    InductiveVAE,
    kl_divergence,
    latent_gradients,
    reconstruction_loss,
)
from zslnb.networks import leave_gradient

SHORTEST = 1e-12  # a vector that F.normalize still scales to unit norm


def is_written_out(model: InductiveVAE, boosting_mode: Mode) -> bool:
    """Tell whether `ivae_gradients` covers a model and its loss: no variant of either."""
    plain = type(model) is InductiveVAE and model.prior is None and not model.add_referent
    return plain and boosting_mode == "batch"


@torch.no_grad()
def ivae_gradients(
    model: InductiveVAE,
    x: Float[Tensor, "B D"],
    semantics: Float[Tensor, "B S"],
    referents: Float[Tensor, "B D"],
    anchors: Float[Tensor, "B D"] | None,
    weights: Mapping[str, Float[Tensor, ""]],
) -> dict[str, Float[Tensor, ""]]:
    """Return the terms of `GenZSL.losses`; give the model the gradient of their weighted sum.

    It is autograd's, to the bit where a product's columns do not depend on how many there are. The
    model's `forward` is not asked.

    Args:
        model: with a standard prior, and no referent added to its latent.
        x: (B, D) features of the batch. semantics: (B, S) of their classes.
        referents: (B, D) their mixed referents.
        anchors: (B, D) of their classes, over the temperature; None leaves out boosting.
        weights: of the terms, by name.
    """
    n, enter, (widen, _, last) = len(x), model.encoder[0], model.decoder
    seen = torch.cat([referents, semantics], dim=1)
    hidden = F.relu_(enter(seen))
    mean, log_var = model.mean(hidden), model.log_var(hidden)
    sigma, noise = torch.exp(log_var / 2), torch.randn_like(mean)
    given = torch.cat([mean + sigma * noise, semantics], dim=1)
    wide = F.relu_(widen(given))
    made = last(wide)
    length = made.norm(dim=1, keepdim=True).clamp_min_(SHORTEST)
    x_hat = made / length
    terms = {"reconstruction": reconstruction_loss(x_hat, x), "kl": kl_divergence(mean, log_var)}
    # back through both losses of x_hat and its unit norm
    of_x_hat = 2 * (x_hat - x) * (weights["reconstruction"] / n)
    if anchors is not None:
        terms["boosting"], pull = _boosting(x_hat, anchors, weights["boosting"])
        of_x_hat += pull
    of_made = of_x_hat / length + (-of_x_hat * (x_hat / length)).sum(1, keepdim=True) * x_hat
    # the decoder, up to the latent
    leave_gradient(last, wide, of_made)
    of_wide = _through_relu(of_made @ last.weight, wide)
    leave_gradient(widen, given, of_wide)
    of_latent = of_wide @ widen.weight[:, : model.latent_dim]
    # the latent with its divergence from N(0, I), and the encoder
    of_mean, of_log_var = latent_gradients(of_latent, mean, log_var, sigma, noise, weights["kl"])
    leave_gradient(model.mean, hidden, of_mean)
    leave_gradient(model.log_var, hidden, of_log_var)
    of_hidden = of_mean @ model.mean.weight + of_log_var @ model.log_var.weight
    leave_gradient(enter, seen, _through_relu(of_hidden, hidden))
    return terms


def _boosting(
    x_hat: Float[Tensor, "B D"], anchors: Float[Tensor, "B D"], weight: Float[Tensor, ""]
) -> tuple[Float[Tensor, ""], Float[Tensor, "B D"]]:
    """Return `boosting_loss`, mode "batch", and the gradient at x_hat of `weight` times it."""
    logits = x_hat @ anchors.T
    shares = {dim: logits.log_softmax(dim) for dim in (1, 0)}
    own = torch.zeros_like(logits)
    own.diagonal().copy_(-weight / 2 / len(logits))
    back = torch.ops.aten._log_softmax_backward_data.default
    of_logits = [back(own, share, dim, share.dtype) for dim, share in shares.items()]
    loss = -(shares[1] + shares[0]).diagonal().mean() / 2
    return loss, (of_logits[0] + of_logits[1]) @ anchors


def _through_relu(gradient: Float[Tensor, "B H"], out: Float[Tensor, "B H"]) -> Tensor:
    return torch.ops.aten.threshold_backward.default(gradient, out, 0)  # autograd's own kernel
