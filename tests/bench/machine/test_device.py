import errno

import pytest
import torch

from bench.machine.device import allow_tf32, in_memory
from bench.machine.info import machine_info
from bench.machine.lost import is_device_lost, is_of_device
from bench.machine.memory import is_out_of_memory


@pytest.mark.parametrize("allowed", [True, False])
def test_tf32_is_what_was_asked_for_and_on_record(allowed: bool) -> None:
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    allow_tf32(allowed)
    info = machine_info()
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
    assert (info["tf32_matmul"], info["tf32_convolution"]) == (allowed, allowed)


TOO_LARGE = [
    torch.OutOfMemoryError("CUDA out of memory"),
    MemoryError(),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 200000000 bytes. Error code 12"),
    RuntimeError("std::bad_alloc"),
]


@pytest.mark.parametrize("error", TOO_LARGE)
def test_only_divisible_work_survives_too_little_memory(error: Exception) -> None:
    def too_large() -> int:
        raise error

    assert in_memory(lambda: 3, divisible=False) == 3
    assert in_memory(too_large, divisible=True) is None
    with pytest.raises(type(error)):
        in_memory(too_large, divisible=False)


def test_what_is_no_lack_of_memory_is_raised_though_the_work_is_divisible() -> None:
    def wrong() -> int:
        raise RuntimeError("the size of tensor a must match the size of tensor b")

    with pytest.raises(RuntimeError, match="must match"):
        in_memory(wrong, divisible=True)


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        *((error, True) for error in TOO_LARGE),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (ValueError("can't allocate memory"), False),
    ],
)
def test_a_lack_of_memory_is_told_by_whoever_says_it(error: Exception, is_one: bool) -> None:
    assert is_out_of_memory(error) is is_one


def test_a_device_that_is_gone_is_told_from_lack_of_memory_and_from_a_capture() -> None:
    def raised(code: int, words: str) -> torch.AcceleratorError:
        error = torch.AcceleratorError(f"CUDA error: {words}")
        # As PyTorch sets it.
        vars(error)["error_code"] = code
        return error

    memory = raised(2, "out of memory")
    assert is_out_of_memory(memory)
    assert not is_device_lost(memory)
    assert not is_device_lost(raised(900, "operation not permitted when stream is capturing"))
    assert not is_device_lost(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"))
    lost = raised(710, "device-side assert triggered")
    assert is_device_lost(lost)
    assert not is_out_of_memory(lost)
    assert all(map(is_of_device, (memory, lost, torch.OutOfMemoryError("CUDA out of memory"))))
    assert not is_of_device(RuntimeError("PytorchStreamReader failed"))
