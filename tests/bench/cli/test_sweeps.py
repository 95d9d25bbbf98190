"""Grids of `bench run`: axes, blocks of a file, exclusions, settings of estimators' own, estimators by patterns."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import bench as varbench
from bench.cli.blocks import blocks_of, doubts
from bench.cli.presets import PRESETS, spelled_out
from bench.cli.run import run
from bench.errors import UsageError
from bench.execution import grounds
from bench.execution.block import Block
from bench.execution.plan import Plan, plan_all
from bench.figures import rows
from bench.settings import Cell
from tests.bench.cli.conftest import Bench

FILE = Path("sweep.toml")
TOY = ("--task", "gaussian-quadratic")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks(*words: str) -> list[Block]:
    with run.make_context("run", list(words)) as ctx:
        options = {name: value for name, value in ctx.params.items() if name not in ("config", "quiet")}
        return blocks_of(ctx, options, ctx.params["config"])[1]


def plan(*words: str) -> Plan:
    """Return the plan of a command line."""
    return plan_all([request for block in blocks(*words) for request in block.requests()])


def of_file(content: str, *words: str) -> Plan:
    """Return the plan of a file and a command line."""
    FILE.write_text(content)
    return plan("--config", str(FILE), *words)


def told(cells: Sequence[Cell], *what: Callable[[Cell], object]) -> list[tuple[object, ...]]:
    return [tuple(one(cell) for one in what) for cell in cells]


def name(cell: Cell) -> str:
    return cell.estimator


def rate(cell: Cell) -> float:
    return cell.training.guide_lr


def size(cell: Cell) -> int:
    return cell.samples


def test_every_axis_is_multiplied_and_its_cells_are_those_of_single_commands() -> None:
    axes = {
        "--guide-lr": ("1e-3", "1e-2"),
        "--model-lr": ("1e-3", "1e-2"),
        "--optimizer": ("adam", "sgd"),
        "--batch-size": ("1", "2"),
        "--schedule": ("constant", "staged"),
        "--guide-schedule": ("constant", "robbins-monro"),
        "--model-schedule": ("constant", "robbins-monro"),
        "--learning": ("joint", "em"),
        "--kl-warmup": ("none", "0.5"),
        "--clip-norm": ("0", "1"),
    }
    common = ("--task", "ppca(n=8)", "--estimator", "reparam", "--samples", "1,2", "--seeds", "0-1")
    for axis, values in axes.items():
        single = [cell.id for value in values for cell in plan(*common, axis, value).cells]
        grid = plan(*common, *(word for value in values for word in (axis, value)))
        assert [cell.id for cell in grid.cells] == single
        assert len(single) == 8
    everything = [word for axis, values in axes.items() for value in values for word in (axis, value)]
    # The general schedule is overruled by those of φ and θ.
    assert len(plan(*common, *everything).cells) == 2**9 * 4


def test_blocks_are_commands_one_after_the_other() -> None:
    found = of_file(
        """
        task = "gaussian-quadratic"
        seeds = "0-1"
        steps = 40
        [[sweep]]
        estimator = ["reinforce", "reparam"]
        guide-lr = [1e-3, 1e-2]
        [[sweep]]
        estimator = "reinforce-loo"
        samples = [2, 4]
        no-train = true
        [[sweep]]
        task = "gaussian-cosine"
        estimator = "reparam"
        seeds = 7
        """
    )
    two = ("--estimator", "reinforce", "--estimator", "reparam")
    commands = [
        (*TOY, *two, "--seeds", "0-1", "--steps", "40", "--guide-lr", "1e-3", "--guide-lr", "1e-2"),
        (*TOY, "--estimator", "reinforce-loo", "--seeds", "0-1", "--samples", "2,4", "--no-train"),
        ("--task", "gaussian-cosine", "--estimator", "reparam", "--seeds", "7", "--steps", "40"),
    ]
    assert [cell.id for cell in found.cells] == [cell.id for words in commands for cell in plan(*words).cells]
    assert len(found.cells) == 8 + 4 + 1


def test_cells_that_several_blocks_have_are_one() -> None:
    block = '[[sweep]]\nestimator = "reparam"\n'
    assert len(of_file(f'task = "gaussian-quadratic"\n{block}{block}samples = [1, 2]\n').cells) == 2


def test_the_command_line_overrides_every_block() -> None:
    content = """
    task = "gaussian-quadratic"
    [[sweep]]
    estimator = "reparam"
    guide-lr = [1e-3, 1e-2]
    [sweep.estimator.reinforce]
    guide-lr = 1
    [[sweep]]
    estimator = "reparam"
    optimizer = "sgd"
    """.replace('estimator = "reparam"\n    guide-lr', "guide-lr")
    assert told(of_file(content).cells, name, rate) == [("reinforce", 1.0), ("reparam", 0.01)]
    assert told(of_file(content, "--guide-lr", "0.5").cells, name, rate) == [("reinforce", 0.5), ("reparam", 0.5)]
    # `--no-train` leaves the optimizer nothing to do, and both blocks their step sizes, which adaptive state has, too.
    assert {cell.training.steps for cell in of_file(content, "--no-train").cells} == {0}


def test_an_estimator_has_settings_of_its_own() -> None:
    content = """
    task = "gaussian-quadratic"
    [estimator."score_function:*"]
    guide-lr = 0.5
    samples = [2, 3]
    [estimator."reinforce-loo"]
    guide-lr = [0.1, 0.2]
    [[sweep]]
    estimator = ["reparam", "reinforce", "reinforce-loo"]
    guide-lr = [1.0, 2.0]
    """
    found = of_file(content)
    assert told(found.cells, name, size, rate) == [
        ("reparam", 1, 1.0),
        ("reparam", 1, 2.0),
        ("reinforce", 2, 0.5),
        ("reinforce", 3, 0.5),
        ("reinforce-loo", 2, 0.1),
        ("reinforce-loo", 3, 0.1),
        ("reinforce-loo", 2, 0.2),
        ("reinforce-loo", 3, 0.2),
    ]
    # They are compared with each other, though they are trained apart.
    assert {cell.measurement.at for cell in found.cells} == {"shared"}
    (doubt,) = doubts(blocks("--config", str(FILE)))
    assert doubt.startswith("reinforce, reinforce-loo: trained with its own settings")
    assert list(doubts(blocks("--config", str(FILE), "--at", "own"))) == []
    assert list(doubts(blocks("--config", str(FILE), "--guide-lr", "1"))) == []


def test_a_table_is_of_an_estimator_with_these_parameters_however_it_is_spaced() -> None:
    content = """
    task = "bernoulli-quadratic"
    [estimator."relax( hidden = 4 )"]
    guide-lr = 1
    [[sweep]]
    estimator = ["relax(hidden=4)", "relax"]
    """
    assert told(of_file(content).cells, rate) == [(1.0,), (0.01,)]


def test_what_is_of_training_alone_is_nothing_to_a_block_without() -> None:
    content = """
    task = "gaussian-quadratic"
    [estimator.reparam]
    optimizer = "sgd"
    guide-lr = 1
    [[sweep]]
    [[sweep]]
    no-train = true
    """
    trained, untrained = of_file(content).cells
    assert (trained.training.optimizer, untrained.training.optimizer) == ("sgd", "adam")
    # Adaptive state settles at this step size.
    assert (trained.training.guide_lr, untrained.training.guide_lr) == (1.0, 1.0)


def test_tables_name_the_estimators_where_nothing_else_does() -> None:
    content = 'task = "gaussian-quadratic"\n[estimator.reparam]\n[estimator."reinforce"]\nguide-lr = 1\n'
    assert told(of_file(content).cells, name, rate) == [("reparam", 0.01), ("reinforce", 1.0)]
    assert told(of_file(content, "--estimator", "reparam").cells, name) == [("reparam",)]
    assert list(doubts(blocks("--config", str(FILE), "--estimator", "reparam"))) == [
        '[estimator."reinforce"] matches no estimator of this run'
    ]


def test_cells_are_excluded_by_what_agrees_in_all_keys() -> None:
    content = """
    task = ["gaussian-quadratic", "gaussian-quadratic(k=2)", "gaussian-cosine"]
    estimator = ["reinforce", "reparam"]
    samples = [1, 5]
    exclude = [
        {task = "*-cosine", samples = 5},
        {task = "gaussian-quadratic(k=2)", estimator = ["pathwise:*"]},
        {task = "gaussian-cosine", estimator = "reparam", samples = "1-3"},
        {task = "ppca"},
    ]
    """
    found = of_file(content)
    assert told(found.cells, lambda cell: f"{cell.task} {cell.task_parameters['k']}", name, size) == [
        ("gaussian-quadratic 3.0", "reinforce", 1),
        ("gaussian-quadratic 3.0", "reinforce", 5),
        ("gaussian-quadratic 3.0", "reparam", 1),
        ("gaussian-quadratic 3.0", "reparam", 5),
        ("gaussian-quadratic 2.0", "reinforce", 1),
        ("gaussian-quadratic 2.0", "reinforce", 5),
        ("gaussian-cosine 1.0", "reinforce", 1),
    ]
    assert found.excluded == 5
    assert [rule.said for rule in found.unmatched] == ['task = "ppca"']


def test_an_exclusion_of_a_block_is_of_no_other() -> None:
    content = """
    task = "gaussian-quadratic"
    exclude = [{samples = 3}]
    [[sweep]]
    estimator = "reparam"
    samples = [1, 2, 3]
    exclude = [{samples = 1}]
    [[sweep]]
    estimator = "reinforce"
    samples = [1, 2, 3]
    """
    assert told(of_file(content).cells, name, size) == [("reparam", 2), ("reinforce", 1), ("reinforce", 2)]
    with pytest.raises(UsageError, match="every cell is excluded"):
        of_file(content, "--samples", "3")


def test_a_pattern_stands_for_those_that_fit() -> None:
    found = plan(*TOY, "--estimator", "score_function:*", "--no-train")
    names = ["reinforce", "reinforce-ema", "nvil", "reinforce-loo", "reinforce-optimal"]
    assert list(dict.fromkeys(cell.estimator for cell in found.cells)) == names
    assert found.fitting == {"gaussian-quadratic": (5, 6)}
    assert not found.refused
    assert told(plan(*TOY, "--estimator", "*-loo", "--estimator", "reparam").cells, name) == [
        ("reinforce-loo",),
        ("reparam",),
    ]


def test_a_misfit_that_is_named_is_refused_though_a_pattern_has_it_too() -> None:
    found = plan(*TOY, "--estimator", "vargrad", "--estimator", "score_function:*", "--no-train")
    assert [spec for spec, _ in found.refused] == ["vargrad"]
    assert found.fitting == {"gaussian-quadratic": (5, 5)}


def test_where_nothing_fits_a_pattern_one_sentence_says_so() -> None:
    with pytest.raises(UsageError, match=r"^none of the chosen estimators fits \(.+\); `bench list --matrix`"):
        plan(*TOY, "--estimator", "discrete:re*", "--no-train")


def test_all_is_every_estimator_that_fits() -> None:
    found = plan("--task", "bernoulli-quadratic", "--estimator", "all", "--no-train", "--samples", "2")
    ((fit, chosen),) = found.fitting.values()
    assert len({cell.estimator for cell in found.cells}) == fit
    assert {"rebar", "disarm", "reinforce-loo", "enumerate"} <= {cell.estimator for cell in found.cells}
    assert "reparam" not in {cell.estimator for cell in found.cells}
    assert chosen >= 53


def test_a_question_is_asked_once_however_large_a_grid_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    for function in ("build_task", "require_sound", "misfit", "require_draws_in_memory"):
        real = getattr(grounds, function)

        def counted(*words: object, _real: Callable[..., object] = real, _name: str = function) -> object:
            asked.append((_name,))
            return _real(*words)

        monkeypatch.setattr(grounds, function, counted)
    block = 'estimator = ["reinforce", "reparam"]\nguide-lr = [1, 2, 3]\nmodel-lr = [1, 2]\nsamples = [1, 2]\n'
    found = of_file(
        f'task = "gaussian-quadratic"\nseeds = "0-4"\n[[sweep]]\n{block}[[sweep]]\n{block}optimizer = "sgd"\n'
    )
    assert len(found.cells) == 2 * 6 * 2 * 2 * 5
    assert sorted(asked) == [
        ("build_task",),
        *[("misfit",)] * 4,
        *[("require_draws_in_memory",)] * 4,
        ("require_sound",),
    ]


def lengths(cell: Cell) -> tuple[object, ...]:
    measured = cell.measurement
    return cell.training.steps, measured.checkpoints, measured.replicates, measured.precision, cell.seed


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_the_options_that_the_help_spells_out(preset: str) -> None:
    command = ("--task", "gaussian-quadratic", "--estimator", "reparam")
    preset_cells = plan(*command, "--preset", preset).cells
    assert [cell.id for cell in preset_cells] == [
        cell.id for cell in plan(*command, *spelled_out(preset).split()).cells
    ]
    assert preset_cells[0].id != plan(*command).cells[0].id
    with run.make_context("run", list(command)) as ctx:
        assert spelled_out(preset) in " ".join(run.get_help(ctx).split())


@pytest.mark.parametrize(
    ("content", "words", "expected"),
    [
        ("", "--preset smoke", (20, 2, 40, 0.05, 0)),
        ("", "--preset smoke --steps 7 --checkpoints 3", (7, 3, 40, 0.05, 0)),
        ("", "--preset smoke --precision 0.5", (20, 2, None, 0.5, 0)),
        ("", "--preset smoke --no-train", (0, 6, 40, 0.05, 0)),
        ("steps = 7", "--preset smoke", (20, 2, 40, 0.05, 0)),
        ("no-train = true", "--preset smoke", (0, 6, 40, 0.05, 0)),
        ("precision = 0.5", "--preset smoke", (20, 2, 40, 0.05, 0)),
        ('preset = "smoke"', "", (20, 2, 40, 0.05, 0)),
        ('preset = "smoke"\nsteps = 7', "", (7, 2, 40, 0.05, 0)),
        ('preset = "smoke"\nsteps = 7', "--seeds 3 --steps 9", (9, 2, 40, 0.05, 3)),
        ('preset = "quick"\nsteps = 7\nseeds = 1', "--preset smoke", (20, 2, 40, 0.05, 0)),
        ('preset = "quick"\nseeds = 4\n[[sweep]]\npreset = "smoke"\nsteps = 7', "", (7, 2, 40, 0.05, 0)),
        ('preset = "smoke"\n[[sweep]]\nno-train = true', "", (0, 6, 40, 0.05, 0)),
    ],
)
def test_a_preset_is_below_the_options_beside_it(content: str, words: str, expected: tuple[object, ...]) -> None:
    command = ("--task", "gaussian-quadratic", "--estimator", "reparam", *words.split())
    assert told(of_file(content, *command).cells, lengths) == [(expected,)]


def test_a_preset_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^--config sweep.toml: 'preset': 'smok' is not one of"):
        of_file('preset = "smok"', *TOY, "--estimator", "reparam")


def test_the_example_of_the_documentation_does_what_it_says(bench: Bench) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "sweeps.md").read_text(encoding="utf-8")
    FILE.write_text(page.partition("```toml\n")[2].partition("```")[0])
    outcome = bench("run", "--config", "sweep.toml", "--preset", "smoke", "--dry-run")
    assert outcome.code == 0, outcome.err
    assert re.search(r"\n200 of 200 cells would run into results/\nno estimate for 200 cells", outcome.out)
    assert "run   sbn-tiny · arm · K=2 steps=20 guide_lr=0.001 at=shared" in outcome.out
    assert "excludes nothing" not in outcome.err
    assert not Path("results").exists()
    for preset in PRESETS:
        assert f"| `{preset}` | `{spelled_out(preset)}` |" in page


def test_a_grid_over_step_sizes_has_a_row_for_each(bench: Bench) -> None:
    grid = ("--estimator", "reparam", "--guide-lr", "0.1", "--guide-lr", "0.2", "--preset", "smoke", "--steps", "5")
    outcome = bench("run", *TOY, *grid)
    assert outcome.code == 0, outcome.err
    assert "2 cells of 2 configurations" in outcome.err
    for said in (outcome.out, bench("table").out, rows("variance", varbench.load("results")).to_csv()):
        assert all(re.search(rf"reparam,? guide_lr={rate}", said) for rate in ("0.1", "0.2"))
    again = bench("run", *TOY, *grid, "--guide-lr", "0.3", "--dry-run").out
    assert "skip  gaussian-quadratic · reparam · K=1 guide_lr=0.1 · seed 0  (done already, not run" in again
    assert "1 of 3 cells would run into results/\nabout " in again
