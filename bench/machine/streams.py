"""Seeds: every purpose gets a stream of its own, so that measuring or evaluating never disturbs training."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import final

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
        # `torch.manual_seed` turns to all GPUs, which nobody puts back, and notes the way there: a hundred times the
        # time of a seed.
        torch.default_generator.manual_seed(derive_seed(*purpose))
        if devices:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(derive_seed(*purpose))
        yield


class Stream(ABC):
    """Where the draws of one training come from."""

    @abstractmethod
    def generator(self, device: torch.device) -> torch.Generator | None:
        """Return the generator of draws on `device`; None for PyTorch's own."""

    @abstractmethod
    def state(self) -> dict[str, torch.Tensor]:
        """Return the states of the generators by type of device."""

    @abstractmethod
    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Go on from what `state` returned."""


@final
class GlobalStream(Stream):
    """PyTorch's own generators, which the caller has seeded (`seeded`)."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def generator(self, device: torch.device) -> None:
        return None

    def state(self) -> dict[str, torch.Tensor]:
        state = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self.device)
        return state

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        torch.set_rng_state(state["cpu"].cpu())
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"].cpu(), self.device)


@final
class OwnStream(Stream):
    """Generators of one training alone, which give what PyTorch's own give within `seeded(device, *purpose)`."""

    def __init__(self, device: torch.device, *purpose: object) -> None:
        self._generators = {
            name: torch.Generator(name).manual_seed(derive_seed(*purpose)) for name in {"cpu", device.type}
        }

    def generator(self, device: torch.device) -> torch.Generator:
        return self._generators[device.type]

    def state(self) -> dict[str, torch.Tensor]:
        return {name: generator.get_state() for name, generator in self._generators.items()}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        for name, generator in self._generators.items():
            generator.set_state(state[name].cpu())

    def renew(self, state: dict[str, torch.Tensor]) -> None:
        """Go on from `state` with new generators, where the old ones cannot be used any more."""
        self._generators = {name: torch.Generator(name) for name in self._generators}
        self.restore(state)
