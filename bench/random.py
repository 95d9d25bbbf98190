"""Seeds: every purpose gets a stream of its own, so that measuring or evaluating never disturbs training."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derive_seed(*purpose: object) -> int:
    """Return a 63-bit seed that depends on every part of `purpose`."""
    text = "/".join(map(str, purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


@contextmanager
def seeded(device: torch.device, *purpose: object) -> Iterator[None]:
    """Run the body on a random stream of its own and put the surrounding stream back afterwards."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(derive_seed(*purpose))
        yield


def generator_state(device: torch.device) -> dict[str, torch.Tensor]:
    """Return the state of the global generators that draws on `device` come from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_generator_state(state: dict[str, torch.Tensor], device: torch.device) -> None:
    """Put back what `generator_state` returned."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
