"""Models and guides in Pyro, as people write them."""

# Pyro is an extra, and has no type stubs.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportArgumentType=false

import math

import pyro
import pyro.distributions as dist
import torch
from pyro.nn import PyroModule, PyroParam
from torch import Tensor, nn
from torch.distributions import constraints

OBSERVED = torch.tensor([-2.1, -1.9, 2.0, 2.2])


def sides(x: Tensor) -> None:
    """Draw a global centre, and for each row on which side of zero it is."""
    centre = pyro.sample("centre", dist.Normal(0.0, 3.0))
    with pyro.plate("rows", len(x)):
        side = pyro.sample("side", dist.Bernoulli(0.5))
        pyro.sample("x", dist.Normal(centre * (2 * side - 1), 1.0), obs=x)


def sides_guide(x: Tensor) -> None:
    """Draw both independently."""
    loc = pyro.param("loc", torch.tensor(1.0))
    scale = pyro.param("scale", torch.tensor(0.5), constraint=constraints.positive)
    probs = pyro.param("probs", torch.full((len(x),), 0.4), constraint=constraints.unit_interval)
    pyro.sample("centre", dist.Normal(loc, scale))
    with pyro.plate("rows", len(x)):
        pyro.sample("side", dist.Bernoulli(probs))


def sides_elbo(x: Tensor, loc: Tensor, scale: Tensor, probs: Tensor) -> Tensor:
    """Return the ELBO in closed form; E (x − μs)² = x² − 2x E μ E s + E μ²."""
    squares = x**2 - 2 * x * loc * (2 * probs - 1) + loc**2 + scale**2
    likelihood = (-0.5 * squares - 0.5 * math.log(2 * math.pi)).sum()
    centre = ((loc**2 + scale**2) / 9 - 1 - (scale**2 / 9).log()) / 2
    side = (probs * (2 * probs).log() + (1 - probs) * (2 * (1 - probs)).log()).sum()
    return likelihood - centre - side


class VAE(PyroModule):
    """Five binary pixels, two Gaussian latents; both programs are methods of one module."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(5, 4)
        self.decoder = nn.Linear(2, 5)
        self.spread = PyroParam(torch.tensor(1.3), constraint=constraints.positive)

    def model(self, x: Tensor) -> None:
        """Draw z and observe x."""
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(len(x), 2), self.spread).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=self.decoder(z)).to_event(1), obs=x)

    def guide(self, x: Tensor) -> None:
        """Draw z given x."""
        with pyro.plate("data", len(x)):
            loc, log_scale = self.encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


class Decoder(PyroModule):
    """The model of `VAE` as a module that is called."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 5)
        self.offset = nn.Parameter(torch.zeros(5))
        self.spread = PyroParam(torch.tensor(1.3), constraint=constraints.positive)

    def forward(self, x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(len(x), 2), self.spread).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=self.layer(z) + self.offset).to_event(1), obs=x)


class Registered:
    """A VAE whose networks are registered by `pyro.module`."""

    def __init__(self) -> None:
        self.encoder, self.decoder = nn.Linear(5, 4), nn.Linear(2, 5)

    def model(self, x: Tensor) -> None:
        """Draw z and observe x."""
        pyro.module("decoder", self.decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(len(x), 2), 1.0).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=self.decoder(z)).to_event(1), obs=x)

    def guide(self, x: Tensor) -> None:
        """Draw z given x."""
        pyro.module("encoder", self.encoder)
        with pyro.plate("data", len(x)):
            loc, log_scale = self.encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


def clusters(x: Tensor) -> None:
    """Draw which of three Gaussians each of some rows comes from."""
    loc = pyro.param("loc", torch.tensor([-1.0, 0.2, 1.0]))
    with pyro.plate("rows", len(x), subsample_size=3) as index:
        which = pyro.sample("which", dist.Categorical(torch.tensor([0.2, 0.3, 0.5])))
        pyro.sample("x", dist.Normal(loc[which], 1.0), obs=x[index])


def clusters_guide(x: Tensor) -> None:
    """Draw it with a probability for each row."""
    start = torch.linspace(0.1, 0.3, len(x))
    start = torch.stack([start, 0.5 - start / 2, 0.5 - start / 2], -1)
    probs = pyro.param("probs", start, constraint=constraints.simplex)
    with pyro.plate("rows", len(x), subsample_size=3) as index:
        pyro.sample("which", dist.Categorical(probs[index]))


def slopes(x: Tensor, y: Tensor) -> None:
    """Draw the weights of a logistic regression, and observe a few of its rows, two labels to each."""
    weights = pyro.sample("weights", dist.Normal(torch.zeros(2), 1.0).to_event(1))
    with pyro.plate("rows", len(x), subsample_size=2) as index:
        logits = (x[index] * weights).sum(-1)
        pyro.sample("y", dist.Bernoulli(logits=logits), obs=y[index])
        pyro.sample("again", dist.Bernoulli(logits=-logits), obs=1 - y[index])


def slopes_guide(x: Tensor, y: Tensor) -> None:
    """Draw the weights."""
    loc = pyro.param("loc", torch.tensor([0.3, -0.2]))
    pyro.sample("weights", dist.Normal(loc, 0.7).to_event(1))


def grid(x: Tensor) -> None:
    """Draw one number, and a bit for each cell of two plates."""
    z = pyro.sample("z", dist.Normal(0.0, 1.0))
    with pyro.plate("rows", 2, dim=-2), pyro.plate("columns", 3, dim=-1):
        bit = pyro.sample("bit", dist.Bernoulli(0.3))
        pyro.sample("x", dist.Normal(z + bit, 1.0), obs=x)


def grid_guide(x: Tensor) -> None:
    """Draw the bits given the number."""
    z = pyro.sample("z", dist.Normal(pyro.param("loc", torch.tensor(0.2)), 0.8))
    with pyro.plate("rows", 2, dim=-2), pyro.plate("columns", 3, dim=-1):
        pyro.sample("bit", dist.Bernoulli(logits=pyro.param("slope", torch.tensor(0.5)) * z))
