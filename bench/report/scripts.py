"""The scripts and the style that a report carries, and the policy by which a browser runs those and nothing else."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Final

from bench.errors import UsageError

_NEEDED: Final = ("altair", "vl_convert", "jinja2")
TEMPLATES: Final = files("bench.report") / "templates"
_OURS: Final = ("theme.js", "tables.js", "charts.js", "figures.js")


def require_report() -> None:
    """Say what is missing before anything is computed.

    Raises:
        UsageError: the packages that draw a report's figures are not installed.
    """
    for module in _NEEDED:
        if find_spec(module) is None:
            raise UsageError(
                f"a report needs the package {module}, which is not installed: `pip install 'varbench[report]'`"
            )


def style() -> str:
    """Return the style sheet."""
    return (TEMPLATES / "report.css").read_text(encoding="utf-8")


def scripts() -> list[str]:
    """Return the scripts, in the order in which they are run: Vega, once, and ours."""
    return [_vega(), *((TEMPLATES / name).read_text(encoding="utf-8") for name in _OURS)]


@cache
def _vega() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, as the package vl-convert bundles them, without network."""
    import vl_convert

    from bench.report.charts import version

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", version())
    # Neither is in any that was seen; in a string or an expression both mean the same.
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def policy(scripts: list[str], style: str) -> str:
    """Return the content security policy of a page: no network, no frame, no script and no style but these.

    What Vega would compile with `eval` its own interpreter walks through (`ast` in charts.js).
    """
    run = " ".join(map(_digest, scripts))
    none = "default-src 'none'; base-uri 'none'; form-action 'none'"
    return f"{none}; script-src {run}; style-src {_digest(style)}; img-src data: blob:"


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
