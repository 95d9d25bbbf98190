"""Gradients by linear layers, against those of `vmap` over `grad`, drawn with the same random numbers."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from bench.machine.streams import seeded
from bench.measure import chunk
from bench.measure.chunk import chunk_size
from bench.measure.cosines import Cosines
from bench.measure.layers import Formed, Layers
from bench.measure.measure import BY_LAYER, measure
from bench.measure.metrics import gradient_metrics
from bench.measure.moments import Moments
from bench.measure.point import Point
from bench.measure.reference import Reference, References
from bench.measure.replicates import LOOP, Replicator
from bench.measure.rows import Rows
from bench.measure.stopping import Stopping, draw_until
from estimators.base import Estimator
from estimators.importance_weighted.iwae import IWAE
from estimators.pathwise.reparam import Reparam
from estimators.score_function.reinforce import Reinforce
from tasks.base import Task
from tests.tasks.images.test_vae import TinyVAE

CPU = torch.device("cpu")
COUNT = 6


class Loss(nn.Module):
    """A loss of two layers of 3 and 4 units, with noise between them."""

    def __init__(self, forward: Callable[["Loss", Tensor], Tensor], bias: bool = True) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3, bias), nn.Linear(3, 4)
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.loss = forward
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        return self.loss(self, x)


def noisy(hidden: Tensor) -> Tensor:
    return hidden.tanh() + torch.randn_like(hidden)


def plain(loss: Loss, x: Tensor) -> Tensor:
    return (loss.scale * loss.second(noisy(loss.first(x)))).square().mean()


def of_samples(loss: Loss, x: Tensor) -> Tensor:
    return loss.second(noisy(loss.first(x).expand(5, *x.shape))).square().sum(0).exp().mean()


def called_twice(loss: Loss, x: Tensor) -> Tensor:
    """Once with an input that all replicates share, and once with one of each."""
    return loss.second(loss.first(noisy(loss.first(x)))).square().mean()


def of_one_row(loss: Loss, x: Tensor) -> Tensor:
    return loss.second(noisy(loss.first(x[0]))).square().mean()


def never_called(loss: Loss, x: Tensor) -> Tensor:
    return loss.second(noisy(x)).square().mean()


def called_by_keyword(loss: Loss, x: Tensor) -> Tensor:
    return loss.second(input=noisy(loss.first(input=x))).square().mean()


def reads_a_weight(loss: Loss, x: Tensor) -> Tensor:
    return plain(loss, x) + loss.first.weight.square().sum()


def differentiates(loss: Loss, x: Tensor) -> Tensor:
    return grad(lambda h: loss.second(h).square().sum())(noisy(loss.first(x))).square().mean()


X = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def usual(loss: nn.Module, parameters: dict[str, nn.Parameter], x: Tensor, count: int) -> Tensor:
    """Return gradients of a loss by `vmap`, [count, P]."""

    def value(given: dict[str, Tensor], _replicate: Tensor) -> Tensor:
        return functional_call(loss, given, (x,))

    given = {name: parameter.detach() for name, parameter in parameters.items()}
    gradients = vmap(grad(value), in_dims=(None, 0), randomness="different")(given, torch.empty(count))
    return torch.cat([gradients[name].reshape(count, -1) for name in parameters], 1)


def both(loss: Loss, parameters: dict[str, nn.Parameter]) -> tuple[Tensor, Tensor]:
    """Return gradients by layer, and the usual ones, of the same draws."""
    layers = Layers(loss, parameters, X)
    with seeded(CPU, "draws"):
        found = layers.draw(X, COUNT).whole()
    with seeded(CPU, "draws"):
        return found, usual(loss, parameters, X, COUNT)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("forward", [plain, of_samples, called_twice, called_by_keyword, of_one_row, never_called])
def test_they_are_the_usual_ones(forward: Callable[[Loss, Tensor], Tensor], bias: bool):
    torch.manual_seed(0)
    loss = Loss(forward, bias)
    parameters = dict(loss.named_parameters())
    found, expected = both(loss, parameters)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
    assert Layers(loss, parameters, X).agree(partial(usual, loss, parameters), X)


def test_layers_that_share_a_weight():
    torch.manual_seed(0)
    loss = Loss(plain)
    loss.first.weight = nn.Parameter(loss.second.weight.detach()[:3].clone())
    loss.second = nn.Linear(3, 3).double()
    loss.second.weight = loss.first.weight
    found, expected = both(loss, dict(loss.named_parameters()))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_a_layer_with_a_forward_of_its_own_is_left_alone():
    torch.manual_seed(0)
    loss = Loss(plain)

    def doubled(input: Tensor) -> Tensor:
        return 2 * nn.functional.linear(input, loss.first.weight, loss.first.bias)

    loss.first.forward = doubled
    found, expected = both(loss, dict(loss.named_parameters()))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
    assert loss.first.forward is doubled


@pytest.mark.parametrize("frozen", ["first.weight", "second.bias"])
def test_a_frozen_parameter_has_no_gradient(frozen: str):
    torch.manual_seed(0)
    loss = Loss(plain)
    parameters = {name: value for name, value in loss.named_parameters() if name != frozen}
    found, expected = both(loss, parameters)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("forward", [reads_a_weight, differentiates])
def test_what_they_do_not_give_is_found_out(forward: Callable[[Loss, Tensor], Tensor]):
    torch.manual_seed(0)
    loss = Loss(forward)
    parameters = dict(loss.named_parameters())
    assert not Layers(loss, parameters, X).agree(partial(usual, loss, parameters), X)


def replicator_of(task: Task, estimator: Estimator, samples: int, x: Tensor, by_layer: bool) -> Replicator:
    replicator = Replicator(task, estimator, samples)
    if by_layer:
        replicator.layers = Layers(replicator._module, {f"task.{n}": v for n, v in replicator.parameters.items()}, x)
    return replicator


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(("estimator", "samples"), [(Reparam(), 1), (Reinforce(), 2), (IWAE(), 3)])
def test_every_metric_is_that_of_whole_gradients(estimator: Estimator, samples: int, size: int):
    torch.manual_seed(0)
    task = TinyVAE().double()
    x = torch.rand(5, 6, dtype=torch.float64).round()
    found = []
    for by_layer in (False, True):
        replicator = replicator_of(task, estimator, samples, x, by_layer)
        reference = Reference(torch.linspace(-1, 1, replicator.size, dtype=torch.float64)[None], None, "exact")
        moments, cosines = Moments(replicator.size, x.dtype, CPU), Cosines(reference, replicator.slices)
        with seeded(CPU, "replicates"):
            for dealt in draw_until(moments, replicator, x, size, 300, cosines.read):
                cosines.close(dealt)
        metrics = {}
        for group, where in replicator.slices.items():
            metrics |= {f"{group} {name}": value for name, value in gradient_metrics(moments, where, reference).items()}
            metrics[f"{group} cosine"] = cosines.interval(group, moments.counts)
        found.append(metrics)
    whole, by_layer = found
    assert whole.keys() == by_layer.keys()
    for name, interval in whole.items():
        for found in ("value", "se", "low", "high"):
            assert getattr(by_layer[name], found) == pytest.approx(getattr(interval, found), rel=1e-9, abs=1e-12), name


class SlowWhole:
    """Stands in for a clock: a replicate takes a second, and half of one by layer, or as much more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, by_layer: float) -> None:
        self.by_layer, self.now = by_layer, 0.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(time, "process_time", lambda: self.now)
        rows = Replicator.rows

        def slow(replicator: Replicator, x: Tensor, count: int) -> Rows:
            batched = count > LOOP
            self.now += count * (1.0 if not batched else 0.5 if replicator.layers is None else self.by_layer)
            return rows(replicator, x, count)

        monkeypatch.setattr(Replicator, "rows", slow)


