"""Parameters conform to a constructor's annotations, or are refused with what is wanted."""

from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import estimators
import tasks
from bench.errors import UsageError
from bench.names.protocols import Protocol
from bench.names.registry import ESTIMATORS, TASKS, Registry, constructor_parameters
from bench.names.spec import Spec, Value, parse_spec


class Thing:
    """Has a parameter of every kind."""

    def __init__(
        self,
        count: int = 1,
        rate: float = 0.5,
        flag: bool = False,
        word: str = "a",
        choice: Literal["one", "two"] = "one",
        maybe: float | None = None,
    ) -> None:
        self.values = (count, rate, flag, word, choice, maybe)


THINGS: Registry[Thing] = Registry(
    "thing", {"thing": (f"{__name__}:Thing", "a thing")}, {"t": "thing"}, "bench.none", Protocol(__name__, "Thing")
)
TYPES = {"count": int, "rate": float, "flag": bool, "word": str, "choice": str}
values: st.SearchStrategy[Value] = st.one_of(
    st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5), st.none()
)


# Beside other work the first draw alone may take a second.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*TYPES, "maybe"]), values))
def test_values_have_the_annotated_type_or_are_refused(parameters: dict[str, Value]) -> None:
    try:
        resolved = THINGS.parameters(Spec("thing", parameters))
    except UsageError:
        return
    assert list(resolved) == ["count", "rate", "flag", "word", "choice", "maybe"]
    assert all(type(resolved[key]) is cls for key, cls in TYPES.items())
    assert resolved["maybe"] is None or type(resolved["maybe"]) is float
    # Resolved parameters are resolved for good: a record's cell builds the same thing again.
    assert THINGS.parameters(Spec("thing", resolved)) == resolved


@pytest.mark.parametrize(
    ("text", "resolved"),
    [("thing(rate=1)", ("rate", 1.0)), ("thing(word=3)", ("word", "3")), ("thing(maybe=2)", ("maybe", 2.0)),
     ("thing(maybe=none)", ("maybe", None)), ("thing(choice=two)", ("choice", "two"))],
)  # fmt: skip
def test_what_the_command_line_cannot_say_better_is_accepted(text: str, resolved: tuple[str, Value]) -> None:
    assert THINGS.parameters(parse_spec(text))[resolved[0]] == resolved[1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("thing(count=1.5)", "a whole number"),
        ("thing(count=true)", "a whole number"),
        ("thing(rate=true)", "a number"),
        ("thing(flag=1)", "true or false"),
        ("thing(choice=three)", "one or two"),
        ("thing(cuont=1)", "did you mean 'count'"),
        ("thing(other=1)", "it has count, rate"),
        ("thnig", "did you mean 'thing'"),
        ("no.such.module:Thing", "not installed"),
        (f"{__name__}:Nothing", "has no class Nothing"),
        (f"{__name__}:TYPES", "is not a subclass of Thing"),
        ("thing(rate=1e999)", "'rate' must be a finite number, not inf"),
        ("thing(rate=nan)", "'rate' must be a number, not 'nan'"),
        ("thing(maybe=1e999)", "'maybe' must be a finite number"),
        (f"thing(count={2**63})", "'count' is too large"),
        (f"thing(rate=1{'0' * 400})", "'rate' is too large"),
    ],
)
def test_misfits_say_what_is_wanted(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        THINGS.build(parse_spec(text))


@pytest.mark.parametrize("name", [*estimators.INDEX, *tasks.INDEX])
def test_defaults_of_everything_registered_conform_to_their_annotations(name: str) -> None:
    registry = ESTIMATORS if name in estimators.INDEX else TASKS
    defaults = {
        key: parameter.default
        for key, parameter in constructor_parameters(registry.load(name)).items()
        if parameter.default is not parameter.empty
    }
    later = getattr(registry.load(name), "later", ())
    expected = {key: value for key, value in defaults.items() if key not in later}
    assert registry.parameters(Spec(name, defaults)) == expected


class Named(Thing):
    """Takes names of one's own."""

    def __init__(self, /, rate: float = 0.5, **sites: Literal["one", "two"]) -> None:
        super().__init__(rate=rate)
        self.sites = sites


class Passing(Thing):
    """Passes on what it is given."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)


def test_names_of_ones_own_follow_in_one_order() -> None:
    spec = parse_spec(f"{__name__}:Named(z2=one, self=two, net.z1=two, rate=1)")
    resolved = {"rate": 1.0, "net.z1": "two", "self": "two", "z2": "one"}
    assert list(THINGS.parameters(spec).items()) == list(resolved.items())
    made = THINGS.build(spec)
    assert isinstance(made, Named)
    assert made.sites == {"net.z1": "two", "self": "two", "z2": "one"}
    assert THINGS.parameters(Spec(spec.name)) == {"rate": 0.5}
    with pytest.raises(UsageError, match="'rat' must be one or two, not 1; did you mean 'rate'"):
        THINGS.parameters(Spec(spec.name, {"rat": 1}))
    with pytest.raises(UsageError, match="has no parameter 'rate'"):
        THINGS.parameters(Spec(f"{__name__}:Passing", {"rate": 1}))


class Tupled(Thing):
    """Has a default that no name can hold."""

    def __init__(self, sizes: tuple[int, ...] = (1, 2)) -> None:
        super().__init__()
        self.sizes = sizes


def test_a_default_that_no_name_can_hold_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'sizes' has the default \(1, 2\); parameters are words, numbers"):
        THINGS.parameters(Spec(f"{__name__}:Tupled"))
