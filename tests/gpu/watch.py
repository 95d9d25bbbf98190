"""Writes down what a GPU would wait for, and what a CUDA graph could not hold, while fake CUDA tensors are computed."""

import traceback
from collections import Counter
from typing import Any, Final, final

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

OURS: Final = ("/bench/", "/estimators/", "/tasks/")
aten: Final = torch.ops.aten

_WAITING: Final = {
    "nonzero",
    "masked_select",
    "_unique2",
    "unique_dim",
    "bincount",
    "repeat_interleave",
    "multinomial",
    "equal",
    "is_nonzero",
    "linalg_eigh",
    "_linalg_eigh",
    "_linalg_svd",
    "histc",
    "linalg_lstsq",
}
"""Operations whose result, or its size, the CPU waits for."""

_WITHOUT_FAKES: Final = {"_standard_gamma", "_standard_gamma_grad", "poisson", "_dirichlet_grad"}
"""They have CUDA kernels, and none for fake tensors."""


def laid(value: Tensor) -> list[int]:
    """Return the strides that matter: an axis of one has none."""
    return [stride for size, stride in zip(value.shape, value.stride(), strict=True) if size != 1]


def where() -> str:
    """Return the innermost line of ours on the stack."""
    for frame in reversed(traceback.extract_stack()):
        if any(part in frame.filename for part in OURS) and "site-packages" not in frame.filename:
            return f"{frame.filename[max(frame.filename.rfind(part) for part in OURS) + 1 :]}:{frame.lineno}"
    return "?"


@final
class Watch(TorchDispatchMode):
    """Follows operations, and answers those for which a fake tensor has no numbers.

    Attributes:
        stage: what is done at present.
        events: how often something was waited for, by stage, kind and line.
        operations: on CUDA tensors, by name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stage = "build"
        self.events: Counter[tuple[str, str, str]] = Counter()
        self.operations: Counter[str] = Counter()

    def _note(self, kind: str) -> None:
        self.events[self.stage, kind, where()] += 1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.removeprefix("aten::")
        tensors = [value for value in tree_iter((args, kwargs)) if isinstance(value, Tensor)]
        on_gpu = any(value.device.type == "cuda" for value in tensors)
        self.operations[name] += on_gpu
        self._look(func, name, args, kwargs, on_gpu)
        if func is aten._local_scalar_dense.default:
            return True if args[0].dtype == torch.bool else 1.0 if args[0].dtype.is_floating_point else 1
        if name in _WITHOUT_FAKES:
            assert len({value.device for value in tensors}) == 1, f"{name}: arguments on several devices"
            return torch.empty_like(args[0])
        if func is aten.nonzero.default:
            return torch.zeros(args[0].numel(), args[0].dim(), dtype=torch.long, device=args[0].device)
        if func is aten.equal.default:
            return True
        return func(*args, **kwargs)

    def _look(self, func: Any, name: str, args: Any, kwargs: Any, on_gpu: bool) -> None:
        if func is aten._local_scalar_dense.default and on_gpu:
            self._note("item")
        elif func is aten._to_copy.default and kwargs.get("device") is not None:
            source, target = args[0].device.type, torch.device(kwargs["device"]).type
            if source != target:
                self._note(f"{source}->{target}")
        elif func is aten.copy_.default and args[0].device.type != args[1].device.type:
            self._note(f"{args[1].device.type}->{args[0].device.type}")
        elif name in _WAITING and on_gpu:
            self._note(name)
        elif func is aten.index.Tensor and any(
            index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1]
        ):
            self._note("boolean index")
