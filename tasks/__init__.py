"""Inference problems that gradient estimators are compared on.

`INDEX` names each without importing it (nor torch): name -> (module:Class, one line).
"""

from typing import Final

INDEX: Final[dict[str, tuple[str, str]]] = {
    "gaussian-quadratic": ("tasks.gaussian_toys:GaussianQuadratic", "E over N(μ, σ²) of (x − k)²; closed form"),
    "gaussian-exponential": ("tasks.gaussian_toys:GaussianExponential", "E over N(μ, σ²) of exp(−k x²); closed form"),
    "gaussian-cosine": ("tasks.gaussian_toys:GaussianCosine", "E over N(μ, σ²) of cos(k x); closed form"),
    "bernoulli-quadratic": (
        "tasks.bernoulli_quadratic:BernoulliQuadratic",
        "E over Bernoulli of (b − t)²; closed form",
    ),
    "lecture-weights": (
        "tasks.lecture_weights:LectureWeights",
        "weights against log weights, q = N(2, 1.1²); closed form",
    ),
    "linear-gaussian": (
        "tasks.linear_gaussian:LinearGaussian",
        "z ~ N(μ, I), x ~ N(z, I); log p and ELBO in closed form",
    ),
    "vae-mnist": ("tasks.vae:VAEMnist", "Gaussian VAE on MNIST digits, 784-200-200-50"),
}

ALIASES: Final[dict[str, str]] = {}
