import math

import pytest
import torch

from bench.measure import point
from bench.measure.measure import LAUNCHES, _notes, _replicates, measure
from bench.measure.metrics import variance
from bench.measure.moments import GROUPS, Moments, nothing
from bench.measure.point import Point
from bench.measure.reference import References, exact_reference, monte_carlo_reference
from bench.measure.replicates import Replicator
from bench.measure.rows import Whole
from bench.measure.stopping import FIRST, Stopping, next_look
from estimators.base import Estimator
from estimators.discrete.enumerate import Enumerate
from estimators.pathwise.reparam import Reparam
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_ema import ReinforceEMA
from tasks.base import Task
from tasks.latent_variables.linear_gaussian import LinearGaussian
from tasks.toys.bernoulli_quadratic import BernoulliQuadratic
from tasks.toys.gaussian import GaussianQuadratic
from tests.bench.measure import laws
from tests.bench.measure.estimators import Branching

TASK = GaussianQuadratic()
X = TASK.load().train


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "measure"))


def measured(
    task: Task, estimator: Estimator, stopping: Stopping, x: torch.Tensor, *, seed=0, batches=(), evidence=None
):
    reference = exact_reference(task, estimator.target(task), x, 1)
    identity = (type(task).__name__, type(estimator).__name__)
    return measure(Point(task, estimator, 1, x, batches, identity), References(reference, evidence), stopping, seed)


@pytest.mark.parametrize(("estimator", "loc", "scale"), [(Reinforce(), 87, 346), (Reparam(), 4, 24)])
def test_known_moments(estimator: Estimator, loc: float, scale: float):
    """Closed forms of Mohamed et al. (2020); five standard errors, as far as the heavy tails let these be known."""
    found = measured(TASK, estimator, Stopping(100_000, 0.05, 1), X)
    assert found.replicates == 100_000
    for group, truth in (("guide.loc", loc), ("guide.scale", scale), ("all", loc + scale)):
        interval = found.metrics[group]["variance"]
        assert abs(interval.value - truth) < 5 * interval.se
        assert interval.se < 0.1 * truth
        assert found.metrics[group]["bias"].low == 0
        assert found.metrics[group]["relative_bias"].high < 0.2
    metrics = found.metrics["all"]
    assert abs(metrics["snr"].value - math.sqrt(20 / (loc + scale))) < 5 * metrics["snr"].se
    assert metrics["variance_mean"].value == pytest.approx(metrics["variance"].value / 2)
    assert metrics["variance_minibatch"].high == 0
    assert metrics["work_variance"].value == pytest.approx(metrics["variance"].value * metrics["seconds"].value)
    assert -1 < metrics["cosine"].low < metrics["cosine"].high < 1
    assert metrics["evaluations"].value == 1
    assert found.reference == "exact"


def test_an_exact_estimator():
    task = BernoulliQuadratic(dim=3)
    found = measured(task, Enumerate(), Stopping(None, 0.05, 20_000), task.load().train)
    metrics = found.metrics["all"]
    assert metrics["variance"].value == metrics["work_variance"].value == found.reached == 0
    assert metrics["snr"].value == math.inf
    assert metrics["bias"].high < 1e-12
    assert metrics["cosine"].value == pytest.approx(1)
    assert metrics["evaluations"].value == 8
    assert not any(math.isnan(m.value) for group in found.metrics.values() for m in group.values())
    assert found.replicates < 20_000


def test_a_loop_says_why():
    found = measured(TASK, Branching(), Stopping(100, 0.05, 1), X)
    assert found.chunk == 1
    assert len(found.notes) == 2
    assert found.notes[0].startswith("replicates were drawn one by one, since vmap failed: ")
    assert "item" in found.notes[0]


def test_seeds_repeat_and_nothing_outside_changes():
    estimator = ReinforceEMA()
    state = {name: value.clone() for name, value in estimator.state_dict().items()}
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    first = measured(TASK, estimator, Stopping(200, 0.05, 1), X)
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)
    again, other = (measured(TASK, estimator, Stopping(200, 0.05, 1), X, seed=seed) for seed in (0, 1))
    statistical = [name for name in first.metrics["guide.loc"] if name != "work_variance"]
    assert [first.metrics["all"][n] for n in statistical] == [again.metrics["all"][n] for n in statistical]
    assert first.metrics["all"]["variance"] != other.metrics["all"]["variance"]
    torch.testing.assert_close(estimator.state_dict(), state)


