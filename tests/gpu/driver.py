"""A stand-in for a CUDA driver, with which a PyTorch for CPUs takes fake CUDA tensors for real ones.

It is loaded before PyTorch is imported, and so in a process of its own.
"""

import ctypes
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final

COMPILER: Final = shutil.which("g++")


def load(folder: Path) -> None:
    """Build the stand-in in a folder, unless it is there, and load it."""
    library = folder / "libguard.so"
    if not library.exists():
        build(library)
    ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


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
