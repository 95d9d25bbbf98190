"""Where other people's packages import the distribution functions from; they are in `estimators.distributions`."""

from estimators.distributions import (
    IID,
    Antithetic,
    Independently,
    Noise,
    Path,
    Relaxation,
    Unsupported,
    detach,
    family,
    log_prob,
    path,
    relaxation,
    reparameterizable,
    sample,
    support,
    support_size,
)

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
