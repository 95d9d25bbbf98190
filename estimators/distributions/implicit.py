"""Implicit reparameterization: draws whose derivative is ∇_φ z = −∂_φ F(z; φ) / q(z; φ), F the distribution function.

Figurnov, Mohamed & Mnih 2018, eq. 8. Each is an autograd function that `vmap` batches, derivative included.
"""

import math
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

_PROPOSALS: Final = 32
"""Best and Fisher accept with a probability of 0.658 or more: none of 32 proposals is accepted once in 10^14 draws."""

_DECAY: Final = 40.0
"""Where a density has fallen by exp(−40), the integral over its tail stops."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(40)


def standard_gamma(concentration: Tensor) -> Tensor:
    """Draw Gamma(concentration, 1), one value per element, differentiable in the concentration."""
    return _StandardGamma.apply(concentration)  # type: ignore[return-value]


class _StandardGamma(Function):
    """torch's draw and derivative; torch alone would evaluate the derivative replicate by replicate under `vmap`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(concentration: Tensor) -> Tensor:
        return torch.ops.aten._standard_gamma(concentration)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        concentration, value = ctx.saved_tensors
        return gradients[0] * _StandardGammaSlope.apply(concentration, value)


class _StandardGammaSlope(Function):
    """∂z/∂concentration at a given draw z of the same shape; it has no derivative itself."""

    @staticmethod
    def forward(concentration: Tensor, value: Tensor) -> Tensor:
        return torch.ops.aten._standard_gamma_grad(concentration, value)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise NotImplementedError("an implicitly reparameterized draw has a first derivative only")

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *arguments: Tensor) -> tuple[Any, int]:
        """Evaluate elementwise: but for the batched axis, both arguments have the same shape."""
        first, second = (
            argument[None] if axis is None else argument.movedim(axis, 0)
            for argument, axis in zip(arguments, in_dims, strict=True)
        )
        return _StandardGammaSlope.apply(*torch.broadcast_tensors(first, second)), 0


def standard_von_mises(concentration: Tensor) -> Tensor:
    """Draw angles in (−π, π) with density ∝ exp(κ cos z), one per element, differentiable in κ, the concentration."""
    return _StandardVonMises.apply(concentration)  # type: ignore[return-value]


class _StandardVonMises(Function):
    """Best & Fisher's rejection with a fixed number of proposals, since `vmap` allows no loop until acceptance."""

    generate_vmap_rule = True

    @staticmethod
    def forward(concentration: Tensor) -> Tensor:
        kappa = concentration.double()
        root = 1 + (1 + 4 * kappa**2).sqrt()
        # Best & Fisher 1979, their (τ − √(2τ)) / 2κ without its cancellation at small and large κ.
        rho = 2 * kappa / (root + (2 * root).sqrt())
        r = (1 / rho + rho) / 2
        u = torch.rand((3, _PROPOSALS, *kappa.shape), dtype=kappa.dtype, device=kappa.device)
        z = torch.cos(math.pi * u[0])
        f = (1 + r * z) / (r + z)
        c = kappa * (r - f)
        accepted = torch.log(c / u[1]) + 1 - c >= 0
        first = accepted.to(torch.uint8).argmax(0, keepdim=True)
        angle = torch.acos(f.clamp(-1, 1)) * (u[2] - 0.5).sign()
        return angle.gather(0, first)[0].to(concentration.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        concentration, value = ctx.saved_tensors
        return gradients[0] * von_mises_slope(concentration, value)


def von_mises_slope(concentration: Tensor, value: Tensor) -> Tensor:
    """Return ∂z/∂κ at draws z = `value` in (−π, π), by Gauss–Legendre quadrature.

    ∂z/∂κ = −∫₀^z (cos t − A) exp(κ (cos t − cos z)) dt, with A = I₁(κ)/I₀(κ) = E cos t. Over (0, π) the integral is
    zero; where cos z < A it is taken from z on instead, so that the integrand never changes sign and nothing cancels.
    """
    kappa, size = concentration.double(), value.double().abs()
    scaled = torch.special.i0e(kappa)
    half_gap = (scaled - torch.special.i1e(kappa)) / scaled / 2
    height = torch.sin(size / 2) ** 2
    inner = height <= half_gap
    end = 2 * torch.asin((height + _DECAY / (2 * kappa)).clamp(max=1).sqrt())
    low, high = torch.where(inner, 0, size), torch.where(inner, size, end)
    nodes, weights = (
        torch.as_tensor(array, dtype=kappa.dtype, device=kappa.device).reshape(-1, *(1,) * kappa.dim())
        for array in (_NODES, _WEIGHTS)
    )
    t = (low + high) / 2 + (high - low) / 2 * nodes
    # Differences of cosines as products of sines, which stay accurate at small angles.
    excess = 2 * torch.sin((size + t) / 2) * torch.sin((size - t) / 2)
    integrand = 2 * (half_gap - torch.sin(t / 2) ** 2) * torch.exp(kappa * excess)
    integral = (weights * integrand).sum(0) * (high - low) / 2
    return (torch.where(inner, -integral, integral) * value.sign()).to(value.dtype)
