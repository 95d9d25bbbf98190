import pytest
import torch

from bench.machine.device import allow_tf32, in_memory
from bench.machine.info import machine_info


@pytest.mark.parametrize("allowed", [True, False])
def test_tf32_is_what_was_asked_for_and_on_record(allowed: bool) -> None:
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    allow_tf32(allowed)
    info = machine_info()
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
    assert (info["tf32_matmul"], info["tf32_convolution"]) == (allowed, allowed)


def test_only_divisible_work_survives_too_little_memory() -> None:
    def too_large() -> int:
        raise torch.OutOfMemoryError("CUDA out of memory")

    assert in_memory(lambda: 3, divisible=False) == 3
    assert in_memory(too_large, divisible=True) is None
    with pytest.raises(torch.OutOfMemoryError):
        in_memory(too_large, divisible=False)
