"""Which library multiplies large float32 matrices, how precisely, and when."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.execution.making import Making
from bench.execution.meter import KnownReferences
from bench.execution.run_cells import run_alone, run_together
from bench.execution.sources import Source, sources_of
from bench.machine import matmul
from bench.machine.device import float32_precision
from bench.machine.matmul import keeps_float32, multiplied_by_onednn, onednn_keeps_float32, onednn_pays
from bench.measure import cost
from bench.results.schema import Record
from bench.results.store import Store
from bench.settings import Cell, Measurement, Training
from estimators.base import evaluate
from estimators.draw import Replayed
from tasks.images.vae import VAEMnist
from tests.bench.results.samples import cell

NARROW = {"data": "5k", "hidden": 16, "latent": 2, "depth": 1}
ROWS = 100


@pytest.fixture
def favourable(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Have a processor on which oneDNN is faster and as precise, and one thread."""
    monkeypatch.setattr(matmul, "_is_faster", lambda *_: True)
    monkeypatch.setattr(matmul, "onednn_keeps_float32", lambda: True)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    return monkeypatch


def rounded_to(bits: int, factor: Tensor) -> Tensor:
    """Return a matrix with so many bits after the leading one; bfloat16 has 7, TF32 10, float32 23."""
    mantissa, exponent = torch.frexp(factor)
    scale = 2.0 ** (bits + 1)
    return torch.ldexp((mantissa * scale).round() / scale, exponent)


@pytest.mark.parametrize(("bits", "precise"), [(7, False), (10, False), (23, True)])
def test_rounded_factors_are_noticed(bits: int, precise: bool) -> None:
    assert keeps_float32(lambda left, right: rounded_to(bits, left) @ rounded_to(bits, right)) is precise


@pytest.mark.usefixtures("favourable")
def test_it_pays_for_large_float32_products_only() -> None:
    task = VAEMnist(data="5k")
    assert onednn_pays(task, ROWS)
    assert not onednn_pays(task, 10)
    assert not onednn_pays(VAEMnist(data="5k", hidden=16), ROWS)
    assert not onednn_pays(task.double(), ROWS)


@pytest.mark.usefixtures("favourable")
def test_what_a_program_has_set_for_an_operation_is_left_alone() -> None:
    mkldnn: Any = torch.backends.mkldnn
    matmul, default = mkldnn.matmul, mkldnn.matmul.fp32_precision
    matmul.fp32_precision = "bf16"
    try:
        assert float32_precision() == "mixed"
        assert not onednn_pays(VAEMnist(data="5k"), ROWS)
        with multiplied_by_onednn(False):
            assert matmul.fp32_precision == "bf16"
    finally:
        matmul.fp32_precision = default
    assert float32_precision() == "highest"


@pytest.mark.parametrize("what", ["_is_faster", "onednn_keeps_float32"])
def test_it_must_be_faster_and_precise(what: str, favourable: pytest.MonkeyPatch) -> None:
    favourable.setattr(matmul, what, lambda *_: False)
    assert not onednn_pays(VAEMnist(data="5k"), ROWS)


def test_more_threads_need_larger_products(favourable: pytest.MonkeyPatch) -> None:
    """784 · 200 weights times 100 rows are 15.7 million multiplications: 3.9 million for each of four threads."""
    task = VAEMnist(data="5k")
    favourable.setattr(torch, "get_num_threads", lambda: 4)
    assert onednn_pays(task, ROWS)
    favourable.setattr(torch, "get_num_threads", lambda: 5)
    assert not onednn_pays(task, ROWS)


