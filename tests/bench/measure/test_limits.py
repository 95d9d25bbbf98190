"""Numbers below rounding, numbers whose squares underflow or overflow, and events that no replicate saw."""

import math

import pytest
import torch
from torch import Tensor

from bench.measure import cost, point
from bench.measure.cosines import Cosines
from bench.measure.measure import Measured, measure
from bench.measure.metrics import gradient_metrics, nested_variances
from bench.measure.moments import GROUPS, Moments
from bench.measure.norms import squared_norm
from bench.measure.outcomes import NO_EVENT, unseen_outcomes
from bench.measure.point import Point
from bench.measure.reference import Reference, References, exact_reference
from bench.measure.replicates import LOOP, Replicator
from bench.measure.rounding import rounding_of
from bench.measure.rows import Whole
from bench.measure.stopping import Stopping
from bench.names.registry import ESTIMATORS
from bench.names.spec import parse_spec
from bench.statistics.intervals import EXACTLY_ZERO
from estimators.base import Estimator
from tasks.base import Task
from tasks.toys.bernoulli_quadratic import BernoulliQuadratic
from tasks.toys.gaussian import GaussianExponential, GaussianQuadratic
from tasks.toys.lecture_weights import LectureWeights
from tests.bench.measure import laws

CPU = torch.device("cpu")
CAP = Stopping(None, 0.05, 2000)
SLICES = {"all": slice(0, 2), "first": slice(0, 1)}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw in one chunk, and do not measure seconds for long."""
    monkeypatch.setattr(point, "chunk_size", lambda *_, **__: 200)
    monkeypatch.setattr(cost.seconds, "__defaults__", (0.0, 21))


def estimator(spec: str) -> Estimator:
    return ESTIMATORS.build(parse_spec(spec)).double()


def measured(task: Task, spec: str, *, samples: int = 1, stopping: Stopping = CAP) -> Measured:
    subject, x = estimator(spec), task.load().train[:4]
    reference = exact_reference(task, subject.target(task), x, samples)
    return measure(Point(task, subject, samples, x), References(reference), stopping, 0)


def moments_of(rows: Tensor) -> Moments:
    moments = Moments(rows.shape[1], rows.dtype, CPU)
    for chunk in rows.split(100):
        moments.update(chunk)
    return moments


@pytest.mark.parametrize("size", [2.0**-700, 2.0**-400, 2.0**400])
def test_metrics_are_those_of_ordinary_numbers_scaled(size: float) -> None:
    """Scaled by a power of two they are the same to the last digit, but for squares that no float64 holds."""
    rows = 0.3 + torch.randn(400, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    truth = torch.tensor([[0.1, 0.2]], dtype=torch.float64)
    usual = gradient_metrics(moments_of(rows), SLICES["all"], Reference(truth, None, ""))
    scaled = gradient_metrics(moments_of(size * rows), SLICES["all"], Reference(size * truth, None, ""))
    for name in ("bias", "relative_bias", "snr", "snr_mean"):
        factor = size if name == "bias" else 1.0
        for end in ("value", "low", "high"):
            assert getattr(scaled[name], end) == factor * getattr(usual[name], end)
    for name in ("variance", "mse"):
        assert scaled[name].value == usual[name].value * size * size
        assert scaled[name].high > 0


@pytest.mark.parametrize("size", [1e-30, 1e25])
def test_float32_squares_no_number_that_it_cannot(size: float) -> None:
    """More than 10 000 parameters have moments in float32, whose squares end at 1e−38 and 1e38."""
    rows = size * torch.randn(80, 12_000, generator=torch.Generator().manual_seed(0))
    variance = gradient_metrics(moments_of(rows), slice(0, 12_000), None)["variance"]
    assert variance.value == pytest.approx(float(rows.double().var(0).sum()), rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zeros_have_no_variance_however_they_are_kept(dtype: torch.dtype) -> None:
    metrics = gradient_metrics(moments_of(torch.zeros(80, 12_000, dtype=dtype)), slice(0, 12_000), None)
    assert set(metrics) == {"variance", "variance_mean"}
    assert metrics["variance"] == EXACTLY_ZERO


def test_a_coordinate_that_grows_keeps_its_moments() -> None:
    """Deviations of 1e−200 are followed by those of 1, and the other way round."""
    rows = torch.randn(400, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows[:200, 0] *= 1e-200
    rows[200:, 1] *= 1e-200
    for order in (rows, rows.flip(0)):
        variance = gradient_metrics(moments_of(order), SLICES["all"], None)["variance"]
        assert variance.value == pytest.approx(float(rows.var(0).sum()))


@pytest.mark.parametrize("size", [1e-200, 1e150])
@pytest.mark.parametrize("beside", [1.0, 1e-100])
def test_cosines_of_tiny_gradients(size: float, beside: float) -> None:
    """Each replicate, each coordinate and the reference may be of a size of its own."""
    rows = torch.tensor([[3.0, 4.0], [4.0, -3.0]] * 20, dtype=torch.float64)
    rows[::4] *= beside
    reference = Reference(torch.tensor([[6.0, 8.0]], dtype=torch.float64) * size, None, "")
    cosines = Cosines(reference, SLICES)
    counts = torch.full((GROUPS,), 2.0, dtype=torch.float64)
    cosines.close(Moments(2, torch.float64, CPU).read(Whole(rows * size), cosines.read))
    for name, truth in (("all", 0.5), ("first", 1.0)):
        found = cosines.interval(name, counts)
        assert found is not None
        assert found.value == pytest.approx(truth)


def test_the_cosine_of_gradients_whose_squares_vanish() -> None:
    """In one dimension it is the mean of signs, of which those of draws where f itself underflows are zero."""
    task = GaussianExponential(k=100.0)
    found = measured(task, "reinforce", stopping=Stopping(2000, 0.05, 1)).metrics["guide.loc"]["cosine"]
    torch.manual_seed(1)
    signs = -Replicator(task, estimator("reinforce"), 1).draw(task.load().train, 20_000)[:, 0].sign()
    error = math.hypot(found.se, float(signs.std()) / math.sqrt(20_000))
    assert abs(found.value - float(signs.mean())) < 5 * error
    assert 0.01 < found.se < 0.05


def test_minibatches_of_tiny_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    deviations = torch.rand(20, generator=generator, dtype=torch.float64) + 1
    means = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    usual, tiny = (nested_variances(size * deviations, size * means, 4) for size in (1.0, 2.0**-500))
    for name, interval in usual.items():
        assert tiny[name].value == interval.value * 2.0**-1000
        assert tiny[name].low < tiny[name].value < tiny[name].high


def test_rounding_is_what_operations_leave() -> None:
    """(x + 10⁸) − 10⁸ keeps eight of sixteen digits, a sum of outcomes all of them."""
    x = torch.tensor([0.3, 0.7], dtype=torch.float64)
    one = 1e8 * torch.finfo(torch.float64).eps
    lost = rounding_of(lambda: (x + 1e8) - 1e8, CPU)
    assert bool(((lost > one / 4) & (lost < 4 * one)).all())
    assert bool((rounding_of(lambda: torch.bernoulli(x).cumsum(0) + 1, CPU) == 0).all())


def test_the_random_stream_is_left_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    rounding_of(lambda: torch.rand(2), CPU)
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)


@pytest.mark.parametrize("scale", [1e-16, 1e-91])
def test_a_converged_toy_has_no_bias(scale: float) -> None:
    """At the minimum of (z − 3)² all noise, and the gradient in σ, is lost in the rounding of z."""
    found = measured(GaussianQuadratic(loc=3.0, scale=scale), "reparam").metrics
    for group in ("guide.loc", "guide.scale"):
        metrics = found[group]
        assert not {"relative_bias", "snr", "cosine"} & set(metrics)
        assert metrics["bias"].value == metrics["bias"].low == metrics["variance"].high == 0
        assert 1e-16 < metrics["bias"].high < 1e-13


def test_an_exact_estimator_agrees_up_to_rounding() -> None:
    """Enumerated and exact gradients differ in their last digits."""
    task = BernoulliQuadratic(t=0.3, dim=3)
    task.guide.logits.data.copy_(torch.tensor([-12.0, 0.3, 5.0]))
    metrics = measured(task, "enumerate").metrics["all"]
    for name in ("bias", "relative_bias"):
        assert metrics[name].value == metrics[name].low == 0
        assert 0 < metrics[name].high < 1e-12


def test_a_bias_above_rounding_stays() -> None:
    task = BernoulliQuadratic(dim=3)
    x = task.load().train
    exact = exact_reference(task, "expectation", x, 1)
    assert exact is not None
    wrong = Reference(exact.means + 1e-11, None, "", exact.rounding)
    metrics = measure(Point(task, estimator("enumerate"), 1, x), References(wrong), CAP, 0).metrics["all"]
    assert metrics["bias"].value == pytest.approx(1e-11 * math.sqrt(3), rel=1e-3)
    assert metrics["bias"].low > 0


def rare(logit: float) -> BernoulliQuadratic:
    task = BernoulliQuadratic()
    task.guide.logits.data.fill_(logit)
    return task


@pytest.mark.parametrize("spec", ["reinforce-loo", "disarm"])
@pytest.mark.parametrize("logit", [-14.0, 14.0])
def test_an_event_that_no_replicate_saw(spec: str, logit: float) -> None:
    """The other outcome has a probability of 8e−7: all 2000 replicates are zero, with probability 0.997."""
    found = measured(rare(logit), spec, samples=2)
    metrics = found.metrics["all"]
    assert found.replicates == 2000
    assert NO_EVENT in found.notes
    assert metrics["relative_bias"].value == pytest.approx(1)
    for name in ("bias", "relative_bias", "variance", "mse", "work_variance"):
        assert (metrics[name].low, metrics[name].high) == (0, math.inf)
    assert not {"snr", "cosine"} & set(metrics)


@pytest.mark.parametrize("stopping", [CAP, Stopping(40, 0.05, 1)])
def test_a_gradient_without_variance_stops_at_once(stopping: Stopping) -> None:
    """Enumerated outcomes are all seen; continuous latents differ in every replicate, and their noise cancels."""
    posterior = LectureWeights(loc=0.0, scale=1.0)
    for task, spec in ((rare(14.0), "enumerate"), (posterior, "stl"), (GaussianQuadratic(), "quadratic-cv")):
        found = measured(task, spec, stopping=stopping)
        group = found.metrics["guide"]
        assert group["variance"].high == 0
        assert group["bias"].high < 1e-9
        assert found.replicates <= 200 or "model" in found.metrics
        assert NO_EVENT not in found.notes


@pytest.mark.parametrize(("logit", "unseen"), [(0.0, False), (14.0, True)])
@pytest.mark.parametrize("chunk", [LOOP, 50])
def test_outcomes_are_compared_one_by_one_and_in_chunks(logit: float, unseen: bool, chunk: int) -> None:
    task = rare(logit)
    where = Point(task, estimator("reinforce"), 2, task.load().train)
    assert unseen_outcomes(where, Replicator(task, where.estimator, 2), chunk) is unseen


@pytest.mark.parametrize("replicates", [40, 100])
def test_heavy_tails_are_no_bias(replicates: int) -> None:
    """At most 6% of 1000 intervals begin above zero without a bias; at that, 1e−5 is the chance to fail.

    With the quantile of F as it is, 17% and 10% do in σ alone.
    """
    moments = laws.simulate(laws.SCORE, replicates, 1000, seed=11)
    for coordinate in (slice(0, 1), slice(1, 2), slice(0, 2)):
        means = (moments.mean - laws.SCORE.mean.repeat(1000)).unflatten(1, (1000, 2))[..., coordinate]
        found = [squared_norm(mean @ mean.T, moments.counts) for mean in means.unbind(1)]
        assert laws.covers(sum(interval.low == 0 for interval in found), 1000, 0.94, 1.0)


@pytest.mark.parametrize(("replicates", "warned"), [(40, True), (200, False)])
def test_few_replicates_are_said_to_be_few(replicates: int, warned: bool) -> None:
    notes = measured(GaussianQuadratic(), "reinforce", stopping=Stopping(replicates, 0.05, 1)).notes
    assert any("fewer than 200 replicates" in note for note in notes) is warned
