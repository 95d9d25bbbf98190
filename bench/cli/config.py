"""`--config FILE`: options of a command from a TOML file."""

import json
import tomllib
from pathlib import Path
from typing import Any

import click

from bench.cli.numbers import Numbers
from bench.errors import UsageError, did_you_mean


def with_config(ctx: click.Context, options: dict[str, Any], file: Path) -> dict[str, Any]:
    """Fill in what the command line leaves open from a TOML file whose keys are the long options' names.

    Raises:
        UsageError: the file cannot be read, or a key or a value of it is wrong; it names both.
    """
    parameters = {one.opts[0].removeprefix("--"): one for one in ctx.command.params if isinstance(one, click.Option)}
    del parameters["config"]
    found = dict(options)
    for key, value in _content(file).items():
        if key not in parameters:
            section = "; options stand at the top of the file, in no section" if isinstance(value, dict) else ""
            raise UsageError(f"--config {file}: there is no option '{key}'{section or did_you_mean(key, parameters)}")
        parameter = parameters[key]
        assert parameter.name is not None
        if ctx.get_parameter_source(parameter.name) is click.core.ParameterSource.COMMANDLINE:
            continue
        try:
            found[parameter.name] = parameter.type_cast_value(ctx, _as_written(parameter, value))
        except click.BadParameter as error:
            raise UsageError(f"--config {file}: '{key}': {error.message}") from error
        except UsageError as error:
            raise UsageError(f"--config {file}: '{key}': {error}") from error
    return found


def _content(file: Path) -> dict[str, Any]:
    try:
        # Some editors begin a file with a byte order mark.
        return tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"--config {file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {file} is not TOML: {error}") from error


def _as_written(parameter: click.Option, value: Any) -> Any:
    """Return a TOML value as the command line would have it: numbers as text, a single name as a list."""
    if parameter.is_flag:
        return _of_type(value, "true or false", bool)
    if parameter.multiple:
        values = value if isinstance(value, list) else [value]
        return [_of_type(one, "a name in quotes, or a list of them", str) for one in values]
    kind = parameter.type
    if isinstance(kind, Numbers):
        values = value if isinstance(value, list) else [value]
        wanted = 'whole numbers, as 5, [1, 5, 50] or "0-4"'
        return ",".join(str(_of_type(one, wanted, int, str)) for one in values)
    if isinstance(kind, click.IntRange):
        return str(_of_type(value, "a whole number", int))
    if isinstance(kind, click.FloatRange):
        return str(_of_type(value, "a number", int, float))
    text = _of_type(value, "a text in quotes", str)
    return str(Path(text).expanduser()) if isinstance(kind, click.Path) else text


def _of_type(value: Any, wanted: str, *types: type) -> Any:
    # To Python, true is a whole number.
    if type(value) in types:
        return value
    raise UsageError(f"it must be {wanted}, not {json.dumps(value, default=str)}")
