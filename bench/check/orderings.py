"""Variances that theory orders, and the test that they are so ordered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.check.deviations import quantile
from bench.check.estimators import estimator_subject
from bench.check.points import Point, task_subjects
from bench.check.variance_test import COUNT, GROUPS, group_variances, line_of
from bench.check.verdicts import Line
from bench.results.digits import apart


@dataclass(frozen=True)
class Ordering:
    """Var(`less`, K = `less_samples`) ≤ `factor` · Var(`more`, K = `more_samples`) on `task`, traces of covariances.

    Attributes:
        why: the theorem or calculation.
    """

    less: str
    less_samples: int
    more: str
    more_samples: int
    task: str
    why: str
    factor: float = 1.0


_MOMENTS: Final = "Gaussian moments in closed form"
_MEAN: Final = "a mean of K independent terms"
_RAO_BLACKWELL: Final = "Rao–Blackwell"
_BITS: Final = "bernoulli-quadratic(dim=3)"

ORDERINGS: Final[tuple[Ordering, ...]] = (
    Ordering("reparam", 1, "reinforce", 1, "gaussian-quadratic", _MOMENTS),
    Ordering("reinforce-loo", 2, "reinforce", 2, "gaussian-quadratic", _MOMENTS),
    Ordering("reinforce", 4, "reinforce", 1, "gaussian-quadratic", _MEAN, 0.25),
    Ordering("reparam", 4, "reparam", 1, "gaussian-quadratic", _MEAN, 0.25),
    Ordering("enumerate", 1, "reinforce", 1, _BITS, _RAO_BLACKWELL),
    Ordering("local-expectation", 1, "reinforce", 1, _BITS, _RAO_BLACKWELL),
    Ordering("disarm", 1, "arm", 1, _BITS, _RAO_BLACKWELL),
    Ordering("gumbel-rao", 1, "st-gumbel-softmax", 1, "categorical-toy(cost=cubic)", _RAO_BLACKWELL),
)


@dataclass(frozen=True)
class OrderingCheck:
    """Tests one ordering; `violated` says that the variance that should be smaller is larger."""

    ordering: Ordering

    @property
    def tests(self) -> int:
        """The number of tests that share the level of a run."""
        return 1

    @property
    def work(self) -> int:
        """See `Check`."""
        return 0

    @property
    def subject(self) -> str:
        """What a line of the report calls it."""
        o = self.ordering
        factor = "" if o.factor == 1 else f"{o.factor:g} × "
        return f"variance ≤ {factor}{o.more}, K={o.more_samples}, on {o.task}"

    def run(self, level: float, tolerance: float, seconds: float, seed: int) -> Line:
        """Return the verdict; `tolerance` and `seconds` play no part."""
        o = self.ordering

        def begin() -> Callable[[], str]:
            (subject,) = task_subjects(o.task)
            point = Point(subject, moved=False)
            return lambda: self._reversed(point, level)

        stream = (seed, "ordering", o.less, o.more, o.task)
        return line_of(o.less, self.subject, o.less_samples, 2 * COUNT, begin, *stream)

    def _reversed(self, point: Point, level: float) -> str:
        """Return what the variances are where the one that should be smaller is larger; else nothing."""
        o = self.ordering
        less = group_variances(estimator_subject(o.less), point, o.less_samples)
        more = group_variances(estimator_subject(o.more), point, o.more_samples) * o.factor
        error = ((less.var() + more.var()) / GROUPS).sqrt()
        if bool(less.mean() - more.mean() <= quantile(level, GROUPS) * error + 1e-9 * more.mean()):
            return ""
        texts = apart(float(less.mean()), float(more.mean()))
        return f"{texts[0]} against {texts[1]}: not ordered as by {o.why}"
