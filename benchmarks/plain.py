"""The plain forms: each hot path as the released code does it, written for the benchmark alone.

GenZSL's and f-VAEGAN's follow the released codes' loops, networks, and optimisers: a loader of
batches on the host, a loop over the samples of a batch, an optimiser a network, `.item()` at
each step. RevCD has no released code: its plain form is the algorithm as the paper writes it.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from zslnb.revcd import Diffusion

BATCH = 64


def small_weights(module: nn.Module) -> None:
    """Draw a linear layer's weights from N(0, 0.02), as all released networks do."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


class Encoder(nn.Module):
    """GenZSL's encoder; with another activation and a second layer, f-VAEGAN's."""

    def __init__(self, body: nn.Module, width: int, latent: int) -> None:
        super().__init__()
        self.body, self.mean, self.log_var = body, *(nn.Linear(width, latent) for _ in "mv")
        self.apply(small_weights)

    def forward(self, x: Tensor, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return a latent, and its mean and log-variance."""
        hidden = self.body(torch.cat([x, a], 1))
        mean, log_var = self.mean(hidden), self.log_var(hidden)
        return mean + torch.exp(0.5 * log_var) * torch.randn_like(mean), mean, log_var


def kl(mean: Tensor, log_var: Tensor) -> Tensor:
    """Return the KL to N(0, I), averaged over a batch."""
    return -0.5 * (1 + log_var - mean.pow(2) - log_var.exp()).sum(1).mean()


class GenZSL:
    """The released inductive VAE and its loop."""

    def __init__(self, features: Tensor, labels: Tensor, semantics: Tensor, **more: object) -> None:
        """Take (N, D) features, (N,) labels, (C, S) semantics, and `more` of what is below."""
        hidden, latent, self.device = more["hidden"], more["latent"], more["device"]
        self.anchors, self.referents = more["anchors"].to(self.device), more["referents"].tolist()
        self.semantics = semantics.to(self.device)
        self.loader = DataLoader(TensorDataset(features, labels), more["batch"], shuffle=False)
        self.by_class = {int(c): features[labels == c] for c in labels.unique()}
        width, feature_dim = semantics.shape[1], features.shape[1]
        body = nn.Sequential(nn.Linear(feature_dim + width, hidden), nn.ReLU())
        self.encoder = Encoder(body, hidden, latent).to(self.device)
        self.decoder = nn.Sequential(
            nn.Linear(latent + width, hidden), nn.ReLU(), nn.Linear(hidden, feature_dim)
        ).to(self.device)
        self.decoder.apply(small_weights)
        self.optimisers = [
            torch.optim.Adam(network.parameters(), 1e-3, betas=(0.5, 0.999))
            for network in (self.encoder, self.decoder)
        ]

    def epoch(self) -> float:
        """Pass once over the images; return the mean loss."""
        total = 0.0
        for x, y in self.loader:
            refer = torch.zeros_like(x)
            for i, label in enumerate(y.tolist()):
                for weight, other in zip((0.8, 0.2), self.referents[label], strict=True):
                    rows = self.by_class[other]
                    refer[i] += weight * rows[np.random.randint(len(rows))]  # noqa: NPY002
            x, y, refer = x.to(self.device), y.to(self.device), refer.to(self.device)
            loss = self.loss(x, refer, y)
            for optimiser in self.optimisers:
                optimiser.zero_grad()
            loss.backward()
            for optimiser in self.optimisers:
                optimiser.step()
            total += loss.item()
        return total / len(self.loader)

    def loss(self, x: Tensor, refer: Tensor, y: Tensor) -> Tensor:
        """Reconstruction, KL and the symmetric contrast with the texts of the batch."""
        z = self.semantics[y]
        latent, mean, log_var = self.encoder(refer, z)
        x_hat = F.normalize(self.decoder(torch.cat([latent, z], 1)), dim=1)
        logits = x_hat @ self.anchors[y].T / 0.07
        pairs = torch.arange(len(x), device=self.device)
        contrast = (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)) / 2
        return 0.1 * contrast + (x_hat - x).pow(2).sum(1).mean() + kl(mean, log_var)


class FVAEGAN:
    """The public f-VAEGAN code's networks and one of its steps."""

    def __init__(self, features: Tensor, semantics: Tensor, hidden: int, device: str) -> None:
        """Take (N, D) features in 0..1 and the (N, S) semantics of each."""
        d, a = features.shape[1], semantics.shape[1]
        self.features, self.semantics, self.device = features, semantics, device
        slope = nn.LeakyReLU(0.2)
        body = nn.Sequential(nn.Linear(d + a, hidden), slope, nn.Linear(hidden, 2 * a), slope)
        self.encoder = Encoder(body, 2 * a, a).to(device)
        self.generator = nn.Sequential(
            nn.Linear(2 * a, hidden), slope, nn.Linear(hidden, d), nn.Sigmoid()
        ).to(device)
        self.critic = nn.Sequential(nn.Linear(d + a, hidden), slope, nn.Linear(hidden, 1))
        self.critic.to(device)
        self.weight = 10.0
        self.networks = (self.encoder, self.generator, self.critic)
        self.adams = [
            torch.optim.Adam(network.apply(small_weights).parameters(), 1e-4)
            for network in self.networks
        ]

    def step(self) -> float:
        """Train the critic five times and the generator once; return the generator's loss."""
        for _ in range(5):
            rows = torch.randperm(len(self.features))[:BATCH]
            x, a = self.features[rows].to(self.device), self.semantics[rows].to(self.device)
            with torch.no_grad():
                fake = self.generator(torch.cat([self.encoder(x, a)[0], a], 1))
            penalty = self.penalty(x, fake, a)
            apart = self.judged(fake, a) - self.judged(x, a)
            self.move(10 * (apart + self.weight * penalty), self.adams[2:])
            g = penalty.item()
        self.weight *= 1.1 if g > 1.05 else 1 / 1.1 if g < 1.001 else 1
        latent, mean, log_var = self.encoder(x, a)
        x_hat = self.generator(torch.cat([latent, a], 1)).clamp(1e-6, 1 - 1e-6)
        loss = F.binary_cross_entropy(x_hat, x, reduction="sum") / len(x) + kl(mean, log_var)
        self.move(loss - 10 * self.judged(x_hat, a), self.adams[:2])
        return loss.item()

    def judged(self, x: Tensor, a: Tensor) -> Tensor:
        """Return the critic's mean."""
        return self.critic(torch.cat([x, a], 1)).mean()

    def penalty(self, x: Tensor, fake: Tensor, a: Tensor) -> Tensor:
        """Penalise gradients, found by autograd, and gone through once more in training."""
        share = torch.rand(len(x), 1, device=self.device)
        between = (share * x + (1 - share) * fake).requires_grad_()
        score = self.critic(torch.cat([between, a], 1)).sum()
        (slope,) = torch.autograd.grad(score, between, create_graph=True)
        return (slope.norm(dim=1) - 1).pow(2).mean()

    def move(self, loss: Tensor, optimisers: list[torch.optim.Adam]) -> None:
        """Take one step."""
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()


class Classifier:
    """The released classifier: an MLP in batches of 64; shuffled, which is kinder than released."""

    def __init__(self, features: Tensor, labels: Tensor, n_classes: int, device: str) -> None:
        """Take (N, D) features and (N,) labels, which stay on the host."""
        self.device = device
        parts, width, half = [], features.shape[1], features.shape[1] // 2
        for inputs in (width, half):
            parts += [nn.Linear(inputs, half), nn.LeakyReLU(0.01), nn.Dropout(0.5)]
        self.model = nn.Sequential(*parts, nn.Linear(half, n_classes)).apply(small_weights)
        self.model.to(device)
        self.adam = torch.optim.Adam(self.model.parameters(), 1e-3, betas=(0.5, 0.999))
        self.loader = DataLoader(TensorDataset(features, labels), BATCH, shuffle=True)

    def epoch(self) -> None:
        """Pass once over the features."""
        self.model.train()
        for x, y in self.loader:
            loss = F.cross_entropy(self.model(x.to(self.device)), y.to(self.device))
            self.adam.zero_grad()
            loss.backward()
            self.adam.step()
            loss.item()
        self.model.eval()


@torch.no_grad()
def revcd_sampling(
    networks: Diffusion, x: Tensor, semantic_dim: int, guidance: float, steps: int
) -> Tensor:
    """Walk back all images at once (alg. 2): at each step encode them, and pass twice (eq. 22)."""
    schedule = networks.schedule
    zt = torch.randn(len(x), semantic_dim, device=x.device)
    for step in reversed(range(steps)):
        t = torch.full((len(x),), step, device=x.device)
        condition = networks.visual(x)
        shown = networks.unet(zt, t, condition)
        hidden = networks.unet(zt, t, networks.null.expand_as(condition))
        z0 = (1 - guidance) * hidden + guidance * shown
        zt = schedule.posterior_mean(z0, zt, t)
        if step:
            zt = zt + schedule.posterior_variance(t).sqrt()[:, None] * torch.randn_like(zt)
    return zt


def diversity_promotion(embeddings: Tensor) -> Tensor:
    """Refine class embeddings by a full SVD and a C-by-C projector."""
    rows = embeddings.cpu().numpy()
    u = np.linalg.svd(rows)[0][:, 1:]
    return torch.from_numpy(u @ u.T @ rows).to(embeddings.device)


def nearest(targets: Tensor, candidates: Tensor, k: int) -> Tensor:
    """Sort all candidates of every target by cosine, and keep k."""
    cosines = F.normalize(targets, dim=1) @ F.normalize(candidates, dim=1).T
    return cosines.argsort(dim=1, descending=True)[:, :k]
