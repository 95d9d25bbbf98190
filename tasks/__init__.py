"""Inference problems on which gradient estimators are compared, a folder for each kind.

`INDEX` names each without importing it (nor torch): name -> (module:Class, one line).
"""

from typing import Final

# kind -> name -> (file:Class, one line)
_KINDS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "toys": {
        "gaussian-quadratic": ("gaussian:GaussianQuadratic", "E over N(μ, σ²) of (x − k)²; closed form"),
        "gaussian-exponential": ("gaussian:GaussianExponential", "E over N(μ, σ²) of exp(−k x²); closed form"),
        "gaussian-cosine": ("gaussian:GaussianCosine", "E over N(μ, σ²) of cos(k x); closed form"),
        "bernoulli-quadratic": ("bernoulli_quadratic:BernoulliQuadratic", "E over Bernoulli of (b − t)²; closed form"),
        "lecture-weights": (
            "lecture_weights:LectureWeights",
            "weights against log weights, q = N(2, 1.1²); closed form",
        ),
        "gamma-weights": ("gamma_weights:GammaWeights", "weights ~ Gamma(a, a): the bias of L_K in closed form"),
        "categorical-toy": (
            "categorical_toy:CategoricalToy",
            "E over categoricals of a polynomial, degree 1 to 3; enumerated",
        ),
    },
    "latent_variables": {
        "linear-gaussian": (
            "linear_gaussian:LinearGaussian",
            "z ~ N(μ, I), x ~ N(z, I); log p and ELBO in closed form",
        ),
        "ppca": ("ppca:PPCA", "z ~ N(0, I), x ~ N(Wz + b, σ²I); log p, posterior and ELBO in closed form"),
        "gamma-poisson": ("gamma_poisson:GammaPoisson", "Gamma rates of Poisson counts; log p and ELBO in closed form"),
        "dirichlet-multinomial": (
            "dirichlet_multinomial:DirichletMultinomial",
            "Dirichlet proportions of counts; log p and ELBO in closed form",
        ),
        "logistic-normal": (
            "logistic_normal:LogisticNormalTask",
            "logistic-normal guide for a Dirichlet; log p in closed form, ELBO by quadrature",
        ),
        "mixture-vae": ("mixture_vae:MixtureVAE", "categorical latent that selects a Gaussian one, on a pinwheel"),
        "gaussian-mixture": (
            "gaussian_mixture:GaussianMixture",
            "Bayesian mixture of Gaussians in the plane, categorical z; enumerated",
        ),
        "gaussian-mixture-20": (
            "gaussian_mixture_20:GaussianMixture20",
            "one of 20 Gaussians on a line, weights learned (Le et al. 2019); enumerated",
        ),
        "hmm": (
            "hmm:TrackedAnimal",
            "hidden Markov model of what a tracked animal does; log p by the forward algorithm",
        ),
        "lda": ("lda:LDA", "latent Dirichlet allocation on a corpus; exact on tiny documents"),
        "sbn-tiny": ("sbn_tiny:SBNTiny", "sigmoid belief network on five pixels, 1 to 3 layers; enumerated"),
    },
    "regression": {
        "polynomial-regression": (
            "polynomial_regression:PolynomialRegression",
            "Bayesian regression whose evidence chooses the degree; log p and ELBO in closed form",
        ),
        "logistic-regression": (
            "logistic_regression:LogisticRegression",
            "Bayesian logistic regression on a table, minibatches scaled by N/|B|; ELBO by quadrature",
        ),
        "bnn": ("bnn:BNN", "Bayesian neural network for regression on a table; ELBO by quadrature"),
    },
    "images": {
        "vae-mnist": ("vae:VAEMnist", "Gaussian VAE on MNIST digits, 784-200-200-50; one or two layers"),
        "vae-fashion": ("vae_images:VAEFashion", "Gaussian VAE on Fashion-MNIST"),
        "vae-omniglot": ("vae_images:VAEOmniglot", "Gaussian VAE on Omniglot characters"),
        "vae-faces": ("vae_images:VAEFaces", "Gaussian VAE on Frey faces, grey levels"),
        "vae-images": ("vae_images:VAEImages", "Gaussian VAE on your own images: path=FILE_OR_FOLDER"),
        "vae-gamma": ("vae_gamma:VAEGamma", "VAE with Gamma latents on MNIST digits"),
        "vae-dirichlet": ("vae_dirichlet:VAEDirichlet", "VAE with a latent on the simplex on MNIST digits"),
        "vae-categorical": ("vae_categorical:CategoricalMnist", "VAE with categorical latents on MNIST digits"),
        "vae-categorical-fashion": (
            "vae_categorical:CategoricalFashion",
            "VAE with categorical latents on Fashion-MNIST",
        ),
        "vae-categorical-omniglot": (
            "vae_categorical:CategoricalOmniglot",
            "VAE with categorical latents on Omniglot characters",
        ),
        "vae-categorical-images": (
            "vae_categorical:CategoricalImages",
            "VAE with categorical latents on your own images: path=FILE_OR_FOLDER",
        ),
        "mixture-vae-mnist": ("mixture_vae_images:MixtureMnist", "the mixed model on MNIST digits"),
        "mixture-vae-fashion": ("mixture_vae_images:MixtureFashion", "the mixed model on Fashion-MNIST"),
        "mixture-vae-omniglot": ("mixture_vae_images:MixtureOmniglot", "the mixed model on Omniglot characters"),
        "sbn-mnist": ("sbn:SBNMnist", "sigmoid belief network, 200 Bernoulli latents per layer, on MNIST digits"),
        "sbn-fashion": ("sbn:SBNFashion", "sigmoid belief network on Fashion-MNIST"),
        "sbn-omniglot": ("sbn:SBNOmniglot", "sigmoid belief network on Omniglot characters"),
        "sbn-images": ("sbn:SBNImages", "sigmoid belief network on your own images: path=FILE_OR_FOLDER"),
    },
}

INDEX: Final[dict[str, tuple[str, str]]] = {
    name: (f"tasks.{kind}.{path}", summary)
    for kind, members in _KINDS.items()
    for name, (path, summary) in members.items()
}

FAMILIES: Final[dict[str, tuple[str, ...]]] = {kind: tuple(members) for kind, members in _KINDS.items()}
"""The names of each kind, in their order."""

ALIASES: Final[dict[str, str]] = {}

OPTIONAL: Final[dict[str, tuple[str, str, str]]] = {
    "pyro": ("tasks.pyro.task:PyroTask", "your own Pyro model and guide; exact if there are few latents", "pyro"),
}
"""Names that need another package: name -> (module:Class, one line, name of the package and of the extra).

They are not part of `all`.
"""
