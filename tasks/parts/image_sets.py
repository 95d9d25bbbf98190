"""The data sets of images, a class for each: what a task on it lets one choose, its pixels, and how it is read.

A task is a model on a data set, and derives from both. It is a dataclass, whose parameters are those of the data set,
then those of the model. Another data set is a class here, and three lines beside every model that is to have it:

    @final
    @dataclass(eq=False, repr=False)
    class VAEFashion(VAE, Fashion): ...

`eq=False, repr=False`, since a module is equal to itself only, and torch prints it.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Literal, get_args

from tasks.data import binarized, cache, embedded, faces, made_up, mnist, omniglot, own_images
from tasks.data.arrays import Axis, Layout
from tasks.data.images import Images
from tasks.data.own_images import Colour
from tasks.parts.pixels import BernoulliPixels, LogisticPixels, Pixels

Binarization = Literal["static", "dynamic", "grey"]
Chosen = Literal["auto", "static", "dynamic", "grey"]
ChosenOrLevels = Literal["auto", "static", "dynamic", "grey", "levels"]
Source = Literal["auto", "5k", "full", "static"]
SourceOrTiny = Literal["auto", "5k", "full", "static", "tiny"]

TINY: Final = "tiny"
"""Made-up images in the place of a file of the user's."""


class ImageSet(ABC):
    """A data set of images; 28×28 pixels under a Bernoulli distribution, unless a subclass says otherwise."""

    # Since 2, dynamic binarization draws eight pixels from one random number.
    version: ClassVar[int] = 2

    @property
    def pixels(self) -> int:
        """Per image."""
        return 28 * 28

    @property
    def row(self) -> int:
        """Pixels in a row of an image."""
        return 28

    @property
    def channels(self) -> int:
        """Planes of pixels of an image, one behind the other: 3 in colour."""
        return 1

    @property
    @abstractmethod
    def effective_binarization(self) -> Binarization:
        """How training images are binarized, whatever was asked for; see `ImageVAE`."""

    @abstractmethod
    def images(self) -> Images:
        """Return the images in grey levels; raises `tasks.data.DataUnavailable` with what to do."""

    def distribution(self) -> Pixels:
        """Return the distribution of the pixels given their logits."""
        return BernoulliPixels()


@dataclass(eq=False, repr=False)
class Mnist(ImageSet):
    """MNIST digits.

    Args:
        data: as for `vae-mnist`, except for `tiny`.
        binarization: as for `vae-mnist`.
    """

    data: Source = "auto"
    binarization: Chosen = "auto"

    @property
    def effective_binarization(self) -> Binarization:
        return _binarization_of(self.data, self.binarization, get_args(Source))

    def images(self) -> Images:
        return _digits(self.data)


@dataclass(eq=False, repr=False)
class MnistOrTiny(ImageSet):
    """MNIST digits, or images so small that a model's exact answers can be had.

    Args:
        data: `full` is all 70 000 digits, `5k` the 5000 embedded ones, `auto` the former where they are in the cache
            folder and the latter where not, `static` the fixed binarization of Salakhutdinov & Murray, `tiny` 16
            made-up images of five pixels.
        binarization: of the training images, see `ImageVAE`; `auto` is dynamic, except for data=static and data=tiny.
    """

    data: SourceOrTiny = "auto"
    binarization: Chosen = "auto"

    @property
    def pixels(self) -> int:
        return made_up.PIXELS if self.data == "tiny" else super().pixels

    @property
    def row(self) -> int:
        return made_up.PIXELS if self.data == "tiny" else super().row

    @property
    def effective_binarization(self) -> Binarization:
        return _binarization_of(self.data, self.binarization, get_args(SourceOrTiny))

    def images(self) -> Images:
        return made_up.load() if self.data == "tiny" else _digits(self.data)


@dataclass(eq=False, repr=False)
class GreyImages(ImageSet):
    """Images that are stored in grey levels only.

    Args:
        binarization: `static`, `dynamic` or `grey`, see `ImageVAE`.
    """

    binarization: Binarization = "dynamic"

    @property
    def effective_binarization(self) -> Binarization:
        return self.binarization


