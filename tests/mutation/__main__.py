"""Break `estimators/` in many places, one at a time, and see what notices: `python -m tests.mutation --help`."""

import os
import random
import tempfile
from collections import Counter
from pathlib import Path

# One thread, or a child of this process would wait for threads that it does not have.
os.environ["OMP_NUM_THREADS"] = "1"

import click
import torch

from tests.mutation.equivalent import why_equivalent
from tests.mutation.mutants import KINDS, Mutant, module_files, mutants_of
from tests.mutation.trial import LAYERS, Outcome, outcome_of


@click.command()
@click.option("--mutants", "count", default=80, show_default=True, help="How many, of each kind equally many.")
@click.option("--seed", default=0, show_default=True, help="Of the choice.")
@click.option("--module", "modules", multiple=True, help="Of this module only, as estimators.score_function.nvil.")
@click.option(
    "--layer", "layers", type=click.Choice(LAYERS), multiple=True, help="What looks for them.  [default: all]"
)
def mutate(count: int, seed: int, modules: tuple[str, ...], layers: tuple[str, ...]) -> None:
    """Put faults into estimators: another sign, a factor 2, a detach left out, one too many.

    Each is looked for by `bench check` of the estimators that it is in, then by `bench reference`, then by the tests
    that name them. Prints a line for each, and the survivors once more: those that are no faults with the reason
    (`equivalent.py`), the others last. Exit code 1 where these are more than 5%.
    """
    torch.set_num_threads(1)
    chosen = _chosen(count, seed, modules)
    results: list[tuple[Mutant, Outcome]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, mutant in enumerate(chosen, 1):
            outcome = outcome_of(mutant, layers or LAYERS, Path(folder) / "log")
            results.append((mutant, outcome))
            click.echo(f"[{number}/{len(chosen)}] {outcome.killed_by or 'SURVIVED'}  {mutant.kind}  {mutant}")
            click.echo(f"    {outcome.seconds:.0f} s  {outcome.how}")
    alive = [mutant for mutant, outcome in results if outcome.killed_by is None]
    equivalent = {mutant: why for mutant in alive if (why := why_equivalent(mutant)) is not None}
    survivors = [mutant for mutant in alive if mutant not in equivalent]
    by = Counter(outcome.killed_by for _, outcome in results if outcome.killed_by)
    killed = ", ".join(f"{by[layer]} by {layer}" for layer in LAYERS if by[layer]) or "none"
    counts = f"{len(results)} mutants; killed: {killed}; no faults: {len(equivalent)}; survived: {len(survivors)}"
    click.echo(counts)
    for mutant, why in equivalent.items():
        click.echo(f"  no fault  {mutant}\n    {why}")
    for mutant in survivors:
        click.echo(f"  {mutant.kind}  {mutant}")
    raise SystemExit(len(survivors) > 0.05 * (len(results) - len(equivalent)))


def _chosen(count: int, seed: int, modules: tuple[str, ...]) -> list[Mutant]:
    files = {name: file for name, file in module_files().items() if not modules or name in modules}
    if unknown := set(modules) - files.keys():
        raise click.UsageError(f"there is no module {sorted(unknown)[0]} in estimators/")
    everything = [mutant for name, file in files.items() for mutant in mutants_of(name, file.read_text())]
    chance = random.Random(seed)
    found: list[Mutant] = []
    for place, kind in enumerate(KINDS):
        of_kind = [mutant for mutant in everything if mutant.kind == kind]
        share = (count + len(KINDS) - 1 - place) // len(KINDS)
        found += chance.sample(of_kind, min(share, len(of_kind)))
    return found


if __name__ == "__main__":
    mutate()
