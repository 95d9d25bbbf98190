"""A hidden Markov model of a tracked animal: latents that are not independent given θ."""

import math
from collections.abc import Mapping
from typing import ClassVar, Final, Literal, final, get_args

import numpy as np
import torch
from torch import Tensor, nn

from tasks.base import Data, Defaults, Draw, Guide, Latents, SimulableModel, Target, Task, is_elbo
from tasks.exact.enumeration import STATES, exact_bound, joint_states
from tasks.parts.networks import dense, hidden_layers, one_hot

GuideFamily = Literal["markov", "mean-field"]

_FEATURES: Final = 3
_SEED: Final = 20120701


@final
class ChainGuide(Guide):
    """q_φ(z|x) = q(z_1|x) Π_t q(z_t|z_{t−1}, x) over one-hot z_t [S]; sites `z1` to `zT`.

    The logits of z_t are u_t(x) + A z_{t−1}, u from one network on the whole track and A `transition` [S, S]. A
    posterior has that form: p(z_t|z_{t−1}, x) ∝ p(z_t|z_{t−1}) p(x_t, …, x_T|z_t). A mean-field guide has no A.
    """

    def __init__(self, length: int, states: int, hidden: int, family: GuideFamily) -> None:
        super().__init__()
        self.shape = (length, states)
        self.network = nn.Sequential(hidden_layers([_FEATURES * length, hidden]), dense(hidden, length * states))
        self.transition = nn.Parameter(torch.zeros(states, states)) if family == "markov" else None

    def unary(self, x: Tensor) -> Tensor:
        """Return u, [B, T, S]."""
        step, angle = x.unbind(-1)
        features = torch.cat([step, angle.cos(), angle.sin()], -1)
        return self.network(features).unflatten(-1, self.shape)

    def forward(self, x: Tensor, draw: Draw) -> None:
        first, *rest = self.unary(x).unbind(1)
        state = draw(site(1), one_hot(first))
        for time, logits in enumerate(rest, 2):
            state = draw(site(time), one_hot(logits if self.transition is None else logits + state @ self.transition))


