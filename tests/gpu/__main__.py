"""The first eight minutes on a GPU: `python -m tests.gpu [FOLDER [WORD ...]]`; `DEVICE=cpu` tries it out, small.

It has not been seen on a GPU. All of it was written and tried on machines without one, and what it says of CUDA is
read from PyTorch's sources: what it prints there the first time is the first that is known.

Each part prints a line per finding, with `WRONG` before what should not be, and one that fails stops no other. Numbers
go to `<gpu>.csv` in the folder, `results/benchmarks` unless another is given; with words, only parts that have one in
their names are run. The exit code is 1 if anything was wrong.
"""

import re
import sys
import warnings
from pathlib import Path

import torch

from bench.machine.info import machine_info
from tests.gpu import agreement, running, speed
from tests.gpu.report import DEVICE, ON_GPU, Report

PARTS = {
    "replayed steps are those of eager mode": agreement.replay,
    "a failed capture leaves everything in order": agreement.failed_capture,
    "a captured step of three seeds ends where each ends alone": agreement.captured_alone,
    "memory comes back when a stack is dropped": agreement.memory,
    "microseconds a step": speed.step,
    "seed-steps per second": speed.seed_steps,
    "replicates against a loop": speed.replicates,
    "64 seeds in 2% of the memory": running.halving,
    "kill and resume": running.resume,
}
"""In the order in which they are run."""


def versions(report: Report) -> None:
    """Say what is tried, and on what."""
    info = machine_info()
    for name in ("varbench", "git_commit", "torch", "cuda", "gpu_driver", "python", "system"):
        report.say(f"{name}: {info[name]}")
    report.say(f"device: {device_name()}")
    if ON_GPU:
        free, total = torch.cuda.mem_get_info(DEVICE)
        report.say(f"memory: {free / 1e9:.1f} of {total / 1e9:.1f} GB are free")


def device_name() -> str:
    """Return the name of what is tried."""
    return torch.cuda.get_device_name(DEVICE) if ON_GPU else "cpu"


def main(folder: Path, *words: str) -> int:
    """Run all parts, or those with one of the words in their names, and return the exit code."""
    warnings.simplefilter("ignore")
    if ON_GPU and not torch.cuda.is_available():
        print("PyTorch finds no GPU here; DEVICE=cpu tries the script itself", file=sys.stderr)
        return 4
    report = Report()
    report.run("versions", versions)
    for name, work in PARTS.items():
        if not words or any(word in name for word in words):
            report.run(name, work)
    path = folder / f"{re.sub('[^a-z0-9]+', '-', device_name().lower()).strip('-')}.csv"
    report.write(path)
    wrong = f"WRONG in: {'; '.join(dict.fromkeys(report.failed))}" if report.failed else "nothing is wrong"
    print(f"\n{wrong}; {len(report.rows)} numbers are in {path}")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "results/benchmarks"), *sys.argv[2:]))
