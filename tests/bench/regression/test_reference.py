"""Fresh gradient moments against the kept ones, and that broken estimators are told from them.

The kept moments are of `bench reference --write`. Fresh ones are drawn with another seed; a check of all of them
reports a change where there is none at most once in 1000 (`FALSE_ALARM`), and the seed is fixed.
"""

import dataclasses
import importlib
import re
import types
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from torch import Tensor

import estimators
from bench.errors import ResultsError
from bench.regression.check import FALSE_ALARM, changes, uncovered
from bench.regression.moments import Moment, Point, fitting, measure_moments, points, ready
from bench.regression.table import FILE, read_table, write_table
from estimators.base import Estimate, Estimator
from estimators.pathwise.reparam import Reparam
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.base import Task
from tests.bench.compare.noisy import NoisyReparam

KEPT = Path(__file__).resolve().parents[3] / "results" / "reference"
SHARE = 0.1
ALIKE = "linear-gaussian(dim=2, n=8, perturbation=0.03)"
"""Where the weights of samples are nearly equal."""


@pytest.fixture(scope="module")
def kept() -> list[Moment]:
    return read_table(KEPT)


@pytest.fixture(scope="module")
def small() -> list[Point]:
    return points()


@pytest.fixture(scope="module")
def fresh(small: list[Point]) -> list[Moment]:
    return [
        moment
        for point in small
        for name in fitting(point, list(estimators.INDEX))
        for moment in measure_moments(point, name, ready(name, point), SHARE, seed=1)
    ]


def test_fresh_moments_are_the_kept_ones(kept: list[Moment], fresh: list[Moment]) -> None:
    assert [str(change) for change in changes(kept, fresh)] == []


def test_every_estimator_is_covered(kept: list[Moment], fresh: list[Moment]) -> None:
    assert uncovered(kept, fresh) == [], "run `bench reference --write` and commit the table"


def test_the_table_is_small() -> None:
    assert (KEPT / "moments.csv").stat().st_size < 100_000


class _Changed(Estimator):
    """An estimator whose surrogate is altered."""

    inner: ClassVar[type[Estimator]] = Reparam
    targets = ("expectation", "elbo")
    formula = "wrong"
    paper = "none"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        estimate = self.inner().estimate(task, x, samples)
        return dataclasses.replace(estimate, surrogate=self.change(estimate.surrogate))

    def change(self, surrogate: Tensor) -> Tensor:
        return surrogate


class _WrongSign(_Changed):
    def change(self, surrogate: Tensor) -> Tensor:
        return -surrogate


class _WrongScale(_Changed):
    """K/(K − 1) forgotten at K = 2."""

    inner = ReinforceLOO

    def change(self, surrogate: Tensor) -> Tensor:
        return surrogate / 2


class _Detached(_Changed):
    def change(self, surrogate: Tensor) -> Tensor:
        return surrogate.detach() + 0 * surrogate


class _TwiceTheNoise(NoisyReparam):
    extra = 1.0


BROKEN: list[tuple[str, Callable[[], Estimator]]] = [
    ("reparam", _WrongSign),
    ("reinforce-loo", _WrongScale),
    ("reparam", _Detached),
    ("reparam", _TwiceTheNoise),
]


@pytest.mark.parametrize(("name", "broken"), BROKEN)
@pytest.mark.parametrize(
    "task",
    [
        "gaussian-cosine",
        "linear-gaussian(dim=2, n=8, perturbation=0.3)",
        "vae-mnist(data=5k, latent=2, hidden=8, depth=1)",
    ],
)
def test_a_broken_estimator_is_found(
    kept: list[Moment], small: list[Point], name: str, broken: Callable[[], Estimator], task: str
) -> None:
    point = next(point for point in small if point.name == task)
    found = changes(kept, list(measure_moments(point, name, broken().to(point.x), SHARE, seed=1)))
    assert found
    assert max(change.p for change in found) <= FALSE_ALARM


