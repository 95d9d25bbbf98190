"""Moments along a training of one's own are a cell like any other."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import varbench
from bench.cli import main
from bench.errors import UsageError


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def trained(estimator: str, seed: int = 0, **options: Any) -> list[varbench.GradientMoments]:
    """Train two parameters by gradients of a quadratic, and return what was measured meanwhile."""
    loc = torch.ones(2, requires_grad=True)
    names: dict[str, Any] = {"task": "my-toy(dim=2)", "estimator": estimator, "seed": seed, "target": "cost"}
    recorder = varbench.Recorder({"loc": loc}, **names, steps=25, measure_every=10, out="R", replicates=200, **options)
    optimizer = torch.optim.SGD([loc], 0.001)

    def loss() -> Tensor:
        return (loc + torch.randn(2)).square().sum() * (2.0 if estimator == "my-double" else 1.0)

    found = []
    for step in range(26):
        found.append(recorder(step, loss, reference=lambda: loc.square().sum()))
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    return [one for one in found if one is not None]


def test_the_folder_is_read_like_any_other(capsys: pytest.CaptureFixture[str]) -> None:
    measured = [trained(name, seed) for name in ("my-single", "my-double") for seed in (0, 1)]
    results = varbench.load("R")
    assert repr(results) == "Results: 4 cells of 1 task × 2 estimators × 2 seeds, all done"
    rows = results.gradients
    assert sorted(set(rows["step"])) == [0, 10, 20, 25]
    one = rows.query("estimator == 'my-single' and seed == 0 and group == 'loc' and metric == 'variance'")
    assert list(one["value"]) == [found["loc", "variance"].value for found in measured[0]]
    assert set(rows.query("metric == 'bias'")["reference"]) == {"given"}
    assert set(results.final["training_optimizer"]) == {"own"}
    for words in (
        ["table", "R"],
        ["table", "R", "--across", "task"],
        ["plot", "variance", "R", "--out", "v.svg"],
        ["status", "--out", "R"],
        ["results", "validate", "R"],
    ):
        with pytest.raises(SystemExit) as left:
            main(words)
        assert left.value.code == 0, words
    printed = capsys.readouterr().out
    assert "my-toy(dim=2)" in printed
    assert Path("v.svg").stat().st_size > 1000
    # Twice a gradient is wrong by as much as it is itself.
    biases = rows.query("group == 'loc' and metric == 'relative_bias' and step == 0").set_index("estimator")
    assert all(biases.loc["my-double", "ci_low"] > 0)
    assert all(biases.loc["my-single", "ci_low"] == 0)


def test_the_same_cell_begins_anew() -> None:
    trained("my-single")
    trained("my-single")
    assert len(varbench.load("R").final) == 1


def test_a_gradient_that_is_not_finite_is_on_record_and_training_goes_on() -> None:
    loc = torch.ones(2, requires_grad=True)
    recorder = varbench.Recorder(
        loc, task="my-toy", estimator="my-root", steps=1, measure_every=1, out="R", replicates=40
    )
    assert recorder(0, lambda: (loc * torch.randn(2)).sum()) is not None
    assert recorder(1, lambda: (loc * torch.randn(2)).sqrt().sum()) is None
    (row,) = varbench.load("R").final.to_dict("records")
    assert row["status"] == "diverged"
    assert row["reason"].startswith("step 1: ")
    assert set(varbench.load("R").gradients["step"]) == {0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "vae-mnist"}, "'vae-mnist' is a task of varbench's own, or one that it imports"),
        ({"estimator": "mine:Mine"}, "give yours another name, such as 'my-Mine'"),
        ({"estimator": "reparam"}, "give yours another name, such as 'my-reparam'"),
        ({"task": "my toy("}, "is not of the form"),
        ({"steps": -1}, "steps must be a whole number from 0 on, not -1"),
        ({"measure_every": 0}, "measure_every must be a whole number from 1 on"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"replicates": 5}, "at least 40 replicates"),
    ],
)
def test_what_is_wrong_is_a_sentence(options: dict[str, Any], message: str) -> None:
    loc = torch.ones(2, requires_grad=True)
    usual: dict[str, Any] = {"task": "my-toy", "estimator": "my-own", "steps": 10, "out": "R"}
    with pytest.raises(UsageError) as caught:
        varbench.Recorder(loc, **{**usual, **options})
    assert message in str(caught.value)
    assert not Path("R").exists()


def test_a_step_that_the_training_does_not_have_is_refused() -> None:
    loc = torch.ones(2, requires_grad=True)
    recorder = varbench.Recorder(loc, task="my-toy", estimator="my-own", steps=10, out="R")
    with pytest.raises(UsageError, match="step 11 is not one of the 10 steps"):
        recorder(11, lambda: loc.sum())
