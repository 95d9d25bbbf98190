"""Which generators are seeded, and put back; those of a GPU are counted by a stand-in."""

from contextlib import nullcontext

import pytest
import torch

from bench.machine.streams import seeded


def test_a_seed_of_the_cpu_is_no_matter_of_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda _: pytest.fail("nobody puts them back"))
    before = torch.get_rng_state()
    with seeded(torch.device("cpu"), "one"):
        first = torch.rand(3)
    with seeded(torch.device("cpu"), "one"):
        assert torch.equal(torch.rand(3), first)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_seed_of_a_gpu_is_no_matter_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda _: pytest.fail("nobody puts them back"))
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "manual_seed", told.append)
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: nullcontext())
    with torch.random.fork_rng([]), seeded(torch.device("cuda"), "one"):
        assert told == [torch.initial_seed()]
