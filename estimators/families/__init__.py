"""What torch.distributions lacks: draws with functional randomness, detached copies, enumeration, relaxations.

`torch.func.vmap` batches replicates and seeds only over functional draws (`torch.randn(shape)`), while
`torch.distributions` draws in place. Each function here is dispatched on the distribution's type; a family of
your own is added with `families.sample.register(MyDistribution)`.
"""

from estimators.families import divergences as _divergences  # noqa: F401 - torch's registry of divergences
from estimators.families.copies import detach
from estimators.families.densities import log_prob
from estimators.families.draws import reparameterizable, sample
from estimators.families.noise import IID, Antithetic, Independently, Noise, Unsupported
from estimators.families.paths import Path, path
from estimators.families.relaxed import Relaxation, relaxation
from estimators.families.supports import family, support, support_size

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
