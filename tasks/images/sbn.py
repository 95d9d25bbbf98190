"""Sigmoid belief networks on digits, clothes, characters, and images of the user's own."""

from dataclasses import dataclass
from typing import final

from tasks.parts.image_sets import Fashion, Mnist, Omniglot, OwnImages
from tasks.parts.sigmoid_belief import SigmoidBeliefNetwork


@final
@dataclass(eq=False, repr=False)
class SBNMnist(SigmoidBeliefNetwork, Mnist):
    """A sigmoid belief network on MNIST digits, 784–200 (linear) or 784–200–200–200."""


@final
@dataclass(eq=False, repr=False)
class SBNFashion(SigmoidBeliefNetwork, Fashion):
    """A sigmoid belief network on Fashion-MNIST."""


@final
@dataclass(eq=False, repr=False)
class SBNOmniglot(SigmoidBeliefNetwork, Omniglot):
    """A sigmoid belief network on Omniglot characters, 28×28. Published numbers use another split."""


@final
@dataclass(eq=False, repr=False)
class SBNImages(SigmoidBeliefNetwork, OwnImages):
    """A sigmoid belief network on the user's own images (docs/your-data.md)."""