@pytest.mark.parametrize(
    ("name", "place", "before", "after", "task"),
    [
        ("ovis", "importance_weighted.ovis:OVIS", "1 - 1 / samples", "1 + 1 / samples", ALIKE),
        ("disarm-iw", "discrete.disarm:DisARMIW", "math.log(samples)", "0.0", "sbn-tiny"),
        ("double-cv", "discrete.double_cv:DoubleCV", "offsets[name] * others[name]", "offsets[name]", "sbn-tiny"),
    ],
)
def test_a_fault_in_the_variance_alone_is_found(
    kept: list[Moment], small: list[Point], name: str, place: str, before: str, after: str, task: str
) -> None:
    module, _, cls = f"estimators.{place}".partition(":")
    source = Path(importlib.import_module(module).__file__ or "").read_text()
    assert source.count(before) == 1
    broken = types.ModuleType("broken")
    exec(source.replace(before, after), vars(broken))
    point = next(point for point in small if point.name == task)
    estimator = ready(name, point)
    estimator.__class__ = getattr(broken, cls)
    assert "variance" in {
        change.moment for change in changes(kept, [*measure_moments(point, name, estimator, SHARE, 1)])
    }


def test_every_estimator_has_a_variance_of_its_own(kept: list[Moment]) -> None:
    """A hybrid's is that of what it is made of, and `enumerate` has none."""
    own = Counter(map(_point_of, kept))
    alone = {moment.estimator for moment in kept if moment.variance and own[_point_of(moment)] == 1}
    assert set(estimators.INDEX) - alone <= {"enumerate", "hybrid"}


def _point_of(moment: Moment) -> tuple[str, str, int, float]:
    return moment.task, moment.group, moment.samples, moment.variance


def test_the_table_survives_its_file(tmp_path: Path, fresh: list[Moment]) -> None:
    write_table(tmp_path, fresh)
    again = read_table(tmp_path)
    assert sorted(map(str, changes(again, fresh))) == []
    assert uncovered(again, fresh) == []
    write_table(tmp_path / "twice", again)
    assert (tmp_path / "twice" / "moments.csv").read_bytes() == (tmp_path / "moments.csv").read_bytes()


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="bench reference --write"):
        read_table(tmp_path)
    (tmp_path / "moments.csv").write_text("task,estimator\na,b\n")
    with pytest.raises(ResultsError, match="not a table of moments"):
        read_table(tmp_path)


@pytest.mark.parametrize("content", [None, "task,estimator\na,b\n"])
def test_a_damaged_table_can_be_made_again_where_it_is(content: str | None, tmp_path: Path) -> None:
    folder = tmp_path / "my moments"
    folder.mkdir()
    if content is not None:
        (folder / "moments.csv").write_text(content)
    with pytest.raises(ResultsError, match=re.escape(f"`bench reference --write --folder '{folder}'` makes it")):
        read_table(folder)


ROW = "ppca,reinforce,2,guide,100,1.0,0.9,1.1,0.1,0.01,0.2,0.01"


@pytest.mark.parametrize(
    "row",
    [
        ROW.removesuffix(",0.01"),
        f"{ROW},5",
        ROW.replace("0.2", "nan"),
        ROW.replace("0.2", "1e999"),
        ROW.replace("1.0", "-1.0"),
        ROW.replace("100", "0"),
        ROW.replace("guide", '"' + "a" * 200_000),
    ],
)
def test_a_damaged_row_is_refused(tmp_path: Path, row: str) -> None:
    names = ",".join(field.name for field in dataclasses.fields(Moment))
    (tmp_path / FILE).write_text(f"{names}\n{ROW}\n")
    assert len(read_table(tmp_path)) == 1
    (tmp_path / FILE).write_text(f"{names}\n{row}\n")
    with pytest.raises(ResultsError, match="is not a table of moments"):
        read_table(tmp_path)
