"""A sigmoid belief network so small that its latents can be enumerated."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from tasks.base import Defaults, Target
from tasks.exact.enumeration import STATES, exact_bound, joint_states, vectors
from tasks.parts.image_sets import MadeUp
from tasks.parts.sigmoid_belief import SigmoidBeliefNetwork, site


@final
@dataclass(eq=False, repr=False)
class SBNTiny(SigmoidBeliefNetwork, MadeUp):
    """A sigmoid belief network on 16 images of five binary pixels, 5–latent–…–latent, in float64.

    ELBO, L_K and log p(x) are exact while there are at most 2^12 joint states; L_K for as many samples as leave at
    most 100 000 choices of states.
    """

    latent: int = 3
    hidden: int = 4

    dtype = torch.float64
    defaults = Defaults(steps=1000, batch_size=16, model_lr=1e-2, guide_lr=1e-2)
    checked = ({"architecture": "nonlinear"}, {"layers": 2, "latent": 2}, {"layers": 3, "latent": 2})

    def __post_init__(self) -> None:
        super().__post_init__()
        self.double()

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if 2 ** (self.latent * self.layers) > STATES:
            return None
        bits = vectors(2, self.latent).to(x)
        states = joint_states({site(layer): bits for layer in range(1, self.layers + 1)})
        return exact_bound(self.guide, self.model, x, states, target, samples)