class Fashion(GreyImages):
    """Fashion-MNIST: clothes."""

    def images(self) -> Images:
        return mnist.load("fashion_mnist")


class Omniglot(GreyImages):
    """Omniglot characters."""

    def images(self) -> Images:
        return omniglot.load()


class Faces(ImageSet):
    """Frey faces, whose grey levels have probabilities."""

    version = 1

    @property
    def pixels(self) -> int:
        return faces.PIXELS

    @property
    def row(self) -> int:
        return faces.WIDTH

    @property
    def effective_binarization(self) -> Binarization:
        return "grey"

    def images(self) -> Images:
        return faces.load()

    def distribution(self) -> Pixels:
        return LogisticPixels(self.pixels)


@dataclass(eq=False, repr=False)
class OwnImages(ImageSet):
    """Images of the user's own: docs/your-data.md.

    Args:
        path: of a `.npy`, `.npz` or `.mat` file or a folder of PNG, JPEG or the like; what is in it is the identity of
            the data. `tiny` is 16 made-up images of five pixels.
        binarization: of the training images, see `ImageVAE`; `levels` are levels 0..255 that have probabilities, as
            those of `vae-faces`. `auto` is `levels` in colour, `dynamic` in grey.
        width: pixels in a row of an image; needed where rows of an array are images that are not square.
        array: name of the array in a `.npz` or `.mat`; needed where several could be the images.
        axis: of an array along which images are, `first` or `last`; `auto` is as its shape says.
        colour: `keep`, as three planes of pixels, or `grey`.
    """

    path: str = TINY
    binarization: ChosenOrLevels = "auto"
    width: int | None = None
    array: str | None = None
    axis: Axis = "auto"
    colour: Colour = "keep"

    @property
    def pixels(self) -> int:
        return self.images().train.shape[1]

    @property
    def row(self) -> int:
        return self.images().width

    @property
    def channels(self) -> int:
        return self.images().channels

    @property
    def effective_binarization(self) -> Binarization:
        if self.binarization == "auto":
            return "static" if self.path == TINY else "grey" if self._has_levels else "dynamic"
        return "grey" if self.binarization == "levels" else self.binarization

    @property
    def _has_levels(self) -> bool:
        return self.binarization == "levels" or (self.binarization == "auto" and self.channels > 1)

    def images(self) -> Images:
        if self.path == TINY:
            tiny = made_up.load()
            return replace(tiny, note=f"{tiny.note}; path=FILE_OR_FOLDER has yours")
        return own_images.load(self.path, Layout(self.array, self.axis, self.width), self.colour)

    def distribution(self) -> Pixels:
        return LogisticPixels(self.pixels) if self._has_levels else super().distribution()


class MadeUp(ImageSet):
    """Sixteen images of five binary pixels."""

    version = 1

    @property
    def pixels(self) -> int:
        return made_up.PIXELS

    @property
    def row(self) -> int:
        return made_up.PIXELS

    @property
    def effective_binarization(self) -> Binarization:
        return "static"

    def images(self) -> Images:
        return made_up.load()


def _binarization_of(data: SourceOrTiny, binarization: Chosen, sources: Sequence[str]) -> Binarization:
    """Return how the digits of a source are binarized; raise ValueError where that is impossible."""
    if data not in sources:
        *others, last = sources
        raise ValueError(f"data must be {', '.join(others)} or {last}; it is '{data}'")
    if binarization == "auto":
        return "static" if data in ("static", "tiny") else "dynamic"
    if data == "static" and binarization != "static":
        raise ValueError(
            f"data=static is binarized once and for all, so binarization={binarization} is impossible;"
            " leave binarization out, or choose data=full"
        )
    return binarization


def _digits(data: Source) -> Images:
    if data == "static":
        return binarized.load()
    if data == "5k" or (data == "auto" and not cache.present("mnist")):
        return embedded.load()
    return mnist.load()
