"""Gradients by `torch.func`, and what it imports when it is first used: PyTorch's compiler, for seconds."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch._functorch.eager_transforms import (
    _create_differentiable,
    _undo_create_differentiable,
    _wrap_all_tensors,
    grad_increment_nesting,
)
from torch._functorch.vmap import doesnt_support_saved_tensors_hooks
from torch.utils._pytree import tree_flatten, tree_unflatten


def import_transforms() -> None:
    """Import them now, so that neither a forked process nor a cell with a limit has that to do."""
    torch.func.grad(torch.square)(torch.zeros(()))


def differentiated(function: Callable[..., Tensor]) -> Callable[..., Any]:
    """Return what `torch.func.grad` returns, and import no compiler for it.

    It is the same arithmetic by the same transform, within `vmap`, too. What is left out is to keep a compiler of
    backward passes off this one, for which PyTorch imports it, whether there is one in use or not.

    Args:
        function: of tensors, the first of which may be a dictionary of them, to a scalar.

    >>> import torch
    >>> differentiated(lambda x: (x**3).sum())(torch.tensor([1.0, 2.0]))
    tensor([ 3., 12.])
    """

    @wraps(function)
    @doesnt_support_saved_tensors_hooks
    def gradient(inputs: Any, *others: Any) -> Any:
        with grad_increment_nesting() as level, torch.enable_grad():
            wrapped, rest = _wrap_all_tensors((inputs, others), level)
            leaves, layout = tree_flatten(wrapped)
            _create_differentiable(leaves, level)
            value = function(wrapped, *rest)
            found = [None] * len(leaves)
            if value.requires_grad:
                found = torch.autograd.grad(value, leaves, create_graph=True, allow_unused=True)
            known = [torch.zeros_like(leaf) if one is None else one for leaf, one in zip(leaves, found, strict=True)]
            return _undo_create_differentiable(tree_unflatten(known, layout), level)

    return gradient
