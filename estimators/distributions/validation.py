"""Distributions without a check of their arguments: it waits for a GPU, and neither `vmap` nor a trace holds it."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch.distributions import Distribution


@contextmanager
def without_validation() -> Iterator[None]:
    """Let distributions accept any arguments in the body, unless they are made to check them.

    `validate_args=False` does not do that everywhere: some families make another inside of them, by the default.

    >>> import torch
    >>> from torch.distributions import OneHotCategorical
    >>> from estimators.distributions import without_validation
    >>> with without_validation():
    ...     OneHotCategorical(logits=torch.full((2,), torch.nan)).logits
    tensor([nan, nan])
    """
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)
