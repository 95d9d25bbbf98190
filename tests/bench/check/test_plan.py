import warnings

import pytest
import torch

from bench.check.collect import collect
from bench.check.draws import Draws
from bench.check.estimators import estimator_subject, settled
from bench.check.gradient import GradientCheck
from bench.check.orderings import ORDERINGS, Ordering, OrderingCheck
from bench.check.plan import make_plan, registered_estimators
from bench.check.points import Point, task_subjects
from bench.check.run import Settings, run_plan
from bench.check.tiled import tiled
from bench.names.registry import ESTIMATORS, TASKS
from bench.training.settling import adapts
from tests.bench.check.samples import OneByOne, RefusesBadly, Scaled
from tests.museum.protocol import Plain


def point(task: str) -> Point:
    (subject,) = task_subjects(task)
    return Point(subject)


def test_every_registered_name_is_in_the_plan():
    everyone = make_plan(registered_estimators()[0], [point("gaussian-quadratic"), point("bernoulli-quadratic(dim=3)")])
    planned = set(everyone.checks) | {line.estimator for line in everyone.lines}
    assert set(ESTIMATORS.everything()) <= planned
    everywhere = collect(["reinforce"])
    tasks = {check.subject.partition("(")[0] for check in everywhere.checks["reinforce"]}
    tasks |= {line.subject.partition("(")[0] for line in everywhere.lines}
    assert set(TASKS.everything()) <= tasks


def test_points_leave_symmetry_and_do_not_depend_on_the_run():
    torch.manual_seed(0)
    first = point("bernoulli-quadratic(dim=3)").task.state_dict()["guide.logits"]
    torch.manual_seed(1)
    second = point("bernoulli-quadratic(dim=3)").task.state_dict()["guide.logits"]
    assert torch.equal(first, second)
    assert len(first.unique()) == 3


def test_samples_beside_the_fewest():
    (check, *_) = collect(["reinforce-loo"], ["gaussian-quadratic"]).checks["reinforce-loo"]
    assert isinstance(check, GradientCheck)
    assert check.samples == (2, 3)
    (check, *_) = collect(["iwae"], ["linear-gaussian(dim=3, n=8)"]).checks["iwae"]
    assert isinstance(check, GradientCheck)
    assert check.samples == (1,)


def test_samples_in_groups_are_not_a_refusal():
    (check, *_) = collect(["miwae"], ["lecture-weights"]).checks["miwae"]
    assert isinstance(check, GradientCheck)
    assert check.samples == (2, 4)


def test_a_target_of_its_own_is_not_taken_for_that_of_others():
    where = point("linear-gaussian(dim=1, n=8, perturbation=0.3)")
    plain, twice, thrice = (where.exact(estimator, 1) for estimator in (Plain(), Scaled(), Scaled(3.0)))
    torch.testing.assert_close(twice.row, 2 * plain.row)
    torch.testing.assert_close(thrice.row, 3 * plain.row)


def test_adaptive_state_has_left_its_start():
    estimator = settled(estimator_subject("reinforce-ema"), point("gaussian-quadratic"), 1)
    assert float(estimator.state_dict()["mass"]) == pytest.approx(1 - 0.9**20)


@pytest.mark.parametrize(("inner", "expected"), [("reinforce", False), ("reinforce-ema", True)])
def test_whoever_only_hands_on_what_it_sees_has_no_state(inner: str, expected: bool):
    assert adapts(estimator_subject(f"linear-cv(estimator={inner})").build()) is expected


def test_a_refusal_by_another_error_is_a_violation():
    (line,) = collect([RefusesBadly], ["gaussian-quadratic"]).lines
    assert line.verdict == "violated"
    assert "Unfit" in line.detail


def test_without_vmap_it_goes_on_one_by_one():
    plan = collect([OneByOne], ["gaussian-quadratic"])
    line = next(iter(run_plan(plan, Settings(tolerance=0.5, budget=20.0))))
    assert line.verdict == "pass"
    assert "vmap failed" in line.detail


@pytest.mark.parametrize(
    ("estimator", "task", "copies"),
    [
        ("reinforce", "gaussian-quadratic", 1024),
        ("reinforce", "sbn-tiny(layers=2, latent=2)", 1024),
        ("reinforce", "polynomial-regression(degree=1, n=4)", 1),
        ("miwae", "lecture-weights", 1),
    ],
)
def test_a_batch_of_many_copies_has_the_same_mean(estimator: str, task: str, copies: int):
    where = point(task)
    subject = estimator_subject(estimator)
    samples = 2 * subject.build().minimum_samples
    draws = Draws(where.task, settled(subject, where, samples), where.x, samples)
    many, each = tiled(draws, where)
    assert (each, len(many.x)) == (copies, copies * len(where.x))
    torch.manual_seed(0)
    once, often = draws.batch(20_000), many.batch(40)
    error = (once.var(0) / len(once) + often.var(0) / len(often)).sqrt()
    # Six standard errors of fewer than a hundred means: by chance in one of ten million runs.
    assert bool(((once.mean(0) - often.mean(0)).abs() <= 6 * error + 1e-12).all())


@pytest.mark.parametrize("ordering", ORDERINGS, ids=lambda o: f"{o.less}, {o.more}")
def test_orderings_hold(ordering: Ordering):
    assert OrderingCheck(ordering).run(1e-6, 0.1, 1.0, 0).verdict == "pass"


def test_a_wrong_ordering_is_found():
    wrong = Ordering("reinforce", 1, "reparam", 1, "gaussian-quadratic", "nothing")
    assert OrderingCheck(wrong).run(1e-6, 0.1, 1.0, 0).verdict == "violated"


def test_level_is_shared_by_all_tests():
    plan = collect(["reparam", "reinforce-loo"], ["gaussian-quadratic"])
    with warnings.catch_warnings():
        lines = list(run_plan(plan, Settings(tolerance=0.5)))
    assert plan.tests == sum(check.tests for checks in plan.checks.values() for check in checks) >= 10
    assert {line.verdict for line in lines if line.samples} == {"pass"}
