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
    "vae-mnist": ("tasks.vae:VAEMnist", "Gaussian VAE on MNIST digits, 784-200-200-50; one or two layers"),
    "vae-fashion": ("tasks.vae_images:VAEFashion", "Gaussian VAE on Fashion-MNIST"),
    "vae-omniglot": ("tasks.vae_images:VAEOmniglot", "Gaussian VAE on Omniglot characters"),
    "vae-faces": ("tasks.vae_images:VAEFaces", "Gaussian VAE on Frey faces, grey levels"),
    "vae-gamma": ("tasks.vae_gamma:VAEGamma", "VAE with Gamma latents on MNIST digits"),
    "vae-dirichlet": ("tasks.vae_dirichlet:VAEDirichlet", "VAE with a latent on the simplex on MNIST digits"),
    "vae-categorical": ("tasks.vae_categorical:CategoricalMnist", "VAE with categorical latents on MNIST digits"),
    "vae-categorical-fashion": (
        "tasks.vae_categorical:CategoricalFashion",
        "VAE with categorical latents on Fashion-MNIST",
    ),
    "vae-categorical-omniglot": (
        "tasks.vae_categorical:CategoricalOmniglot",
        "VAE with categorical latents on Omniglot characters",
    ),
    "mixture-vae": ("tasks.mixture_vae:MixtureVAE", "categorical latent that chooses a Gaussian one, on a pinwheel"),
    "gaussian-mixture": (
        "tasks.gaussian_mixture:GaussianMixture",
        "Bayesian mixture of Gaussians in the plane, categorical z; enumerated",
    ),
    "gaussian-mixture-20": (
        "tasks.gaussian_mixture_20:GaussianMixture20",
        "which of 20 Gaussians on a line, weights learned (Le et al. 2019); enumerated",
    ),
    "hmm": (
        "tasks.hmm:TrackedAnimal",
        "what a tracked animal does, a hidden Markov model; log p by the forward algorithm",
    ),
    "lda": ("tasks.lda:LDA", "latent Dirichlet allocation on a corpus; exact on tiny documents"),
    "mixture-vae-mnist": ("tasks.mixture_vae_images:MixtureMnist", "the mixed model on MNIST digits"),
    "mixture-vae-fashion": ("tasks.mixture_vae_images:MixtureFashion", "the mixed model on Fashion-MNIST"),
    "mixture-vae-omniglot": ("tasks.mixture_vae_images:MixtureOmniglot", "the mixed model on Omniglot characters"),
    "sbn-tiny": ("tasks.sbn_tiny:SBNTiny", "sigmoid belief network on five pixels, 1 to 3 layers; enumerated"),
    "sbn-mnist": ("tasks.sbn:SBNMnist", "sigmoid belief network, 200 Bernoulli latents per layer, on MNIST digits"),
    "sbn-fashion": ("tasks.sbn:SBNFashion", "sigmoid belief network on Fashion-MNIST"),
    "sbn-omniglot": ("tasks.sbn:SBNOmniglot", "sigmoid belief network on Omniglot characters"),
}

ALIASES: Final[dict[str, str]] = {}
