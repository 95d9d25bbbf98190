"""Ways of learning: who moves when, in which rows it is seen, and that EM climbs."""

import copy
import math
from itertools import pairwise

import pytest
import torch

from bench.errors import UsageError
from bench.execution.plan import Request, make_plan
from bench.machine.streams import seeded
from bench.names.spec import Spec
from bench.settings import Training
from bench.training.exact_gradient import ExactGradient
from bench.training.learning import Joint, VariationalEM, parse_learning
from bench.training.trainer import Trainer
from estimators.base import Estimator
from estimators.pathwise.reparam import Reparam
from estimators.score_function.nvil import NVIL
from tasks.base import Task
from tasks.latent_variables.linear_gaussian import LinearGaussian
from tasks.latent_variables.ppca import PPCA
from tasks.regression.polynomial_regression import PolynomialRegression

CPU = torch.device("cpu")


def trainer(
    task: Task, estimator: Estimator, learning: str, steps: int = 36, lr: float = 1e-2, samples: int = 1
) -> Trainer:
    data = task.load()
    settings = Training(steps, len(data.train), "sgd", lr, lr, "constant", learning=learning)
    return Trainer(task, estimator, data, settings, samples)


def test_blocks_and_rows_of_em():
    em = parse_learning("em(guide_steps=2, model_steps=1)")
    assert em == VariationalEM(2, 1)
    assert [em.updated(step) for step in range(6)] == ["guide", "guide", "model"] * 2
    rows, step = [], 0
    while step < 12:
        end = em.next_row(step, 6)
        rows.append((end, em.updated_between(step, end)))
        step = end
    assert rows == [(3, "both"), (5, "guide"), (6, "model"), (9, "both"), (11, "guide"), (12, "model")]
    assert [VariationalEM(2, 1).next_row(step, 1) for step in (0, 1, 2, 3)] == [2, 2, 3, 5]


def test_joint_rows_are_evenly_spaced():
    assert [Joint().next_row(step, 10) for step in (0, 9, 10)] == [10, 10, 20]
    assert Joint().updated_between(0, 10) == "both"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("emm", "there is no way of learning 'emm'; did you mean 'em'"),
        ("em(guides=2)", "way of learning 'em' has no parameter 'guides'"),
        ("em(guide_steps=0)", "'guide_steps' must be a whole number of at least 1, not 0"),
        ("em(model_steps=1.5)", "'model_steps' must be a whole number of at least 1, not 1.5"),
        ("joint(steps=1)", "way of learning 'joint' has no parameter 'steps'"),
    ],
)
def test_refusals(text: str, message: str):
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        parse_learning(text)


def test_em_needs_a_model_that_learns():
    request = Request((Spec("logistic-regression", {"data": "toy"}),), (Spec("reparam"),), learning="em")
    with pytest.raises(UsageError, match="--learning em alternates φ and θ; logistic-regression has no θ to learn"):
        make_plan(request)


def test_bounds_that_minibatches_bias_need_all_rows():
    task, iwae = Spec("logistic-regression", {"data": "toy"}), Spec("iwae")
    with pytest.raises(UsageError, match=r"iwae aims at iwae, .* give --batch-size 12, all rows"):
        make_plan(Request((task,), (iwae,), samples=(5,), batch_size=4))
    assert make_plan(Request((task,), (iwae, Spec("reparam")), samples=(5,), batch_size=4)).refused
    assert len(make_plan(Request((task,), (iwae,), samples=(5,), batch_size=12)).cells) == 1


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_one_group_rests_while_the_other_moves(optimizer: str):
    task = PPCA(3, 1, n=8)
    settings = Training(6, 4, optimizer, 1e-2, 1e-2, "constant", learning="em(guide_steps=2)")  # pyright: ignore
    run = Trainer(task, NVIL(), task.load(), settings, 1)
    for kind in ["guide", "guide", "model"] * 2:
        before = copy.deepcopy(task.state_dict())
        run.step()
        moved = {name.partition(".")[0] for name, value in task.state_dict().items() if not value.equal(before[name])}
        assert moved == {kind}


