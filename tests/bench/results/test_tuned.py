"""`--select`: the best value on rows held back, and never on test data; what is said of the choice."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import pytest

from bench.errors import UsageError
from bench.execution.block import AXES
from bench.results.contest import SELECTABLE, Choice
from bench.results.frames import distinct
from bench.results.schema import Final, Record
from bench.results.tables import Results, tidy
from bench.results.tuned import tuned, varied
from tests.bench.results.samples import MEASUREMENT, TRAINING, cell, record

Grid = Mapping[float, Sequence[float | None]]
"""By a step size, what each seed ended with; None where it diverged."""


def _one(value: float | None, column: str, seed: int, settings: Mapping[str, Any], **of_cell: Any) -> Record:
    of = cell(seed=seed, training=replace(TRAINING, validation=0.1, **settings), **of_cell)
    if value is None:
        return record(of, status="diverged", reason="NaN", final=Final("nats", 3, diverged_at=3))
    usual: dict[str, Any] = {"train_elbo": -1.0, "test_elbo": -value, "evaluation_samples": 100}
    usual = {} if column == "objective" else usual
    unit = "cost" if column == "objective" else "nats"
    return record(of, final=Final(unit, 100, **{**usual, column: value}))


def _grid(found: Grid, column: str = "validation_elbo", **of_cell: Any) -> list[Record]:
    return [
        _one(value, column, seed, {"guide_lr": guide_lr}, **of_cell)
        for guide_lr, values in found.items()
        for seed, value in enumerate(values)
    ]


def _choice(found: Grid, column: str = "validation_elbo", by: str | None = None) -> Choice:
    (choice,) = tuned(tidy(_grid(found, column)), ["guide-lr"], by).choices
    return choice


def test_the_axes_are_those_of_a_grid() -> None:
    assert {*SELECTABLE} == {name.replace("_", "-") for name in AXES}


def test_the_best_mean_over_seeds_is_chosen() -> None:
    found = tuned(tidy(_grid({0.1: [-5.0, -5.0], 0.01: [-4.0, -5.0], 0.001: [-9.0, -1.5]})), ["guide-lr"])
    assert list(map(str, found.choices)) == ["0.01"]
    assert set(found.results.final["training_guide_lr"]) == {0.01}
    assert list(found.results.final["seed"]) == [0, 1]
    cells = set(found.results.final["cell"])
    assert set(found.results.gradients["cell"]) == set(found.results.training["cell"]) == cells
    assert found.notes() == [
        "guide-lr chosen for each estimator by its ELBO on rows held back from training, mean over seeds",
        "chosen on vae-mnist: rebar 0.01",
    ]


@pytest.mark.parametrize(
    ("by", "column"), [("elbo", "validation_elbo"), ("iwae", "validation_log_likelihood"), (None, "validation_elbo")]
)
def test_it_is_chosen_by_what_is_asked(by: str | None, column: str) -> None:
    assert _choice({0.1: [-5.0], 0.01: [-4.0], 0.001: [-6.0]}, column, by).column == column


def test_test_data_have_no_part_in_it() -> None:
    results = tidy(_grid({0.1: [-5.0, -5.0], 0.01: [-4.0, -5.0], 0.001: [-6.0, -6.0]}))
    expected = [str(choice) for choice in tuned(results, ["guide-lr"]).choices]
    names = [field.name for field in fields(Final) if field.name.startswith("test") or field.name == "active_units"]
    for poison in (float("nan"), float("inf"), -1e9):
        worst = results.final["training_guide_lr"] == 0.1
        poisoned = results.final.assign(
            **{name: [poison if is_worst else 0.0 for is_worst in worst] for name in names if name != "active_units"},
            # Of a β-VAE, the objective is of test data.
            objective=poison,
            train_elbo=float("nan"),
        )
        found = tuned(replace(results, final=poisoned), ["guide-lr"])
        assert [str(choice) for choice in found.choices] == expected
        poisoned = poisoned.assign(validation_objective=results.final["validation_elbo"])
        found = tuned(replace(results, final=poisoned), ["guide-lr"], "objective")
        assert [choice.configuration for choice in found.choices] == [
            choice.configuration for choice in tuned(results, ["guide-lr"]).choices
        ]


def test_a_cost_is_best_where_it_is_least() -> None:
    choice = _choice({0.1: [2.0], 0.01: [1.0], 0.001: [3.0]}, "objective")
    assert (str(choice), choice.column) == ("0.01", "objective")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({0.1: [-1.0], 0.01: [-2.0], 0.001: [-3.0]}, "0.1 (at the upper edge of the grid)"),
        ({0.1: [-3.0], 0.01: [-2.0], 0.001: [-1.0]}, "0.001 (at the lower edge of the grid)"),
        # Numbers count as numbers.
        ({10.0: [-3.0], 9.0: [-1.0], 1.0: [-2.0]}, "9"),
        # What diverged is an edge that was seen.
        ({0.1: [None], 0.01: [-1.0], 0.001: [-2.0]}, "0.01 (left out because seeds diverged or failed: 0.1)"),
        (
            {0.1: [-1.0, None], 0.01: [-2.0, -2.0], 0.001: [-3.0, -3.0]},
            "0.01 (left out because seeds diverged or failed: 0.1)",
        ),
        (
            {0.1: [-1.0, None, -1.0], 0.01: [-2.0, None, None]},
            "0.1 (at the upper edge of the grid; left out because seeds diverged or failed: 0.01; "
            "every value has a seed that diverged or failed)",
        ),
        (
            {0.1: [-3.0, -3.0, 9.0], 0.01: [-2.0, -2.0], 0.001: [-4.0, -4.0]},
            "0.01 (compared over 2 seeds that all have)",
        ),
        ({0.1: [-2.0], 0.01: [-2.0], 0.001: [-2.5]}, "0.01 (tied with 0.1)"),
        ({0.1: [float("nan")], 0.01: [-2.0], 0.001: [-2.5]}, "0.01 (left out because seeds diverged or failed: 0.1)"),
    ],
    ids=["upper", "lower", "numbers", "diverged", "a seed", "all diverged", "missing", "tied", "nan"],
)
def test_what_is_said_of_a_choice(found: Grid, said: str) -> None:
    assert str(_choice(found)) == said


def test_where_nothing_ended_that_is_said() -> None:
    both = _grid({0.1: [None], 0.01: [None]}) + _grid({0.1: [-1.0], 0.01: [-2.0]}, estimator="reinforce")
    choices = [str(choice) for choice in tuned(tidy(both), ["guide-lr"]).choices]
    assert "every value has a seed that diverged or failed" in choices[0]
    assert choices[1] == "0.1 (at the upper edge of the grid)"


def test_seeds_that_have_none_in_common_are_not_mixed() -> None:
    of_seed = {0.1: {0: -5.0, 1: -5.0}, 0.01: {2: -1.0}}
    records = [
        _one(value, "validation_elbo", seed, {"guide_lr": guide_lr})
        for guide_lr, values in of_seed.items()
        for seed, value in values.items()
    ]
    (choice,) = tuned(tidy(records), ["guide-lr"]).choices
    assert choice.chosen == ("0.1",)


def test_each_estimator_task_and_k_has_its_own() -> None:
    grids = [
        _grid({0.1: [-1.0], 0.01: [-2.0]}),
        _grid({0.1: [-2.0], 0.01: [-1.0]}, estimator="reinforce"),
        _grid({0.1: [-2.0], 0.01: [-1.0]}, samples=5),
        _grid({0.1: [2.0], 0.01: [1.0]}, "objective", task="gaussian-quadratic"),
    ]
    found = tuned(tidy([one for grid in grids for one in grid]), ["guide-lr"])
    assert [choice.chosen for choice in found.choices] == [("0.1",), ("0.01",), ("0.01",), ("0.01",)]
    notes = found.notes()
    assert "chosen on gaussian-quadratic: rebar 0.01 (at the lower edge of the grid)" in notes
    assert any("final objective (an expectation" in note for note in notes)
    assert any("rebar, K = 1 0.1" in note and "rebar, K = 5 0.01" in note for note in notes)


def test_what_else_was_set_is_kept_apart_or_chosen_too() -> None:
    found = {(0.1, 1e-3): -3.0, (0.1, 1e-2): -1.0, (0.01, 1e-3): -2.0, (0.01, 1e-2): -4.0}
    results = tidy(
        [
            _one(value, "validation_elbo", 0, {"guide_lr": guide, "model_lr": model})
            for (guide, model), value in found.items()
        ]
    )
    one = tuned(results, ["guide-lr"])
    assert sorted(choice.chosen for choice in one.choices) == [("0.01",), ("0.1",)]
    assert len(distinct(one.results.final, "training_model_lr")) == 2
    (both,) = tuned(results, ["guide-lr", "model-lr"]).choices
    assert str(both) == (
        "guide-lr 0.1, model-lr 0.01 (guide-lr at the upper edge of the grid; model-lr at the upper edge of the grid)"
    )


@pytest.mark.parametrize(
    ("axis", "settings", "value"),
    [
        ("optimizer", [{"optimizer": "adam"}, {"optimizer": "sgd"}], "sgd"),
        ("kl-warmup", [{}, {"kl_warmup": "linear(steps=50)"}], "linear(steps=50)"),
        ("clip-norm", [{}, {"clip_norm": 2.0}], "2"),
        ("batch-size", [{"batch_size": 8}, {"batch_size": 100}], "100"),
        ("learning", [{}, {"learning": "em(guide_steps=5, model_steps=1)"}], "em(guide_steps=5, model_steps=1)"),
        ("schedule", [{}, {"schedule": "robbins-monro"}], "robbins-monro"),
        ("schedule", [{}, {"schedule": "staged", "model_schedule": "robbins-monro"}], "staged and robbins-monro"),
        # That of θ stays what it is.
        ("guide-schedule", [{}, {"schedule": "robbins-monro", "model_schedule": "constant"}], "robbins-monro"),
        ("model-schedule", [{}, {"model_schedule": "robbins-monro"}], "robbins-monro"),
    ],
)
def test_every_axis_can_be_chosen(axis: str, settings: Sequence[Mapping[str, Any]], value: str) -> None:
    results = tidy([_one(place, "validation_elbo", 0, one) for place, one in enumerate(settings, start=-1)])
    (choice,) = tuned(results, [axis]).choices
    assert choice.chosen == (value,)
    assert varied(results.final) == [axis]


def test_what_is_varied_is_found() -> None:
    assert varied(tidy([]).final) == []
    assert varied(tidy(_grid({0.1: [-1.0, -2.0]})).final) == []
    assert varied(tidy(_grid({0.1: [-1.0], 0.01: [-1.0]})).final) == ["guide-lr"]
    apart = _grid({0.1: [-1.0]}) + _grid({0.01: [-1.0]}, estimator="reinforce")
    assert varied(tidy(apart).final) == []


def _unheld(results: Results) -> Results:
    return replace(results, final=results.final.assign(validation_elbo=float("nan")))


TWO = tidy(_grid({0.1: [-1.0], 0.01: [-1.0]}))
EXPECTATION = tidy(_grid({0.1: [1.0], 0.01: [1.0]}, "objective"))


@pytest.mark.parametrize(
    ("results", "axes", "by", "said"),
    [
        (tidy(_grid({0.1: [-1.0]})), ["guide-lr"], None, "no estimator here has several values of guide-lr"),
        (_unheld(TWO), ["guide-lr"], None, "no rows of vae-mnist were held back"),
        (TWO, ["guide_lr"], None, "there is no setting 'guide_lr'"),
        (TWO, ["guide-lr"], "test", "there is no measure 'test'"),
        (TWO, ["guide-lr"], "objective", "the objective of vae-mnist is its ELBO"),
        (EXPECTATION, ["guide-lr"], "elbo", "is an expectation, which has no elbo"),
    ],
    ids=["one value", "nothing held back", "axis", "measure", "objective", "expectation"],
)
def test_what_cannot_be_chosen_is_refused(results: Results, axes: list[str], by: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        tuned(results, axes, by)


def test_cells_without_rows_held_back_are_left_out_and_counted() -> None:
    held = _grid({0.1: [-1.0], 0.01: [-2.0]})
    none = [
        replace(one, cell=replace(one.cell, training=replace(one.cell.training, validation=0.0)), final=None)
        for one in _grid({0.1: [-1.0], 0.01: [-2.0]})
    ]
    none = [replace(one, final=Final("nats", 100, train_elbo=-1.0)) for one in none]
    found = tuned(tidy([*none, *held]), ["guide-lr"])
    assert (len(found.choices), found.left_out) == (1, 2)


def test_gradients_at_other_parameters_are_said_to_be() -> None:
    shared = replace(MEASUREMENT, at="shared")
    same, other = {0.1: [-1.0], 0.01: [-2.0]}, {0.1: [-2.0], 0.01: [-1.0]}
    for of_second, is_said in ((same, False), (other, True)):
        grids = _grid(same, measurement=shared) + _grid(of_second, estimator="reinforce", measurement=shared)
        notes = tuned(tidy(grids), ["guide-lr"]).notes()
        assert any("not all at the same parameters" in note for note in notes) == is_said
