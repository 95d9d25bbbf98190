import time

import pytest
import torch

from bench.execution.measured import measured_steps
from bench.execution.meter import GradientMeter, KnownReferences, Where
from bench.measure.cost import cost_metrics, peak_memory, seconds, seconds_of_evaluation
from bench.measure.measure import measure
from bench.measure.point import Point
from bench.measure.reference import References
from bench.measure.replicates import Replicator
from bench.measure.stopping import Stopping
from bench.settings import Measurement
from bench.statistics.intervals import Interval
from estimators.base import Estimator
from estimators.discrete.enumerate import Enumerate
from estimators.evidence.sumo import SUMO, survival
from estimators.pathwise.reparam import Reparam
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.base import Task
from tasks.latent_variables.linear_gaussian import LinearGaussian
from tasks.toys.bernoulli_quadratic import BernoulliQuadratic
from tasks.toys.gaussian import GaussianQuadratic
from tests.bench.results.samples import cell

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("task", "estimator", "samples", "evaluations"),
    [
        (BernoulliQuadratic(dim=3), Enumerate(), 5, 8),
        (BernoulliQuadratic(dim=3), Reinforce(), 5, 5),
        (BernoulliQuadratic(dim=3), ReinforceLOO(), 4, 4),
        (GaussianQuadratic(), Reparam(), 1, 1),
        (LinearGaussian(dim=2), Reparam(), 3, 3),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Task | Estimator) else str(value),
)
def test_evaluations_are_counted_per_datapoint(task: Task, estimator: Estimator, samples: int, evaluations: int):
    x = task.load().train[:16]
    cost = cost_metrics(task, Replicator(task, estimator, samples), x)
    assert cost["evaluations"].value == cost["evaluations"].low == cost["evaluations"].high == evaluations
    assert 0 < cost["seconds"].low <= cost["seconds"].value <= cost["seconds"].high < 1
    assert cost["peak_memory"].value > 0


def test_evaluations_that_depend_on_chance_are_a_mean():
    """SUMO draws 1 + 𝒦 samples, Σ P(𝒦 ≥ k) = Σ_{k<80} 1/k + 9/80 + … = 5.08 of them beside the first.

    Five standard errors, as far as 300 replicates tell the standard error of a heavy tail.
    """
    task = LinearGaussian(dim=1)
    x = task.load().train[:4]
    found = measure(Point(task, SUMO(), 1, x), References(), Stopping(300, 0.05, 300), 0).metrics["all"]["evaluations"]
    truth = 1 + sum(survival(1000))
    assert truth == pytest.approx(6.078, abs=1e-2)
    assert abs(found.value - truth) < 5 * found.se
    assert 0.2 < found.se < 2
    assert found.low < found.value < found.high


def test_seconds_of_a_known_duration():
    """A sleep of 2 ms takes at least that long, and on a busy machine in the median less than ten times as long."""
    interval = seconds(lambda: time.sleep(0.002), CPU, budget=0.0)
    assert 0.002 <= interval.low <= interval.value <= interval.high
    assert interval.value < 0.02


def test_peak_memory_of_known_tensors():
    mega = 1 << 20
    kept = torch.zeros(mega, dtype=torch.uint8)

    def work() -> None:
        first = torch.zeros(mega, dtype=torch.uint8)
        second = first + kept
        del first
        third = torch.cat([second, second])
        view = third[10:]
        view.add_(1)

    # `first` and `second` at one time, `second` and `third` at another; views and what was there before are free.
    assert peak_memory(work, CPU) == 3 * mega


def test_peak_memory_of_a_gradient():
    """f = Σ tanh(W x)²: the activations that backward needs, the gradient, and few temporaries beside."""
    weight = torch.randn(256, 1024, requires_grad=True)
    x = torch.randn(1024, 512)

    def work() -> None:
        torch.autograd.grad((weight @ x).tanh().square().sum(), [weight])

    activation, gradient = 4 * 256 * 512, 4 * 256 * 1024
    # Forward keeps tanh's output while its square exists; backward holds it with two more of its size, or the result.
    peak = peak_memory(work, CPU)
    assert activation + gradient <= peak <= 4 * activation + gradient + 4096
    assert peak_memory(work, CPU) == peak


def test_memory_grows_with_samples():
    task = LinearGaussian(dim=5)
    x = task.load().train[:32]
    few, many = (cost_metrics(task, Replicator(task, Reparam(), k), x)["peak_memory"].value for k in (10, 100))
    # Activations are [K, 32, 5] in float64; nothing else grows.
    assert many - few >= 8 * 90 * 32 * 5
    assert many < 11 * few


def test_cost_is_relative_to_one_evaluation_of_the_model():
    """A model that sleeps 2 ms: a gradient that evaluates it once takes as long, or hardly longer."""
    task = BernoulliQuadratic(dim=3)
    task.model.register_forward_hook(lambda *_: time.sleep(0.002))
    found = cost_metrics(task, Replicator(task, Reinforce(), 1), task.load().train)["relative_cost"]
    assert 0.9 < found.low <= found.value <= found.high
    assert found.value < 5


def test_a_share_of_the_time_is_spent(monkeypatch: pytest.MonkeyPatch):
    """By a clock that moves by a second at each look: two for each of the first 21 runs, three for each further one."""
    now = iter(range(1_000_000))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(now)))
    runs = {share: len(_timed(share)) for share in (1.0, 0.5)}
    assert runs == {1.0: 3 + 21 + (300 - 42) / 3, 0.5: 3 + 21 + (150 - 42) / 3}


def _timed(share: float) -> list[None]:
    calls: list[None] = []
    seconds(lambda: calls.append(None), CPU, budget=300.0, share=share)
    return calls


def test_a_cell_shares_the_time_among_its_steps(monkeypatch: pytest.MonkeyPatch):
    shares: list[float] = []

    def noted(*arguments: object, share: float = 1.0, **options: object) -> Interval:
        shares.append(share)
        return Interval.exactly(1.0)

    monkeypatch.setattr("bench.measure.cost.seconds", noted)
    task = GaussianQuadratic()
    of = cell(
        task="gaussian-quadratic",
        task_parameters={},
        estimator="reinforce",
        estimator_parameters={},
        dtype="float64",
        measurement=Measurement("own", 40, 40, 0.05, 4, 5),
    )
    meter = GradientMeter(of, task, task.load(), KnownReferences())
    assert len(measured_steps(of)) == 4
    meter.measure(task, Reinforce(), Where(0), lambda *_: None)
    assert shares == pytest.approx([1 / 4, 0.04 / 4])


def test_an_evaluation_has_no_derivative_and_is_at_one_sample():
    task = LinearGaussian(dim=2)
    seen: list[tuple[bool, torch.Size]] = []
    task.model.register_forward_hook(lambda _, given, __: seen.append((torch.is_grad_enabled(), given[1]["z"].shape)))
    seconds_of_evaluation(task, task.load().train[:16])
    assert set(seen) == {(False, torch.Size([1, 16, 2]))}