def test_the_table_says_which_group_moved():
    with seeded(CPU, 0):
        run = trainer(PPCA(3, 1, n=8), Reparam(), "em(guide_steps=2)", steps=6)
        list(run.run(6))
    assert [(row.step, row.updated) for row in run.rows] == [(2, "guide"), (3, "model"), (5, "guide"), (6, "model")]
    assert [math.isnan(row.gradient_norm_model) for row in run.rows] == [True, False] * 2
    assert [math.isnan(row.gradient_norm_guide) for row in run.rows] == [False, True] * 2


def test_a_row_is_not_cut_by_a_checkpoint():
    def rows(*stops: int) -> list[tuple[int, str, float]]:
        with seeded(CPU, 0):
            run = trainer(PPCA(3, 1, n=8), Reparam(), "em(guide_steps=5)", steps=12)
            for stop in stops:
                list(run.run(stop))
        return [(row.step, row.updated, row.objective) for row in run.rows]

    assert rows(12) == rows(3, 6, 7, 12)


def test_schedules_of_the_groups_are_separate():
    task = PPCA(3, 1, n=8)
    settings = Training(10, 4, "sgd", 1.0, 1.0, "constant", model_schedule="robbins-monro(power=1, delay=1)")
    run = Trainer(task, Reparam(), task.load(), settings, 1)
    for _ in range(4):
        run.step()
    rates = {group.name: group.step_size for group in run.optimizer.groups}
    assert rates == {"guide": 1.0, "model": 0.25}


def test_one_schedule_for_both_is_written_once():
    def training(**asked: str) -> tuple[str, str]:
        request = Request((Spec("ppca"),), (Spec("reparam"),), **asked)  # pyright: ignore[reportArgumentType]
        cell = make_plan(request).cells[0]
        return cell.training.schedule, cell.training.model_schedule

    assert training() == ("constant", "")
    assert training(schedule="staged") == training(model_schedule="staged", guide_schedule="staged") == ("staged", "")
    assert training(schedule="staged", model_schedule="constant") == ("staged", "constant")
    assert training(guide_schedule="staged") == ("staged", "constant")


TASKS = [
    lambda: PPCA(3, 2, n=20),
    lambda: PPCA(3, 2, n=20, guide="shared"),
    lambda: LinearGaussian(dim=2, n=20, perturbation=0.5),
    lambda: PolynomialRegression(degree=2, n=20),
]


@pytest.mark.parametrize("make", TASKS)
def test_em_with_exact_gradients_never_lowers_the_elbo(make):
    """Gradient ascent with a small step climbs in every E block, and in every M block."""
    with seeded(CPU, 3):
        run = trainer(make(), ExactGradient(), "em(guide_steps=3, model_steps=2)", steps=100, lr=1e-3)
    x = run.task.prepare(run.batches.rows)

    def elbo() -> float:
        value = run.task.exact("elbo", x, 1)
        assert value is not None
        return float(value.detach().mean())

    values = [elbo()]
    for stop in [end for cycle in range(20) for end in (5 * cycle + 3, 5 * cycle + 5)]:
        while run.progress.step < stop:
            run.step()
        values.append(elbo())
    gains = {"guide": values[1::2], "model": values[2::2]}
    assert all(later > earlier for earlier, later in pairwise(values)), gains


def test_em_with_stochastic_gradients_lowers_no_block_beyond_its_standard_error():
    """One of 39 differences is below −4.5 standard errors, with 38 degrees of freedom, in one of 1000 sound runs."""
    with seeded(CPU, 3):
        run = trainer(PPCA(3, 2, n=20), Reparam(), "em(guide_steps=20, model_steps=20)", 800, lr=2e-3, samples=5)
        list(run.run(800))
    assert [row.updated for row in run.rows] == ["guide", "model"] * 20
    for before, after in pairwise(run.rows):
        error = math.hypot(before.objective_se, after.objective_se)
        assert after.objective - before.objective > -4.5 * error
    assert run.rows[-1].objective > run.rows[0].objective + 0.5