def test_minibatches_and_evidence():
    """The mean gradients of 64 batches are known, and with them the part of the variance due to the batch."""
    task = LinearGaussian(dim=2, n=256, perturbation=0.5)
    batches = list(task.load().train.split(4))
    evidence = exact_reference(task, "evidence", batches[0], 1)
    found = measured(task, Reparam(), Stopping(1000, 0.05, 1), batches[0], batches=batches, evidence=evidence)
    exact = [exact_reference(task, "elbo", batch, 1) for batch in batches]
    means = torch.stack([reference.mean for reference in exact if reference is not None])
    truth = float(means.var(0).sum())
    interval = found.metrics["all"]["variance_minibatch"]
    # The batches are the same ones, so that only the noise within them separates the estimate from this value.
    assert interval.low < truth < interval.high
    assert found.metrics["all"]["variance_sampling"].value > 0
    assert found.evidence == "exact"
    assert evidence is not None
    assert exact[0] is not None
    gap = float((exact[0].mean - evidence.mean).norm())
    assert found.metrics["all"]["bias_evidence"].low < gap < found.metrics["all"]["bias_evidence"].high
    assert set(found.metrics) == {"all", "guide", "model"}


def test_without_a_reference_there_is_no_bias():
    found = measure(Point(TASK, Reparam(), 1, X), References(), Stopping(100, 0.05, 1), 0)
    assert not {"bias", "relative_bias", "mse", "cosine"} & set(found.metrics["all"])
    assert found.reference == ""


def test_monte_carlo_reference_of_another_chunk_size(monkeypatch: pytest.MonkeyPatch):
    where = Point(TASK, Reparam(), 1, X)
    with monkeypatch.context() as patch:
        patch.setattr(point, "chunk_size", lambda *_, **__: 16)
        reference = monte_carlo_reference(where, "reparam", 0.01, 20_000, 0)
    found = measure(where, References(reference), Stopping(4000, 0.05, 1), 0)
    assert found.metrics["all"]["relative_bias"].low == 0
    assert found.metrics["all"]["relative_bias"].high < 0.1
    assert 0 < found.metrics["all"]["cosine"].low < found.metrics["all"]["cosine"].high < 1


class Source:
    """Stands in for a replicator: gradients of a known law."""

    def __init__(self, law: laws.Law, seed: int) -> None:
        self.law, self.size, self.slices = law, len(law.mean), {"all": slice(0, len(law.mean))}
        self.generator = torch.Generator().manual_seed(seed)

    def rows(self, _x: torch.Tensor, count: int) -> Whole:
        return Whole(self.law.draw((count, 1), self.generator)[:, 0])


def accumulated(law: laws.Law, seed: int, chunk: int, stopping: Stopping):
    moments, source = Moments(len(law.mean), torch.float64, torch.device("cpu")), Source(law, seed)
    for _ in _replicates(moments, source, X, chunk, stopping, lambda: False, lambda _: None, nothing):  # pyright: ignore[reportArgumentType]
        pass
    return moments


@pytest.mark.parametrize("law", [laws.GAUSSIAN_1, laws.PATHWISE], ids=["gaussian", "pathwise"])
def test_stopping_at_a_precision_keeps_the_coverage(law: laws.Law):
    covered, everything = 0, slice(0, len(law.mean))
    for seed in range(500):
        moments = accumulated(law, seed, 1024, Stopping(None, 0.1, 20_000))
        interval = variance(moments.summary(everything))
        covered += interval.low <= law.trace <= interval.high
        assert (interval.high - interval.low) / (2 * interval.value) <= 0.1 or moments.replicates == 20_000
    assert laws.covers(covered, 500)


@pytest.mark.parametrize("chunk", [1, 16, 39, 40, 1000])
@pytest.mark.parametrize("replicates", [40, 200, 1001])
def test_a_number_of_replicates_is_kept_to(chunk: int, replicates: int):
    moments = accumulated(laws.GAUSSIAN_1, 0, chunk, Stopping(replicates, 0.05, 1))
    assert moments.replicates == replicates
    assert float(moments.counts.min()) >= 2


@pytest.mark.parametrize("chunk", [1, 16, 1000])
def test_the_cap_holds(chunk: int):
    moments = accumulated(laws.SCORE, 0, chunk, Stopping(None, 1e-6, 1500))
    assert moments.replicates == 1500


def test_looks_are_few():
    assert next_look(200, 100.0) == 1600
    assert next_look(200, 2.0) == 840
    assert next_look(200, 1.01) == 250
    assert next_look(200, math.inf) == 1600
    assert GROUPS >= 20


def test_what_a_time_on_a_gpu_is_of_is_told() -> None:
    replicator = Replicator(TASK, Reinforce(), 1)
    gpu, cpu = (list(_notes({}, FIRST, replicator, torch.device(name))) for name in ("cuda", "cpu"))
    assert gpu == [LAUNCHES]
    assert cpu == []
