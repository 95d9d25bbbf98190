"""All contests, in the order of the table."""

from collections.abc import Callable
from typing import Any, Final

from bench.machine.matmul import onednn_pays
from tests.benchmarks import training
from tests.benchmarks.by_hand import hand_written
from tests.benchmarks.contest import Contest, Make, multiplied
from tests.benchmarks.replicates import FEW, Point
from tests.benchmarks.seeds import separate, stacked

_LOOP: Final = "loop of backward passes"
_SEEDS: Final = 16


def _replicates(
    point: Point,
    *,
    rounds: int,
    units: int,
    at_least: float,
    aim: float,
    against: str = _LOOP,
    competitor: Make | None = None,
    needs: tuple[Any, ...] = (),
) -> Contest:
    what = f"replicates, {point.task.partition('(')[0]}, {point.estimator}"
    return Contest(
        what if point.device == "cpu" else f"{what}, GPU",
        against,
        point.batched,
        competitor or point.looped,
        "replicate",
        units,
        100,
        rounds,
        at_least,
        aim,
        needs,
        fewest=FEW,
    )


def _steps(
    ours: Make, against: str, competitor: Make, *, at_least: float, aim: float, needs: tuple[Any, ...] = ()
) -> Contest:
    return Contest("training step, vae-mnist", against, ours, competitor, "step", 20, 20, 30, at_least, aim, needs)


def _toy(task: str, estimator: str, batch: int = 1) -> Contest:
    return _replicates(Point(task, estimator, batch), rounds=10, units=16_384, at_least=30, aim=60)


def _seeds(point: Point, units: int, *, at_least: float, aim: float, needs: tuple[Any, ...] = ()) -> Contest:
    what = f"{_SEEDS} seeds in one step, {point.task.partition('(')[0]}, {point.estimator}"
    return Contest(
        what if point.device == "cpu" else f"{what}, GPU",
        "one after the other, eager",
        stacked(point, _SEEDS),
        separate(point, _SEEDS),
        "step of one seed",
        units,
        4 * _SEEDS,
        10,
        at_least,
        aim,
        needs,
        fewest=_SEEDS,
    )


def _vae(estimator: str, device: str = "cpu") -> Point:
    return Point("vae-mnist(data=5k)", estimator, 100, device=device)


def _pyro(name: str) -> Callable[[int], Callable[[], Any]]:
    def make(count: int) -> Callable[[], Any]:
        from tests.benchmarks import with_pyro

        return getattr(with_pyro, name)(count)

    return make


def _multiplied_as_ours(make: Make) -> Make:
    return lambda count: multiplied(make(count), onednn_pays(training.trainer().task, training.BATCH))


CONTESTS: Final = (
    _toy("gaussian-quadratic", "reinforce"),
    _toy("gaussian-cosine", "reparam"),
    _toy("bernoulli-quadratic", "disarm"),
    _toy("ppca", "reparam", batch=8),
    _replicates(_vae("reinforce"), rounds=5, units=200, at_least=1, aim=1.5),
    _replicates(_vae("reparam"), rounds=5, units=200, at_least=1, aim=1.5),
    _replicates(
        _vae("reparam"),
        rounds=5,
        units=200,
        at_least=1.5,
        aim=2,
        against="Pyro, loop of loss_and_grads",
        competitor=_pyro("variances"),
        needs=("pyro",),
    ),
    _steps(training.steps, "plain PyTorch, fused Adam", hand_written, at_least=0.95, aim=1.05),
    _steps(
        training.steps,
        "plain PyTorch, fused Adam, same matrix products",
        _multiplied_as_ours(hand_written),
        at_least=0.95,
        aim=1.05,
    ),
    _steps(training.steps, "Pyro, SVI", _pyro("svi_steps"), at_least=1.5, aim=2, needs=("pyro",)),
    _steps(
        training.steps,
        "Pyro, SVI, same matrix products",
        _multiplied_as_ours(_pyro("svi_steps")),
        at_least=1,
        aim=1.5,
        needs=("pyro",),
    ),
    # What is left to 1 is the harness: recording, the clock, step sizes.
    _steps(training.runs, "the same arithmetic in a bare loop", training.bare_steps, at_least=0.95, aim=1),
    _seeds(Point("gaussian-quadratic", "reinforce"), 64 * _SEEDS, at_least=1, aim=1),
    _seeds(_vae("reparam"), 4 * _SEEDS, at_least=1, aim=1),
    _seeds(
        Point("sbn-mnist(data=5k)", "disarm", 50, device="cuda"),
        256 * _SEEDS,
        at_least=20,
        aim=100,
        needs=("cuda",),
    ),
    _replicates(_vae("reinforce", "cuda"), rounds=10, units=4096, at_least=30, aim=100, needs=("cuda",)),
    _replicates(_vae("reparam", "cuda"), rounds=10, units=4096, at_least=30, aim=100, needs=("cuda",)),
)
