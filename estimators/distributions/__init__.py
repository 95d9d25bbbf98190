"""What torch.distributions lacks, family by family: functional draws, detached copies, enumeration, relaxations, ...

`torch.func.vmap` batches replicates and seeds only over functional draws (`torch.randn(shape)`), while
`torch.distributions` draws in place. A function here is dispatched on the distribution's type; a family of your own is
added with `distributions.sample.register(MyDistribution)`.

Every family needs
    draws: `sample`, differentiable where the family is reparameterizable; `gammas` has those that are made of Gamma
        variables, `counts` those of counts.
The others are for estimators that are to know it:
    copies: `detach`, the same without gradient in its parameters; registered where these cannot be read by name.
    densities: `log_prob`, where torch's is not differentiable, not batched by `vmap` or not exact.
    paths: `path`, a reparameterized draw whose log density is that of its noise.
    implicit: derivatives of draws through their distribution function (Gamma, von Mises).
    limits: `beyond`, where the dtype does not hold what is drawn.
    supports: `support` and `support_size`, every value of a finite family, and the family's name.
    relaxed: `relaxation`, hard and soft samples as functions of logits and noise.
    measures: `derivatives`, a density's derivative as a difference of densities that can be drawn from.
    transport: `transport`, a given value as a function of the parameters, as if it had been drawn.
    divergences: Kullback–Leibler divergences that torch does not know.
Beside them are
    noise: where the randomness comes from, independent or mirrored.
    parameters: to read a distribution's parameters, and to build it again with others.
    validation: to make distributions without a check of their arguments.

A control variate for Poisson latents, say, is an estimator of its own in `estimators/discrete/`. `sample` knows the
family, and `measures` its weak derivative; a relaxation of it, or a support that is cut off, would be registered here.
"""

from estimators.distributions import counts as _counts  # noqa: F401 - draws of counts are registered there
from estimators.distributions import divergences as _divergences  # noqa: F401 - torch's registry of divergences
from estimators.distributions import gammas as _gammas  # noqa: F401 - draws made of Gamma variables, likewise
from estimators.distributions.copies import detach
from estimators.distributions.densities import log_prob
from estimators.distributions.draws import reparameterizable, sample
from estimators.distributions.limits import beyond
from estimators.distributions.noise import IID, Antithetic, Independently, Noise, Unsupported
from estimators.distributions.paths import Path, path
from estimators.distributions.relaxed import Relaxation, relaxation
from estimators.distributions.supports import family, support, support_size
from estimators.distributions.validation import without_validation

__all__ = [
    "IID",
    "Antithetic",
    "Independently",
    "Noise",
    "Path",
    "Relaxation",
    "Unsupported",
    "beyond",
    "detach",
    "family",
    "log_prob",
    "path",
    "relaxation",
    "reparameterizable",
    "sample",
    "support",
    "support_size",
    "without_validation",
]
