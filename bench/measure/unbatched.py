"""Why `vmap` cannot run an estimator, in words that say what the estimator must do instead."""

from typing import Final

from bench.errors import headline

_INSTEAD: Final[tuple[tuple[str, str], ...]] = (
    (
        "calling .item()",
        "it takes a number out of a tensor (item, float, if): use operations on tensors, and torch.where to choose",
    ),
    ("Cannot access data pointer", "it hands a tensor to NumPy: keep to operations of PyTorch"),
    ("in-place operation", "it writes into an existing tensor: return a new one"),
    ("inplace", "it writes into an existing tensor: return a new one"),
    ("requires_grad_", "it asks autograd for derivatives itself: use torch.func.grad"),
    ("dynamic shape", "the shape of a tensor depends on what was drawn: keep all entries, and multiply by 0 or 1"),
    ("atching rule", "it uses an operation that torch.func.vmap cannot batch: write it with others"),
)
"""By a part of what PyTorch says, what the estimator does and should do; the first that fits."""


def unbatched(error: Exception) -> str:
    """Return why `vmap` failed: what to do where that is known, else what PyTorch says.

    >>> unbatched(RuntimeError("Cannot access data pointer of Tensor that doesn't have storage"))
    'it hands a tensor to NumPy: keep to operations of PyTorch'
    >>> unbatched(RuntimeError("no such luck"))
    'no such luck'
    """
    return next((instead for part, instead in _INSTEAD if part in str(error)), headline(error))
