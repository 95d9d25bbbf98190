"""REBAR, RELAX and MuProp against enumeration; what they learn, and what that must not reach."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bench.machine.device import observations
from bench.measure.cost import count_evaluations
from bench.settings import Training
from bench.training.trainer import Trainer
from estimators.base import Estimator
from estimators.discrete.muprop import MuProp
from estimators.discrete.rebar import Rebar
from estimators.discrete.relax import Relax
from estimators.distributions.relaxed import BinaryRelaxation, OneHotRelaxation, Relaxation
from estimators.parts.relaxed_control import RelaxedControl
from estimators.score_function.reinforce import Reinforce
from tasks.base import Task
from tasks.latent_variables.sbn_tiny import SBNTiny
from tasks.toys.bernoulli_quadratic import BernoulliQuadratic
from tasks.toys.categorical_toy import CategoricalToy
from tests.estimators.exactness import misses
from tests.estimators.tiny import Bits, Choice
from tests.gradients import replicate


def bernoulli_quadratic() -> BernoulliQuadratic:
    task = BernoulliQuadratic(dim=3)
    task.guide.logits.data.copy_(torch.tensor([0.8, -1.5, 0.1]))
    return task


def categories() -> CategoricalToy:
    return CategoricalToy("cubic", classes=3, dim=2)


def three_layers() -> SBNTiny:
    """Return six bits in three layers."""
    torch.manual_seed(5)
    task = SBNTiny(layers=3, latent=2)
    task.initialise(task.load())
    return task


def prepared(estimator: Estimator, task: Task) -> Estimator:
    """Return the estimator with a network that is not zero, and a different η and λ for each site."""
    estimator.prepare(task, task.load().train[:1])
    torch.manual_seed(11)
    for value in estimator.parameters():
        value.data += 0.3 * torch.randn_like(value)
    return estimator.double()


TASKS: list[Callable[[], Task]] = [bernoulli_quadratic, categories, lambda: Bits(chained=True), Choice, three_layers]
MAKERS: list[Callable[[], Estimator]] = [
    Rebar,
    lambda: Relax(hidden=10),
    lambda: Relax(control="network", hidden=10),
    MuProp,
]
LEARNED = MAKERS[:3]


@pytest.mark.parametrize("build", TASKS)
@pytest.mark.parametrize("make", MAKERS)
def test_unbiased(make: Callable[[], Estimator], build: Callable[[], Task]):
    task = build()
    assert not misses(prepared(make(), task), task, samples=1, count=10_000)


@pytest.mark.parametrize("make", MAKERS)
def test_unbiased_with_several_samples(make: Callable[[], Estimator]):
    task = Choice()
    assert not misses(prepared(make(), task), task, samples=3)


def detached(self: Relaxation, hard: Tensor, uniform: Tensor) -> Tensor:
    return type(self)(self.logits.detach()).exact(hard, uniform)  # type: ignore[attr-defined]


def without_probabilities(self: Relaxation, hard: Tensor, uniform: Tensor) -> Tensor:
    return detached(self, hard, uniform) + self.logits - self.logits.detach()


@pytest.mark.parametrize("broken", [detached, without_probabilities])
@pytest.mark.parametrize(("family", "build"), [(BinaryRelaxation, bernoulli_quadratic), (OneHotRelaxation, categories)])
def test_a_conditional_sample_without_its_dependence_on_the_parameters_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
    family: type[Relaxation],
    build: Callable[[], Task],
    broken: Callable[[Relaxation, Tensor, Tensor], Tensor],
):
    monkeypatch.setattr(family, "exact", family.conditional, raising=False)
    monkeypatch.setattr(family, "conditional", broken)
    assert misses(Rebar(), build(), samples=1)


@pytest.mark.parametrize("make", LEARNED)
@pytest.mark.parametrize("build", [bernoulli_quadratic, categories])
def test_auxiliary_is_the_square_of_the_gradient(make: Callable[[], Estimator], build: Callable[[], Task]):
    """The logits of these tasks are their parameters, so that ĝ is the gradient itself."""
    task = build()
    estimate = prepared(make(), task)(task, task.load().train, 1)
    (gradient,) = torch.autograd.grad(estimate.surrogate.mean(), list(task.parameters()))
    assert estimate.auxiliary is not None
    torch.testing.assert_close(estimate.auxiliary.detach(), gradient.square().sum())


@pytest.mark.parametrize("make", LEARNED)
def test_auxiliary_has_the_gradient_of_the_square(make: Callable[[], Estimator]):
    """Finite differences in every η and λ, and in the network's first weights, with the same draws."""
    task = Choice()
    estimator = prepared(make(), task)

    def square() -> Tensor:
        torch.manual_seed(1)
        auxiliary = estimator(task, task.load().train, 2).auxiliary
        assert auxiliary is not None
        return auxiliary

    for parameter, slope in zip(
        estimator.parameters(), torch.autograd.grad(square(), list(estimator.parameters())), strict=True
    ):
        flat = parameter.data.view(-1)
        for index in range(min(3, len(flat))):
            values = []
            for step in (1e-5, -1e-5):
                flat[index] += step
                values.append(square().detach())
                flat[index] -= step
            torch.testing.assert_close((values[0] - values[1]) / 2e-5, slope.view(-1)[index], rtol=1e-4, atol=1e-6)


