"""What values a family takes: enumeration of finite supports, and the family's name."""

from functools import singledispatch

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Binomial, Categorical, Distribution, Independent, OneHotCategorical

from estimators.distributions.noise import Unsupported
from estimators.distributions.parameters import unwrapped


@singledispatch
def support(distribution: Distribution) -> Tensor:
    """Return every value of one event of a discrete family, [S, event].

    >>> import torch
    >>> from torch.distributions import Bernoulli, Independent
    >>> from estimators.distributions import support
    >>> support(Independent(Bernoulli(torch.tensor([0.2, 0.7])), 1)).tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    """
    raise Unsupported(f"{type(distribution).__name__} has no finite support to enumerate")


@support.register
def _(distribution: Bernoulli) -> Tensor:
    return torch.tensor([0.0, 1.0], dtype=distribution.logits.dtype, device=distribution.logits.device)


@support.register
def _(distribution: Categorical) -> Tensor:
    return torch.arange(distribution.logits.shape[-1], device=distribution.logits.device)


@support.register
def _(distribution: OneHotCategorical) -> Tensor:
    logits = distribution.logits
    return torch.eye(logits.shape[-1], dtype=logits.dtype, device=logits.device)


@support.register
def _(distribution: Binomial) -> Tensor:
    probs = distribution.probs
    return torch.arange(support_size(distribution), dtype=probs.dtype, device=probs.device)


@support.register
def _(distribution: Independent) -> Tensor:
    single = support(distribution.base_dist)
    dims = distribution.base_dist.batch_shape[len(distribution.batch_shape) :]
    count = single.shape[0] ** dims.numel()
    index = torch.arange(count, device=single.device)[:, None]
    digits = index // single.shape[0] ** torch.arange(dims.numel(), device=single.device) % single.shape[0]
    return single[digits].reshape(count, *dims, *single.shape[1:])


@singledispatch
def support_size(distribution: Distribution) -> int:
    """Return the number of values of one event, without building them.

    >>> import torch
    >>> from torch.distributions import Bernoulli, Independent
    >>> from estimators.distributions import support_size
    >>> support_size(Independent(Bernoulli(torch.full((40,), 0.5)), 1))
    1099511627776
    """
    return support(distribution).shape[0]


@support_size.register
def _(distribution: Binomial) -> int:
    least, most = int(distribution.total_count.min()), int(distribution.total_count.max())
    if least < most:
        raise Unsupported(
            f"Binomial has from {least} to {most} trials, but only a single number of trials can be enumerated"
        )
    return most + 1


@support_size.register
def _(distribution: Independent) -> int:
    dims = distribution.base_dist.batch_shape[len(distribution.batch_shape) :]
    return support_size(distribution.base_dist) ** dims.numel()


def family(distribution: Distribution) -> str:
    """Return the name of the family, through `Independent`.

    >>> import torch
    >>> from torch.distributions import Independent, Normal
    >>> from estimators.distributions import family
    >>> family(Independent(Normal(torch.zeros(3), 1.0), 1))
    'Normal'
    """
    return type(unwrapped(distribution)).__name__
