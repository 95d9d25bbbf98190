"""Sigmoid belief networks: layers of Bernoulli latents under Bernoulli pixels (Neal 1992; Mnih & Gregor 2014)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar, Literal, final, get_args

import torch
from torch import Tensor, nn

from tasks.base import Data, Defaults, Draw, Guide, Latents
from tasks.parts.image_vae import ImageModel, ImageVAE
from tasks.parts.networks import bernoulli, bernoulli_log_prob, dense, hidden_layers
from tasks.parts.sizes import at_least

Architecture = Literal["linear", "nonlinear"]

_LEAKY: Callable[[], nn.Module] = partial(nn.LeakyReLU, 0.3)


@final
class SigmoidBeliefGuide(Guide):
    """q_φ(z|x) = q(z1|x) Π_l q(z_l|z_{l−1}), each a product of Bernoulli(σ(logits)); sites z1 to zL, x's own first.

    Networks see centred inputs: x less the mean of the training images, and 2z − 1.
    """

    def __init__(self, pixels: int, latent: int, layers: int, hidden: list[int]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(_network(latent if layer else pixels, hidden, latent) for layer in range(layers))
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(pixels))

    def forward(self, x: Tensor, draw: Draw) -> None:
        inputs = x - self.mean
        for layer, network in enumerate(self.networks, 1):
            inputs = 2 * draw(site(layer), bernoulli(network(inputs))) - 1


@final
class SigmoidBeliefModel(ImageModel):
    """p(zL) = Π Bernoulli(σ(a)), a learned; then p(z_l|z_{l+1}) down to the pixels, p(x|z1). Networks see 2z − 1."""

    def __init__(self, pixels: int, latent: int, layers: int, hidden: list[int]) -> None:
        super().__init__()
        self.layers = layers
        self.prior_logits = nn.Parameter(torch.zeros(latent))
        self.networks = nn.ModuleList(_network(latent, hidden, latent) for _ in range(layers - 1))
        self.features = hidden_layers([latent, *hidden], _LEAKY)
        self.output = dense(hidden[-1] if hidden else latent, pixels)

    def prior(self, x: Tensor, draw: Draw) -> None:
        above = draw(site(self.layers), bernoulli(self.prior_logits.expand(x.shape[0], -1)))
        for layer in range(self.layers - 1, 0, -1):
            above = draw(site(layer), bernoulli(self.logits_below(layer, above)))

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        total = bernoulli_log_prob(z[site(self.layers)], self.prior_logits)
        for layer in range(1, self.layers):
            total = total + bernoulli_log_prob(z[site(layer)], self.logits_below(layer, z[site(layer + 1)]))
        return total + self.log_likelihood(x, z)

    def logits_below(self, layer: int, above: Tensor) -> Tensor:
        """Return the logits of z_layer given z_{layer+1}, [K, B, latent]."""
        return self.networks[layer - 1](2 * above - 1)

    def logits(self, z: Latents) -> Tensor:
        return self.decode(z)

    def decode(self, z: Latents) -> Tensor:
        """Return the logits of the pixels, [K, B, pixels]."""
        return self.output(self.features(2 * z[site(1)] - 1))


@dataclass(eq=False, repr=False)
class SigmoidBeliefNetwork(ImageVAE):
    """A sigmoid belief network on images; a subclass says which images.

    The settings are those of Dong, Mnih & Tucker (2020), except for the prior's logits, which they train by SGD: here
    one optimizer trains all of θ.

    Args:
        architecture: of every network: `linear`, or `nonlinear` with two hidden layers, LeakyReLU(0.3).
        layers: of latents, 1 to 3.
        latent: Bernoulli variables in each layer.
        hidden: units in each hidden layer of a nonlinear network.
    """

    architecture: Architecture = "linear"
    layers: int = 1
    latent: int = 200
    hidden: int = 200
    guide: SigmoidBeliefGuide = field(init=False)
    model: SigmoidBeliefModel = field(init=False)
    references: ClassVar[Mapping[str, str]] = {"elbo": "disarm", "iwae": "disarm-iw"}
    defaults: ClassVar[Defaults] = replace(ImageVAE.defaults, batch_size=50, model_lr=1e-4, guide_lr=1e-4)

    def networks(self) -> tuple[Guide, ImageModel]:
        if self.architecture not in get_args(Architecture):
            raise ValueError(f"architecture must be linear or nonlinear; it is '{self.architecture}'")
        if not 1 <= self.layers <= 3:
            raise ValueError(f"layers must be 1, 2 or 3; it is {self.layers}")
        at_least(1, latent=self.latent, hidden=self.hidden)
        units = [self.hidden, self.hidden] if self.architecture == "nonlinear" else []
        return (
            SigmoidBeliefGuide(self.pixels, self.latent, self.layers, units),
            SigmoidBeliefModel(self.pixels, self.latent, self.layers, units),
        )

    @torch.no_grad()
    def initialise(self, data: Data) -> None:
        """Set the output bias and what the guide subtracts from its input, both from the mean training image."""
        super().initialise(data)
        self.guide.mean.copy_(data.train.sum(0, dtype=torch.int64).double() / (255 * len(data.train)))


def site(layer: int) -> str:
    """Return the name of a layer's site; layer 1 is next to x."""
    return f"z{layer}"


def _network(inputs: int, hidden: list[int], outputs: int) -> nn.Sequential:
    """Return `inputs` to logits."""
    return nn.Sequential(hidden_layers([inputs, *hidden], _LEAKY), dense(hidden[-1] if hidden else inputs, outputs))
