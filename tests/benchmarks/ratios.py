"""Run every contest, write `results/benchmarks/<hardware>.csv` and make the tables of docs/speed.md of it.

    python -m tests.benchmarks.ratios
    python -m tests.benchmarks.ratios --threads 2

Each of several processes gives one ratio per contest, the median over rounds in which both sides take turns. Reported
is their geometric mean, with Student's 95% interval on logarithms: what differs from process to process (the layout of
memory, what else the machine does) is in it.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import pandas as pd
from scipy import stats

from bench.machine.info import machine_info
from bench.results.atomic import replacing
from bench.results.frames import records
from tests.benchmarks.contests import CONTESTS

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "results" / "benchmarks"
PAGE: Final = ROOT / "docs" / "speed.md"
BEGIN, END = "<!-- speed: made by tests/benchmarks/ratios.py -->\n", "<!-- speed: end -->\n"
_PACKAGES: Final = ("varbench", "torch", "pyro-ppl", "jax")


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.option("--processes", default=8, show_default=True, help="how often everything is measured")
@click.option("--threads", default=1, show_default=True, help="of PyTorch on the CPU")
@click.option("--only", default="", help="contests whose name matches, as pytest -k understands it; other rows stay")
@click.option("--out", type=click.Path(path_type=Path), default=FOLDER, show_default=True, help="folder of the csv")
def main(processes: int, threads: int, only: str, out: Path) -> None:
    runs = []
    for number in range(processes):
        click.echo(f"process {number + 1} of {processes}", err=True)
        runs.append(measured(threads, only))
    table = summarised(runs, threads)
    file = out / f"{hardware()}{'' if threads == 1 else f'-{threads}-threads'}.csv"
    if only and file.exists():
        table = joined(pd.read_csv(file), table)
    with replacing(file) as opened:
        opened.write(table.to_csv(index=False, float_format="%.4g").encode())
    click.echo(rendered(out))
    click.echo(f"wrote {file}")
    if out == FOLDER:
        PAGE.write_text(with_table(PAGE.read_text(), rendered(out)))
        click.echo(f"wrote {PAGE}")


def measured(threads: int, only: str) -> list[dict[str, Any]]:
    """Run the contests in a process of their own; return what each found."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "benchmark.json"
        chosen = ["-k", only] if only else []
        command = [sys.executable, "-m", "pytest", "-q", "tests/benchmarks/test_contests.py", "--benchmark-enable"]
        subprocess.run(
            [*command, "--benchmark-only", f"--benchmark-json={file}", *chosen],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": str(threads)},
            # JAX takes as many threads as there are processors.
            preexec_fn=lambda: os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads]),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return [benchmark["extra_info"] for benchmark in json.loads(file.read_text())["benchmarks"]]


def joined(before: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the rows of one before for what was not measured again, in the order of the contests."""
    order = {(contest.name, contest.against): place for place, contest in enumerate(CONTESTS)}
    rows = {(row["benchmark"], row["against"]): row for part in (before, table) for row in part.to_dict("records")}
    return pd.DataFrame([rows[key] for key in sorted(rows.keys() & order.keys(), key=lambda key: order[key])])


def summarised(runs: Sequence[Sequence[dict[str, Any]]], threads: int) -> pd.DataFrame:
    """Return one row per contest: seconds per unit, and the ratio with its interval."""
    rows = []
    for contest in CONTESTS:
        found = [one for run in runs for one in run if (one["name"], one["against"]) == (contest.name, contest.against)]
        if not found:
            continue
        logs = np.log([one["ratio"] for one in found])
        centre, n = float(logs.mean()), len(logs)
        half = float(stats.t.ppf(0.975, n - 1) * logs.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan
        rows.append(
            {
                "benchmark": contest.name,
                "against": contest.against,
                "unit": f"seconds per {contest.unit}",
                "ours": np.median([one["ours"] for one in found]),
                "competitor": np.median([one["competitor"] for one in found]),
                "ratio": np.exp(centre),
                "ci_low": np.exp(centre - half),
                "ci_high": np.exp(centre + half),
                "at_least": contest.at_least,
                "aim": contest.aim,
                "processes": n,
                "threads": threads,
                "hardware": title(),
                "versions": versions(),
            }
        )
    return pd.DataFrame(rows)


def title() -> str:
    """Return what this machine computes with, for people."""
    machine = machine_info()
    cpu = f"{machine['cpu']}, {machine['cores']} cores"
    return f"{machine['gpu']}; {cpu}" if machine["gpu"] else cpu


def hardware() -> str:
    """Return the same as the name of a file."""
    return re.sub(r"[^a-z0-9]+", "-", title().lower()).strip("-")


def versions() -> str:
    """Return the versions of what was compared."""
    found = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def rendered(folder: Path) -> str:
    """Return the tables of all machines in a folder as Markdown, those of other versions apart."""
    tables = (pd.read_csv(file) for file in sorted(folder.glob("*.csv")))
    return "\n".join(_rendered(part) for table in tables for _, part in table.groupby("versions", sort=False))


def _rendered(table: pd.DataFrame) -> str:
    first = table.iloc[0]
    lines = [
        f"{first['hardware']}, {first['threads']} thread{'s' if first['threads'] > 1 else ''}; {first['versions']}:",
        "",
        "| what | against | times as fast | 95% interval | at least | aim |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.benchmark} | {row.against} | {_short(row.ratio)} | {_interval(row.ci_low, row.ci_high)}"
        f" | {row.at_least:g} | {row.aim:g} |"
        for row in records(table)
    ]
    return "\n".join(lines) + "\n"


def _interval(low: float, high: float) -> str:
    return "one process" if np.isnan(low) else f"{_short(low)} – {_short(high)}"


def _short(value: float) -> str:
    digits = 0 if value >= 30 else 1 if value >= 10 else 2
    return f"{value:.{digits}f}"


def with_table(page: str, table: str) -> str:
    """Return a page with the tables between its markers.

    Raises:
        ValueError: the page lacks the markers.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page needs the lines {BEGIN.strip()} and {END.strip()}")
    return f"{before}{begin}\n{table}\n{end}{after}" if table else f"{before}{begin}{end}{after}"


if __name__ == "__main__":
    main()
