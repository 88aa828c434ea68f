"""The models in plain PyTorch: the same papers, other people's operations.

Written from Ballé et al. 2018, from Minnen et al. 2018, and from the names in CompressAI's state
dictionaries, which are those of this module too, buffers among them. It imports PyTorch, so tests import it
only where PyTorch is.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

PEDESTAL = 2.0**-36
TABLES = ("_offset", "_quantized_cdf", "_cdf_length")


class Bound(nn.Module):
    """max(x, bound), the bound kept among the weights."""

    def __init__(self, bound: float) -> None:
        super().__init__()
        self.register_buffer("bound", torch.tensor([bound]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Any shape."""
        return torch.maximum(x, self.bound)


class Reparametrised(nn.Module):
    """max(p, √(least + 2⁻³⁶))² − 2⁻³⁶."""

    def __init__(self, least: float) -> None:
        super().__init__()
        self.register_buffer("pedestal", torch.tensor([PEDESTAL]))
        self.lower_bound = Bound(math.sqrt(least + PEDESTAL))

    def forward(self, stored: torch.Tensor) -> torch.Tensor:
        """Any shape."""
        return self.lower_bound(stored) ** 2 - self.pedestal


class Normalisation(nn.Module):
    """GDN and IGDN: a 1×1 convolution of x² is what x is divided by, or multiplied with, the root of."""

    def __init__(self, channels: int, inverse: bool) -> None:
        super().__init__()
        self.inverse = inverse
        self.beta = nn.Parameter(torch.full((channels,), 1 + PEDESTAL).sqrt())
        self.gamma = nn.Parameter((0.1 * torch.eye(channels) + PEDESTAL).sqrt())
        self.beta_reparam, self.gamma_reparam = Reparametrised(1e-6), Reparametrised(0.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W)."""
        kernel = self.gamma_reparam(self.gamma)[:, :, None, None]
        measure = functional.conv2d(x.square(), kernel, self.beta_reparam(self.beta))
        return x * measure.sqrt() if self.inverse else x * measure.rsqrt()


class Density(nn.Module):
    """One small rising network for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = (1, 3, 3, 3, 3, 1)
        pairs = list(zip(widths[1:], widths))
        first = [math.log(math.expm1(1 / (10**0.2 * rows))) for rows, _ in pairs]
        self.matrices = nn.ParameterList(
            torch.full((channels, *pair), value) for pair, value in zip(pairs, first)
        )
        self.biases = nn.ParameterList(torch.rand(channels, rows, 1) - 0.5 for rows, _ in pairs)
        self.factors = nn.ParameterList(torch.zeros(channels, rows, 1) for rows, _ in pairs[:-1])
        self.quantiles = nn.Parameter(torch.tensor([-10.0, 0, 10]).repeat(channels, 1, 1))
        logit = math.log(2e9 - 1)
        self.register_buffer("target", torch.tensor([-logit, 0, logit]))
        self.likelihood_lower_bound = Bound(1e-9)
        for name in TABLES:
            self.register_buffer(name, torch.zeros(0, dtype=torch.int32))

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """(C, 1, P)."""
        for i, (matrix, bias) in enumerate(zip(self.matrices, self.biases)):
            x = functional.softplus(matrix) @ x + bias
            if i < len(self.factors):
                x = x + self.factors[i].tanh() * x.tanh()
        return x

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Likelihoods of (N, C, H, W)."""
        flat = values.transpose(0, 1).flatten(1).unsqueeze(1)
        upper, lower = self.logits(flat + 0.5), self.logits(flat - 0.5)
        sign = -(upper + lower).sign().detach()
        p = (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs()
        n, channels, height, width = values.shape
        return self.likelihood_lower_bound(p.reshape(channels, n, height, width).transpose(0, 1))

    def rounded(self, latents: torch.Tensor) -> torch.Tensor:
        """Whole distances from the medians."""
        medians = self.quantiles[:, :, 1:2]
        return (latents - medians).round() + medians


class Conditional(nn.Module):
    """A Gaussian about each latent."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale_table", torch.zeros(0))
        self.register_buffer("scale_bound", torch.tensor([0.11]))
        self.lower_bound_scale, self.likelihood_lower_bound = Bound(0.11), Bound(1e-9)
        for name in TABLES:
            self.register_buffer(name, torch.zeros(0, dtype=torch.int32))

    def forward(self, values: torch.Tensor, scales: torch.Tensor, means: torch.Tensor | None) -> torch.Tensor:
        """Likelihoods: the normal distribution at both ends of a cell, on the side where it is small."""
        distance = (values if means is None else values - means).abs()
        spread = self.lower_bound_scale(scales) * math.sqrt(2)
        cell = [torch.erfc((distance + end) / spread) / 2 for end in (-0.5, 0.5)]
        return self.likelihood_lower_bound(cell[0] - cell[1])


