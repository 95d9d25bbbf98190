"""The short form of what a machine may lack: every fault once; README.md has the long one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture.machine import FAULTS

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="it is Linux that has tmpfs and /proc")

ROOT = Path(__file__).resolve().parents[2]
ASKED = ("--trials", str(len(FAULTS)), "--seed", "166", "--command", "untrained")


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what is printed of one trial of each fault."""
    work = tmp_path_factory.mktemp("machine")
    command = [sys.executable, "-m", "tests.torture.machine", *ASKED, "--work", str(work)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert not os.listdir(work)
    return ended.stdout


@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_that_meets_a_fault_loses_nothing_and_goes_on_afterwards(printed: str, fault: str) -> None:
    if f"1 {fault} not run" in printed:
        why = re.search(r"^not run: (.*)$", printed, re.MULTILINE)
        assert why is not None
        pytest.skip(why[1])
    last = printed.splitlines()[-1]
    assert re.search(rf"\b1 {fault}\b", last)
    # Each of them but that of several processes: the trials of this seed lack much.
    sentences = re.search(r"(\d+) commands that ended in a sentence", last)
    assert sentences is not None
    assert int(sentences[1]) == len(FAULTS) - 1 - printed.count(" not run ")
