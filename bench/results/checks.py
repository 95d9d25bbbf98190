"""`check.json`: the verdicts of a run of checks, kept beside the results that they are about."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from bench import escaping
from bench.decoding import Decoder, Undecodable, plain
from bench.errors import ResultsError
from bench.results.leftovers import CHECKS
from bench.results.store import write_locked

KEYS: Final[Mapping[str, str]] = {
    "verdicts": "how often there was each verdict",
    "judged": "how many checks have a verdict that says what is the case: neither inconclusive nor not applicable",
    "missed": "sentences: what the run should have covered but did not; it exits with code 1 if there are any",
    "unchecked_values": "by estimator and parameter, the values that were not checked",
    "lines": "the checks, with the keys below",
    "seed": "of the draws",
    "tolerance": "the relative bias that a pass excludes",
    "power": "the probability with which it does",
    "false_alarm": "probability that the run calls anything `biased` or `violated` although everything is correct",
    "seconds": "wall time",
    "version": "of varbench",
    "when": "the end of the run, ISO 8601, UTC",
    "command": "as typed, a list of words",
}
"""The keys of the file, and what they hold."""

LINE: Final[Mapping[str, str]] = {
    "estimator": "its name and the parameters of the configuration; `every estimator` if it concerns the task",
    "subject": "the task on which the gradient was tested, or the property tested",
    "verdict": "see docs/check.md",
    "samples": "the numbers of samples K tested",
    "detectable": "the smallest relative bias of a coordinate that would have been detected; null if none was tested",
    "replicates": "gradients drawn",
    "seconds": "that it took",
    "waited": "whether it ended early because the machine was busy",
    "detail": "what is wrong and where, or why nothing was tested",
}
"""The keys of each of its lines."""


def keep(folder: Path, content: Mapping[str, Any]) -> Path:
    """Write `check.json` into a results folder, replacing that of the previous check, and return its path.

    Raises:
        ResultsError: the folder does not take it.
    """
    path = folder / CHECKS
    write_locked(path, f"{escaping.as_json(content)}\n".encode())
    return path


@dataclass(frozen=True)
class CheckedLine:
    """One check in a run of checks, with the keys of `LINE`.

    Attributes:
        estimator: see `LINE`, as is every other.
    """

    estimator: str
    subject: str
    verdict: str
    samples: list[int]
    detectable: float | None
    detail: str


@dataclass(frozen=True)
class Checks:
    """What a results folder keeps of the last run of checks, as far as a reader of its results wants to know it.

    Attributes:
        lines: the checks.
        when: see `KEYS`, as is every other.
    """

    lines: list[CheckedLine]
    when: str
    version: str
    command: list[str]


def read(folder: Path) -> Checks | None:
    """Return the verdicts that a results folder keeps; None where nothing was checked.

    Raises:
        ResultsError: the file cannot be read.
    """
    path = folder / CHECKS
    try:
        content = plain(path.read_bytes())
        lines = [_of(CheckedLine, line) for line in content["lines"]]
        return _DECODER.convert(_of(Checks, {**content, "lines": lines}))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror or error}") from error
    except (Undecodable, KeyError, TypeError) as error:
        raise ResultsError(
            f"{path} is not a readable file of verdicts: delete it, or let `bench check --out` write it again"
        ) from error


def _of(cls: type, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a class wants to know of a mapping, which may have been written by a later version."""
    return {one.name: content[one.name] for one in fields(cls)}


_DECODER: Final = Decoder(Checks)
