"""Copies of distributions whose parameters carry no gradient; `torch.distributions` has none."""

from functools import singledispatch

from torch.distributions import Distribution, MultivariateNormal

from estimators.distributions.parameters import parameters, rebuild


@singledispatch
def detach(distribution: Distribution) -> Distribution:
    """Return a copy whose parameters carry no gradient.

    >>> import torch
    >>> from torch.distributions import Normal
    >>> from estimators.distributions import detach
    >>> detach(Normal(torch.zeros(2, requires_grad=True), 1.0)).loc.requires_grad
    False

    Raises:
        Unsupported: the family has no parameters by name; one of its own is to be registered.
    """
    return rebuild(distribution, {name: value.detach() for name, value in parameters(distribution).items()})


@detach.register
def _(distribution: MultivariateNormal) -> Distribution:
    # The factor as it was given: the public one is repeated for every datapoint.
    scale_tril = distribution._unbroadcasted_scale_tril.detach()
    return MultivariateNormal(distribution.loc.detach(), scale_tril=scale_tril, validate_args=False)
