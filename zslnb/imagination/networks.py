"""Encoder, generator and critic of f-VAEGAN, one hidden layer each, as released.

They keep f-VAEGAN's letters: a are class semantics (z everywhere else), z is the latent (else o).
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from zslnb.networks import draw_small_weights, leave_gradient

SLOPE = 0.2  # of LeakyReLU, everywhere


def leaky_backward(gradient: Float[Tensor, "*B H"], x: Float[Tensor, "*B H"]) -> Tensor:
    """Take a gradient back through LeakyReLU at x, by autograd's own kernel.

    A comparison of our own takes five times as long. What LeakyReLU gave serves as well as x.
    """
    return torch.ops.aten.leaky_relu_backward.default(gradient, x, SLOPE, False)


class Encoder(nn.Module):
    """q(z | x, a): a feature with its class semantics in, mean and log-variance of a latent out.

    Args:
        feature_dim: D. semantic_dim: S. hidden_dim: H. latent_dim: L.
    """

    def __init__(
        self, feature_dim: int, semantic_dim: int, hidden_dim: int, latent_dim: int
    ) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Linear(feature_dim + semantic_dim, hidden_dim),
            nn.LeakyReLU(SLOPE),
            nn.Linear(hidden_dim, 2 * latent_dim),
            nn.LeakyReLU(SLOPE),
        )
        self.mean = nn.Linear(2 * latent_dim, latent_dim)
        self.log_var = nn.Linear(2 * latent_dim, latent_dim)
        draw_small_weights(self)

    def forward(
        self, x: Float[Tensor, "B D"], a: Float[Tensor, "B S"]
    ) -> tuple[Float[Tensor, "B L"], Float[Tensor, "B L"]]:
        """Return mean and log-variance of the latent."""
        hidden = self.kept(x, a)[-1]
        return self.mean(hidden), self.log_var(hidden)

    def kept(self, x: Float[Tensor, "B D"], a: Float[Tensor, "B S"]) -> list[Tensor]:
        """Return what each linear layer gets: (B, D + S), (B, H), and both heads (B, 2 L)."""
        enter, _, narrow, _ = self.hidden
        given = torch.cat([x, a], dim=1)
        hidden = F.leaky_relu(enter(given), SLOPE)
        return [given, hidden, F.leaky_relu(narrow(hidden), SLOPE)]

    def leave_gradients(
        self, kept: list[Tensor], of_mean: Float[Tensor, "B L"], of_log_var: Float[Tensor, "B L"]
    ) -> None:
        """Give all layers their gradients, from those at mean and log-variance.

        Args:
            kept: what `kept` returned. of_mean, of_log_var: (B, L).
        """
        (enter, _, narrow, _), (given, hidden, code) = self.hidden, kept
        leave_gradient(self.mean, code, of_mean)
        leave_gradient(self.log_var, code, of_log_var)
        back = of_mean @ self.mean.weight + of_log_var @ self.log_var.weight
        back = leaky_backward(back, code)
        leave_gradient(narrow, hidden, back)
        leave_gradient(enter, given, leaky_backward(back @ narrow.weight, hidden))


class Generator(nn.Module):
    """G(z, a): a latent and class semantics in, a feature with entries in 0..1 out.

    Args:
        latent_dim: L. semantic_dim: S. hidden_dim: H. feature_dim: D.
    """

    def __init__(
        self, latent_dim: int, semantic_dim: int, hidden_dim: int, feature_dim: int
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.layers = nn.Sequential(
            nn.Linear(latent_dim + semantic_dim, hidden_dim),
            nn.LeakyReLU(SLOPE),
            nn.Linear(hidden_dim, feature_dim),
            nn.Sigmoid(),
        )
        draw_small_weights(self)

    def forward(self, z: Float[Tensor, "B L"], a: Float[Tensor, "B S"]) -> Float[Tensor, "B D"]:
        """Return generated features."""
        return self.kept(z, a)[-1]

    def kept(self, z: Float[Tensor, "B L"], a: Float[Tensor, "B S"]) -> list[Tensor]:
        """Return what both linear layers get, (B, L + S) and (B, H), and the features (B, D)."""
        widen, _, last, _ = self.layers
        given = torch.cat([z, a], dim=1)
        hidden = F.leaky_relu(widen(given), SLOPE)
        return [given, hidden, last(hidden).sigmoid()]

    def leave_gradients(
        self, kept: list[Tensor], of_x: Float[Tensor, "B D"]
    ) -> Float[Tensor, "B H"]:
        """Give both layers their gradients; return that at the first one's output.

        Args:
            kept: what `kept` returned. of_x: (B, D) the gradient at the features.
        """
        (widen, _, last, _), (given, hidden, x) = self.layers, kept
        back = torch.ops.aten.sigmoid_backward.default(of_x, x)
        leave_gradient(last, hidden, back)
        back = leaky_backward(back @ last.weight, hidden)
        leave_gradient(widen, given, back)
        return back

    def from_noise(self, a: Float[Tensor, "B S"]) -> Float[Tensor, "B D"]:
        """Generate from z drawn from N(0, I)."""
        return self(torch.randn(len(a), self.latent_dim, device=a.device), a)


class Critic(nn.Module):
    """D(x, a): how real a feature looks for its class, unbounded.

    The first layer acts on [x, a] as released. It is written as two maps that are added, since
    the class's part, and the bias with it, is the same for a real, a generated and an interpolated
    feature.

    Args:
        feature_dim: D. semantic_dim: S. hidden_dim: H.
    """

    def __init__(self, feature_dim: int, semantic_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.features = nn.Linear(feature_dim, hidden_dim, bias=False)
        self.semantics = nn.Linear(semantic_dim, hidden_dim)
        self.out = nn.Linear(hidden_dim, 1)
        draw_small_weights(self)

    def forward(self, x: Float[Tensor, "B D"], a: Float[Tensor, "B S"]) -> Float[Tensor, " B"]:
        """Return the scores."""
        return self.score(self.features(x) + self.semantics(a))

    def score(self, hidden: Float[Tensor, "*B H"]) -> Float[Tensor, "*B"]:
        """Score features whose first layer is there, up to its LeakyReLU."""
        return self.out(F.leaky_relu(hidden, SLOPE))[..., 0]

    def input_gradient(
        self, x: Float[Tensor, "B D"], context: Float[Tensor, "B H"]
    ) -> Float[Tensor, "B D"]:
        """Gradient of each score with respect to its feature; context is `semantics` of its a."""
        return self.gradient_at(self.features(x) + context)

    def gradient_at(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B D"]:
        """Return the input's gradient in closed form, given the first layer up to its LeakyReLU.

        With one hidden layer it is slope^T (w * W_x), where the slopes are 1 or 0.2 and do not
        change with the weights: what autograd would find twice through, in one product.
        """
        with torch.no_grad():
            slopes = leaky_backward(torch.ones_like(hidden), hidden)
        return slopes @ (self.out.weight.T * self.features.weight)
