"""How much memory of a GPU is left; PyTorch's answers are given."""

import pytest
import torch

from bench.evaluation import bounds
from bench.machine.capacity import free_memory

GPU = torch.device("cuda")
GIB = 1 << 30


def gpu(patch: pytest.MonkeyPatch, *, free: int, reserved: int = 0, used: int = 0, share: float = 1.0) -> None:
    patch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 80 * GIB))
    patch.setattr(torch.cuda, "memory_reserved", lambda _: reserved)
    patch.setattr(torch.cuda, "memory_allocated", lambda _: used)
    patch.setattr(torch.cuda, "get_per_process_memory_fraction", lambda _: share)


def test_what_others_use_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu(monkeypatch, free=10 * GIB, reserved=6 * GIB, used=4 * GIB)
    # What PyTorch holds and does not use is there for it.
    assert free_memory(GPU) == 12 * GIB


def test_a_process_may_be_allowed_less(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu(monkeypatch, free=70 * GIB, used=GIB, reserved=GIB, share=0.1)
    assert free_memory(GPU) == 7 * GIB


@pytest.mark.parametrize(
    ("free", "pairs"),
    [(16 * GIB, 16 * GIB >> 16), (17 * GIB, 16 * GIB >> 16), (31 * GIB, 16 * GIB >> 16), (0, 10_000)],
)
def test_an_evaluation_is_sized_by_what_is_left_about(monkeypatch: pytest.MonkeyPatch, free: int, pairs: int) -> None:
    gpu(monkeypatch, free=free)
    assert bounds._pairs_at_once(GPU) == pairs
