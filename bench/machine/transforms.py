"""What `torch.func` imports when it is first used: hundreds of modules, for seconds."""

import torch


def import_transforms() -> None:
    """Import them now, so that neither a forked process nor a cell with a limit has that to do."""
    torch.func.grad(torch.square)(torch.zeros(()))
