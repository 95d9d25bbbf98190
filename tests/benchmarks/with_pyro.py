"""The same VAE in Pyro: a training step, and the variance of its gradient.

Only what needs Pyro imports this module. Validation is off, as in our own tasks.
"""

# Pyro is an extra, and has no type stubs.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import SVI, Trace_ELBO
from torch import Tensor, nn

from tests.benchmarks.by_hand import batches, networks
from tests.benchmarks.replicates import total_variance
from tests.benchmarks.training import BATCH, STEP_SIZE, repeated

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class PyroVAE:
    """Model and guide as Pyro's tutorial on variational auto-encoders writes them."""

    encoder: nn.Sequential
    decoder: nn.Sequential

    def model(self, x: Tensor) -> None:
        """Draw z and observe x."""
        pyro.module("decoder", self.decoder)
        with pyro.plate("data", x.shape[0]):
            zeros = x.new_zeros(x.shape[0], 50)
            z = pyro.sample("z", dist.Normal(zeros, torch.ones_like(zeros)).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=self.decoder(z)).to_event(1), obs=x)

    def guide(self, x: Tensor) -> None:
        """Draw z given x."""
        pyro.module("encoder", self.encoder)
        with pyro.plate("data", x.shape[0]):
            loc, log_scale = self.encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    def parameters(self) -> list[nn.Parameter]:
        """Return the weights, the encoder's first."""
        return [*self.encoder.parameters(), *self.decoder.parameters()]


def svi_steps(count: int) -> Callable[[], None]:
    """Return `count` steps of stochastic variational inference, with fused Adam."""
    torch.manual_seed(0)
    pyro.clear_param_store()
    vae = PyroVAE(*networks())
    svi = SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": STEP_SIZE, "fused": True}), Trace_ELBO())
    next_batch = batches()
    return unvalidated(repeated(lambda: svi.step(next_batch()), count))


def variances(count: int) -> Callable[[], float]:
    """Return the work of measuring the gradient's variance from `count` replicates, in a loop."""
    torch.manual_seed(0)
    pyro.clear_param_store()
    vae, x, loss = PyroVAE(*networks()), batches()(), Trace_ELBO()
    parameters = vae.parameters()

    def gradients() -> Iterable[list[Tensor]]:
        for _ in range(count):
            for parameter in parameters:
                parameter.grad = None
            loss.loss_and_grads(vae.model, vae.guide, x)
            # Pyro's loss is a sum over the batch.
            yield [parameter.grad / BATCH for parameter in parameters if parameter.grad is not None]

    return unvalidated(lambda: total_variance(gradients(), x.device))


def unvalidated(work: Callable[[], _Result]) -> Callable[[], _Result]:
    """Return the same work without Pyro's validation of arguments and traces."""

    def checked() -> _Result:
        with pyro.validation_enabled(False):
            return work()

    return checked