class Twin(nn.Module):
    """The factorised prior."""

    has_means = False

    def __init__(self, width: int, latents: int, of_density: int | None = None) -> None:
        super().__init__()
        n, m = width, latents
        down, up = [], []
        for place, (inputs, outputs) in enumerate([(3, n), (n, n), (n, n), (n, m)]):
            down += [] if not place else [Normalisation(n, inverse=False)]
            down += [halved(inputs, outputs)]
        for place, (inputs, outputs) in enumerate([(m, n), (n, n), (n, n), (n, 3)]):
            up += [] if not place else [Normalisation(n, inverse=True)]
            up += [doubled(inputs, outputs)]
        self.g_a, self.g_s = nn.Sequential(*down), nn.Sequential(*up)
        self.entropy_bottleneck = Density(of_density or m)

    def load_everything(self, state: dict[str, torch.Tensor]) -> None:
        """Load all keys, tables too, which have no size before."""
        for name, buffer in self.named_buffers():
            if not buffer.numel():
                buffer.resize_(state[name].shape)
        self.load_state_dict(state, strict=True)

    @torch.no_grad()
    def disturb(self, seed: int) -> None:
        """Make every weight its own: γ full and partly below its bound, densities bent, latents wide."""
        random = torch.Generator().manual_seed(seed)
        for name, parameter in self.named_parameters():
            noise = torch.randn(parameter.shape, generator=random)
            if "gamma" in name:
                parameter.add_(0.15 * noise)
            elif "beta" in name:
                parameter.add_(0.3 * noise)
            elif "quantiles" in name:
                parameter.add_(noise[:, :, :1])  # medians off 0, still in order
            elif "entropy_bottleneck" in name:
                parameter.add_(0.4 * noise)
        self.g_a[6].weight.mul_(60)
        self.g_a[6].bias.mul_(60)


class ScaleTwin(Twin):
    """The scale hyperprior."""

    def __init__(self, width: int, latents: int) -> None:
        super().__init__(width, latents, of_density=width)
        n, m = width, latents
        self.h_a = nn.Sequential(
            nn.Conv2d(m, n, 3, padding=1), nn.ReLU(), halved(n, n), nn.ReLU(), halved(n, n)
        )
        self.h_s = nn.Sequential(
            *(doubled(n, n), nn.ReLU(), doubled(n, n), nn.ReLU()),
            *(nn.Conv2d(n, m, 3, padding=1), nn.ReLU()),
        )
        self.gaussian_conditional = Conditional()

    def side(self, y: torch.Tensor) -> torch.Tensor:
        """What is said about y."""
        return self.h_a(y.abs())

    def expected(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Scales, and means where there are."""
        return self.h_s(z), None


class MeanScaleTwin(ScaleTwin):
    """The mean-scale hyperprior without context."""

    has_means = True

    def __init__(self, width: int, latents: int) -> None:
        super().__init__(width, latents)
        n, m = width, latents
        self.h_a = nn.Sequential(
            nn.Conv2d(m, n, 3, padding=1), nn.LeakyReLU(), halved(n, n), nn.LeakyReLU(), halved(n, n)
        )
        self.h_s = nn.Sequential(
            *(doubled(n, m), nn.LeakyReLU(), doubled(m, m * 3 // 2), nn.LeakyReLU()),
            nn.Conv2d(m * 3 // 2, m * 2, 3, padding=1),
        )

    def side(self, y: torch.Tensor) -> torch.Tensor:
        """What is said about y."""
        return self.h_a(y)

    def expected(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Scales first, then means."""
        scales, means = self.h_s(z).chunk(2, 1)
        return scales, means


def halved(inputs: int, outputs: int) -> nn.Conv2d:
    """5×5, stride 2."""
    return nn.Conv2d(inputs, outputs, 5, stride=2, padding=2)


def doubled(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """5×5, stride 2, transposed."""
    return nn.ConvTranspose2d(inputs, outputs, 5, stride=2, padding=2, output_padding=1)
