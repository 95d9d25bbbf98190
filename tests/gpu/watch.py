"""Writes down what a GPU would wait for, and what a CUDA graph could not hold, while fake CUDA tensors are computed."""

import sys
from collections import Counter
from typing import Any, Final, final

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.weak import WeakIdKeyDictionary

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

_LISTS: Final = {"_fused_adam_": 4, "_fused_sgd_": 3}
"""Fused optimizers, and how many lists of tensors each reads as if all were laid out alike."""


_ANSWERS: Final = {"gt": False, "argmax": 0, "argmin": 0}
"""What numbers say that are all one, of which none is greater than another."""


def downloaded(value: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return numbers on the CPU for a tensor of the GPU, which has none: ones, or 0, 1, 2 ... of integers."""
    if value.device.type != "cuda":
        return value
    with unset_fake_temporarily():
        if value.is_floating_point() or value.dtype == torch.bool:
            return torch.ones(value.shape, dtype=dtype or value.dtype)
        return torch.arange(value.numel(), dtype=dtype or value.dtype).reshape(value.shape)


def laid(value: Tensor) -> list[int]:
    """Return the strides that matter: an axis of one has none."""
    return [stride for size, stride in zip(value.shape, value.stride(), strict=True) if size != 1]


def where() -> str:
    """Return the innermost line of ours on the stack, and the function that it is in."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if any(part in name for part in OURS) and "site-packages" not in name:
            line = f"{name[max(name.rfind(part) for part in OURS) + 1 :]}:{frame.f_lineno}"
            return f"{line} {frame.f_code.co_qualname}"
        frame = frame.f_back
    return "?"


def is_on_gpu(value: Tensor) -> bool:
    return value.device.type == "cuda"


def target_of(kwargs: dict[str, Any]) -> str | None:
    """Return the type of the device that an operation is asked for by name."""
    device = kwargs.get("device")
    return None if device is None else torch.device(device).type


@final
class Watch(TorchDispatchMode):
    """Follows operations on the GPU, and does those of the CPU alone for real.

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
        self._constants, self._answers = WeakIdKeyDictionary(), WeakIdKeyDictionary()

    def _note(self, kind: str) -> None:
        self.events[self.stage, kind, where()] += 1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.removeprefix("aten::")
        tensors = [value for value in tree_iter((args, kwargs)) if isinstance(value, Tensor)]
        on_gpu = any(map(is_on_gpu, tensors))
        if not on_gpu and target_of(kwargs) != "cuda":
            with unset_fake_temporarily():
                found = func(*args, **kwargs)
            if func in (aten.lift_fresh.default, aten.lift_fresh_copy.default):
                self._constants[found] = True
            return found
        self.operations[name] += on_gpu
        self._look(func, name, args, kwargs, on_gpu)
        return self._done(func, name, args, kwargs, tensors)

    def _done(self, func: Any, name: str, args: Any, kwargs: Any, tensors: list[Tensor]) -> Any:
        """Do what is asked, with numbers for what a fake tensor has none of."""
        if func in (aten._local_scalar_dense.default, aten.is_nonzero.default):
            one = 1.0 if args[0].dtype.is_floating_point else args[0].dtype == torch.bool or 1
            return self._answers.get(args[0], one)
        if func is aten._to_copy.default and target_of(kwargs) == "cpu":
            return downloaded(args[0], kwargs.get("dtype"))
        if func is aten._to_copy.default and not is_on_gpu(args[0]):
            return torch.empty_like(args[0], dtype=kwargs.get("dtype"), device="cuda")
        if func is aten.copy_.default and not is_on_gpu(args[0]):
            with unset_fake_temporarily():
                return args[0].copy_(downloaded(args[1]))
        if name in _LISTS:
            return _require_alike(name, [part for part in args[: _LISTS[name]] if part], args, kwargs)
        if name in _WITHOUT_FAKES:
            assert len({value.device for value in tensors}) == 1, f"{name}: arguments on several devices"
            return torch.empty_like(args[0])
        if func is aten.nonzero.default:
            return torch.zeros(args[0].numel(), args[0].dim(), dtype=torch.long, device=args[0].device)
        if func is aten.equal.default:
            return True
        if func is aten.index.Tensor and any(map(_is_mask, args[1])):
            # As if it were true of all.
            (place,) = [place for place, index in enumerate(args[1]) if index is not None]
            return args[0].flatten(place, place + args[1][place].dim() - 1).clone()
        found = func(*args, **kwargs)
        if name in _ANSWERS:
            self._answers[found] = _ANSWERS[name]
        return found

    def _look(self, func: Any, name: str, args: Any, kwargs: Any, on_gpu: bool) -> None:
        if self.stage == "capture" and torch.Tag.nondeterministic_seeded in func.tags and not kwargs.get("generator"):
            self._note("draw from no seed's generator")
        if func is aten._local_scalar_dense.default and on_gpu:
            self._note("item")
        elif func is aten._to_copy.default and kwargs.get("device") is not None:
            source, target = args[0].device.type, torch.device(kwargs["device"]).type
            if source != target and args[0] not in self._constants:
                self._note(f"{source}->{target}")
        elif func is aten.copy_.default and args[0].device.type != args[1].device.type:
            self._note(f"{args[1].device.type}->{args[0].device.type}")
        elif name in _WAITING and on_gpu:
            self._note(name)
        elif func is aten.index.Tensor and any(map(_is_mask, args[1])):
            self._note("boolean index")


def _is_mask(index: Tensor | None) -> bool:
    return index is not None and index.dtype in (torch.bool, torch.uint8)


def _require_alike(name: str, lists: list[list[Tensor]], args: Any, kwargs: Any) -> None:
    """Refuse what the fused kernels refuse, or would read as something else, of which fake tensors know nothing."""
    first = lists[0]
    for others in lists:
        for one, other in zip(first, others, strict=True):
            if (one.shape, laid(one), one.dtype, one.device) != (other.shape, laid(other), other.dtype, other.device):
                raise RuntimeError(f"{name}: {one.stride()} {one.dtype} against {other.stride()} {other.dtype}")
    counts = args[5] if name == "_fused_adam_" else []
    # The kernels read both as float32, whatever the parameters are.
    for number in [*counts, *[size for size in [kwargs["lr"]] if isinstance(size, Tensor)]]:
        if number.dtype != torch.float32 or number.device != first[0].device:
            raise RuntimeError(f"{name}: a {number.dtype} on {number.device} where float32 on the GPU is read")
