"""Modes that see every operation that PyTorch is asked for."""

from torch.utils._python_dispatch import TorchDispatchMode


class DispatchMode(TorchDispatchMode):
    """A mode that leaves PyTorch's compiler alone.

    PyTorch keeps its compiler off the method of a mode, and imports it for that at the first operation, which takes
    longer than many a training. What is compiled runs within a mode as it would without being compiled, either way.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False
