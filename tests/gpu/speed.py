"""Parts of the check on a GPU that ask how fast it is."""

import time
from typing import Final

from bench.machine.device import synchronize
from bench.machine.streams import seeded
from bench.training.stack import Stack
from tests.benchmarks.replicates import Point
from tests.benchmarks.seeds import trainers
from tests.gpu.report import DEVICE, ON_GPU, Report

SBN: Final = Point("sbn-mnist(data=5k)" if ON_GPU else "sbn-mnist(data=5k,latent=4)", "disarm", 50, device=DEVICE.type)
WARM: Final = 20 if ON_GPU else 2
STEPS: Final = 400 if ON_GPU else 3


def step(report: Report) -> None:
    """Microseconds of a step of sbn-mnist by DisARM: one graph, plainly, and of one seed by plain autograd."""
    seeds = 16 if ON_GPU else 2
    for plain in (False, True):
        together = Stack(trainers(SBN, seeds))
        if plain:
            together._new_graph = None
        what = "plain step of all seeds" if plain else "captured step of all seeds"
        report.keep(what, seeds, 1e6 * _seconds(together), "µs")
        if together.plain_reason:
            report.wrong(f"not captured: {together.plain_reason}")
        together.close()
    (one,) = trainers(SBN, 1)
    with seeded(DEVICE, 0, "speed"):
        for count in (WARM, STEPS):
            start = time.perf_counter()
            for _ in range(count):
                one.step()
            synchronize(DEVICE)
        report.keep("one seed by plain autograd", 1, 1e6 * (time.perf_counter() - start) / STEPS, "µs")


def seed_steps(report: Report) -> None:
    """Steps of a seed per second, sbn-mnist by DisARM."""
    for seeds in (16, 64) if ON_GPU else (2,):
        together = Stack(trainers(SBN, seeds))
        report.keep("seed-steps of sbn-mnist, DisARM", seeds, seeds / _seconds(together), "1/s")
        together.close()


def _seconds(together: Stack) -> float:
    """Return the seconds of a step."""
    list(together.run(WARM))
    start = time.perf_counter()
    list(together.run(WARM + STEPS))
    synchronize(DEVICE)
    return (time.perf_counter() - start) / STEPS


def replicates(report: Report) -> None:
    """Replicates of a gradient at once, and in a loop of backward passes."""
    count = 2000 if ON_GPU else 40
    for task, estimator in (("vae-mnist(data=5k)", "reinforce"), ("sbn-mnist(data=5k)", "disarm"))[: 1 + ON_GPU]:
        point = Point(task, estimator, 1, 2, DEVICE.type)
        taken = []
        for how, number in (("at once", count), ("in a loop", max(20, count // 10))):
            work = point.batched(number) if how == "at once" else point.looped(number)
            work()
            start = time.perf_counter()
            work()
            synchronize(DEVICE)
            taken.append((time.perf_counter() - start) / number)
            report.keep(f"a replicate of {task.partition('(')[0]}, {estimator}, {how}", number, 1e6 * taken[-1], "µs")
        report.keep(f"at once against in a loop, {estimator}", count, taken[1] / taken[0], "times as fast")
