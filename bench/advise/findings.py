"""What a run of `bench advise` has found, in plain values: what `--format json` prints, and sentences are made of."""

from dataclasses import asdict
from typing import Any, Final

import numpy as np

from bench.advise.advising import Advising
from bench.advise.finals import by_seed, objective_of
from bench.advise.places import Place
from bench.advise.ranking import ALIKE, FALSE_ALARM, LEVEL, times_less, work_effect
from bench.advise.screen import Entry, Screening
from bench.compare.effects import paired
from bench.names.registry import TASKS
from bench.statistics.intervals import Interval

BEST: Final = "best"
LEADS: Final = "least"
NOISELESS: Final = "no variance"
ALIKE_BEST: Final = "as good"
OPEN: Final = "not told apart"
WORSE: Final = "worse"
UNKNOWN: Final = "undecided"
BIASED: Final = "biased"
FAILED: Final = "failed"


def findings(found: Advising, is_interrupted: bool = False) -> dict[str, Any]:
    """Return what is known; `found.screening` is there."""
    screening, field = found.screening, found.field
    assert screening is not None
    assert field is not None
    task = screening.places[0].task
    last = screening.places[-1]
    return {
        "task": TASKS.brief(found.question.task),
        "target": task.target,
        "evaluations": field.wanted,
        "asked": field.chosen,
        "fit": len(field.candidates),
        "baseline": found.baseline.name,
        "best": found.best(),
        "places": [_place(screening, place) for place in screening.places],
        "trajectory": found.trainer,
        "estimators": [_estimator(found, screening, entry) for entry in screening.entries.values()],
        "not_measured": [{"estimator": one.name, "aim": one.aim} for one in field.of("other")],
        "refused": [{"estimator": name, "reason": reason} for name, reason in field.refused],
        "trained": _trained(found),
        "differences": _differences(found, task.maximise),
        "objective": objective_of(task),
        "unit": task.unit,
        "maximise": task.maximise,
        "untrained": "" if found.finals is None else found.finals.said,
        "decided_at": last.step,
        "decided": screening.is_decided,
        "interrupted": is_interrupted,
        "level": LEVEL,
        "false_alarm": FALSE_ALARM,
        "alike": ALIKE,
        "seed": found.question.seed,
        "budget": found.question.budget,
        "seconds": found.seconds,
    }


def _place(screening: Screening, place: Place) -> dict[str, Any]:
    standing, noiseless = screening.standing(place.step), screening.noiseless(place.step)
    if standing is None:
        leader, worse, alike, left = None, [], [], []
    else:
        known = [
            name
            for name, entry in screening.entries.items()
            if screening.competes(entry) and (noise := entry.noise(place.step)) and noise.variance.value > 0
        ]
        leader, worse, alike = standing.leader, sorted(standing.worse), sorted(standing.alike)
        left = [name for name in known if name != leader and name not in standing.worse | standing.alike]
    return {
        "step": place.step,
        "leader": leader,
        "noiseless": noiseless,
        "alike": alike,
        "not_told_apart": left,
        "worse": worse,
    }


def _estimator(found: Advising, screening: Screening, entry: Entry) -> dict[str, Any]:
    one = entry.candidate
    last = screening.places[-1].step
    noise = entry.noise(last)
    return {
        "estimator": one.name,
        "samples": one.cell.samples,
        "evaluations": one.evaluations,
        "seconds": float(np.median(entry.laps)) if entry.laps else None,
        "declared_unbiased": one.role == "ranked",
        "bias_seen": entry.seen,
        "verdict": _verdict(screening, entry, last),
        "failed": entry.failed,
        "remarks": entry.remarks,
        "replicates": 0 if noise is None else noise.replicates,
        "places": [_measured(found, screening, entry, place) for place in screening.places],
    }


def _verdict(screening: Screening, entry: Entry, step: int) -> str:
    name, noise, standing = entry.candidate.name, entry.noise(step), screening.standing(step)
    if entry.failed:
        return FAILED
    if entry.candidate.role == "biased" or entry.seen:
        return BIASED
    if noise is None or (standing is None and noise.variance.value > 0):
        return UNKNOWN
    if noise.variance.value == 0:
        return NOISELESS
    assert standing is not None
    if name in standing.worse:
        return WORSE
    if name in standing.alike:
        return ALIKE_BEST
    if name != standing.leader:
        return OPEN
    others = any(
        screening.competes(one) and _verdict(screening, one, step) == OPEN for one in _others(screening, entry)
    )
    return LEADS if others else BEST


def _others(screening: Screening, entry: Entry) -> list[Entry]:
    return [one for one in screening.entries.values() if one is not entry]


def _measured(found: Advising, screening: Screening, entry: Entry, place: Place) -> dict[str, Any]:
    noise, base = entry.noise(place.step), screening.entries[found.baseline.name].noise(place.step)
    both = noise is not None and base is not None and noise.variance.value > 0 and base.variance.value > 0
    bias = entry.biases.get(place.step)
    return {
        "step": place.step,
        "replicates": 0 if noise is None else noise.replicates,
        "variance": None if noise is None else _interval(noise.variance),
        "work_variance": None if noise is None else noise.work,
        "times_less": _interval(times_less(work_effect(base, noise))) if both else None,  # pyright: ignore[reportArgumentType] - both are there
        "relative_bias": None if bias is None else _interval(bias),
        "bias_seen": place.step in entry.seen_at,
    }


def _interval(found: Interval) -> dict[str, float]:
    return {"value": found.value, "low": found.low, "high": found.high}


def _trained(found: Advising) -> list[dict[str, Any]]:
    return [] if found.finals is None else [asdict(one) for one in found.finals.results()]


def _differences(found: Advising, maximise: bool) -> list[dict[str, Any]]:
    """Return by how much each is below the one that ended best, over seeds that both have; p-values as they are."""
    if found.finals is None:
        return []
    results = [one for one in found.finals.results() if one.seeds > 1]
    if len(results) < 2:
        return []
    best = max(results, key=lambda one: one.value if maximise else -one.value)
    values = {one.name: dict(by_seed(found.finals.trained, one.name)) for one in results}
    rows = []
    for one in results:
        common = sorted(values[one.name].keys() & values[best.name].keys())
        if one is best or len(common) < 2:
            continue
        effect = paired([values[best.name][seed] for seed in common], [values[one.name][seed] for seed in common])
        low, high = effect.interval()
        p = effect.p_value()
        level = LEVEL / (len(results) - 1)
        rows.append(
            {
                "estimator": one.name,
                "best": best.name,
                "difference": effect.value,
                "low": low,
                "high": high,
                "p": p,
                "differs": p < level,
            }
        )
    return rows
