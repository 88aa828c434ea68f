"""The peer: the same layers and the same training step in PyTorch, on the CPU with two threads.

GDN is written as CompressAI writes it: a 1×1 convolution of x², then a root, with parameters that are kept as
square roots and bounded from below, so that the keys and the numbers of a state dictionary fit both
libraries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

THREADS = 2
PEDESTAL = 2.0**-36

torch.set_num_threads(THREADS)


def gdn(x: Tensor, beta: Tensor, gamma: Tensor, inverse: bool) -> Tensor:
    """Return x / √(β + γ x²), or the product for the inverse."""
    channels = gamma.shape[0]
    norm = functional.conv2d(x**2, gamma.reshape(channels, channels, 1, 1), beta)
    return x * (torch.sqrt(norm) if inverse else torch.rsqrt(norm))


class LowerBound(torch.autograd.Function):
    """max(x, bound), whose gradient passes where x ≥ bound or where it would make x larger."""

    @staticmethod
    def forward(context: Any, x: Tensor, bound: Tensor) -> Tensor:
        """Return the larger one."""
        context.save_for_backward(x, bound)
        return torch.max(x, bound)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return what passes."""
        x, bound = context.saved_tensors
        return ((x >= bound) | (gradients[0] < 0)) * gradients[0], None


class GDN(nn.Module):
    """GDN with its parameters."""

    def __init__(self, channels: int, inverse: bool = False) -> None:
        super().__init__()
        self.inverse = inverse
        self.beta = nn.Parameter(torch.sqrt(torch.ones(channels) + PEDESTAL))
        self.gamma = nn.Parameter(torch.sqrt(0.1 * torch.eye(channels) + PEDESTAL))
        self.beta_bound = torch.tensor((1e-6 + PEDESTAL) ** 0.5)
        self.gamma_bound = torch.tensor(PEDESTAL**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised map."""
        beta = LowerBound.apply(self.beta, self.beta_bound) ** 2 - PEDESTAL
        gamma = LowerBound.apply(self.gamma, self.gamma_bound) ** 2 - PEDESTAL
        return gdn(x, beta, gamma, self.inverse)


def network(inner: int, latent: int) -> nn.Sequential:
    """Return analysis and synthesis, four layers each, in a row (Ballé et al. 2017, with 5×5)."""

    def down(channels: int, out: int) -> nn.Module:
        return nn.Conv2d(channels, out, 5, 2, 2)

    def up(channels: int, out: int) -> nn.Module:
        return nn.ConvTranspose2d(channels, out, 5, 2, 2, 1)

    return nn.Sequential(
        down(3, inner),
        GDN(inner),
        down(inner, inner),
        GDN(inner),
        down(inner, inner),
        GDN(inner),
        down(inner, latent),
        up(latent, inner),
        GDN(inner, inverse=True),
        up(inner, inner),
        GDN(inner, inverse=True),
        up(inner, inner),
        GDN(inner, inverse=True),
        up(inner, 3),
    )


def training_step(model: nn.Module, batch: Tensor, rate: float) -> Callable[[], list[Tensor]]:
    """Return a function that takes a step (forward, MSE, backward, Adam) and returns loss and gradients."""
    optimiser = torch.optim.Adam(model.parameters(), rate)

    def step() -> list[Tensor]:
        optimiser.zero_grad()
        loss = functional.mse_loss(model(batch), batch)
        loss.backward()
        optimiser.step()
        return [loss.detach(), *(parameter.grad for parameter in model.parameters())]

    return step
