"""Pictures of what a trained model of images does: one file per kind.

A kind is a module of this package with one function, `draw(task, data, page)`. It takes a task at its trained
parameters and its data, and returns a figure; draws come from torch's global generator.

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

    from bench.figures.page import Page
    from bench.pictures.images import ImageData
    from tasks.parts.image_vae import ImageVAE

KINDS: Final[dict[str, str]] = {
    "prior": "images at draws from the prior",
    "reconstructions": "test images, and what a draw from the guide makes of them",
    "interpolation": "from one test image to another in a straight line between their latents",
    "traversal": "one latent number varied at a time, the most active first",
    "latent": "posterior means in the plane, coloured by label",
}


_WITHOUT_IMAGES: Final = ("prior",)
"""The kinds that need no test image."""


class Misfit(UsageError):
    """A kind of picture says nothing about a task; the message says why."""


def draw(kind: str, task: "ImageVAE", data: "ImageData", page: "Page") -> "Figure":
    """Return a picture of a trained task.

    >>> from bench.figures.page import Page
    >>> from bench.pictures import draw
    >>> from bench.pictures.images import image_data
    >>> from tasks.images.vae import VAEMnist
    >>> task = VAEMnist(data="tiny", latent=2, hidden=4, depth=1)
    >>> draw("latent", task, image_data(task), Page("icml", 1)).savefig("latent.pdf")

    Raises:
        UsageError: there is no such kind, or the figure would not fit on the page.
        Misfit: the kind does not fit the task.
    """
    if kind not in KINDS:
        raise UsageError(f"there is no kind '{kind}'{did_you_mean(kind, KINDS) or '; there are ' + ', '.join(KINDS)}")
    if len(data.x) == 0 and kind not in _WITHOUT_IMAGES:
        raise Misfit(f"{kind} needs test images, and this run of {type(task).__name__} has none")
    module: Any = import_module(f"bench.pictures.{kind}")
    with page.settings():
        return module.draw(task, data, page)
