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

_SMALL: Final = -4.0
"""Below this log z, a Gamma draw's slope is a series of `_TERMS` terms, good to 1e-12."""

_TERMS: Final = 7

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(40)


def log_standard_gamma(concentration: Tensor) -> Tensor:
    """Draw log z, z ~ Gamma(concentration, 1), one value per element, differentiable in the concentration."""
    return _LogStandardGamma.apply(concentration)  # type: ignore[return-value]


class _LogStandardGamma(Function):
    """torch's draw, and its slope; torch alone would evaluate the slope replicate by replicate under `vmap`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(concentration: Tensor) -> Tensor:
        small = concentration < 1
        # Below one, z = Gamma(α + 1) u^(1/α), which may lie far below the smallest number. 1 − u is above zero.
        value = torch.ops.aten._standard_gamma(concentration + small)
        uniform = torch.rand(concentration.shape, dtype=concentration.dtype, device=concentration.device)
        return value.log() + torch.where(small, torch.log1p(-uniform) / concentration, 0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        concentration, log_value = ctx.saved_tensors
        return gradients[0] * log_gamma_slope(concentration, log_value)


def log_gamma_slope(concentration: Tensor, log_value: Tensor) -> Tensor:
    """Return ∂ log z/∂α at draws `log_value` of the same shape; it has no derivative itself."""
    return _LogGammaSlope.apply(concentration, log_value)  # type: ignore[return-value]


class _LogGammaSlope(Function):
    @staticmethod
    def forward(concentration: Tensor, log_value: Tensor) -> Tensor:
        value, small = log_value.exp(), log_value < _SMALL
        ordinary = value.clamp(min=math.exp(_SMALL))
        # F(z; α) = z^α Σ_n (−z)^n / n! (α + n) / Γ(α), of which a small z needs few terms, and z^α cancels.
        first, second, term = torch.zeros_like(value), torch.zeros_like(value), torch.ones_like(value)
        for n in range(_TERMS):
            first, second = first + term / (concentration + n), second + term / (concentration + n) ** 2
            term = -term * value / (n + 1)
        series = (second - (log_value - torch.digamma(concentration)) * first) * value.exp()
        return torch.where(small, series, torch.ops.aten._standard_gamma_grad(concentration, ordinary) / ordinary)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise NotImplementedError("an implicitly reparameterized draw only has a first derivative")

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *arguments: Tensor) -> tuple[Any, int]:
        """Evaluate elementwise: except for the batched axis, both arguments have the same shape."""
        first, second = (
            argument[None] if axis is None else argument.movedim(axis, 0)
            for argument, axis in zip(arguments, in_dims, strict=True)
        )
        return _LogGammaSlope.apply(*torch.broadcast_tensors(first, second)), 0


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
        # Best & Fisher 1979: their ρ = (τ − √(2τ)) / 2κ without its cancellation, and r = s/ρ undivided, for κ = 0.
        ratio = (root + (2 * root).sqrt()) / 2
        rho = kappa / ratio
        s = (1 + rho**2) / 2
        u = torch.rand((3, _PROPOSALS, *kappa.shape), dtype=kappa.dtype, device=kappa.device)
        z = torch.cos(math.pi * u[0])
        f = (rho + s * z) / (s + rho * z)
        c = ratio * s - kappa * f
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
    # Without the sign of a zero, by which is divided.
    kappa, size = concentration.double().abs(), value.double().abs()
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
