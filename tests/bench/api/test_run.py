"""`varbench.run` does what `bench run` does, prints nothing, and leaves the process as it was."""

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import varbench
from bench.api import progress
from bench.api.options import Options, asked_for
from bench.cli import main
from bench.cli.run import run as command
from bench.errors import CellsFailed, UsageError
from bench.execution.cell import CellRun
from tests.timed import TIMED

TOY: dict[str, Any] = {
    "tasks": "gaussian-quadratic",
    "estimators": ["reinforce", "reparam"],
    "samples": 2,
    "seeds": 0,
    "steps": 4,
    "replicates": 200,
    "checkpoints": 2,
    "guide_lr": 0.01,
}
WORDS = (
    "run --task gaussian-quadratic --estimator reinforce --estimator reparam --samples 2 --seeds 0 --out results "
    "--steps 4 --replicates 200 --checkpoints 2 --guide-lr 0.01"
)
"""What is recorded of a run of `TOY`."""
_FOLDERS = ("results", "command")


def toy(**changes: Any) -> dict[str, Any]:
    return {**TOY, **changes}


def bench(*words: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(list(words))
    assert left.value.code == 0


def numbers(results: varbench.Results) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return what does not depend on when, and how fast, it was run."""
    gradients, training, final = results.gradients, results.training, results.final
    once = [name for name in final if name in ("run", "started", "seconds", "seconds_per_step")]
    return (
        gradients.loc[~gradients["metric"].isin(TIMED)].reset_index(drop=True),
        training.drop(columns="seconds"),
        final.drop(columns=once),
    )


def test_cells_records_and_hits_are_those_of_the_command(
    capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    results = varbench.run(**TOY)
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")
    assert not recwarn.list
    assert len(results.final) == 2
    bench(*WORDS.replace("--out results", "--out command").split())
    for mine, its in zip(numbers(results), numbers(varbench.load("command")), strict=True):
        pd.testing.assert_frame_equal(mine, its)
    mine, its = ({str(path.relative_to(folder)) for path in folder.glob("*/*/*.*")} for folder in map(Path, _FOLDERS))
    assert mine == its
    # What either has run, the other does not.
    varbench.run(**TOY, out="command")
    bench(*WORDS.split())
    assert [len(list(Path(folder).glob("runs/*.json"))) for folder in _FOLDERS] == [1, 1]
    assert set(results.runs["argv"]) == {f"bench {WORDS}"}
    assert set(varbench.dry_run(**TOY)["why"]) == {"done already, not run again"}


def test_the_options_are_those_of_the_command() -> None:
    own = {"tasks", "estimators", "samples", "seeds", "out", "dry_run"}
    assert {*Options.__annotations__, *own} == {one.name for one in command.params} - {"quiet"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": "ten"}, 'varbench.run: steps: it must be a whole number, not "ten"'),
        ({"steps": -1}, "varbench.run: steps: -1 is not in the range x>=0."),
        ({"stesp": 1}, "varbench.run has no option 'stesp'; did you mean 'steps'?"),
        ({"dry_run": True}, "varbench.run has no option 'dry_run': varbench.dry_run(...) returns what would run"),
        ({"wait": "no"}, 'varbench.run: wait: it must be true or false, not "no"'),
        ({"seeds": 1.5}, 'varbench.run: seeds: it must be whole numbers, such as 5, [1, 5, 50] or "0-4", not 1.5'),
        ({"tasks": "gausian-quadratic"}, "did you mean 'gaussian-quadratic'?"),
        ({"tasks": None}, "name at least one --task"),
        ({"estimators": "disarm"}, "disarm needs discrete latents"),
        ({"config": {"stesp": 1}}, "config: there is no option 'stesp'"),
        ({"config": "none.toml"}, "--config none.toml cannot be read"),
        ({"no_train": True}, "--no-train trains nothing, but --steps 4 does"),
        ({"tasks": 3}, "a task is given as a string"),
    ],
)
def test_what_is_wrong_is_an_exception(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        varbench.run(**toy(**options))
    assert message in str(caught.value)
    assert not Path("results").exists()


def test_a_cell_that_fails_is_an_exception_and_the_others_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CellRun, "arrive", _fail_for_reparam(CellRun.arrive))
    with pytest.raises(CellsFailed, match="1 of 2 cells failed"):
        varbench.run(**TOY)
    assert list(varbench.load("results").final["status"]) == ["done", "failed"]


def _fail_for_reparam(arrive: Any) -> Any:
    def failing(one: CellRun, stop: int) -> None:
        if one.cell.estimator == "reparam":
            raise ValueError("no luck")
        arrive(one, stop)

    return failing


def test_an_interrupt_is_raised_and_the_same_call_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.execution.checkpoint._SECONDS", 0.0)
    asked = toy(estimators="reinforce", steps=8)
    whole = varbench.run(**asked, out="whole")
    with monkeypatch.context() as patch:
        shown = CellRun.show_training

        def interrupted(one: CellRun, step: Any) -> None:
            shown(one, step)
            if one.trainer.progress.step == 6:
                raise KeyboardInterrupt

        patch.setattr(CellRun, "show_training", interrupted)
        with pytest.raises(KeyboardInterrupt):
            varbench.run(**asked)
    (planned,) = varbench.dry_run(**asked).to_dict("records")
    assert planned["run"]
    assert planned["steps_done"] == 5
    for mine, its in zip(numbers(varbench.run(**asked)), numbers(whole), strict=True):
        pd.testing.assert_frame_equal(mine, its)


def test_what_fits_not_is_a_warning_of_the_line_that_called() -> None:
    with pytest.warns(UserWarning, match="skipped disarm: disarm needs discrete latents") as told:
        varbench.run(**toy(estimators=["reparam", "disarm"]))
    assert [one.filename for one in told] == [__file__]


def test_what_is_shown_goes_to_stderr_and_the_process_is_as_before(capfd: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(1)
    torchs, ours, threads = torch.get_rng_state(), random.getstate(), torch.get_num_threads()
    numpys = np.random.get_state()  # noqa: NPY002 - the one that a loss or a script may draw from
    varbench.run(**TOY, progress=True)
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "[1/2] gaussian-quadratic · reinforce · K=2 · seed 0" in printed.err
    assert torch.equal(torchs, torch.get_rng_state())
    assert (ours, threads) == (random.getstate(), torch.get_num_threads())
    np.testing.assert_equal(np.random.get_state(), numpys)  # noqa: NPY002 - likewise


def test_a_grid_may_be_given_as_a_dictionary() -> None:
    asked = toy(guide_lr=None, config={"sweep": [{"guide-lr": 0.1}, {"guide-lr": [0.2, 0.3], "seeds": 7}]})
    planned = varbench.dry_run(**asked)
    # What the call names itself wins over the file, as its seeds.
    assert len(planned) == 2 * 3
    assert set(planned["seed"]) == {0}
    assert not Path("results").exists()


def test_a_notebook_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    handle = SimpleNamespace(update=shown.append)
    display = SimpleNamespace(HTML=str, display=lambda *_, **__: handle)
    monkeypatch.setitem(__import__("sys").modules, "IPython.display", display)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr(progress, "_PAUSE", 0.0)
    varbench.run(**TOY, progress=True)
    assert any("[2/2] gaussian-quadratic · reparam" in markup and "train 4/4 steps" in markup for markup in shown)
    assert all(markup.startswith("<progress") for markup in shown[:-1])
    assert shown[-1] == ""


def test_what_no_command_line_says_is_no_command() -> None:
    _, (block,), argv = asked_for({**TOY, "guide_lr": None, "config": {"guide-lr": 0.3}})
    assert block.settings["guide_lr"] == (0.3,)
    assert argv == ("varbench", "varbench.run")
