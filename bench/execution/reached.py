"""What a run prints of its end: what training reached, and what diverged."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bench.execution.comparable import comparables, label, span
from bench.names.registry import TASKS
from bench.results.digits import plus_minus
from bench.results.metrics import ACTIVE_UNITS, FINAL_VALUES
from bench.results.over_seeds import Said, summarise
from bench.results.render import Block
from bench.results.schema import Record
from bench.results.tables import tidy
from bench.training.clipping import told

_REACHED: Final = (
    "objective",
    "train_elbo",
    "log_evidence",
    "gap",
    "validation_objective",
    "validation_elbo",
    "validation_log_likelihood",
    "validation_perplexity",
    "test_elbo",
    "test_log_likelihood",
    "test_perplexity",
)


def final_table(records: Sequence[Record]) -> Block | None:
    """Return the final objective or bounds of each estimator; of parameters that were not trained, once for all."""
    done = [record for record in records if record.final and record.status == "done"]
    if not done:
        return None
    tables = tidy([replace(record, gradients=[], training=[]) for record in done])
    summary = summarise(tables.gradients, tables.final)
    names = [name for name in _REACHED if any(vars(record.final)[name] is not None for record in done)]
    several = any(len(line.records) > 1 for line in comparables(done))
    with_units = any(record.final and record.final.active_units is not None for record in done)
    lines = []
    for line in comparables(done):
        finals = [record.final for record in line.records if record.final]
        words = [line.estimator, str(line.samples), *([str(len(finals))] if several else [])]
        words += [_value(summary.final(line.configuration, name)) for name in names]
        units = [final.active_units for final in finals if final.active_units is not None]
        lines.append([*words, *([span(units) if units else "–"] if with_units else [])])
    heads = ["", "K", *(["seeds"] if several else []), *(FINAL_VALUES[name].title for name in names)]
    heads += [ACTIVE_UNITS.title] if with_units else []
    if not any(record.cell.training.steps for record in done) and len({tuple(line[2:]) for line in lines}) == 1:
        heads, lines = ["", *heads[2:]], [["all estimators", *lines[0][2:]]]
    if len(heads) == 1:
        return None
    when = "after training" if done[0].cell.training.steps else "at the initial parameters"
    units = dict.fromkeys(record.final.unit for record in done if record.final and record.final.unit)
    title = " · ".join([f"{TASKS.brief(done[0].cell.task_spec)}: values {when}", *units])
    return Block(title, heads, lines, notes=_final_notes(done, names, several))


def _final_notes(done: Sequence[Record], names: Sequence[str], several: bool) -> list[str]:
    """Return what ± is, and which ELBO a gap is of where it is not the one beside it, which is sampled."""
    finals = [record.final for record in done if record.final]
    exact = "gap" in names and all(final.gap_se == 0 and final.train_elbo_se for final in finals)
    errors = ["± is the 95% interval of the mean over seeds" if several else "± is the 95% interval of the evaluation"]
    errors = errors if several or any(final.train_elbo_se or final.test_elbo_se for final in finals) else []
    return [*errors, *(["the gap is of the exact ELBO"] if exact else []), *_clipped(done)]


def _clipped(done: Sequence[Record]) -> list[str]:
    """Return a sentence for each bound that gradients were clipped to."""
    shares: dict[float, list[float]] = {}
    for record in done:
        if record.final and record.final.clipped:
            shares.setdefault(record.cell.training.clip_norm, []).append(record.final.clipped)
    return [told(bound, found) for bound, found in shares.items()]


def diverged_lines(records: Sequence[Record]) -> list[str]:
    """Return one line per training that diverged."""
    return [
        f"{label(line)}, seed {record.cell.seed}: diverged: {record.reason}"
        for line in comparables(records)
        for record in line.records
        if record.status == "diverged"
    ]


def _value(said: Said | None) -> str:
    if said is None:
        return "–"
    return plus_minus(said.value, said.high - said.value, " ±")
