"""A stand-in for a CUDA driver, with which a PyTorch for CPUs takes fake CUDA tensors for real ones.

It is loaded before PyTorch is imported, and so in a process of its own.
"""

import ctypes
import gc
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

COMPILER: Final = shutil.which("g++")
_TRIES: Final = 3
_SECONDS: Final = 150
"""PyTorch's fake tensors crash an interpreter now and then, or wait for themselves."""


def load(folder: Path) -> None:
    """Build the stand-in in a folder, unless it is there, and load it."""
    library = folder / "libguard.so"
    if not library.exists():
        build(library)
    ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    # A fake tensor is asked in Python for its device, with a lock held that what is collected then may wait for.
    gc.disable()


def build(library: Path) -> None:
    """Build the stand-in with the headers of the PyTorch that is installed."""
    found = find_spec("torch")
    assert found is not None
    assert found.origin is not None
    torch_at = Path(found.origin).parent
    paths = [f"-I{torch_at / 'include'}", str(Path(__file__).with_name("guard.cpp")), f"-L{torch_at / 'lib'}"]
    linked = ["-lc10", "-ltorch_cpu", f"-Wl,-rpath,{torch_at / 'lib'}", "-o", str(library)]
    command = [COMPILER or "g++", "-O0", "-std=c++20", "-shared", "-fPIC", "-w", *paths, *linked]
    subprocess.run(command, check=True, capture_output=True, text=True)


def printed(module: str, folder: Path, asked: str) -> str:
    """Return what a module of this package prints, run in a process of its own."""
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1", "BENCH_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", f"tests.gpu.{module}", str(folder), asked]
    for left in reversed(range(_TRIES)):
        with suppress(*[subprocess.TimeoutExpired] * (left > 0)):
            done = subprocess.run(
                command, capture_output=True, text=True, env=surroundings, check=False, timeout=_SECONDS
            )
            if done.returncode >= 0 or not left:
                assert done.returncode == 0, done.stderr[-2000:]
                return done.stdout
    raise AssertionError
