"""A sigmoid belief network so small that its latents can be enumerated."""

from typing import final

import torch
from torch import Tensor

from tasks.base import Defaults, Target
from tasks.data import made_up
from tasks.data.images import Images
from tasks.exact.enumeration import STATES, exact_bound, joint_states, vectors
from tasks.parts.sigmoid_belief import Architecture, SigmoidBeliefNetwork, site


@final
class SBNTiny(SigmoidBeliefNetwork):
    """A sigmoid belief network on 16 images of five binary pixels, 5–latent–…–latent, in float64.

    ELBO, L_K and log p(x) are exact while there are at most 2^12 joint states; L_K for as many samples as leave at
    most 100 000 choices of states.

    Args:
        architecture: of every network: `linear`, or `nonlinear` with two hidden layers, LeakyReLU(0.3).
        layers: of latents, 1 to 3.
        latent: Bernoulli variables in each layer.
        hidden: units in each hidden layer of a nonlinear network.
    """

    dtype = torch.float64
    defaults = Defaults(steps=1000, batch_size=16, model_lr=1e-2, guide_lr=1e-2)
    checked = ({"architecture": "nonlinear"}, {"layers": 2, "latent": 2}, {"layers": 3, "latent": 2})

    def __init__(
        self, architecture: Architecture = "linear", layers: int = 1, latent: int = 3, hidden: int = 4
    ) -> None:
        super().__init__(made_up.PIXELS, "static", architecture, layers, latent, hidden)
        self.latent = latent
        self.double()

    def images(self) -> Images:
        return made_up.load()

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        layers = self.model.layers
        if 2 ** (self.latent * layers) > STATES:
            return None
        bits = vectors(2, self.latent).to(x)
        states = joint_states({site(layer): bits for layer in range(1, layers + 1)})
        return exact_bound(self.guide, self.model, x, states, target, samples)
