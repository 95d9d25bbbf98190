"""`bench env`: what this machine is."""

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def env(as_json: bool) -> None:
    """Say what this machine is, as `bench run` notes it with its results."""
    import json

    from bench.machine.info import machine_info

    info = machine_info()
    if as_json:
        click.echo(json.dumps(info, indent=1))
        return
    width = max(map(len, info))
    for key, value in info.items():
        click.echo(f"{key.replace('_', ' '):{width}}  {_text(value)}")


def _text(value: object) -> str:
    if value is None:
        return "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
