"""Whole cells on fake CUDA tensors: trained as CUDA graphs, cut off, continued, measured, evaluated and recorded."""

import json
from typing import Any, Final

import pytest

from tests.gpu import driver

CELLS: Final[list[tuple[str, str, dict[str, Any]]]] = [
    ("gaussian-quadratic", "reinforce-ema", {"optimizer": "sgd(momentum=0.9)"}),
    ("gaussian-quadratic", "reparam", {"optimizer": "rmsprop", "alone": True, "clip_norm": 1.0}),
    ("categorical-toy", "rebar", {"at": "shared", "clip_norm": 1.0}),
    (
        "vae-mnist(data=tiny,latent=1,hidden=3,depth=1)",
        "iwae",
        {"optimizer": "rmsprop(momentum=0.5)", "kl_warmup": "linear(share=0.5)"},
    ),
    ("sbn-mnist(data=5k,latent=3)", "nvil", {"learning": "em(guide_steps=2,model_steps=1)", "clip_norm": 1.0}),
]
"""One of each family, in single and in double precision; every optimizer; adaptive state and learned baselines."""
FAULTS: Final[list[tuple[str, str, dict[str, Any]]]] = [
    ("gaussian-quadratic", "reparam", {"fault": fault}) for fault in ("step", "step size")
]
_ROW: Final = {"Trainer.record", "Trainer._norms", "gradient_norm", "Stack._record", "_norms", "_share"}
"""What adds a row to a training: the only functions in it that may wait."""

pytestmark = pytest.mark.skipif(driver.COMPILER is None, reason="there is no g++ to build a stand-in of a driver with")


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What came of all cells."""
    asked = json.dumps([*CELLS, *FAULTS])
    return [json.loads(line) for line in driver.printed("cells", tmp_path_factory.mktemp("cells"), asked).splitlines()]


@pytest.fixture
def found(every: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What came of those that nothing was done to."""
    return every[: len(CELLS)]


@pytest.fixture
def captured(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of these, what came of those whose seeds were trained in one step."""
    return [one for one, (_, _, changes) in zip(found, CELLS, strict=True) if "alone" not in changes]


def waits(one: dict[str, Any], *stages: str) -> list[tuple[str, str]]:
    """Return in some stages of a cell what was waited for, and in which function."""
    return [
        (kind, where.split(" ")[1].partition(".<locals>")[0])
        for stage, kind, where, _ in one["events"]
        if stage in stages
    ]


def notes(one: dict[str, Any]) -> str:
    return "; ".join(note for _, notes in one["records"] for note in notes)


def test_cells_are_trained_measured_evaluated_and_recorded(found: list[dict[str, Any]]) -> None:
    assert {one["cell"]: one["error"] for one in found if one["error"]} == {}
    assert [[status for status, _ in one["records"]] for one in found] == [
        ["done"] * (1 if "alone" in changes else 2) for _, _, changes in CELLS
    ]


def test_cells_go_on_from_their_checkpoints(found: list[dict[str, Any]]) -> None:
    assert {one["resumed"] for one in found} <= {11, 12}
    assert not any("unusable" in notes(one) for one in found)


def test_steps_of_several_seeds_are_replayed(captured: list[dict[str, Any]]) -> None:
    assert len(captured) == 4
    assert all(one["replays"] >= 6 for one in captured)
    assert not any("no CUDA graph" in notes(one) for one in captured)


def test_a_captured_step_waits_for_nothing_and_copies_nothing_but_constants(captured: list[dict[str, Any]]) -> None:
    assert {one["cell"]: waits(one, "capture") for one in captured if waits(one, "capture")} == {}


def test_training_waits_for_its_rows_alone(found: list[dict[str, Any]]) -> None:
    during = [event for one in found for event in one["events"] if event[0] in ("train", "trajectory")]
    asked = {where.split(" ")[1].partition(".<locals>")[0] for _, _, where, _ in during if "bench/training/" in where}
    assert {"Trainer.record", "Stack._record", "_share"} <= asked <= _ROW


def test_cosines_stay_where_gradients_are_until_all_are_read(found: list[dict[str, Any]]) -> None:
    within = [function for one in found for _, function in waits(one, "measure", "reference")]
    assert "Moments.summary" in within
    assert "Cosines.close" not in within


def test_gradients_of_linear_layers_are_formed_on_the_gpu_too(found: list[dict[str, Any]]) -> None:
    assert ["gradients of linear layers" in notes(one) for one in found] == [False, False, False, True, True]


def test_faults_are_found(every: list[dict[str, Any]]) -> None:
    step, step_size = every[len(CELLS) :]
    assert {kind for kind, _ in waits(step, "capture")} == {
        "item",
        "cuda->cpu",
        "cpu->cuda",
        "draw from no seed's generator",
    }
    assert "float32 on the GPU is read" in step_size["error"]
