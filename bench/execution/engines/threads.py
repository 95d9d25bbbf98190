"""With how many threads the processes that run cells compute."""

import os

import torch


def threads_of(at_once: int) -> int:
    """Return how many threads each of several processes uses; `OMP_NUM_THREADS` applies to each, if set."""
    threads = torch.get_num_threads()
    return threads if "OMP_NUM_THREADS" in os.environ else max(1, threads // at_once)


def own_threads() -> int:
    """Return how many threads a process on another machine computes with: `OMP_NUM_THREADS`, or one."""
    return torch.get_num_threads() if "OMP_NUM_THREADS" in os.environ else 1
