"""Bayesian logistic regression: one q(w) for a whole table, learned from minibatches."""

import math
from typing import ClassVar, final, get_args

import torch
from torch import Tensor

from tasks.base import Data, Defaults, Draw, GlobalModel, Latents, Target, Task, is_elbo
from tasks.data import logistic
from tasks.data.logistic import SHAPES, Table, is_named
from tasks.data.rows import Rows, require_table
from tasks.exact.quadrature import importance_bound, normal_nodes
from tasks.numerics import log_sigmoid
from tasks.parts.guides import Covariance, SharedNormal
from tasks.parts.networks import diagonal_normal

_NODES = 513
"""Quadrature nodes per logit: 1e-8 nats while its standard deviation under q is below 30."""
_GRID = 129
"""Nodes per weight for the evidence of a table with two."""


@final
class LogisticModel(GlobalModel):
    """w ~ N(0, I), P(y_m = ±1|w) = sigmoid(±wᵀ x_m); nothing in it is learned.

    x is [1, M, F + 1]: F features, one of them constant, and y.
    """

    def __init__(self, rows: int, features: int) -> None:
        super().__init__()
        self.rows, self.features = rows, features

    def log_likelihood(self, x: Tensor, z: Latents) -> Tensor:
        return log_sigmoid(torch.einsum("bmd,kbd->kbm", x[..., :-1], z["z"]) * x[..., -1])

    def log_prior(self, z: Latents) -> Tensor:
        return -0.5 * z["z"].square().sum(-1) - 0.5 * self.features * math.log(2 * math.pi)

    def prior(self, x: Tensor, draw: Draw) -> None:
        zeros = x.new_zeros(1, self.features)
        draw("z", diagonal_normal(zeros, torch.ones_like(zeros)))


@final
class LogisticRegression(Task):
    """w ~ N(0, I), P(y = 1|x) = sigmoid(wᵀ x), q(w) = N(m, T Tᵀ), T diagonal with log σ = 0 at the start.

    q is shared by all rows: values are nats for the whole data set, and in a minibatch the likelihood counts N/|B|
    times. Targets that are not linear in log p(y, w), such as L_K, need all rows in a batch (`--batch-size`). The ELBO
    is exact in any dimension: under q a logit is Gaussian, so that each row is a quadrature in one dimension. The
    evidence is a quadrature for `toy`, which has two weights. Settings as in Mohamed, Rosca, Figurnov & Mnih (2020),
    except for the optimizer, the samples and the test set.

    Args:
        data: `breast-cancer` comes with scikit-learn; `australian`, `german`, `sonar` and `a9a` are read from the cache
            folder; `toy` is generated, 12 rows with one feature. Else the path of a CSV file (docs/your-data.md): what
            is in it is the identity of the data.
        covariance: of the guide, `diagonal` or `full`.
        target: the column of a CSV file to predict, with two values.
    """

    dtype = torch.float64
    unit = "nats for the whole dataset"
    references: ClassVar = {"elbo": "reparam", "iwae": "dreg"}
    checked = ({"data": "toy"}, {"data": "toy", "covariance": "full"})
    later = ("target",)
    defaults = Defaults(steps=2000, batch_size=32, guide_lr=1e-2, evaluation_samples=100)

    def __init__(
        self, data: Table | str = "breast-cancer", covariance: Covariance = "diagonal", target: str | None = None
    ) -> None:
        super().__init__()
        self.data, self.label = data, target
        rows, features = self._shape()
        self.model: LogisticModel = LogisticModel(rows, features)
        self.guide: SharedNormal = SharedNormal(torch.zeros(features, dtype=self.dtype), 0.0, covariance)

    def load(self) -> Data:
        rows = self._rows()
        return Data(rows.train, rows.test, rows.name, rows.note)

    def _rows(self) -> Rows:
        return logistic.load(self.data) if is_named(self.data) else logistic.load_own(self.data, self.label)

    def _shape(self) -> tuple[int, int]:
        """Return how many training rows and features there are; of a named table nothing is read for that.

        Raises:
            ValueError: there is no such table, or the target is not one of a file's.
        """
        require_table(self.data, self.label, get_args(Table))
        if is_named(self.data):
            return SHAPES[self.data].rows, SHAPES[self.data].features
        rows, columns = self._rows().train.shape
        return rows, columns - 1

    def require_data(self, data: Data) -> None:
        for split, labels in (("training", data.train[:, -1]), ("test", data.test[:, -1])):
            other = labels[labels.abs() != 1]
            if len(other):
                raise ValueError(
                    f"labels, the last column, must be −1 or 1; one of the {split} data is {float(other[0])}"
                )

    def prepare(self, raw: Tensor) -> Tensor:
        return raw[None]

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if is_elbo(target, samples):
            return self._elbo(x)
        if target == "evidence" and self.model.features == 2:
            return self._evidence(x)
        return None

    def _elbo(self, x: Tensor) -> Tensor:
        features, label = x[0, :, :-1], x[0, :, -1]
        mean, factor = self.guide.loc, self.guide.scale_tril(x)
        deviation = (features @ factor).square().sum(-1).sqrt()
        logits = features @ mean + deviation * normal_nodes(_NODES, x)[:, None]
        likelihood = self.model.scale(x) * importance_bound(log_sigmoid(label * logits), 1).sum()
        traces = mean.square().sum() + factor.square().sum() - len(mean)
        divergence = 0.5 * traces - self.guide.log_scale.sum()
        return (likelihood - divergence)[None]

    def _evidence(self, x: Tensor) -> Tensor:
        """Return log p(y), [1], by the trapezoidal rule over the prior's two noises."""
        noise = normal_nodes(_GRID, x)
        weights = torch.cartesian_prod(noise, noise)[:, None]
        log_mass = -0.5 * weights.square().sum(-1)
        log_mass = log_mass - torch.logsumexp(log_mass, 0)
        likelihood = self.model.scale(x) * self.model.log_likelihood(x, {"z": weights}).sum(-1)
        return torch.logsumexp(likelihood + log_mass, 0)