@pytest.mark.parametrize(("seconds", "wins"), [(0.3, True), (0.49, False), (0.8, False)])
def test_the_faster_way_is_taken_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, wins: bool):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    torch.manual_seed(0)
    task, x = TinyVAE(hidden=600), torch.rand(5, 6).round()
    SlowWhole(monkeypatch, seconds)
    first, known = Replicator(task, Reparam(), 1), dict[str, int]()
    size = chunk_size(first, x, known, "tiny", replicates=1000)
    assert (first.layers is not None) == wins
    monkeypatch.setattr(chunk, "fastest_way", lambda *_: pytest.fail("measured again"))
    # Another run finds it in the memory of the machine, and a cell that goes on in what it has kept.
    for kept in ({}, known):
        again = Replicator(task, Reparam(), 1)
        assert chunk_size(again, x, kept, "tiny", replicates=1000) == size
        assert (again.layers is not None) == wins
        assert kept == known


def test_a_few_replicates_are_not_worth_the_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(Replicator, "layers_on", lambda *_: pytest.fail("tried"))
    chunk_size(Replicator(TinyVAE(hidden=600), Reparam(), 1), torch.rand(5, 6).round(), {}, replicates=100)


def test_what_memory_does_not_hold_is_drawn_in_smaller_parts(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    task, x = TinyVAE(), torch.rand(5, 6).round()
    replicator = replicator_of(task, Reparam(), 1, x, by_layer=True)
    draw = Layers.draw

    def short(layers: Layers, x: Tensor, count: int) -> Rows:
        if count > 4:
            raise MemoryError
        return draw(layers, x, count)

    monkeypatch.setattr(Layers, "draw", short)
    assert replicator.rows(x, 8).whole().shape == (8, replicator.size)
    assert replicator.largest == 4
    assert isinstance(replicator.rows(x, 4), Formed)


def test_a_record_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    SlowWhole(monkeypatch, 0.1)
    torch.manual_seed(0)
    point = Point(TinyVAE(hidden=600), Reparam(), 1, torch.rand(5, 6).round(), replicates=1000)
    assert BY_LAYER in measure(point, References(), Stopping(200, 0.1, 200), 0).notes