@final
class TrackModel(SimulableModel):
    """z_1 ~ Categorical(softmax(a)), z_t ~ Categorical(softmax(A_{z_{t−1}})); x_t = (log step length, turning angle).

    Given z_t = s, the log step length is N(m_s, scale_s²) and the turning angle, independent of it, wrapped Cauchy
    around `direction`_s with mean resultant length ρ_s = σ(`directedness`_s).
    """

    def __init__(self, length: int, states: int) -> None:
        super().__init__()
        self.length = length
        self.initial = nn.Parameter(torch.zeros(states))
        self.transition = nn.Parameter(torch.zeros(states, states))
        # States that start alike would stay alike.
        self.loc = nn.Parameter(torch.randn(states))
        self.log_scale = nn.Parameter(torch.zeros(states))
        self.direction = nn.Parameter(torch.zeros(states))
        self.directedness = nn.Parameter(torch.zeros(states))

    def prior(self, x: Tensor, draw: Draw) -> None:
        state = draw(site(1), one_hot(self.initial.expand(x.shape[0], -1)))
        for time in range(2, self.length + 1):
            state = draw(site(time), one_hot(state @ self.transition.log_softmax(-1)))

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        # Linear in each z_t: smooth at relaxed values.
        path = torch.stack([z[site(time)] for time in range(1, self.length + 1)], -2)
        log_initial = path[..., 0, :] @ self.initial.log_softmax(-1)
        moves = (path[..., :-1, :] @ self.transition.log_softmax(-1) * path[..., 1:, :]).sum((-2, -1))
        return log_initial + moves + (path * self.log_emission(x)).sum((-2, -1))

    def simulate(self, z: Latents) -> Tensor:
        with torch.no_grad():
            path = torch.stack([z[site(time)] for time in range(1, self.length + 1)], -2)
            loc, scale, direction, resultant = (
                path @ value for value in (self.loc, self.log_scale.exp(), self.direction, self.directedness.sigmoid())
            )
            step = loc + scale * torch.randn(loc.shape, dtype=loc.dtype, device=loc.device)
            uniform = torch.rand(loc.shape, dtype=loc.dtype, device=loc.device)
            return torch.stack([step, wrapped_cauchy(uniform, direction, resultant)], -1)

    def log_emission(self, x: Tensor) -> Tensor:
        """Return log p(x_t|z_t = s), [B, T, S]."""
        step, angle = (part[..., None] for part in x.unbind(-1))
        normal = -0.5 * ((step - self.loc) * torch.exp(-self.log_scale)).square() - self.log_scale
        resultant = self.directedness.sigmoid()
        spread = 1 + resultant.square() - 2 * resultant * torch.cos(angle - self.direction)
        cauchy = torch.log1p(-resultant.square()) - spread.log()
        return normal - 0.5 * math.log(2 * math.pi) + cauchy - math.log(2 * math.pi)

    def log_evidence(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats by the forward algorithm, [B]."""
        first, *rest = self.log_emission(x).unbind(1)
        forward = self.initial.log_softmax(-1) + first
        move = self.transition.log_softmax(-1)
        for emission in rest:
            forward = torch.logsumexp(forward[:, :, None] + move, 1) + emission
        return torch.logsumexp(forward, -1)


@final
class TrackedAnimal(Task):
    """The lecture's lion: what it does at each of T times is latent, and depends on what it did before.

    z_t is one of S activities, a Markov chain; x_t are step length and turning angle. A datapoint is a track of T
    steps. log p(x) is the forward algorithm's, the ELBO a recursion over q(z_t) for any T; L_K is exact while S^T is
    at most 4096. The `markov` guide can hold the posterior, the `mean-field` one cannot. Data: generated, the same
    always; three activities (rest, forage, travel).

    Args:
        states: S.
        length: T.
        guide: `markov`, or `mean-field`: z_1, …, z_T independent given x.
        hidden: units of the guide's hidden layer, tanh.
        n: the number of tracks in the training set, and in the test set.
    """

    dtype = torch.float64
    unit = "nats per track"
    references: ClassVar[Mapping[str, str]] = {"iwae": "iwae-reinforce"}
    defaults = Defaults(steps=2000, batch_size=50, model_lr=1e-2, guide_lr=3e-3, samples=2, replicates_cap=2000)
    checked = (
        {"states": 2, "length": 3, "hidden": 1, "n": 8},
        {"states": 2, "length": 2, "guide": "mean-field", "hidden": 2, "n": 8},
    )

    def __init__(
        self, states: int = 3, length: int = 12, guide: GuideFamily = "markov", hidden: int = 50, n: int = 500
    ) -> None:
        super().__init__()
        if guide not in get_args(GuideFamily):
            raise ValueError(f"guide must be markov or mean-field; it is '{guide}'")
        if min(states, length) < 2 or min(hidden, n) < 1:
            raise ValueError(
                "there must be at least 2 states, 2 steps, 1 unit and 1 track;"
                f" there are {states}, {length}, {hidden}, {n}"
            )
        self.states, self.length, self.n = states, length, n
        self.guide: ChainGuide = ChainGuide(length, states, hidden, guide)
        self.model: TrackModel = TrackModel(length, states)
        self.double()

    def load(self) -> Data:
        train, test = torch.from_numpy(tracks(2 * self.n, self.length, _SEED)).split(self.n)
        note = f"{self.n} tracks of {self.length} steps, generator seed {_SEED}"
        return Data(train, test, f"tracks-{self.n}", note)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target == "evidence":
            return self.model.log_evidence(x)
        if is_elbo(target, samples):
            return self._elbo(x)
        if target != "iwae" or self.states**self.length > STATES:
            return None
        one = torch.eye(self.states).to(x)
        paths = joint_states({site(time): one for time in range(1, self.length + 1)})
        return exact_bound(self.guide, self.model, x, paths, target, samples)

    def _elbo(self, x: Tensor) -> Tensor:
        """Return Σ_t E [log p(x_t, z_t|z_{t−1}) − log q(z_t|z_{t−1}, x)], from q's marginals one after the other."""
        emission, unary = self.model.log_emission(x), self.guide.unary(x)
        move = self.model.transition.log_softmax(-1)
        tie = torch.zeros_like(move) if self.guide.transition is None else self.guide.transition
        log_q = unary[:, 0].log_softmax(-1)
        marginal = log_q.exp()
        total = (marginal * (self.model.initial.log_softmax(-1) + emission[:, 0] - log_q)).sum(-1)
        for time in range(1, self.length):
            log_q = (unary[:, time, None] + tie).log_softmax(-1)
            pair = marginal[:, :, None] * log_q.exp()
            total = total + (pair * (move + emission[:, time, None] - log_q)).sum((-2, -1))
            marginal = pair.sum(1)
        return total


def site(time: int) -> str:
    """Return the name of the site of the activity at a time, from 1."""
    return f"z{time}"


def wrapped_cauchy(uniform: Tensor, direction: Tensor, resultant: Tensor) -> Tensor:
    """Return angles in (−π, π] around `direction`: the quantiles of a Cauchy variable, wrapped onto the circle."""
    angle = direction + 2 * torch.atan((1 - resultant) / (1 + resultant) * torch.tan(math.pi * (uniform - 0.5)))
    return torch.atan2(angle.sin(), angle.cos())


def tracks(count: int, length: int, seed: int) -> np.ndarray:
    """Return log step lengths and turning angles of an animal that rests, forages or travels, [N, T, 2]."""
    generator = np.random.default_rng(seed)
    moves = np.array([[0.85, 0.1, 0.05], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]]).cumsum(1)
    loc, scale = np.array([-2.0, 0.0, 1.5]), np.array([0.6, 0.5, 0.4])
    direction, resultant = np.array([math.pi, 0.0, 0.0]), np.array([0.2, 0.3, 0.85])
    state = generator.integers(0, 3, count)
    rows = []
    for _ in range(length):
        step = loc[state] + scale[state] * generator.standard_normal(count)
        uniform = generator.random(count)
        angle = wrapped_cauchy(*(torch.from_numpy(part) for part in (uniform, direction[state], resultant[state])))
        rows.append(np.stack([step, angle.numpy()], 1))
        state = (generator.random(count)[:, None] > moves[state, :-1]).sum(1)
    return np.stack(rows, 1)
