"""What figures look like, as Vega-Lite: one chart for what has a horizontal axis of numbers, one for a line per name.

A chart is without rows, titles and scales; the page puts in what its reader has chosen. The columns of its rows are the
same for every figure; `bench.report.drawn` has them.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, Final, Literal

import altair as alt

Chart = Literal["plane", "dots"]

_FAINT: Final = 0.15
_HIT: Final = 350
"""Square pixels around a point in which the mouse is at it."""


@cache
def charts() -> dict[Chart, dict[str, Any]]:
    """Return the charts; the name of a layer begins with the `part` that its rows have, up to the first dash."""
    return {"plane": _plane(), "dots": _dots()}


def version() -> str:
    """Return the version of Vega-Lite that charts are written in, as 6.4."""
    return alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]


def _plane() -> dict[str, Any]:
    x, y, low, high = alt.X("x:Q"), alt.Y("value:Q"), alt.Y("low:Q"), alt.Y2("high:Q")
    place: dict[str, Any] = {"x": x, "y": y, **_look()}
    seeds = {**place, "detail": ["line:N", "seed:N"]}
    upright = {"x": x, "y": low, "y2": high, **_look()}
    flat = {"x": alt.X("x_low:Q"), "x2": alt.X2("x_high:Q"), "y": y, **_look()}
    return _layered(
        [
            _of("level", "rule").mark_rule(strokeDash=[2, 3]).encode(y=y, **_look()),
            _of("front", "line").mark_line(interpolate="step-after", strokeWidth=1).encode(**place),
            _of("mean", "band", "datum.band").mark_area(opacity=_FAINT).encode(detail="line:N", **upright),
            _of("mean", "bar", "datum.bar").mark_rule(strokeWidth=1.2, opacity=0.7).encode(**upright),
            _of("mean", "reach", "isValid(datum.x_low)").mark_rule(strokeWidth=1.2, opacity=0.7).encode(**flat),
            _of("seed", "line").mark_line(strokeWidth=0.9, opacity=0.55).encode(strokeDash=_dash(), **seeds),
            _of("mean", "line", "datum.joined")
            .mark_line(strokeWidth=2)
            .encode(detail="line:N", strokeDash=_dash(), **place),
            _of("ring", "point").mark_point(size=260, strokeWidth=1.2, filled=False).encode(**place),
            _of("mean", "point", "datum.marked").mark_point(strokeWidth=1.5, opacity=1).encode(**_marker(), **place),
            _of("diverged", "point")
            .mark_point(shape="cross", angle=45, size=90, opacity=1, filled=True)
            .encode(x=x, y=alt.value("height"), fill=_as_is("colour"), tooltip=_TOLD),
            *(
                _of(part, "hit").mark_point(size=_HIT, opacity=0, filled=True).encode(tooltip=_TOLD, **place)
                for part in ("seed", "mean")
            ),
        ]
    )


def _dots() -> dict[str, Any]:
    x, y = alt.X("value:Q"), alt.Y("line:N").sort(None).title(None).axis(grid=True)
    place: dict[str, Any] = {"x": x, "y": y, **_look()}
    span = {"x": alt.X("low:Q"), "x2": alt.X2("high:Q"), "y": y, **_look()}
    return _layered(
        [
            _of("mean", "bar", "isValid(datum.low)").mark_rule(strokeWidth=1.8).encode(**span),
            _of("seed", "point").mark_point(size=22, opacity=0.6, filled=True).encode(**place),
            _of("mean", "point").mark_point(strokeWidth=1.5, opacity=1).encode(**_marker(), **place),
            *(
                _of(part, "hit").mark_point(size=_HIT, opacity=0, filled=True).encode(tooltip=_TOLD, **place)
                for part in ("seed", "mean")
            ),
        ]
    )


_TOLD: Final = [
    alt.Tooltip("line:N", title="estimator"),
    alt.Tooltip("at:N", title="at"),
    alt.Tooltip("said:N", title="value"),
    alt.Tooltip("of:N", title="of"),
]


def _look() -> dict[str, Any]:
    return {"color": _as_is("colour", alt.Color)}


def _marker() -> dict[str, Any]:
    """Return the channels of a marker, which each row says."""
    numbers = {
        "size": alt.Size("size:Q", scale=None, legend=None),
        "angle": alt.Angle("angle:Q", scale=None, legend=None),
    }
    return {"shape": _as_is("shape"), "fill": _as_is("fill"), **numbers}


def _dash() -> alt.StrokeDash:
    return _as_is("dash", alt.StrokeDash)


def _as_is(column: str, channel: Any = None) -> Any:
    """Return a channel whose column says what is drawn, and not what a scale is to make of it."""
    channel = channel or {"shape": alt.Shape, "fill": alt.Fill, "colour": alt.Fill}[column]
    return channel(f"{column}:N", scale=None, legend=None)


def _of(part: str, name: str, besides: str = "") -> alt.Chart:
    """Return a layer for the rows of a part, and of those for what holds besides."""
    chosen = f"datum.part === '{part}'" + (f" && {besides}" if besides else "")
    return alt.Chart(name=f"{part}-{name}").transform_filter(chosen)


def _layered(layers: Iterable[Any]) -> dict[str, Any]:
    chart = alt.layer(*layers, data=alt.NamedData("rows")).properties(width="container")
    return chart.to_dict()
