"""One trial: files of a copy are damaged, the copy is read, and what made it is run again."""

import json
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.torture.corruption_damage import damages
from tests.torture.corruption_folder import KINDS, RESULTS, RUNS, WITH_DIGEST, files, finish, makers, old_record
from tests.torture.corruption_forks import Command, Outcome, call, forked, warmed
from tests.torture.corruption_tables import Rows, rows_of, tables

VALIDATE: Final = ("results", "validate", RESULTS, "--format", "json")
_TABLES: Final = tuple(
    ("table", RESULTS, "--what", what, "--format", "csv") for what in ("gradients", "training", "final")
)
_NOTES: Final = ("table", RESULTS, "--what", "runs", "--format", "csv")
_STATUS: Final = ("status", RESULTS)
_COMPARE: Final = ("compare", "whole", RESULTS, "--format", "csv")
_SAMPLES: Final = ("samples", RESULTS, "--out", "shown", "--format", "png")
_PLOT: Final = ("plot", "final", RESULTS, "--out", "drawn.svg")
_KEPT: Final = ("reference", "--folder", "kept", "--estimator", "reparam")

CODES: Final[dict[str, set[int]]] = {
    "results": {0, 5},
    "table": {0, 2, 5},
    "status": {0, 3, 5},
    "compare": {0, 1, 2, 5},
    "samples": {0, 2, 4, 5},
    "plot": {0, 2, 5},
    "reference": {0, 1, 2, 5},
    "run": {0, 2, 3, 5},
}
"""Exit codes that a command may end with, damaged files or not."""

FAULTS: Final = ("traceback or exit code", "abort", "silent change", "unnamed", "not mended")


@dataclass
class Hit:
    """One damaged file.

    Attributes:
        kind: of the file.
        damage: what was done to it.
        path: of it, below the trial's folder.
        changed: whether it is another than before.
        old: whether it is of the cell whose record knows no digests.
        made_by: which of `RUNS` makes it again.
    """

    kind: str
    damage: str
    path: Path
    changed: bool
    old: bool
    made_by: set[str]

    @property
    def sealed(self) -> bool:
        return self.damage.endswith("sealed")

    @property
    def gone(self) -> bool:
        return self.damage == "deleted"

    @property
    def is_first_format(self) -> bool:
        """Whether it is an archive as the first format was, whose content a run alone looks at."""
        return self.kind in ("checkpoint", "trajectory") and self.damage in ("a bare tensor", "another archive")

    def __str__(self) -> str:
        return f"{self.path} ({self.kind}): {self.damage}"


@dataclass
class Trial:
    """What one trial found."""

    number: int
    hits: list[Hit]
    faults: list[tuple[str, str]] = field(default_factory=list)


