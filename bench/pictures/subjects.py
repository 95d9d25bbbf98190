"""Which pictures show which tasks, and the data that they are drawn with."""

from typing import Final

from torch import Tensor

from bench.machine.device import observations
from bench.pictures import IMAGES, MODELS, Misfit
from bench.pictures.images import ImageData, image_data
from tasks.base import Task
from tasks.latent_variables.gaussian_mixture import GaussianMixture
from tasks.latent_variables.hmm import TrackedAnimal
from tasks.latent_variables.lda import LDA
from tasks.parts.image_vae import ImageVAE

_OF: Final[dict[str, type[Task]]] = {"clusters": GaussianMixture, "tracks": TrackedAnimal, "topics": LDA}
SHOWN: Final = (ImageVAE, *_OF.values())
"""The tasks of which there are pictures."""


def kinds_of(task: Task) -> tuple[str, ...]:
    """Return the kinds of pictures of a task."""
    return (
        tuple(IMAGES) if isinstance(task, ImageVAE) else tuple(kind for kind in MODELS if isinstance(task, _OF[kind]))
    )


def require_subject(kind: str, task: Task) -> None:
    """Raise `Misfit` where a kind of picture is not about such a task."""
    if kind not in kinds_of(task):
        subject = "an image model" if kind in IMAGES else f"a {_OF[kind].__name__}"
        raise Misfit(f"{kind} shows {subject}, but this run is of {task.called}")


def data_of(task: Task) -> ImageData | Tensor:
    """Return the test images of a task of images, and of another its test observations; see `image_data`."""
    if isinstance(task, ImageVAE):
        return image_data(task)
    return observations(task, task.load().test)
