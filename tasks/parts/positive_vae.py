"""What auto-encoders with positive latents share, which are Gamma or Dirichlet variables."""

from abc import abstractmethod
from dataclasses import dataclass

from torch import Tensor
from torch.distributions import Distribution

from tasks.base import Draw, Guide
from tasks.parts.gaussian_vae import Decoder
from tasks.parts.image_vae import ImageVAE
from tasks.parts.networks import Positive, dense, hidden_layers
from tasks.parts.sizes import at_least, positive


class PositiveGuide(Guide):
    """q_φ(z|x), amortized, whose parameters are softplus outputs; one site, `z` [latent].

    Args:
        pixels: per image.
        latent: dimension of z.
        hidden: units in each hidden layer.
        depth: hidden layers, tanh.
        parameters: vectors of the distribution, each of z's dimension.
    """

    def __init__(self, pixels: int, latent: int, hidden: int, depth: int, parameters: int) -> None:
        super().__init__()
        self.features = hidden_layers([pixels] + [hidden] * depth)
        self.head = Positive(hidden, latent, parameters)

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", self.distribution(*self.head(self.features(x))))

    @abstractmethod
    def distribution(self, *parameters: Tensor) -> Distribution:
        """Return the distribution of z at the parameters, each [B, latent]."""


class PositiveDecoder(Decoder):
    """A prior with one `concentration` for all of z, and independent pixels given z."""

    def __init__(self, pixels: int, latent: int, hidden: int, depth: int, concentration: float) -> None:
        super().__init__(latent, hidden_layers([latent] + [hidden] * depth), dense(hidden, pixels))
        positive(concentration=concentration)
        self.concentration = concentration


@dataclass(eq=False, repr=False)
class PositiveVAE(ImageVAE):
    """A VAE with positive latents; guide and decoder are the networks of `vae-mnist`, trained alike.

    Args:
        latent: dimension of z.
        hidden: units in each hidden layer, of guide and model.
        depth: hidden layers of each, tanh.
        concentration: a of the prior, see the task.
    """

    latent: int = 50
    hidden: int = 200
    depth: int = 2
    concentration: float = 1.0

    def __post_init__(self) -> None:
        at_least(1, latent=self.latent, hidden=self.hidden, depth=self.depth)
        super().__post_init__()
