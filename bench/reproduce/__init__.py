"""Published and lecture experiments as recipes: one file each, run by `bench reproduce NAME`.

A recipe says which cells it needs (they run through the same machinery as `bench run`, and are found again), what its
table puts beside them, what its figure shows, and what to see. `RECIPES` names each without importing it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from bench.reproduce.recipe import Recipe


class Entry(NamedTuple):
    """Where a recipe is, and a line about it."""

    module: str
    summary: str


RECIPES: Final[dict[str, Entry]] = {
    "lecture-evidence": Entry("lecture_evidence", "problem 1: the gradient of log p(x) has no unbiased estimate"),
    "lecture-dimension": Entry("lecture_dimension", "problem 2: the prior as proposal, dimension, and log weights"),
    "lecture-minibatches": Entry(
        "lecture_minibatches", "problem 3: minibatches, and one guide for all or one for each"
    ),
    "lecture-estimators": Entry("lecture_estimators", "score function against reparameterization on the same VAE"),
    "lecture-em": Entry("lecture_em", "variational EM against joint ascent"),
    "rainforth-2018": Entry("rainforth_2018", "tighter bounds are not necessarily better: SNR against K"),
    "mohamed-2020": Entry("mohamed_2020", "variances of score, pathwise and measure-valued gradients on N(1, 1)"),
    "relax-toy": Entry("relax_toy", "REINFORCE, REBAR and RELAX on E (b − t)²"),
}


def resolve(name: str) -> Entry:
    """Return the entry of a recipe, without importing it.

    Raises:
        UsageError: there is no such recipe.
    """
    if name not in RECIPES:
        raise UsageError(
            f"there is no recipe '{name}'{did_you_mean(name, RECIPES) or '; `bench reproduce --list` names them'}"
        )
    return RECIPES[name]


def find(name: str) -> "Recipe":
    """Return the recipe of this name.

    Raises:
        UsageError: there is none.
    """
    return import_module(f"bench.reproduce.{resolve(name).module}").RECIPE