@pytest.mark.parametrize(("usual", "onednn", "faster"), [(2.0, 1.0, True), (1.0, 0.99, False), (1.0, 2.0, False)])
def test_a_trial_decides_once_on_each_machine(
    usual: float, onednn: float, faster: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(matmul, "_seconds", lambda *_: (usual, onednn))
    assert matmul._is_faster.__wrapped__(100, ((200, 784),), 1) is faster
    monkeypatch.setattr(matmul, "_seconds", lambda *_: pytest.fail("tried again"))
    assert matmul._is_faster.__wrapped__(100, ((200, 784),), 1) is faster


@pytest.mark.parametrize("slow", [False, True])
def test_the_trial_times_each_library(slow: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands still but for products by one of the two."""
    now = 0.0
    products = Tensor.__matmul__

    def product(left: Tensor, right: Tensor) -> Tensor:
        nonlocal now
        now += 2.0 if (torch.get_float32_matmul_precision() == "medium") == slow else 1.0
        return products(left, right)

    monkeypatch.setattr(Tensor, "__matmul__", product)
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    monkeypatch.setattr(time, "process_time", lambda: now)
    assert matmul._seconds(2, ((3, 4), (5, 6))) == ((6.0, 12.0) if slow else (12.0, 6.0))


@pytest.mark.parametrize("before", ["highest", "high"])
def test_what_was_set_before_is_set_again(before: str) -> None:
    default = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(before)
    try:
        with multiplied_by_onednn(False):
            assert torch.get_float32_matmul_precision() == before
        with multiplied_by_onednn():
            assert torch.get_float32_matmul_precision() == "medium"
        assert torch.get_float32_matmul_precision() == before
        with pytest.raises(ZeroDivisionError), multiplied_by_onednn():
            raise ZeroDivisionError
        assert torch.get_float32_matmul_precision() == before
    finally:
        torch.set_float32_matmul_precision(default)


def test_gradients_are_those_of_float32() -> None:
    """Against float64: oneDNN's rounding is at most twice that of PyTorch's default."""
    task = VAEMnist(data="5k")
    if not onednn_keeps_float32():
        pytest.skip("oneDNN rounds to bfloat16 on this processor")
    torch.manual_seed(0)
    data = task.load()
    task.initialise(data)
    x, z = task.prepare(data.train[:ROWS]), torch.randn(1, ROWS, 50)

    def gradient(task: VAEMnist, dtype: torch.dtype) -> Tensor:
        f = evaluate(task, x.to(dtype), Replayed({"z": z.to(dtype)})).f
        return torch.cat([part.reshape(-1) for part in torch.autograd.grad(f.mean(), [*task.parameters()])]).double()

    plain = gradient(task, torch.float32)
    with multiplied_by_onednn():
        ours = gradient(task, torch.float32)
    exact = gradient(task.double(), torch.float64)
    assert not torch.equal(plain, ours)
    assert (ours - exact).norm() < 2 * (plain - exact).norm()


class Precisions:
    """A listener that writes down what PyTorch is set to in each phase."""

    def __init__(self) -> None:
        self.seen: dict[str, set[str]] = {}

    def phase(self, name: str, done: float, total: float, note: str = "") -> None:
        self.seen.setdefault(name, set()).add(torch.get_float32_matmul_precision())

    def warn(self, message: str) -> None:
        # That few replicates are few is no surprise here.
        if "fewer than 200 replicates" not in message:
            pytest.fail(message)


def vae(**changes: Any) -> Cell:
    of: dict[str, Any] = {
        "task": "vae-mnist",
        "task_parameters": NARROW,
        "estimator": "reparam",
        "estimator_parameters": {},
        "dtype": "float32",
        "training": Training(4, ROWS, "adam", 1e-3, 1e-3, "constant"),
        "measurement": Measurement("own", 40, 40, 0.05, 2, 1),
    }
    return cell(**{**of, **changes})


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
@pytest.mark.parametrize("pays", [False, True])
def test_a_cell_is_trained_measured_and_evaluated_with_it(
    pays: bool, together: bool, tmp_path: Path, favourable: pytest.MonkeyPatch
) -> None:
    favourable.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    favourable.setattr(cost, "seconds", partial(cost.seconds, budget=0.0))
    favourable.setattr(matmul, "_MULTIPLICATIONS", 0 if pays else 10**9)
    store, data = Store(tmp_path), VAEMnist(data="5k").load()
    cells = [vae(seed=seed) for seed in range(2 if together else 1)]
    listeners = [Precisions() for _ in cells]
    records: list[Record]
    if together:
        records = [*run_together(cells, data, store, Making("now"), listeners, KnownReferences(), sources_of(cells))]
    else:
        records = [run_alone(cells[0], data, store, Making("now"), listeners[0], KnownReferences(), Source())]
    expected = {"medium"} if pays else {"highest"}
    for record, listener in zip(records, listeners, strict=True):
        assert record.status == "done"
        assert listener.seen == dict.fromkeys(["train", "reference", "measure", "evaluate"], expected)
        assert ("oneDNN multiplied float32 matrices" in record.notes) is pays
    assert torch.get_float32_matmul_precision() == "highest"
