"""What torch.distributions lacks: draws with functional randomness, detached copies, enumeration, relaxations.

`torch.func.vmap` batches replicates and seeds only over functional draws (`torch.randn(shape)`), while
`torch.distributions` draws in place. Each function here is dispatched on the distribution's type; a family of
your own is added with `distributions.sample.register(MyDistribution)`.
"""

from estimators.distributions import divergences as _divergences  # noqa: F401 - torch's registry of divergences
from estimators.distributions.copies import detach
from estimators.distributions.densities import log_prob
from estimators.distributions.draws import reparameterizable, sample
from estimators.distributions.noise import IID, Antithetic, Independently, Noise, Unsupported
from estimators.distributions.paths import Path, path
from estimators.distributions.relaxed import Relaxation, relaxation
from estimators.distributions.supports import family, support, support_size

__all__ = [
    "IID",
    "Antithetic",
    "Independently",
    "Noise",
    "Path",
    "Relaxation",
    "Unsupported",
    "detach",
    "family",
    "log_prob",
    "path",
    "relaxation",
    "reparameterizable",
    "sample",
    "support",
    "support_size",
]