class Torture:
    """The whole folder, and what the commands say of it."""

    def __init__(self, seed: int, workplace: Path, made: Path) -> None:
        self.seed, self.workplace, self.made = seed, workplace, made
        self.files = files(made)
        self.old = old_record(made)
        self.makers = {path: makers(made, path) for paths in self.files.values() for path in paths}
        ended = workplace / "ended"
        shutil.copytree(made, ended)
        finish(ended)
        self.before = [rows_of(one.out) for one in forked(made, _TABLES)]
        self.after = call(ended, tables)
        shutil.copytree(made / RESULTS, workplace / "whole")
        self.compared = self._outcome(self._copied("compared"), _COMPARE).out

    def warm(self) -> None:
        """Do once what each trial would do again; it pays from some fifty trials on."""
        warmed(self._copied("scratch"), [VALIDATE, *_TABLES, _STATUS, _COMPARE, *RUNS.values()])

    def run(self, number: int) -> Trial:
        """Damage a copy of the folder, and return what was wrong with how it was taken."""
        chance = random.Random(f"{self.seed}/{number}")
        root = self._copied(f"trial-{number}")
        try:
            trial = Trial(number, list(self._damaged(chance, number, root)))
            self._read(chance, trial, root)
            self._mend(chance, trial, root)
        finally:
            shutil.rmtree(root)
        return trial

    def _copied(self, name: str) -> Path:
        root = self.workplace / name
        shutil.copytree(self.made, root)
        (root / "whole").symlink_to(self.workplace / "whole")
        return root

    def _outcome(self, root: Path, *commands: Command) -> Outcome:
        return forked(root, commands)[-1]

    def _damaged(self, chance: random.Random, number: int, root: Path) -> Iterator[Hit]:
        kinds = [[*KINDS][number % len(KINDS)], *chance.choices([*KINDS], k=chance.choice((0, 0, 0, 1, 2)))]
        for kind in kinds:
            whole = chance.choice(self.files[kind])
            path = root / whole.relative_to(self.made)
            if not path.is_file() or path.is_symlink() or path.read_bytes() != whole.read_bytes():
                continue
            known = damages(kind)
            name = chance.choice([*known])
            if not whole.stat().st_size and name in ("bits flipped", "cut short", "zeros", "blocks swapped"):
                name = "bytes appended"
            others = [root / other.relative_to(self.made) for other in self.files[kind] if other != whole]
            known[name](chance, path, [other for other in others if other.is_file()])
            changed = not path.is_file() or path.is_symlink() or path.read_bytes() != whole.read_bytes()
            yield Hit(kind, name, path.relative_to(root), changed, whole.parent == self.old.parent, self.makers[whole])

    def _read(self, chance: random.Random, trial: Trial, root: Path) -> None:
        kinds = {hit.kind for hit in trial.hits}
        commands: list[Command] = [VALIDATE, chance.choice(_TABLES), _STATUS]
        commands += [_COMPARE] * (chance.random() < (0.4 if "record" in kinds else 0.05))
        commands += [_NOTES] * ("note of a run" in kinds)
        commands += [_SAMPLES] * ("parameters" in kinds or chance.random() < 0.05)
        commands += [_PLOT] * (chance.random() < 0.05)
        commands += [_KEPT] * ("kept moments" in kinds)
        commands += [(*RUNS["sweep"], "--dry-run")] * ("configuration" in kinds)
        done = forked(root, commands, before=_moments_as_kept)
        self._require_sound(trial, commands, done)
        by_command = {one.command: one for one in done}
        if VALIDATE in by_command:
            self._require_named(trial, by_command[VALIDATE])
        for command, before in zip(_TABLES, self.before, strict=True):
            if command in by_command:
                self._require_same(trial, by_command[command], before)
        if _COMPARE in by_command:
            self._require_compared(trial, by_command[_COMPARE])
        if _SAMPLES in by_command:
            self._require_shown(trial, by_command[_SAMPLES])

    def _require_sound(self, trial: Trial, commands: Sequence[Command], done: Sequence[Outcome]) -> None:
        for one in done:
            words = " ".join(one.command)
            if one.code is None or one.code < 0:
                trial.faults.append(("abort", f"`bench {words}` ended with {one.code}: {one.err[-500:]}"))
            elif "Traceback (most" in one.err or one.code not in CODES[one.command[0]]:
                trial.faults.append(("traceback or exit code", f"`bench {words}`: {one.code}\n{one.err[-1500:]}"))
            elif one.code == 5 and not one.err.strip() and not one.out.strip():
                trial.faults.append(("unnamed", f"`bench {words}` says nothing"))
        assert len(done) == len(commands) or trial.faults

    def _require_named(self, trial: Trial, outcome: Outcome) -> None:
        wrong = {str(one["file"]) for one in json.loads(outcome.out)["wrong"]} if outcome.out else set()
        broken = {hit.path.parent for hit in trial.hits if hit.kind == "record" and hit.changed}
        for hit in trial.hits:
            # What a program has sealed is what was written, as far as a digest can tell; what is deleted may be.
            # Where a record is damaged, and named, nothing tells of the parameters beside it.
            untold = hit.kind == "parameters" and hit.path.parent in broken
            exempt = hit.sealed or hit.old or hit.is_first_format or untold
            lost = hit.gone and (hit.kind != "parameters" or hit.path.parent == self._old_folder)
            if hit.kind in WITH_DIGEST and hit.changed and not exempt and not lost and str(hit.path) not in wrong:
                trial.faults.append(("unnamed", f"{hit.path} is not among {sorted(wrong)}"))
        damaged = {str(hit.path) for hit in trial.hits} | {str(hit.path.parent / "parameters.pt") for hit in trial.hits}
        for stranger in wrong - damaged:
            trial.faults.append(("unnamed", f"{stranger} was not damaged, and validate names it"))

    @property
    def _old_folder(self) -> Path:
        return self.old.parent.relative_to(self.made)

    def _require_same(self, trial: Trial, outcome: Outcome, before: Rows) -> None:
        records = [hit for hit in trial.hits if hit.kind == "record" and hit.changed]
        if outcome.code == 5:
            if not any(str(hit.path) in outcome.err for hit in records):
                trial.faults.append(("unnamed", f"no damaged record in: {outcome.err}"))
            return
        found = rows_of(outcome.out)
        free = {_cell_of(hit.path) for hit in records if hit.sealed or hit.old or hit.gone}
        for cell, rows in before.items():
            if found.get(cell) != rows and cell not in free:
                trial.faults.append(("silent change", f"`bench {' '.join(outcome.command)}`: rows of {cell}"))
        if strange := found.keys() - before.keys():
            trial.faults.append(("silent change", f"cells that were not: {strange}"))

    def _require_compared(self, trial: Trial, outcome: Outcome) -> None:
        records = [hit for hit in trial.hits if hit.kind == "record" and hit.changed]
        if outcome.code == 5:
            if not any(str(hit.path) in outcome.err for hit in records):
                trial.faults.append(("unnamed", f"no damaged record in: {outcome.err}"))
        elif outcome.out != self.compared and not any(hit.sealed or hit.old or hit.gone for hit in records):
            # Without the note of its run it is not known on which machine a cell was timed; no number is the note's.
            notes = [hit for hit in trial.hits if hit.kind == "note of a run" and hit.changed]
            if any(hit.sealed or hit.gone or str(hit.path) in outcome.err for hit in notes):
                return
            trial.faults.append(("silent change", "`bench compare` finds other numbers"))

    def _require_shown(self, trial: Trial, outcome: Outcome) -> None:
        """Only a finished training of one task is shown: where its parameters are damaged, that is said."""
        named = outcome.code == 5 and any(str(hit.path.parent) in outcome.err for hit in trial.hits)
        for hit in trial.hits:
            if hit.kind == "parameters" and hit.made_by == {"shown"} and hit.changed and not named:
                trial.faults.append(("unnamed", f"`bench samples` ends with {outcome.code}: {outcome.err}"))

    def _mend(self, chance: random.Random, trial: Trial, root: Path) -> None:
        """Run again what made the damaged files, and require the numbers of the whole folder."""
        # A configuration that was changed asks for other cells; what lies in the place of a lock is for a person.
        if any(hit.kind == "configuration" for hit in trial.hits) or self._locked(trial):
            return
        # Most often nothing is to be run again for them.
        kinds = {hit.kind for hit in trial.hits}
        if kinds <= {"table", "figure", "lock", "chunks", "kept moments"} and chance.random() < 0.7:
            return
        for hit in trial.hits:
            if hit.kind == "trajectory":
                _make_needed(root, hit.path)
        names = set().union(*(hit.made_by for hit in trial.hits)) or {"untrained"}
        more: dict[str, tuple[str, str]] = {}
        for hit in trial.hits:
            # As validate advises: of parameters of which no record tells, and of those that are gone.
            if hit.kind == "parameters" and (hit.gone or "of-before" in hit.made_by):
                more |= {name: ("--rerun", "all" if name == "of-before" else "failed") for name in hit.made_by}
        commands = [(*RUNS[name], *more.get(name, ())) for name in RUNS if name in names]
        commands.append(VALIDATE)
        frames = root / "tables.json"
        done = forked(root, commands, after=lambda: frames.write_text(json.dumps(tables())))
        self._require_sound(trial, commands, done)
        for one in done[:-1]:
            expected = 3 if one.command == RUNS["failed"] else 0
            if one.code != expected:
                trial.faults.append(("not mended", f"`bench {' '.join(one.command)}`: {one.code}\n{one.err[-800:]}"))
        if not frames.exists():
            trial.faults.append(("not mended", "there are no tables"))
            return
        if done[-1].code != 0:
            trial.faults.append(("not mended", f"validate afterwards: {done[-1].out}"))
        free = {_cell_of(hit.path) for hit in trial.hits if hit.kind == "record" and (hit.sealed or hit.old)}
        # With another chunk, which the record states, other samples are drawn.
        remeasured = "chunks" in kinds
        found = json.loads(frames.read_text())
        chunks = {cell for cell, chunk in self.after["chunk"].items() if found["chunk"].get(cell) != chunk}
        for cell in self.before[0]:
            if cell in free or (remeasured and cell in chunks):
                continue
            for what in ("gradients", "training", "final"):
                if found[what].get(cell) != self.after[what].get(cell):
                    trial.faults.append(("not mended", f"{what} of {cell}"))

    def _locked(self, trial: Trial) -> bool:
        return any(hit.kind == "lock" and hit.damage in _NO_LOCK for hit in trial.hits)


_NO_LOCK: Final = ("a folder", "a folder with a file", "a link to nothing", "a link to itself")


def _moments_as_kept() -> None:
    """Take the moments in the repository for fresh ones: they are read here, and not measured."""
    from bench.cli import reference
    from bench.regression.table import read_table
    from tests.torture.corruption_folder import KEPT

    reference._measure = lambda names, *_: [one for one in read_table(KEPT) if one.estimator in names]


def _make_needed(root: Path, trajectory: Path) -> None:
    """Take away records of cells that are measured along trajectories: while there are all, no run needs one."""
    for folder in (root / trajectory.parent).glob("reparam-K1-seed*"):
        record = folder / "record.json"
        if record.is_file() and not record.is_symlink() and b'"at": "shared"' in record.read_bytes():
            record.unlink()


def _cell_of(path: Path) -> str:
    return path.parent.name.rpartition("-")[2]
