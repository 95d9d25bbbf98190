"""The mode that a module is evaluated in."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Run the body with a module in `eval` mode, and put each of its parts back into the mode that it was in.

    Dropout is off in it, and batch normalisation takes what it has learned and learns nothing. Training, and the
    moments of gradients, which are what training sees, are in `train` mode.
    """
    before = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, training in before.items():
            part.training = training
