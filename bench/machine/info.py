"""What this machine is, and with what it computes."""

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).resolve().parents[2]


def machine_info() -> dict[str, Any]:
    """Return what results may depend on besides a cell's settings; its keys are fields of the note about a run."""
    import numpy
    import torch

    commit, dirty = _git()
    made = software()
    return {
        "varbench": made["varbench"],
        "python": platform.python_version(),
        "torch": made["torch"],
        "numpy": numpy.__version__,
        "git_commit": commit,
        "git_dirty": dirty,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        **hardware(),
        "gpu_driver": _gpu_driver() if torch.cuda.is_available() else None,
        "cuda": torch.version.cuda if torch.cuda.is_available() else None,
        "tf32_matmul": _allows_tf32(torch.backends.cuda.matmul),
        "tf32_convolution": _allows_tf32(torch.backends.cudnn),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def hardware() -> dict[str, Any]:
    """Return the entries of `machine_info` that decide how long something takes."""
    import torch

    return {
        "cpu": cpu_model(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def software() -> dict[str, str]:
    """Return the versions that decide whether a number is computed again: those of varbench and of torch."""
    import torch

    return {"varbench": _version(), "torch": str(torch.__version__)}


@cache
def _version() -> str:
    try:
        return version("varbench")
    except PackageNotFoundError:
        return "not installed"


def _git() -> tuple[str | None, bool | None]:
    """Return the commit of varbench's checkout and whether it has changes."""
    top = _output("git", "-C", str(_ROOT), "rev-parse", "--show-toplevel")
    # An installed varbench may lie in somebody else's checkout, whose commit says nothing about it.
    if top is None or Path(top).resolve() != _ROOT:
        return None, None
    commit = _output("git", "-C", str(_ROOT), "rev-parse", "HEAD")
    changes = _output("git", "-C", str(_ROOT), "status", "--porcelain")
    return commit, None if changes is None else bool(changes)


def cpu_model() -> str:
    """Return the model of the processor, as the system names it."""
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _gpu_driver() -> str | None:
    drivers = _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    return drivers.splitlines()[0] if drivers else None


def _allows_tf32(backend: Any) -> bool:
    # Since torch 2.9 the old flag raises an error once the new one was set; before, there was only the old one.
    operations = getattr(backend, "conv", backend)
    precision = getattr(operations, "fp32_precision", None)
    return backend.allow_tf32 if precision is None else precision == "tf32"


def _output(*command: str) -> str | None:
    """Return what a program prints, or None where it is missing, fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
