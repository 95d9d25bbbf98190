"""The parts of latent Dirichlet allocation: guides over a document's proportions of topics, and the model."""

from typing import final

import torch
from torch import Tensor, nn
from torch.distributions import Dirichlet, LogisticNormal

from tasks.base import Draw, Guide, Latents, SimulableModel
from tasks.exact.enumeration import vectors
from tasks.parts.networks import DiagonalNormal, Positive, hidden_layers


class TopicGuide(Guide):
    """q_φ(z|x) over a document's topic proportions z [T], from a network on its word counts; one site, `z`."""

    def __init__(self, terms: int, hidden: int) -> None:
        super().__init__()
        self.terms = terms
        self.layers = hidden_layers([terms, hidden])

    def features(self, x: Tensor) -> Tensor:
        """Return the hidden units, [B, hidden]; counts are divided by the root of the document's length."""
        present = (x >= 0).to(x.dtype)
        counts = x.new_zeros(len(x), self.terms).scatter_add(1, word_numbers(x), present)
        return self.layers(counts / present.sum(-1, keepdim=True).clamp(min=1).sqrt())


@final
class LogisticNormalGuide(TopicGuide):
    """z is the stick breaking of η ~ N(m_φ(x), diag σ_φ(x)²) over T − 1 dimensions (`torch.distributions`' own)."""

    def __init__(self, terms: int, topics: int, hidden: int) -> None:
        super().__init__(terms, hidden)
        self.head = DiagonalNormal(hidden, topics - 1)

    def parameters_at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return m and σ, each [B, T − 1]."""
        normal = self.head(self.features(x))
        return normal.mean, normal.stddev

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", LogisticNormal(*self.parameters_at(x), validate_args=False))


@final
class DirichletGuide(TopicGuide):
    """z ~ Dirichlet(concentration_φ(x))."""

    def __init__(self, terms: int, topics: int, hidden: int) -> None:
        super().__init__(terms, hidden)
        self.head = Positive(hidden, topics, 1)

    def concentration(self, x: Tensor) -> Tensor:
        """Return the concentration, [B, T]."""
        (concentration,) = self.head(self.features(x))
        return concentration

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", Dirichlet(self.concentration(x), validate_args=False))


@final
class TopicModel(SimulableModel):
    """z ~ Dirichlet(α), each word ~ Categorical(Σ_t z_t β_t): its topic is summed out. A document is a sequence.

    log α is `log_concentration` [T], β_t = softmax(`logits`_t) over the vocabulary [T, V].

    Args:
        topics: T.
        terms: V.
        length: words in a document that is drawn from the model.
    """

    def __init__(self, topics: int, terms: int, length: int) -> None:
        super().__init__()
        self.length = length
        self.log_concentration = nn.Parameter(torch.zeros(topics))
        self.logits = nn.Parameter(torch.randn(topics, terms))

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        return self.value(x, z["z"], z["z"].log())

    def value(self, x: Tensor, z: Tensor, log_z: Tensor) -> Tensor:
        """Return log p(x, z) in nats from z and log z, each [K, B, T], as [K, B]."""
        words = torch.einsum("kbt,tbn->kbn", z, self.logits.softmax(-1)[:, word_numbers(x)])
        return log_dirichlet(log_z, self.log_concentration.exp()) + torch.where(x >= 0, words.log(), 0.0).sum(-1)

    def prior(self, x: Tensor, draw: Draw) -> None:
        draw("z", Dirichlet(self.log_concentration.exp().expand(len(x), -1), validate_args=False))

    def simulate(self, z: Latents) -> Tensor:
        edges = (z["z"] @ self.logits.softmax(-1)).detach().cumsum(-1)[..., :-1].contiguous()
        uniform = torch.rand((*edges.shape[:-1], self.length), dtype=edges.dtype, device=edges.device)
        # The last edge is left out: rounding may put it below one.
        return torch.searchsorted(edges, uniform, right=True).to(edges.dtype)

    def log_evidence(self, x: Tensor) -> Tensor:
        """Return log p(x), [B], as a sum over every assignment of the words to topics, T^N of them.

        An absent word counts as one that every topic has with probability one, which leaves the sum as it is.
        """
        concentration = self.log_concentration.exp()
        length = x.shape[1]
        topics = vectors(len(concentration), length).to(x.device)
        counts = nn.functional.one_hot(topics, len(concentration)).to(x.dtype).sum(1)
        log_mass = (torch.lgamma(concentration + counts) - torch.lgamma(concentration)).sum(-1)
        total = concentration.sum()
        log_mass = log_mass + torch.lgamma(total) - torch.lgamma(total + length)
        log_word = torch.where(x >= 0, self.logits.log_softmax(-1)[:, word_numbers(x)], 0.0)
        log_words = log_word[topics, :, torch.arange(length, device=x.device)].sum(1)
        return torch.logsumexp(log_mass[:, None] + log_words, 0)


def log_dirichlet(log_z: Tensor, concentration: Tensor) -> Tensor:
    """Return log Dirichlet(z; concentration) from log z, over the last axis."""
    normaliser = torch.lgamma(concentration.sum(-1)) - torch.lgamma(concentration).sum(-1)
    return normaliser + ((concentration - 1) * log_z).sum(-1)


def word_numbers(x: Tensor) -> Tensor:
    """Return the words of documents x [B, N] as indices; an absent one as 0, to be left out by its −1 in x."""
    return x.long().clamp(min=0)
