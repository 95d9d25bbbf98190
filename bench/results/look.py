"""How results show themselves: in a line or two of text, and as tables in a notebook."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bench import escaping
from bench.results.frames import distinct
from bench.results.render import Block, render_html
from bench.results.summary import GRADIENT_METRICS, Frames, final_blocks, gradient_blocks, usual_groups

_MOST_LINES: Final = 100
"""Of tables that a notebook shows: a folder may have thousands of cells."""


_WITHOUT_VALUES: Final = 3
"""Columns of a table of final values that tell of the cells alone."""


def text(results: Frames) -> str:
    """Return in one line how many cells of what there are, and how they ended."""
    final = results.final
    if final.empty:
        return "Results: no cells"
    parts = [(("task", "task_parameters"), "task"), (("estimator", "estimator_parameters"), "estimator")]
    counts = [(len(final.drop_duplicates(list(columns))), word) for columns, word in parts]
    counts += [(len(distinct(final, "samples")), "K"), (len(distinct(final, "seed")), "seed")]
    shown = [counted(number, word) for number, word in counts if number > 1 or word in ("task", "estimator")]
    statuses = Counter(final["status"])
    ended = f"all {next(iter(statuses))}" if len(statuses) == 1 else _listed(statuses)
    return f"Results: {counted(len(final), 'cell')} of {' × '.join(shown)}, {ended}"


def markup(results: Frames) -> str:
    """Return HTML: moments at the last measured step and final values, as `bench table` has both."""
    blocks: list[Block] = []
    if len(results.gradients):
        blocks += gradient_blocks(results, GRADIENT_METRICS, usual_groups(results))
    if len(results.final):
        blocks += [block for block in final_blocks(results) if len(block.headers) > _WITHOUT_VALUES]
    kept, left = _first_lines(blocks, _MOST_LINES)
    told = f"<p>… and {left} more lines: varbench.table(results)</p>" if left else ""
    return f"<p>{escaping.html(text(results))}</p>{render_html(kept)}{told}"


def counted(number: int, word: str) -> str:
    """Return how many there are of something: `1 cell`, `2 cells`, `2 K`."""
    return f"{number} {word}{'s' if number > 1 and word != 'K' else ''}"


def _listed(statuses: Counter[str]) -> str:
    return ", ".join(f"{count} {status}" for status, count in statuses.items())


def _first_lines(blocks: Sequence[Block], most: int) -> tuple[list[Block], int]:
    """Return tables with no more lines than `most` together, and how many lines are left out."""
    kept, left = list[Block](), 0
    for block in blocks:
        lines = list(block.lines)[:most]
        left += len(block.lines) - len(lines)
        most -= len(lines)
        kept += [replace(block, lines=lines)] if lines else []
    return kept, left
