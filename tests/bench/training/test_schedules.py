"""Step-size schedules stay within [0, 1], and are what the papers, and PyTorch's schedulers, say."""

import itertools
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, LinearLR, LRScheduler, SequentialLR

from bench.errors import UsageError
from bench.training.schedules import Cosine, Exponential, RobbinsMonro, Schedule, Staged, parse_schedule

schedules: st.SearchStrategy[Schedule] = st.one_of(
    st.just(parse_schedule("constant")),
    st.builds(RobbinsMonro, st.floats(0.51, 1.0), st.floats(1e-3, 1e4)),
    st.builds(Staged, st.integers(2, 10), st.floats(0.5, 4.0)),
    st.builds(Cosine, st.floats(0.1, 1.0)),
    st.builds(Exponential, st.floats(0.999, 1.0)),
)


@given(schedules, st.integers(1, 5000))
def test_multipliers_start_at_one_and_never_rise(schedule: Schedule, steps: int) -> None:
    values = [schedule.multiplier(step, steps) for step in sorted({0, steps // 7, steps // 2, steps - 1})]
    assert values[0] == 1
    assert all(0 < later <= earlier for earlier, later in itertools.pairwise(values))


@given(st.floats(0.51, 1.0), st.floats(1.0, 1e3))
def test_robbins_monro_is_read_from_its_text(power: float, delay: float) -> None:
    assert parse_schedule(f"robbins-monro(power={power}, delay={delay})") == RobbinsMonro(power, delay)


def test_staged_is_burdas() -> None:
    schedule = parse_schedule("staged")
    steps = sum(3**stage for stage in range(8))
    found = [schedule.multiplier(step, steps) for step in range(steps)]
    assert [found.count(10 ** (-stage / 7)) for stage in range(8)] == [3**stage for stage in range(8)]


STEPS = 40


def of_torch(make: Callable[[torch.optim.Optimizer], LRScheduler]) -> list[float]:
    """Return the step sizes of a scheduler of PyTorch's, from 1 on."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, found = make(optimizer), list[float]()
    for _ in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def after_warmup(optimizer: torch.optim.Optimizer, then: LRScheduler) -> SequentialLR:
    return SequentialLR(optimizer, [LinearLR(optimizer, start_factor=0.2, total_iters=10), then], milestones=[10])


@pytest.mark.parametrize(
    ("text", "make"),
    [
        ("cosine", lambda o: CosineAnnealingLR(o, STEPS)),
        ("cosine(floor=0.1)", lambda o: CosineAnnealingLR(o, STEPS, eta_min=0.1)),
        ("exponential(decay=0.9)", lambda o: ExponentialLR(o, 0.9)),
        ("warmup(steps=10, start=0.2)", lambda o: LinearLR(o, 0.2, total_iters=10)),
        ("warmup(share=0.25, start=0.2)", lambda o: LinearLR(o, 0.2, total_iters=10)),
        ("warmup(steps=10, start=0.2, then=cosine)", lambda o: after_warmup(o, CosineAnnealingLR(o, STEPS - 10))),
        (
            "warmup(steps=10, start=0.2, then='exponential(decay=0.9)')",
            lambda o: after_warmup(o, ExponentialLR(o, 0.9)),
        ),
    ],
)
def test_step_sizes_are_those_of_torch(text: str, make: Callable[[torch.optim.Optimizer], LRScheduler]) -> None:
    schedule = parse_schedule(text)
    found = [schedule.multiplier(step, STEPS) for step in range(STEPS)]
    assert found == pytest.approx(of_torch(make), rel=1e-9, abs=1e-12)


def test_a_warmup_may_take_all_of_the_training() -> None:
    schedule = parse_schedule("warmup(steps=4, then=staged)")
    assert [schedule.multiplier(step, 4) for step in range(5)] == [0, 0.25, 0.5, 0.75, 1]
    assert schedule.fewest == 4
    assert parse_schedule("warmup(steps=4, then='warmup(steps=3)')").fewest == 7


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("cosine(floor=2)", "'floor' must be in \\[0, 1\\]; it is 2"),
        ("exponential(decay=0)", "'decay' must be in \\(0, 1\\]"),
        ("exponential(rate=0.9)", "no parameter 'rate'"),
        ("warmup", "needs either its steps or a share"),
        ("warmup(steps=5, share=0.1)", "needs either its steps or a share"),
        ("warmup(steps=-5)", "a whole number of at least 1, not -5"),
        ("warmup(steps=0.5)", "a whole number of at least 1, not 0.5"),
        ("warmup(share=2)", "'share' must be in"),
        ("warmup(steps=5, start=-1)", "'start' must be in"),
        ("warmup(steps=5, then=3)", "'then' must be a name, not 3"),
        ("warmup(steps=5, then=cosin)", "did you mean 'cosine'"),
        ("warmup(steps=5, then=cosine(floor=0.1))", "quote a value with blanks, commas, brackets"),
        ("constnat", "did you mean 'constant'"),
        ("robbins-monro(powr=1)", "did you mean 'power'"),
        ("robbins-monro(power=0.5)", "in \\(0.5, 1\\]"),
        ("robbins-monro(delay=0)", "positive delay"),
        ("robbins-monro(power=high)", "must be a number"),
        ("robbins-monro(power=true)", "must be a number"),
        ("staged(stages=1)", "at least 2 stages"),
        ("staged(stages=2.5)", "a whole number"),
        ("robbins-monro(delay=1e999)", "'delay' must be a finite number"),
        ("constant(a=1)", "no parameter 'a'"),
    ],
)
def test_mistakes_are_named(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        parse_schedule(text)


@given(st.text(max_size=30))
def test_any_text_is_a_schedule_or_refused(text: str) -> None:
    try:
        schedule = parse_schedule(text)
    except UsageError:
        return
    assert isinstance(schedule, Schedule)