def learn(estimator: Estimator, task: Task, steps: int) -> None:
    optimizer = torch.optim.Adam(estimator.parameters(), lr=0.02)
    x = task.load().train
    torch.manual_seed(2)
    for _ in range(steps):
        auxiliary = estimator(task, x, 8).auxiliary
        assert auxiliary is not None
        optimizer.zero_grad()
        auxiliary.backward()
        optimizer.step()


def variance(estimator: Estimator, task: Task) -> float:
    x = task.load().train
    return float(replicate(task, estimator, x, count=10_000).matrix()[:, :-1].var(0).sum())


@pytest.mark.parametrize("make", LEARNED)
def test_learning_lowers_the_variance(make: Callable[[], Estimator]):
    task = bernoulli_quadratic()
    estimator = make()
    estimator.prepare(task, task.load().train)
    estimator.double()
    before = variance(estimator, task)
    learn(estimator, task, 150)
    assert variance(estimator, task) < 0.9 * before


def test_untuned_rebar_is_worse_than_reinforce_and_tuned_one_better():
    task = bernoulli_quadratic()
    plain = variance(Reinforce(), task)
    rebar = Rebar(temperature=0.05, scale=2.0).double()
    assert variance(rebar, task) > 1.5 * plain
    learn(rebar, task, 150)
    assert variance(rebar, task) < 0.7 * plain


def test_muprop_has_no_variance_for_a_linear_cost():
    task = CategoricalToy("linear", classes=3, dim=2)
    draws = replicate(task, MuProp(), task.load().train, count=100)
    assert draws.gradients["guide.logits"].std(0).max() < 1e-12


@pytest.mark.parametrize(
    ("make", "one", "three"), [(Rebar, 3, 7), (Relax, 3, 7), (lambda: Relax(control="network"), 1, 1), (MuProp, 2, 2)]
)
def test_evaluations(make: Callable[[], Estimator], one: int, three: int):
    for task, expected in ((bernoulli_quadratic(), one), (three_layers(), three)):
        x = observations(task, task.load().train)
        estimator = prepared(make(), task)
        with count_evaluations(task) as counted:
            estimator(task, x, 1)
        assert counted[0] == expected * len(x)
        assert estimator.evaluations(1) in (None, expected)


@pytest.mark.parametrize("make", LEARNED)
def test_what_is_learned_survives_a_checkpoint(make: Callable[[], Estimator]):
    settings = Training(6, 4, "adam", 0.01, 0.01, "constant")

    def trainer() -> Trainer:
        torch.manual_seed(3)
        task, estimator = Choice(), make()
        estimator.prepare(task, task.load().train)
        return Trainer(task, estimator.double(), task.load(), settings, 1)

    whole, first, second = trainer(), trainer(), trainer()
    start = {name: value.clone() for name, value in whole.estimator.state_dict().items()}
    for one, steps in ((whole, 6), (first, 3)):
        torch.manual_seed(4)
        for _ in range(steps):
            one.step()
    second.restore(first.state())
    for _ in range(3):
        second.step()
    found = second.estimator.state_dict()
    for name, value in whole.estimator.state_dict().items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0)
        assert not torch.equal(value, start[name])


@pytest.mark.parametrize("estimator", [Rebar(), Relax()])
def test_there_is_a_scale_and_a_temperature_for_each_site(estimator: Rebar | Relax):
    task = three_layers()
    estimator.prepare(task, task.load().train[:1])
    assert isinstance(estimator, RelaxedControl)
    assert estimator.scale is not None
    assert estimator.scale.shape == estimator.log_temperature.shape == (3,)
