"""Where other people's packages import the Gaussian toys from; they are in `tasks.toys.gaussian`."""

from tasks.toys.gaussian import (
    CosineCost,
    ExponentialCost,
    GaussianCosine,
    GaussianExponential,
    GaussianGuide,
    GaussianQuadratic,
    GaussianToy,
    QuadraticCost,
)

__all__ = [
    "CosineCost",
    "ExponentialCost",
    "GaussianCosine",
    "GaussianExponential",
    "GaussianGuide",
    "GaussianQuadratic",
    "GaussianToy",
    "QuadraticCost",
]
