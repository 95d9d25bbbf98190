"""Time to a target, on trainings whose crossings are known: the objective of step t is t, or as said."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

import varbench
from bench.errors import ResultsError, UsageError
from bench.results.frames import records
from bench.results.reaching import COLUMNS, STRETCHES, time_to, time_to_blocks
from bench.results.schema import Record, TrainingRow
from bench.results.tables import Results, tidy
from tests.bench.results.samples import TRAINING, cell, gradient, limited, record

STEPS = TRAINING.steps
WINDOW = STEPS // STRETCHES
LAG = (WINDOW - 1) / 2
"""By so much the mean over the last steps of a straight line is behind it."""


def row(step: int, objective: float, **changes: object) -> TrainingRow:
    """Return a row of training that took a tenth of a second a step."""
    return replace(TrainingRow(step, step / 10, objective, 0.1, 1.0, 1.0, 1e-3, 1e-2), **changes)


def rows(objective: Callable[[int], float], every: int = 1, until: int = STEPS) -> list[TrainingRow]:
    return [row(step, objective(step)) for step in range(every, until + 1, every)]


def tidied(*records: Record) -> Results:
    return tidy(records)


def of_seeds(*shifts: float, **changes: object) -> list[Record]:
    """Return records of seeds whose objective is that of `shift` steps before."""
    return [
        record(cell(seed=seed, **changes), training=rows(lambda step, shift=shift: step - shift))
        for seed, shift in enumerate(shifts)
    ]


def test_the_first_crossing_of_a_line_is_known_to_the_step():
    (found,) = records(time_to(tidied(*of_seeds(0)), 40.0))
    assert found.steps == math.ceil(40 + LAG) == 42
    assert found.seconds == pytest.approx(4.2)
    assert (found.seeds, found.reached, found.left_out, found.window) == (1, 1, 0, WINDOW)
    assert found.best == STEPS - LAG


def test_rows_weigh_by_their_steps():
    """Rows of 1 and 3 steps with the values 0 and 1 have the mean 3/4."""
    training = [row(1, 0.0), row(4, 1.0), row(STEPS, 2.0)]
    whole = tidied(record(training=training))
    assert time_to(whole, 0.75)["steps"].item() == 4
    assert time_to(whole, 0.76)["steps"].item() == STEPS


def test_a_lucky_row_reaches_nothing():
    whole = tidied(record(training=rows(lambda step: step + 3.0 * (step == 20))))
    assert time_to(whole, 23.0)["steps"].item() == 23 + LAG + 0.5


def test_noise_reaches_nothing_by_luck_where_a_single_row_would():
    """With noise as large as the gain of five steps, the first single row that is high enough is four steps early."""
    noise = np.random.default_rng(0).normal(scale=5.0, size=(100, STEPS + 1))
    courses = [rows(lambda step, of=of: step + of[step]) for of in noise]
    lucky = [next(one.step for one in course if one.objective >= 50) for course in courses]
    assert np.median(lucky) <= 47
    found = time_to(tidied(*(record(cell(seed=seed), training=of) for seed, of in enumerate(courses))), 50.0)
    # The median of 100 with a deviation of 2.3 steps has a standard error of 0.3.
    assert abs(found["steps"].item() - (50 + LAG)) <= 1.5


def test_seeds_have_their_median_with_the_interval_of_order_statistics():
    shifts = [9, 1, 8, 2, 7, 3, 6, 4, 5, 0]
    (found,) = records(time_to(tidied(*of_seeds(*shifts)), 40.0))
    assert (found.steps, found.steps_low, found.steps_high) == (46.5, 43, 50)
    assert (found.seconds, found.seconds_low, found.seconds_high) == pytest.approx((4.65, 4.3, 5.0))
    assert found.coverage == pytest.approx(0.9785, abs=1e-4)


def test_seeds_that_never_reach_it_have_waited_for_ever():
    whole = tidied(*of_seeds(0, 1, 2, 3, 4, 500, 500))
    (found,) = records(time_to(whole, 40.0))
    assert (found.seeds, found.reached) == (7, 5)
    assert (found.steps, found.steps_low, found.steps_high) == (45, 42, math.inf)
    (line,) = time_to_blocks(time_to(whole, 40.0))[0].lines
    assert line[2:] == ["5 of 7 seeds", "45 [42, never]", "4.5 [4.2, never]"]
    whole = tidied(*of_seeds(0, 500, 500, 500, 500, 500, 500))
    (line,) = time_to_blocks(time_to(whole, 40.0))[0].lines
    assert line[2:] == ["1 of 7 seeds", "never [42, never]", "never [4.2, never]"]


def test_few_seeds_have_their_range_and_how_much_that_says():
    (block,) = time_to_blocks(time_to(tidied(*of_seeds(0, 1, 2)), 40.0))
    assert block.title.startswith("time to an objective of 40 nats per datapoint · vae-mnist")
    assert block.lines[0][2:] == ["3 of 3 seeds", "43 (42 to 44)", "4.3 (4.2 to 4.4)"]
    assert "round brackets are the range of few seeds, which holds the median in 75% of cases with 3" in block.notes


def test_who_never_gets_there_says_so_beside_who_does():
    slow = of_seeds(300, 300, estimator="reinforce", estimator_parameters={})
    (block,) = time_to_blocks(time_to(tidied(*of_seeds(0, 1), *slow), 40.0))
    assert [[str(line[0]).partition("(")[0], *line[2:4]] for line in block.lines] == [
        ["reinforce", "0 of 2 seeds", "never"],
        ["rebar", "2 of 2 seeds", "42.5 (42 to 43)"],
    ]


def test_a_cost_is_reached_from_above():
    of = record()
    assert of.final is not None
    cost = replace(of, final=replace(of.final, unit="cost"), training=rows(lambda step: 100.0 - step))
    found = time_to(tidied(cost), 30.0)
    assert found["steps"].item() == math.ceil(70 + LAG)
    assert found["best"].item() == LAG


def test_steps_with_another_weight_do_not_count():
    """While β rises the objective lies higher; it is of the target from the row behind the one where β is 1."""
    warm = cell(training=replace(TRAINING, kl_warmup="linear(steps=30)"))
    training = [row(step, 1000.0 if step <= 29 else step, beta=min(1.0, step / 29)) for step in range(1, STEPS + 1)]
    whole = tidied(record(warm, training=training))
    assert time_to(whole, 40.0)["steps"].item() == math.ceil(40 + LAG)
    # A stretch begins at step 30, anew: those of 30, 31 and 32 have the mean 31.
    assert time_to(whole, 31.0)["steps"].item() == 32


def test_a_diverged_seed_never_gets_there_and_a_limited_one_is_left_out():
    short = rows(float, until=30)
    lost = record(cell(seed=7), status="diverged", reason="the objective was nan", training=short, final=None)
    at_once = record(cell(seed=9), status="diverged", reason="the gradient was nan", training=[], final=None)
    cut = limited(cell(seed=8), training=rows(lambda step: 50.0 + step, until=20))
    failed = record(cell(seed=6), status="failed", reason="no", training=[], gradients=[], final=None)
    found = time_to(tidied(*of_seeds(0, 1, 2), lost, at_once, cut, failed), 40.0)
    (one,) = records(found)
    assert (one.seeds, one.reached, one.left_out) == (5, 3, 2)
    assert (one.steps, one.steps_high) == (44, math.inf)
    (block,) = time_to_blocks(found)
    assert "left out, since their training is not at its end: 2 seeds" in block.notes
    early = time_to(tidied(*of_seeds(0), lost), 20.0)
    assert early["reached"].item() == 2


def test_an_estimator_of_which_all_seeds_diverge_at_once_has_a_line():
    other = cell(estimator="reinforce", estimator_parameters={})
    lost = record(other, status="diverged", reason="the gradient was nan", training=[], final=None)
    (block,) = time_to_blocks(time_to(tidied(*of_seeds(0), lost), 40.0))
    assert [line[2:4] for line in block.lines] == [["0 of 1 seed", "never"], ["1 of 1 seed", "42"]]


def test_bounds_of_another_target_are_in_a_table_of_their_own():
    bound = [gradient("variance", 1.0, target="iwae")]
    tighter = [
        replace(one, gradients=bound)
        for samples in (5, 50)
        for one in of_seeds(0, estimator="iwae", estimator_parameters={}, samples=samples)
    ]
    blocks = time_to_blocks(time_to(tidied(*of_seeds(0), *tighter), 40.0))
    assert [block.title.rpartition(" · ")[2] for block in blocks] == ["target iwae", "target iwae", "target elbo"]
    assert [len(block.lines) for block in blocks] == [1, 1, 1]


def test_seconds_of_seeds_in_one_step_are_told_apart():
    of = record(training=rows(float))
    assert of.final is not None
    shared = replace(of, cell=cell(samples=4), final=replace(of.final, seeds_together=16))
    (block,) = time_to_blocks(time_to(tidied(of, shared), 40.0))
    assert any("share its time" in note for note in block.notes)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_is_a_number(value: float):
    with pytest.raises(UsageError, match="elbo must be a finite number"):
        time_to(tidied(*of_seeds(0)), value)


def test_a_value_out_of_reach_is_told_with_the_nearest():
    with pytest.raises(UsageError, match=r"no training reached 1000: the nearest .* is 98\.5 nats .*\(vae-mnist"):
        time_to(tidied(*of_seeds(0, 3)), 1000.0)


def relaxed() -> Sequence[TrainingRow]:
    return [replace(one, objective_of="relaxed") for one in rows(float)]


@pytest.mark.parametrize(
    ("of", "error", "message"),
    [
        (lambda: record(training=[]), ResultsError, "nothing was trained"),
        (lambda: record(training=relaxed()), UsageError, "of relaxed draws, which bound nothing"),
        (lambda: limited(training=rows(float, until=20)), ResultsError, "no training in these results is at its end"),
    ],
)
def test_what_has_no_time_is_refused_in_a_sentence(of: Callable[[], Record], error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        time_to(tidied(of()), 40.0)


def test_from_python_it_is_a_table_too():
    whole = tidied(*of_seeds(0, 1))
    shown = varbench.table(whole, "time-to", elbo=40)
    assert list(shown.columns) == ["table", "estimator", "K", "reached by", "steps", "training time (s)"]
    assert list(varbench.table(whole, "time-to", elbo=40, columns=["name", "steps"]).columns) == ["name", "steps"]
    assert list(time_to(whole, 40).columns) == list(COLUMNS)
    with pytest.raises(UsageError, match="time-to needs the value to be reached"):
        varbench.table(whole, "time-to")
