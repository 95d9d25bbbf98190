"""Variances that are known exactly, and the test that estimators have them: a constant that is wrong leaves no bias."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

import torch
from torch import Tensor

from bench.check import enumerated
from bench.check.deviations import quantile
from bench.check.estimators import estimator_subject
from bench.check.points import Point, task_subjects
from bench.check.variance_test import COUNT, GROUPS, group_variances, line_of
from bench.check.verdicts import Line
from bench.measure.replicates import gradient_of
from bench.results.digits import apart
from estimators.base import Evaluation, evaluate
from estimators.draw import Replayed, joint_states
from tasks.base import Task

Signals = Callable[[Tensor], tuple[Tensor, Tensor]]
"""f of K samples, [K, M], to the factors of ∇_φ log q(z_k) and of ∇_θ log p(x, z_k) in an estimate, [K, M] each."""


@dataclass(frozen=True)
class Known:
    """The trace of the covariance of one estimator with K = `samples` on `task`, for its first observation.

    Attributes:
        exact: returns it, from the task at the parameters where it is checked, and the observation.
        why: how it is known.
    """

    estimator: str
    samples: int
    task: str
    exact: Callable[[Task, Tensor], float]
    why: str


def _loo(f: Tensor) -> Tensor:
    return (f - (f.sum(0) - f) / (len(f) - 1)) / len(f)


def _bounds(f: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return weights w, the K-sample bound, and normalised weights w̃."""
    w = f.exp()
    return w, w.mean(0).log(), w / w.sum(0)


def _vimco(f: Tensor, guess: Tensor) -> tuple[Tensor, Tensor]:
    w, bound, share = _bounds(f)
    return bound - ((w.sum(0) - w + guess) / len(f)).log() - share, share


def _iwae_reinforce(f: Tensor) -> tuple[Tensor, Tensor]:
    _, bound, share = _bounds(f)
    return bound - share, share


