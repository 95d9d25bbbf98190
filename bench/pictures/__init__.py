"""Pictures of what a trained model has learned: one file per kind.

A kind is a module of this package with a function `draw(task, data, page)`. It takes a task at its trained parameters
and its test data, and returns a figure; draws come from torch's global generator.

>>> import varbench
>>> from bench.figures.page import Page
>>> from bench.pictures.images import image_data
>>> from tasks.images.vae import VAEMnist
>>> task = VAEMnist(data="tiny", latent=2, hidden=4, depth=1)  # trained, to see more than noise
>>> varbench.pictures.draw("interpolation", task, image_data(task), Page("icml", 1)).savefig("digits.pdf")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from bench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from bench.figures.page import Page
    from bench.pictures.images import ImageData
    from tasks.base import Task

IMAGES: Final[dict[str, str]] = {
    "prior": "images at draws from the prior",
    "reconstructions": "test images, and what a draw from the guide makes of them",
    "interpolation": "from one test image to another, on a straight line between their latents",
    "traversal": "one latent coordinate varied at a time, the most active first",
    "latent": "posterior means in the plane, coloured by label",
}
"""Kinds that show a model of images."""
MODELS: Final[dict[str, str]] = {
    "clusters": "points of gaussian-mixture in the colour of their component",
    "tracks": "tracks of hmm, each step in the colour of its activity",
    "topics": "the topics of lda, as pictures or as words",
}
"""Kinds that show a model of the lecture."""
KINDS: Final[dict[str, str]] = {**IMAGES, **MODELS}


_WITHOUT_IMAGES: Final = ("prior", "topics")
"""The kinds that need no test data."""


class Misfit(UsageError):
    """A kind of picture says nothing about a task; the message says why."""


def draw(kind: str, task: "Task", data: "ImageData | Tensor", page: "Page") -> "Figure":
    """Return a picture of a trained task and its test data: of a model of images `ImageData`, else the observations.

    >>> from bench.figures.page import Page
    >>> from bench.pictures import draw
    >>> from bench.pictures.images import image_data
    >>> from tasks.images.vae import VAEMnist
    >>> task = VAEMnist(data="tiny", latent=2, hidden=4, depth=1)
    >>> draw("latent", task, image_data(task), Page("icml", 1)).savefig("latent.pdf")

    Raises:
        UsageError: there is no such kind.
        Misfit: the kind does not fit the task.
    """
    from torch import Tensor

    from bench.pictures.subjects import require_subject

    if kind not in KINDS:
        raise UsageError(f"there is no kind '{kind}'{did_you_mean(kind, KINDS) or '; there are ' + ', '.join(KINDS)}")
    require_subject(kind, task)
    x = data if isinstance(data, Tensor) else data.x
    if len(x) == 0 and kind not in _WITHOUT_IMAGES:
        what = "images" if kind in IMAGES else "data"
        raise Misfit(f"{kind} needs test {what}, but this run of {task.called} has none")
    module: Any = import_module(f"bench.pictures.{kind}")
    with page.settings():
        return module.draw(task, data, page)
