"""Latent Dirichlet allocation: a document's proportions of topics are latent, its words' topics summed out."""

import math
from collections.abc import Mapping
from typing import ClassVar, Final, Literal, final, get_args

import numpy as np
import torch
from torch import Tensor

from tasks.base import Data, Defaults, Target, Task, is_elbo
from tasks.data import corpora, own_corpus
from tasks.exact.quadrature import importance_bound, interval_nodes, normal_nodes, resolved
from tasks.latent_variables.topic_model import (
    DirichletGuide,
    LogisticNormalGuide,
    TopicGuide,
    TopicModel,
    log_dirichlet,
)
from tasks.numerics import log_sigmoid

GuideFamily = Literal["logistic-normal", "dirichlet"]
CorpusOrGenerated = Literal["generated", "ap", "reuters"]

_ASSIGNMENTS: Final = 3**8
"""At most this many assignments of words to topics are enumerated."""

_NODES: Final = {1: 257, 2: 129, 3: 49}
"""Quadrature nodes per sample for the logistic-normal guide."""

_INTERVAL_NODES: Final = 513
_TRUE_CONCENTRATION: Final = 0.2
_SEED: Final = 20030301


@final
class LDA(Task):
    """Latent Dirichlet allocation (Blei, Ng & Jordan 2003): z ~ Dirichlet(α), words ~ Categorical(Σ_t z_t β_t).

    A document's topic proportions z are latent; the topic of each word is summed out, and the topics β are parameters θ
    with α. Documents are sequences: log p(x) has no multinomial coefficient. It is exact where T^L ≤ 3^8, L the longest
    document, and, by quadrature, for two topics; so are then the ELBO of either guide and, for K ≤ 3, L_K of the
    logistic-normal one. A logistic-normal guide is that of Srivastava & Sutton (2017), except for the stick breaking; a
    Dirichlet one has implicit pathwise gradients (Figurnov et al. 2018).

    Args:
        topics: T.
        guide: `logistic-normal` or `dirichlet`.
        data: `generated`, always the same: each of the 2·side topics is one row or column of a square of words
            (Griffiths & Steyvers 2004), α = 0.2; or from the cache folder `ap` (2021 documents and 225 to test, 10 473
            words) or `reuters` (355 and 40, 4258 words).
        hidden: units of the guide's hidden layer, tanh.
        side: of the square of words; this and `length` and `n` for generated documents only.
        length: words in each document.
        n: the number of documents in the training set, and in the test set.
        corpus: path of your own file in place of `data`, LDA-C or one text per line (docs/your-data.md); what
            is in it is the identity of the data.
    """

    dtype = torch.float64
    unit = "nats per document"
    references: ClassVar[Mapping[str, str]] = {"elbo": "reparam", "iwae": "iwae"}
    defaults = Defaults(
        steps=2000, batch_size=50, model_lr=2e-2, guide_lr=2e-3, replicates_cap=2000, evaluation_samples=500
    )
    checked = (
        {"topics": 2, "hidden": 3, "side": 2, "length": 5, "n": 8},
        {"topics": 2, "guide": "dirichlet", "hidden": 3, "side": 2, "length": 5, "n": 8},
        {"topics": 3, "hidden": 3, "side": 2, "length": 5, "n": 8},
    )
    later = ("corpus",)

    def __init__(
        self,
        topics: int = 10,
        guide: GuideFamily = "logistic-normal",
        data: CorpusOrGenerated = "generated",
        hidden: int = 50,
        side: int = 5,
        length: int = 50,
        n: int = 1000,
        corpus: str | None = None,
    ) -> None:
        super().__init__()
        if guide not in get_args(GuideFamily):
            raise ValueError(f"guide must be logistic-normal or dirichlet; it is '{guide}'")
        if data not in get_args(CorpusOrGenerated):
            raise ValueError(f"data must be generated, ap or reuters; it is '{data}'")
        if min(topics, side) < 2 or min(hidden, length, n) < 1:
            raise ValueError(
                "there must be at least 2 topics, a side of 2, 1 unit, 1 word and 1 document;"
                f" there are {topics}, {side}, {hidden}, {length}, {n}"
            )
        if corpus is not None and data != "generated":
            raise ValueError(f"corpus is a file that replaces data={data}: give only one of them")
        self.data: CorpusOrGenerated = data
        self.corpus = corpus
        self.topic_count, self.side, self.length, self.n = topics, side, length, n
        terms, words = side**2, length
        if corpus is not None:
            own = own_corpus.load(corpus)
            terms, words = own.terms, own.length
        elif data != "generated":
            source = corpora.SOURCES[data]
            terms, words = source.terms, source.length
        family = LogisticNormalGuide if guide == "logistic-normal" else DirichletGuide
        self.guide: TopicGuide = family(terms, topics, hidden)
        self.model: TopicModel = TopicModel(topics, terms, words)
        self.double()

    @property
    def is_generated(self) -> bool:
        """Whether documents are generated, so that words are places of a square."""
        return self.corpus is None and self.data == "generated"

    def load(self) -> Data:
        documents = self._documents()
        if documents is not None:
            return Data(documents.train, documents.test, documents.name, documents.note)
        train, test = torch.from_numpy(bars(2 * self.n, self.length, self.side, _SEED)).split(self.n)
        note = f"{self.n} documents of {self.length} words from {2 * self.side} bars, generator seed {_SEED}"
        return Data(train, test, f"bars-{self.n}", note)

    def words(self, raw: Tensor) -> Tensor:
        return (raw >= 0).sum(1)

    @torch.no_grad()
    def initialise(self, data: Data) -> None:
        """Start every topic near the words' frequencies in the training documents."""
        terms = self.model.logits.shape[1]
        counts = torch.bincount(data.train[data.train >= 0].long(), minlength=terms).to(self.model.logits)
        noise = torch.randn(self.model.logits.shape).to(self.model.logits)
        self.model.logits.copy_(((counts + 1) / (counts.sum() + terms)).log() + 0.5 * noise)

    def topics(self, count: int = 10) -> list[list[str]]:
        """Return the `count` most probable words of each topic, `word 17` where the corpus has no vocabulary."""
        words = self._vocabulary()
        best = self.model.logits.detach().topk(min(count, self.model.logits.shape[1])).indices.tolist()
        return [[words[number] if words else f"word {number}" for number in topic] for topic in best]

    def _documents(self) -> corpora.Documents | None:
        """Return the documents of a corpus; None where they are generated."""
        if self.corpus is not None:
            return own_corpus.load(self.corpus).documents
        return None if self.data == "generated" else corpora.load(self.data)

    def _vocabulary(self) -> list[str] | None:
        if self.corpus is not None:
            return own_corpus.load(self.corpus).vocabulary
        return None if self.data == "generated" else corpora.vocabulary(self.data)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target == "evidence" and self.topic_count ** x.shape[1] <= _ASSIGNMENTS:
            return self.model.log_evidence(x)
        if self.topic_count > 2:
            return None
        if target == "evidence":
            return self._evidence(x)
        if isinstance(self.guide, LogisticNormalGuide):
            known = target == "elbo" or (target == "iwae" and samples in _NODES)
            return self._logistic_normal_bound(self.guide, x, 1 if target == "elbo" else samples) if known else None
        if isinstance(self.guide, DirichletGuide) and is_elbo(target, samples):
            return self._dirichlet_elbo(self.guide, x)
        return None

    def _evidence(self, x: Tensor) -> Tensor:
        log_z, log_mass = _interval(x)
        terms = log_mass + self.model.value(x, log_z.exp(), log_z)
        return resolved(torch.logsumexp(terms, 0), torch.logsumexp(terms[::2] + math.log(2), 0))

    def _dirichlet_elbo(self, guide: DirichletGuide, x: Tensor) -> Tensor:
        log_z, log_mass = _interval(x)
        concentration = guide.concentration(x)
        log_q = log_dirichlet(log_z, concentration)
        terms = (log_mass + log_q).exp() * (self.model.value(x, log_z.exp(), log_z) - log_q)
        return resolved(terms.sum(0), 2 * terms[::2].sum(0))

    def _logistic_normal_bound(self, guide: LogisticNormalGuide, x: Tensor, samples: int) -> Tensor:
        noise = normal_nodes(_NODES[samples], x)[:, None]
        loc, scale = (value.squeeze(-1) for value in guide.parameters_at(x))
        u = loc + scale * noise
        log_z = log_sigmoid(torch.stack([u, -u], -1))
        # log q(z) is the Gaussian's density less log |dz₁/dη| = log z₁ + log z₂.
        log_q = -0.5 * noise.square() - scale.log() - 0.5 * math.log(2 * math.pi) - log_z.sum(-1)
        return importance_bound(self.model.value(x, log_z.exp(), log_z) - log_q, samples)


def _interval(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return log z, [N, B, 2], and log mass, [N, 1], of nodes on the simplex of two topics."""
    log_z, log_mass = interval_nodes(_INTERVAL_NODES, x)
    return log_z[:, None].expand(-1, len(x), -1), log_mass[:, None]


def bars(count: int, length: int, side: int, seed: int) -> np.ndarray:
    """Return documents of words from a square of side², [N, L], whose topics are its rows and its columns.

    A document's proportions are Dirichlet(0.2, …): few bars each, so that there is something to learn.
    """
    generator = np.random.default_rng(seed)
    proportions = generator.dirichlet(np.full(2 * side, _TRUE_CONCENTRATION), count)
    topic = (generator.random((count, length, 1)) > proportions.cumsum(1)[:, None, :-1]).sum(-1)
    along = generator.integers(0, side, (count, length))
    return np.where(topic < side, side * topic + along, side * along + topic - side).astype(np.int16)
