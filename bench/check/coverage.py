"""What a run of checks covered: how much of what was asked for was judged, and which settings were not checked."""

import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.check.verdicts import Line, Verdict
from bench.errors import BenchError
from bench.names.registry import ESTIMATORS, constructor_parameters
from bench.names.spec import Spec, Value, parse_spec
from bench.results.text import counted

JUDGED: Final[frozenset[Verdict]] = frozenset(
    {"pass", "biased", "violated", "task at fault", "biased, as declared", "no bias seen"}
)
"""Verdicts that say what is the case. Where nothing was tested, or the time was over, nothing is known."""

_NAMED: Final = 3
"""Of what a sentence is about, the most that it names."""


@dataclass(frozen=True)
class Demands:
    """What must have been judged for a run to be more than green.

    Attributes:
        least: the fewest checks to be judged; 0 asks for nothing.
        estimators: names that were asked for, each of which must have been judged somewhere.
        tasks: likewise.
        strict: whether nothing may be inconclusive.
    """

    least: int = 1
    estimators: Sequence[str] = field(default=())
    tasks: Sequence[str] = field(default=())
    strict: bool = False


def judged(lines: Iterable[Line]) -> list[Line]:
    """Return the lines whose verdict says what is the case."""
    return [line for line in lines if line.verdict in JUDGED]


def inconclusive(lines: Iterable[Line]) -> list[Line]:
    """Return the lines that were to say something, and do not."""
    return [line for line in lines if line.verdict == "inconclusive"]


def shortfalls(lines: Sequence[Line], demands: Demands) -> list[str]:
    """Return, in a sentence each, the demands that a run did not meet: it is no pass then."""
    found, open_ = judged(lines), inconclusive(lines)
    missed: list[str] = []
    if demands.least > 0:
        if not found:
            missed.append(f"nothing was judged{_because(lines)}")
        else:
            estimators, tasks = {_base(line.estimator) for line in found}, {_base(line.subject) for line in found}
            for name in dict.fromkeys(map(_base, demands.estimators)):
                if name not in estimators:
                    missed.append(f"nothing was judged for {name}{_because(_of(lines, name))}")
            for name in dict.fromkeys(map(_base, demands.tasks)):
                if name not in tasks:
                    missed.append(f"nothing was judged on {name}{_because(_on(lines, name))}")
        if found and len(found) < demands.least:
            missed.append(f"--require asks for {counted(demands.least, 'judged check')}, found {len(found)}")
    if demands.strict and open_:
        missed.append(f"--strict allows no inconclusive check, found {len(open_)}: {where(open_)}")
    return missed


def where(lines: Sequence[Line]) -> str:
    """Return which checks some lines are of, the first of them by name."""
    names = [f"{line.estimator} on {line.subject}" for line in lines[:_NAMED]]
    more = len(lines) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _because(lines: Sequence[Line]) -> str:
    reasons = list(dict.fromkeys(line.detail or line.verdict for line in lines))
    if not reasons:
        return ""
    more = len(reasons) - 1
    return f": {reasons[0]}" + (f" ({more} more reasons with --verbose)" if more else "")


def _of(lines: Sequence[Line], estimator: str) -> list[Line]:
    return [line for line in lines if _base(line.estimator) == estimator]


def _on(lines: Sequence[Line], task: str) -> list[Line]:
    return [line for line in lines if _base(line.subject) == task]


def _base(name: str) -> str:
    return name.partition("(")[0]


def other_values(lines: Iterable[Line]) -> dict[str, dict[str, str]]:
    """Return, by estimator and parameter, which values were not checked; only of estimators that were judged."""
    seen: dict[str, list[Spec]] = {}
    for name in dict.fromkeys(line.estimator for line in judged(lines)):
        try:
            spec = parse_spec(name)
            parameters = ESTIMATORS.parameters(spec)
        except BenchError:
            continue  # a class or an instance that was handed over has no name that could be looked up
        seen.setdefault(spec.name, []).append(Spec(spec.name, parameters))
    found = {name: _unseen(name, specs) for name, specs in seen.items()}
    return {name: of_one for name, of_one in found.items() if of_one}


def _unseen(name: str, specs: Sequence[Spec]) -> dict[str, str]:
    unseen: dict[str, str] = {}
    for key, parameter in constructor_parameters(ESTIMATORS.load(name)).items():
        values = list(dict.fromkeys(spec.parameters[key] for spec in specs))
        possible = _choices(parameter.annotation)
        if possible is None:
            unseen[key] = f"other than {_words(values)}"
        elif rest := [value for value in possible if value not in values]:
            unseen[key] = _words(rest)
    return unseen


def _choices(annotation: object) -> list[Value] | None:
    """Return the values that a parameter can have; None where they cannot be listed."""
    if annotation is bool:
        return [False, True]
    return list(typing.get_args(annotation)) if typing.get_origin(annotation) is typing.Literal else None


def _words(values: Sequence[Value]) -> str:
    # As the command line has them: true, false, none.
    return " or ".join(str(value).lower() if isinstance(value, bool | None) else str(value) for value in values)
