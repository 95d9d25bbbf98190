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
    "ppca": ("tasks.ppca:PPCA", "z ~ N(0, I), x ~ N(Wz + b, σ²I); log p, posterior and ELBO in closed form"),
    "gamma-weights": ("tasks.gamma_weights:GammaWeights", "weights ~ Gamma(a, a): the bias of L_K in closed form"),
    "gamma-poisson": (
        "tasks.gamma_poisson:GammaPoisson",
        "Gamma rates of Poisson counts; log p and ELBO in closed form",
    ),
    "dirichlet-multinomial": (
        "tasks.dirichlet_multinomial:DirichletMultinomial",
        "Dirichlet proportions of counts; log p and ELBO in closed form",
    ),
    "logistic-normal": (
        "tasks.logistic_normal:LogisticNormalTask",
        "logistic-normal guide for a Dirichlet; log p in closed form, ELBO by quadrature",
    ),
    "categorical-toy": (
        "tasks.categorical_toy:CategoricalToy",
        "E over categoricals of a polynomial, degree 1 to 3; enumerated",
    ),
    "polynomial-regression": (
        "tasks.polynomial_regression:PolynomialRegression",
        "Bayesian regression whose evidence chooses the degree; log p and ELBO in closed form",
    ),
    "logistic-regression": (
        "tasks.logistic_regression:LogisticRegression",
        "Bayesian logistic regression on a table, minibatches scaled by N/|B|; ELBO by quadrature",
    ),
    "vae-mnist": ("tasks.vae:VAEMnist", "Gaussian VAE on MNIST digits, 784-200-200-50"),
    "vae-gamma": ("tasks.vae_gamma:VAEGamma", "VAE with Gamma latents on MNIST digits"),
    "vae-dirichlet": ("tasks.vae_dirichlet:VAEDirichlet", "VAE with a latent on the simplex on MNIST digits"),
    "vae-categorical": ("tasks.vae_categorical:CategoricalMnist", "VAE with categorical latents on MNIST digits"),
    "mixture-vae": ("tasks.mixture_vae:MixtureVAE", "categorical latent that chooses a Gaussian one, on a pinwheel"),
    "sbn-tiny": ("tasks.sbn_tiny:SBNTiny", "sigmoid belief network on five pixels, 1 to 3 layers; enumerated"),
    "sbn-mnist": ("tasks.sbn:SBNMnist", "sigmoid belief network, 200 Bernoulli latents per layer, on MNIST digits"),
    "sbn-fashion": ("tasks.sbn:SBNFashion", "sigmoid belief network on Fashion-MNIST"),
    "sbn-omniglot": ("tasks.sbn:SBNOmniglot", "sigmoid belief network on Omniglot characters"),
}

ALIASES: Final[dict[str, str]] = {}
