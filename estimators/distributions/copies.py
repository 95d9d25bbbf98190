"""Copies of distributions whose parameters carry no gradient; `torch.distributions` has none."""

from functools import singledispatch

from torch.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Dirichlet,
    Distribution,
    Exponential,
    Gamma,
    Independent,
    LogisticNormal,
    LogNormal,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    Poisson,
    Uniform,
    VonMises,
)

from estimators.distributions.noise import Unsupported


@singledispatch
def detach(distribution: Distribution) -> Distribution:
    """Return a copy whose parameters carry no gradient.

    >>> import torch
    >>> from torch.distributions import Normal
    >>> from estimators.distributions import detach
    >>> detach(Normal(torch.zeros(2, requires_grad=True), 1.0)).loc.requires_grad
    False
    """
    raise Unsupported(f"no detached copy is registered for {type(distribution).__name__}")


@detach.register
def _(distribution: Independent) -> Distribution:
    return Independent(detach(distribution.base_dist), distribution.reinterpreted_batch_ndims, validate_args=False)


@detach.register
def _(distribution: Normal) -> Distribution:
    return Normal(distribution.loc.detach(), distribution.scale.detach(), validate_args=False)


@detach.register
def _(distribution: Uniform) -> Distribution:
    return Uniform(distribution.low.detach(), distribution.high.detach(), validate_args=False)


@detach.register
def _(distribution: Exponential) -> Distribution:
    return Exponential(distribution.rate.detach(), validate_args=False)


@detach.register
def _(distribution: Gamma) -> Distribution:
    return Gamma(distribution.concentration.detach(), distribution.rate.detach(), validate_args=False)


@detach.register
def _(distribution: Bernoulli) -> Distribution:
    return Bernoulli(logits=distribution.logits.detach(), validate_args=False)


@detach.register
def _(distribution: Categorical) -> Distribution:
    return Categorical(logits=distribution.logits.detach(), validate_args=False)


@detach.register
def _(distribution: OneHotCategorical) -> Distribution:
    return OneHotCategorical(logits=distribution.logits.detach(), validate_args=False)


@detach.register
def _(distribution: Beta) -> Distribution:
    return Beta(distribution.concentration1.detach(), distribution.concentration0.detach(), validate_args=False)


@detach.register
def _(distribution: Dirichlet) -> Distribution:
    return Dirichlet(distribution.concentration.detach(), validate_args=False)


@detach.register
def _(distribution: VonMises) -> Distribution:
    return VonMises(distribution.loc.detach(), distribution.concentration.detach(), validate_args=False)


@detach.register
def _(distribution: LogNormal) -> Distribution:
    return LogNormal(distribution.loc.detach(), distribution.scale.detach(), validate_args=False)


@detach.register
def _(distribution: LogisticNormal) -> Distribution:
    # torch.distributions.LogisticNormal puts its Normal inside an Independent.
    normal = distribution.base_dist.base_dist
    return LogisticNormal(normal.loc.detach(), normal.scale.detach(), validate_args=False)


@detach.register
def _(distribution: MultivariateNormal) -> Distribution:
    scale_tril = distribution._unbroadcasted_scale_tril.detach()
    return MultivariateNormal(distribution.loc.detach(), scale_tril=scale_tril, validate_args=False)


@detach.register
def _(distribution: Poisson) -> Distribution:
    return Poisson(distribution.rate.detach(), validate_args=False)
