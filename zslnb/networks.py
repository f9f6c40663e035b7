"""What the networks of all methods share: stacks of layers, small weights, latents, and Adam."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn


def perceptron(
    widths: Sequence[int], activation: Callable[[], nn.Module] = nn.ReLU, dropout: float = 0.0
) -> nn.Sequential:
    """Stack linear layers from width to width, with activation and dropout between them."""
    layers: list[nn.Module] = []
    for i, (narrow, wide) in enumerate(pairwise(widths)):
        if i:
            layers += [activation(), Dropout(dropout)] if dropout else [activation()]
        layers.append(nn.Linear(narrow, wide))
    return nn.Sequential(*layers)


class Dropout(nn.Dropout):
    """torch's dropout, on a CPU with a mask of uniform numbers.

    torch draws one from a Bernoulli distribution there, which takes two and a half times as long,
    and up to a fifth of a step of networks this small.
    """

    def forward(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Return x with entries set to 0, the others scaled up; in evaluation x itself."""
        if x.is_cuda or not self.training or self.p in (0, 1):
            return super().forward(x)
        return x * torch.rand_like(x).ge_(self.p).mul_(1 / (1 - self.p))


def draw_small_weights(module: nn.Module) -> None:
    """Draw the weights of every linear layer from N(0, 0.02), with zero biases, as released."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def draw_latent(mean: Float[Tensor, "B L"], log_var: Float[Tensor, "B L"]) -> Float[Tensor, "B L"]:
    """Draw from N(mean, exp(log_var)) so that gradients reach both (reparametrisation)."""
    return mean + torch.exp(log_var / 2) * torch.randn_like(mean)


def leave_gradient(layer: nn.Linear, x: Float[Tensor, "B I"], of_out: Float[Tensor, "B O"]) -> None:
    """Give a linear layer its gradients, from its input and the gradient at its output."""
    layer.weight.grad, layer.bias.grad = of_out.T @ x, of_out.sum(0)


class Adam(torch.optim.Adam):
    """torch's fused Adam, whose kernel is called directly on a CPU.

    What torch does around it takes several times as long for networks this small, and imports
    `torch._dynamo` at the first optimiser of a process, which takes seconds; nothing here is
    compiled. The steps are the same. On a GPU they are torch's own, and part of a CUDA graph.

    Args:
        parameters: to be trained. lr: rate. betas: of the two running means; GAN's by default.
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float, betas: tuple[float, float] = (0.5, 0.999)
    ) -> None:
        parameters = [*parameters]
        on_gpu = parameters[0].is_cuda
        rate = torch.tensor(lr, device=parameters[0].device) if on_gpu else lr
        super().__init__(parameters, lr=rate, betas=betas, fused=True, capturable=on_gpu)
        # on a CPU: the same weights, out of autograd's sight, and what torch keeps for each
        self.weights = [] if on_gpu else [p.detach() for p in parameters]
        self.means, self.squares = ([torch.zeros_like(w) for w in self.weights] for _ in range(2))
        self.steps = torch.zeros(())  # the same for all

    def set_rate(self, lr: float) -> None:
        """Go on with another rate; on a GPU in place, since a graph reads it where it lies."""
        (group,) = self.param_groups
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        for parameter in self.param_groups[0]["params"]:
            parameter.grad = None

    def step(self) -> None:
        """Move the parameters; ValueError if one has no gradient."""
        if not self.weights:
            self.step_of_torch()
            return
        (group,) = self.param_groups
        gradients = [p.grad for p in group["params"]]
        if any(gradient is None for gradient in gradients):
            raise ValueError("A parameter has no gradient: each must have one before a step.")
        self.steps += 1
        beta1, beta2 = group["betas"]
        torch._fused_adam_(
            self.weights, gradients, self.means, self.squares, [],
            [self.steps] * len(self.weights), lr=group["lr"], beta1=beta1, beta2=beta2,
            eps=group["eps"], weight_decay=0, amsgrad=False, maximize=False,
        )  # fmt: skip

    def __getstate__(self) -> dict:
        """Refuse to be copied or pickled.

        Raises:
            TypeError: always; a copy would move the weights of the first, with no moments.
        """
        raise TypeError("This optimiser cannot be copied or pickled; make another.")

    step_of_torch = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))
    step.hooked = True  # as far as torch is concerned: it would wrap each step for its profiler
    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
