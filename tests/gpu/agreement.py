"""Parts of the check on a GPU that ask whether numbers are right."""

import gc
from typing import Final

import torch

from bench.errors import headline
from bench.machine.memory import give_back_memory
from bench.machine.streams import OwnStream
from bench.training.graphs import CudaGraph
from bench.training.stack import Stack
from bench.training.trace import NotBatchable
from tests.bench.seeds import alone, assert_agree, settings, stack, state
from tests.gpu.report import DEVICE, ON_GPU, Report

LINEAR: Final = "linear-gaussian(dim=2, n=24)"
VAE: Final = "vae-mnist(data=5k, latent=1, hidden=2, depth=1)"
REPLAYED: Final = (
    ("gaussian-quadratic", "reinforce-ema"),
    (LINEAR, "sumo"),
    (LINEAR, "dreg"),
    (LINEAR, "linear-cv"),
    (LINEAR, "nvil"),
    (VAE, "iwae"),
    (VAE, "stl"),
    ("sbn-tiny", "disarm"),
    ("sbn-tiny", "rebar"),
    ("sbn-tiny", "relax"),
    ("gamma-poisson", "reparam"),
    ("mixture-vae", "hybrid"),
)
"""A random number of samples, tensor hooks, nested gradients and learned baselines are among them."""
SIX: Final = (
    ("gaussian-quadratic", "reinforce-ema"),
    ("gamma-poisson", "reparam"),
    ("sbn-tiny", "disarm"),
    (VAE, "nvil"),
    ("hmm(states=2, length=3, hidden=2, n=24)", "enumerate"),
    (LINEAR, "linear-cv"),
)
STEPS: Final = 12 if ON_GPU else 6


def replay(report: Report) -> None:
    """Steps of a replayed graph are those of eager mode."""
    for task, estimator in REPLAYED if ON_GPU else REPLAYED[:3]:
        name = f"{task.partition('(')[0]} × {estimator}"
        try:
            both = [_trained(task, estimator, eager=eager) for eager in (False, True)]
        except NotBatchable as reason:
            report.check(estimator == "sumo", f"{name}: refused, {reason}")
            continue
        except Exception as error:
            report.wrong(f"{name}: {type(error).__name__}: {headline(error)[:150]}")
            continue
        far = max(
            float((one - other).abs().max() / (1e-12 + other.abs().max()))
            for left, right in zip(both[0].trainers, both[1].trainers, strict=True)
            for one, other in zip(state(left).values(), state(right).values(), strict=True)
            if one.is_floating_point()
        )
        plain = both[0].plain_reason
        how = f"not captured, {plain}" if plain else "captured" if ON_GPU else "no GPU"
        report.check(far < 1e-9 and not plain, f"{name}: {how}, farthest number {far:.1e} of the largest")


def _trained(task: str, estimator: str, *, eager: bool) -> Stack:
    one = stack(task, estimator, (0, 1), settings(steps=STEPS), DEVICE)
    if eager:
        one._new_graph = None
    list(one.run(STEPS))
    return one


def failed_capture(report: Report) -> None:
    """A capture that fails leaves draws, allocator and streams in order."""
    if not ON_GPU:
        report.say("no GPU")
        return
    torch.cuda.manual_seed(0)
    stream = OwnStream(DEVICE, 9)
    try:
        CudaGraph([stream], DEVICE).capture(lambda: print(torch.zeros(1, device=DEVICE).item()))
        report.wrong("it was not refused")
    except RuntimeError as error:
        report.say(f"refused: {headline(error)}")
    report.check(not torch.cuda.is_current_stream_capturing(), "nothing is being captured")
    is_default = torch.cuda.current_stream() == torch.cuda.default_stream()
    report.check(is_default, "the current stream is the default one")
    found = torch.rand(3, device=DEVICE)
    torch.cuda.manual_seed(0)
    report.check(torch.equal(found, torch.rand(3, device=DEVICE)), "PyTorch's own generator goes on where it was")
    mine = torch.rand(3, device=DEVICE, generator=stream.generator(DEVICE))
    fresh = torch.rand(3, device=DEVICE, generator=OwnStream(DEVICE, 9).generator(DEVICE))
    report.check(torch.equal(mine, fresh), "a stream of its own goes on where it was")
    give_back_memory()
    report.say("memory can be given back")


def captured_alone(report: Report) -> None:
    """A seed ends in a captured step of three where it ends alone."""
    for task, estimator in SIX if ON_GPU else SIX[:1]:
        for learning in ("joint", "em(guide_steps=2, model_steps=1)"):
            name = f"{task.partition('(')[0]} × {estimator}, {learning.partition('(')[0]}"
            try:
                training = settings(learning=learning)
                together = stack(task, estimator, (0, 1, 2), training, DEVICE)
                list(together.run(training.steps))
                assert_agree(alone(task, estimator, 1, training, DEVICE), together.trainers[1], rtol=1e-6)
                report.check(not together.plain_reason, f"{name}: {together.plain_reason or 'agrees'}")
            except Exception as error:
                report.wrong(f"{name}: {type(error).__name__}: {headline(error)[:150]}")


def memory(report: Report) -> None:
    """Memory comes back when a stack is dropped, without the collector."""
    if not ON_GPU:
        report.say("no GPU")
        return
    give_back_memory()
    before = torch.cuda.memory_reserved()
    gc.disable()
    try:
        for _ in range(3):
            list(stack("vae-mnist(data=5k)", "reparam", range(8), settings(steps=6), DEVICE).run(6))
        torch.cuda.empty_cache()
        kept = torch.cuda.memory_reserved() - before
    finally:
        gc.enable()
    give_back_memory()
    after = torch.cuda.memory_reserved() - before
    report.keep("reserved after three dropped stacks", 8, kept / 2**20, "MiB")
    report.keep("reserved after that was collected", 8, after / 2**20, "MiB")
    report.check(kept <= after + 2**26, "nothing waits for the collector")
