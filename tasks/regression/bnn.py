"""A Bayesian neural network for regression (MacKay 1992; Neal 1996): one q(w) for a whole table."""

import math
from typing import ClassVar, final, get_args

import torch
from torch import Tensor

from tasks.base import Data, Defaults, Latents, Target, Task, is_elbo
from tasks.data import measured
from tasks.data.measured import SHAPES, Table, is_named
from tasks.data.rows import Rows, require_table
from tasks.exact.linear_regression import log_evidence
from tasks.exact.quadrature import normal_nodes, resolved
from tasks.parts.gaussian_regression import GaussianRegression
from tasks.parts.guides import SharedNormal
from tasks.parts.sizes import at_least

_LOG_2_PI = math.log(2 * math.pi)
_NODES = 129
"""Quadrature nodes per unit: 1e-9 nats while the standard deviation of what enters tanh is below 2."""
_GRID = 97
"""Nodes per weight of the evidence, where one unit has two."""
_LOG_SCALE = -2.0


@final
class NetworkModel(GaussianRegression):
    """y_m ~ N(f(x_m), σ²), f(x) = v₀ + Σ_h v_h tanh(u_hᵀ x / √F) / √H, all weights from N(0, α⁻¹).

    The roots keep f of the same size, however many features F (a constant one among them) and units H there are. log α
    is `log_precision` and log σ `log_noise`. The site `z` is [K, 1, H F + H + 1]: u_1, …, u_H, then v, then v₀.
    x is [1, M, F + 1]: features and y.
    """

    def __init__(self, rows: int, features: int, hidden: int) -> None:
        super().__init__(rows)
        self.features, self.hidden = features, hidden

    @property
    def weights(self) -> int:
        """Return how many weights there are."""
        return self.hidden * (self.features + 1) + 1

    def parts(self, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return u, [..., H, F], v, [..., H], and v₀, [...], of weights [..., W]."""
        inner = self.hidden * self.features
        return (
            weights[..., :inner].unflatten(-1, (self.hidden, self.features)),
            weights[..., inner:-1],
            weights[..., -1],
        )

    def log_likelihood(self, x: Tensor, z: Latents) -> Tensor:
        inner, outer, constant = self.parts(z["z"])
        units = torch.tanh(torch.einsum("bmf,kbhf->kbmh", x[..., :-1], inner) / math.sqrt(self.features))
        value = torch.einsum("kbmh,kbh->kbm", units, outer) / math.sqrt(self.hidden) + constant[..., None]
        return self.likelihood_value((x[..., -1] - value).square())


@final
class BNN(Task):
    """A network of one hidden layer with a Gaussian prior over its weights, q(w) a diagonal Gaussian.

    One q(w) is shared by all rows: values are nats for the whole data set, of a target in units of its deviation, and
    in a minibatch the likelihood counts N/|B| times. The precision of the prior and the noise are θ, which the ELBO
    chooses (type-II maximum likelihood). The ELBO is exact for any width: under q what enters a unit is Gaussian, and
    units are independent, so that the mean and the variance of f are sums of quadratures in one dimension. The
    evidence is exact for one unit and one feature: given u, the network is linear in v.

    Args:
        data: `diabetes` comes with scikit-learn; `toy` is generated, 12 rows with one feature. Else the path of a CSV
            file (docs/your-data.md): what is in it is the identity of the data.
        hidden: H, the number of units.
        target: the column of a CSV file to predict, a number.
    """

    dtype = torch.float64
    unit = "nats for the whole dataset"
    references: ClassVar = {"elbo": "reparam", "iwae": "dreg"}
    # Score functions are so noisy here that a check of them takes minutes; other regressions show what they do.
    checked = ()
    defaults = Defaults(steps=2000, batch_size=32, evaluation_samples=100)

    def __init__(self, data: Table | str = "diabetes", hidden: int = 50, target: str | None = None) -> None:
        super().__init__()
        at_least(1, hidden=hidden)
        self.data, self.label = data, target
        rows, features = self._shape()
        self.model: NetworkModel = NetworkModel(rows, features, hidden)
        # Units start apart, and v at zero: f is zero, and its gradient in v is not.
        start = torch.zeros(self.model.weights, dtype=self.dtype)
        start[: hidden * features] = torch.randn(hidden * features, dtype=self.dtype)
        self.guide: SharedNormal = SharedNormal(start, _LOG_SCALE)

    def load(self) -> Data:
        rows = self._rows()
        return Data(rows.train, rows.test, rows.name, rows.note)

    def _rows(self) -> Rows:
        return measured.load(self.data) if is_named(self.data) else measured.load_own(self.data, self.label)

    def _shape(self) -> tuple[int, int]:
        """Return how many training rows and features there are; of a named table nothing is read for that.

        Raises:
            ValueError: there is no such table, or the target is not one of a file's.
        """
        require_table(self.data, self.label, get_args(Table))
        if is_named(self.data):
            return SHAPES[self.data]
        rows, columns = self._rows().train.shape
        return rows, columns - 1

    def prepare(self, raw: Tensor) -> Tensor:
        return raw[None]

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if is_elbo(target, samples):
            return self._elbo(x)
        if target == "evidence" and (self.model.features, self.model.hidden) == (2, 1):
            return self._evidence(x)
        return None

    def _elbo(self, x: Tensor) -> Tensor:
        return resolved(self._elbo_by(x, normal_nodes(_NODES, x)), self._elbo_by(x, normal_nodes(_NODES, x)[::2]))

    def _elbo_by(self, x: Tensor, nodes: Tensor) -> Tensor:
        """Return the ELBO, [1], by the trapezoidal rule at values of a standard normal variable."""
        model, features = self.model, x[0, :, :-1]
        inner, outer, constant = model.parts(self.guide.loc)
        variance = torch.exp(2 * self.guide.log_scale)
        inner_variance, outer_variance, constant_variance = model.parts(variance)
        mean = features @ inner.mT / math.sqrt(model.features)
        deviation = (features.square() @ inner_variance.mT / model.features).sqrt()
        mass = torch.softmax(-0.5 * nodes.square(), 0)
        units = torch.tanh(mean + deviation * nodes[:, None, None])
        first, second = torch.einsum("n,nmh->mh", mass, units), torch.einsum("n,nmh->mh", mass, units.square())
        value = first @ outer / math.sqrt(model.hidden) + constant
        # Units are independent under q, and so are v_h of what they multiply.
        spread = (second @ (outer.square() + outer_variance) - first.square() @ outer.square()) / model.hidden
        square = (x[0, :, -1] - value).square() + spread + constant_variance
        likelihood = model.scale(x) * model.likelihood_value(square).sum()
        prior = model.prior_value(self.guide.loc.square().sum() + variance.sum())
        entropy = self.guide.log_scale.sum() + 0.5 * model.weights * (1 + _LOG_2_PI)
        return (likelihood + prior + entropy)[None]

    def _evidence(self, x: Tensor) -> Tensor:
        return resolved(self._evidence_by(x, normal_nodes(_GRID, x)), self._evidence_by(x, normal_nodes(_GRID, x)[::2]))

    def _evidence_by(self, x: Tensor, nodes: Tensor) -> Tensor:
        """Return log p(y), [1], by the trapezoidal rule over the prior's noises of u, and in closed form over v."""
        model = self.model
        noise = torch.cartesian_prod(nodes, nodes)
        log_mass = torch.log_softmax(-0.5 * noise.square().sum(-1), 0)
        inner = noise * torch.exp(-0.5 * model.log_precision)
        units = torch.tanh(x[0, :, :-1] @ inner.mT / math.sqrt(model.features)).mT
        features = torch.stack([units, torch.ones_like(units)], -1)
        given = log_evidence(features, x[0, :, -1], model.log_precision, model.log_noise, model.scale(x))
        return torch.logsumexp(log_mass + given, 0)[None]