def _ovis(f: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    w, bound, share = _bounds(f)
    others = ((w.sum(0) - w) / (len(f) - 1)).log()
    return bound - share - others + gamma * share - (1 - gamma) * torch.tensor(1 - 1 / len(f)).log(), share


def _others(values: Tensor) -> Tensor:
    return (values.sum(0) - values) / (len(values) - 1)


SIGNALS: Final[Mapping[tuple[str, int], Signals]] = {
    ("reinforce", 1): lambda f: (f, torch.ones_like(f)),
    ("reinforce-loo", 2): lambda f: (_loo(f), torch.full_like(f, 1 / len(f))),
    ("reinforce-loo", 3): lambda f: (_loo(f), torch.full_like(f, 1 / len(f))),
    ("iwae-reinforce", 2): _iwae_reinforce,
    ("vimco", 3): lambda f: _vimco(f, _others(f).exp()),
    ("vimco(mean=arithmetic)", 3): lambda f: _vimco(f, _others(f.exp())),
    ("ovis", 3): lambda f: _ovis(f, 0.0),
    ("ovis(gamma=1.0)", 3): lambda f: _ovis(f, 1.0),
    ("rws", 3): lambda f: (_bounds(f)[2], _bounds(f)[2]),
}
"""What is in front of the scores, by estimator and K, of those that only draw K samples of q; no logarithms needed."""


def by_enumeration(signals: Signals, samples: int) -> Callable[[Task, Tensor], float]:
    """Return a function of a task and one observation that sums over every outcome of K draws of a discrete guide."""

    def trace(task: Task, x: Tensor) -> float:
        def run() -> Evaluation:
            return evaluate(task, x, Replayed(joint_states(task.guide, x)))

        once = run()
        states = range(len(once.log_q))
        index = torch.tensor([*product(states, repeat=samples)]).T
        guide = torch.stack([gradient_of(run().log_q[state, 0], task) for state in states])
        model = torch.stack([gradient_of(run().model_value[state, 0], task) for state in states])
        with torch.no_grad():
            signal, share = signals(once.f[:, 0][index])
            rows = (signal[..., None] * guide[index] + share[..., None] * model[index]).sum(0)
            mass = once.log_q[:, 0].exp()[index].prod(0)
            return float(mass @ (rows - mass @ rows).square().sum(1))

    return trace


Outcomes = Callable[[Tensor, Callable[[Tensor], Tensor]], list[enumerated.Outcome]]


def _of_bits(outcomes: Outcomes) -> Callable[[Task, Tensor], float]:
    """Return the trace of a gradient in the logits of independent bits, given its outcomes."""
    return lambda task, _: _trace(enumerated.moments(outcomes(*_bits(task))))


def _bits(task: Task) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Return p and the cost of one vector of bits of `bernoulli-quadratic`."""
    (logits,) = task.guide.parameters()
    return logits.detach().sigmoid(), lambda b: task.model(b[:0], {"b": b}).detach()


def _trace(moments: tuple[Tensor, Tensor]) -> float:
    return float(moments[1].sum())


def _quadratic(trace: Callable[[float, float], float]) -> Callable[[Task, Tensor], float]:
    """Return the trace on `gaussian-quadratic` as a function of c = μ − k and σ."""

    def exact(task: Task, _: Tensor) -> float:
        values = {name: float(value.detach()) for name, value in task.named_parameters()}
        return trace(values["guide.loc"] - task.k, values["guide.scale"])  # pyright: ignore[reportArgumentType, reportOperatorIssue] - the one task

    return exact


_TOY: Final = "gaussian-quadratic"
_BITS: Final = "bernoulli-quadratic(dim=3)"
_SBN: Final = "sbn-tiny(layers=2, latent=2)"
_MOMENTS: Final = "Gaussian moments"
_SUM: Final = "a sum over all outcomes"

KNOWN: Final[tuple[Known, ...]] = (
    Known("reinforce", 1, _TOY, _quadratic(lambda c, s: 3 * c**4 / s**2 + 74 * c**2 + 89 * s**2), _MOMENTS),
    Known("reparam", 1, _TOY, _quadratic(lambda c, s: 4 * c**2 + 12 * s**2), _MOMENTS),
    Known("arm", 1, _BITS, lambda task, _: _trace(enumerated.arm_moments(*_bits(task))), _SUM),
    Known("disarm", 1, _BITS, _of_bits(enumerated.disarm), _SUM),
    Known("arms", 2, _BITS, _of_bits(enumerated.disarm), _SUM),
    Known("bitflip", 1, _BITS, _of_bits(enumerated.bitflip), _SUM),
    *(
        Known(name, samples, _SBN, by_enumeration(signals, samples), _SUM)
        for (name, samples), signals in SIGNALS.items()
    ),
)


@dataclass(frozen=True)
class VarianceCheck:
    """Tests one known variance; `violated` says that the estimator's is another."""

    known: Known

    @property
    def tests(self) -> int:
        """The number of tests that share the level of a run."""
        return 2

    @property
    def work(self) -> int:
        """See `Check`."""
        return 0

    @property
    def subject(self) -> str:
        """What a line of the report calls it."""
        return f"variance, K={self.known.samples}, on {self.known.task}"

    def run(self, level: float, tolerance: float, seconds: float, seed: int) -> Line:
        """Return the verdict; `tolerance` and `seconds` play no part."""
        known = self.known

        def begin() -> Callable[[], str]:
            (subject,) = task_subjects(known.task)
            point = Point(subject)
            point.x = point.x[:1]
            exact = known.exact(point.task, point.x)
            return lambda: self._another(point, exact, level)

        stream = (seed, "variance", known.estimator, known.samples, known.task)
        return line_of(known.estimator, self.subject, known.samples, COUNT, begin, *stream)

    def _another(self, point: Point, exact: float, level: float) -> str:
        """Return what the variance is where it is not the exact one; else nothing."""
        found = group_variances(estimator_subject(self.known.estimator), point, self.known.samples)
        error = float(found.std()) / GROUPS**0.5
        if abs(float(found.mean()) - exact) <= quantile(level, GROUPS) * error + 1e-9 * exact:
            return ""
        texts = apart(float(found.mean()), exact)
        return f"it is {texts[0]}, not {texts[1]}, known by {self.known.why}"
