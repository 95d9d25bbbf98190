"""A limit of memory holds for what it is put around, and no longer."""

import resource
import sys

import pytest
import torch

from bench.errors import UsageError
from bench.machine.memory import is_out_of_memory
from bench.machine.ration import rationed, require_ration

CPU, GPU = torch.device("cpu"), torch.device("cuda")
MEGABYTE = 1 << 20


def taken(megabytes: int) -> int:
    """Take memory and give it back."""
    return len(torch.ones(megabytes * MEGABYTE, dtype=torch.uint8))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory of a CPU cannot be limited")
def test_more_than_the_ration_is_an_error_that_is_known_and_less_is_none() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with rationed(200 * MEGABYTE, CPU):
        assert taken(100) == 100 * MEGABYTE
        # Not yet given back, where an error is caught.
        with pytest.raises(RuntimeError) as raised:
            taken(2000)
        assert is_out_of_memory(raised.value)
        with pytest.raises(MemoryError):
            bytearray(2000 * MEGABYTE)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert taken(2000) == 2000 * MEGABYTE


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory of a CPU cannot be limited")
def test_the_limit_of_before_is_put_back_whatever_happens_and_never_raised() -> None:
    before, hard = resource.getrlimit(resource.RLIMIT_DATA)
    with rationed(100 * MEGABYTE, CPU):
        (limit, _) = resource.getrlimit(resource.RLIMIT_DATA)
        with rationed(2000 * MEGABYTE, CPU):
            assert resource.getrlimit(resource.RLIMIT_DATA) == (limit, hard)
        with pytest.raises(KeyError), rationed(50 * MEGABYTE, CPU):
            raise KeyError
        assert resource.getrlimit(resource.RLIMIT_DATA) == (limit, hard)
    assert resource.getrlimit(resource.RLIMIT_DATA) == (before, hard)


def test_without_a_ration_nothing_is_limited() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with rationed(None, CPU), rationed(None, GPU):
        assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_on_a_gpu_it_is_a_share_of_its_memory_beyond_what_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = list[float]()
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 10 * MEGABYTE)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (30 * MEGABYTE, 80 * MEGABYTE))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", shares.append)
    with pytest.raises(torch.OutOfMemoryError), rationed(30 * MEGABYTE, GPU):
        raise torch.OutOfMemoryError("CUDA out of memory")
    with rationed(300 * MEGABYTE, GPU):
        pass
    assert shares == [0.5, 1.0, 1.0, 1.0]


def test_where_memory_cannot_be_limited_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    require_ration(CPU)
    monkeypatch.setattr(sys, "platform", "darwin")
    require_ration(GPU)
    with pytest.raises(UsageError, match="--memory-limit needs Linux or --device cuda, but this is darwin"):
        require_ration(CPU)
