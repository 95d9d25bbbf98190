"""All contests, in the order of the table."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from bench.machine.matmul import onednn_pays
from tasks.images.vae import VAEMnist
from tests.benchmarks import training
from tests.benchmarks.by_hand import hand_written
from tests.benchmarks.contest import Contest, Make, multiplied
from tests.benchmarks.replicates import FEW, Point
from tests.benchmarks.seeds import separate, stacked

_LOOP: Final = "loop of backward passes"
_SEEDS: Final = 16
_MEASURED: Final = 400
"""Replicates at one checkpoint of a deep task with its default settings."""


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


def _seeds(
    point: Point,
    units: int,
    *,
    at_least: float,
    aim: float,
    against: str = "one after the other, eager",
    competitor: Make | None = None,
    needs: tuple[Any, ...] = (),
) -> Contest:
    what = f"{_SEEDS} seeds in one step, {point.task.partition('(')[0]}, {point.estimator}"
    return Contest(
        what if point.device == "cpu" else f"{what}, GPU",
        against,
        stacked(point, _SEEDS),
        competitor or separate(point, _SEEDS),
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


def _jax(name: str, *given: Any) -> Make:
    """Return what a function of `with_jax` makes, or, given its arguments, what that makes."""

    def make(count: int) -> Callable[[], Any]:
        from tests.benchmarks import with_jax

        made = getattr(with_jax, name)
        return made(*given)(count) if given else made(count)

    return make


def _against_jax(point: Point, *, units: int, at_least: float, aim: float) -> Contest:
    return _replicates(
        point,
        rounds=5,
        units=units,
        at_least=at_least,
        aim=aim,
        against="JAX, scan or vmap",
        competitor=_jax("replicates", point),
        needs=("jax",),
    )


def _with_our_draws(count: int) -> Callable[[], None]:
    return hand_written(count, VAEMnist(data="5k").prepare)


def _multiplied_as_ours(make: Make) -> Make:
    return lambda count: multiplied(make(count), onednn_pays(training.trainer().task, training.BATCH))


CONTESTS: Final = (
    _toy("gaussian-quadratic", "reinforce"),
    _toy("gaussian-cosine", "reparam"),
    _toy("bernoulli-quadratic", "disarm"),
    _toy("ppca", "reparam", batch=8),
    _replicates(_vae("reinforce"), rounds=5, units=_MEASURED, at_least=1, aim=1.5),
    _replicates(_vae("reparam"), rounds=5, units=_MEASURED, at_least=1, aim=1.5),
    _replicates(
        _vae("reparam"),
        rounds=5,
        units=_MEASURED,
        at_least=1.5,
        aim=2,
        against="Pyro, loop of loss_and_grads",
        competitor=_pyro("variances"),
        needs=("pyro",),
    ),
    _against_jax(_vae("reparam"), units=_MEASURED, at_least=1.3, aim=1.6),
    _against_jax(_vae("reinforce"), units=_MEASURED, at_least=1.3, aim=1.6),
    _against_jax(replace(_vae("iwae"), samples=5), units=_MEASURED, at_least=1, aim=1.2),
    _against_jax(Point("sbn-mnist(data=5k)", "disarm", 50), units=_MEASURED, at_least=1, aim=1.5),
    _steps(training.steps, "plain PyTorch, fused Adam", hand_written, at_least=0.95, aim=1.05),
    _steps(
        training.steps,
        "plain PyTorch, fused Adam, same matrix products and draws",
        _multiplied_as_ours(_with_our_draws),
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
    _steps(training.steps, "JAX, scan", _jax("steps"), at_least=1, aim=1.1, needs=("jax",)),
    # What is left to 1 is the harness: recording, the clock, step sizes.
    _steps(training.runs, "the same arithmetic in a bare loop", training.bare_steps, at_least=0.95, aim=1),
    _seeds(Point("gaussian-quadratic", "reinforce"), 64 * _SEEDS, at_least=1, aim=1),
    _seeds(_vae("reparam"), 4 * _SEEDS, at_least=1, aim=1),
    _seeds(
        _vae("reparam"),
        4 * _SEEDS,
        at_least=1,
        aim=2,
        against="JAX, vmap over seeds",
        competitor=_jax("seeds", _SEEDS),
        needs=("jax",),
    ),
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
