"""Damage files of a results folder at random, and look what the commands make of it.

    python -m tests.torture.corruption --trials 2000 --seed 0

Each trial damages one to three files of a copy of a small folder, reads it with the commands that read, and runs again
what made it. Looked for are: a traceback, an exit code that is not documented, a process that a signal ended; a number
that differs, and nothing said; a damaged file that `bench results validate` does not name; a folder that the rerun has
not mended. A trial is repeated by its seed and number: `--seed 0 --only 17`.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.torture import corruption_bytes
from tests.torture.corruption_folder import make
from tests.torture.corruption_forks import imported
from tests.torture.corruption_trial import FAULTS, Torture, Trial

_MANY: Final = 50
_OFTEN: Final = 100


def _summary(trials: Sequence[Trial], seconds: float) -> Iterator[str]:
    hits = [hit for trial in trials for hit in trial.hits]
    for what, counts in (
        ("kind of file", Counter(hit.kind for hit in hits)),
        ("damage", Counter(hit.damage for hit in hits)),
    ):
        yield f"damaged files by {what}: {', '.join(f'{name} {count}' for name, count in sorted(counts.items()))}"
    unchanged = sum(not hit.changed for hit in hits)
    yield f"{len(trials)} trials, {len(hits)} damaged files ({unchanged} as they were) in {seconds:.0f} s"
    faults = Counter(what for trial in trials for what, _ in trial.faults)
    yield ", ".join(f"{what}: {faults[what]}" for what in FAULTS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run trials, print what was wrong and a summary; return 1 where anything was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first trial")
    parser.add_argument("--only", type=int, help="number of the one trial to repeat")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after which no further trial is begun")
    parser.add_argument("--bytes", type=int, default=1500, help="places of each checkpoint that are damaged in turn")
    parser.add_argument("--made", type=Path, help="the folder to damage copies of; made there where it is not yet")
    asked = parser.parse_args(arguments)
    imported()
    begun = time.monotonic()
    with TemporaryDirectory(prefix="corruption-") as temporary:
        made = asked.made or Path(temporary) / "made"
        if not made.exists():
            make(made)
        torture = Torture(asked.seed, Path(temporary), made)
        if asked.only is None and asked.trials > _MANY:
            torture.warm()
        numbers = [asked.only] if asked.only is not None else range(asked.first, asked.first + asked.trials)
        trials = []
        for number in numbers:
            if time.monotonic() - begun > 60 * asked.minutes:
                break
            trials.append(trial := torture.run(number))
            _report(trial, asked.seed)
            if len(trials) % _OFTEN == 0:
                print(f"{len(trials)} trials, {sum(bool(one.faults) for one in trials)} with faults", flush=True)
        missed = [] if asked.only is not None else corruption_bytes.missed(made, asked.bytes, asked.seed)
    for line in (*_summary(trials, time.monotonic() - begun), *corruption_bytes.lines(missed)):
        print(line)
    return int(any(trial.faults for trial in trials) or any(one.read for one in missed))


def _report(trial: Trial, seed: int) -> None:
    if not trial.faults:
        return
    print(f"trial {trial.number}: `python -m tests.torture.corruption --seed {seed} --only {trial.number}` repeats it")
    for hit in trial.hits:
        print(f"  damaged {hit}")
    for what, detail in trial.faults:
        print(f"  {what}: {detail}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
