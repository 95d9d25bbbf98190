"""The command line's small languages: specs and numbers. What is written is read back; all else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.names.spec import Spec, Value, parse_numbers, parse_spec

names = st.from_regex(r"[A-Za-z][A-Za-z0-9_.:-]{0,15}", fullmatch=True)
keys = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,10}", fullmatch=True)
words = st.from_regex(r"[a-z][a-z/-]{0,10}", fullmatch=True).filter(lambda word: word not in ("true", "false", "none"))
bare: st.SearchStrategy[Value] = st.one_of(
    st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), words, st.none()
)
quoted = st.one_of(*(st.text(st.characters(exclude_characters=mark, codec="utf-8"), max_size=20) for mark in "'\""))
values: st.SearchStrategy[Value] = st.one_of(bare, quoted, st.sampled_from(["true", "none", "12", "1e5"]))
unquoted = st.builds(Spec, names, st.dictionaries(keys, bare, max_size=4))
specs = st.builds(Spec, names, st.dictionaries(keys, values, max_size=4))


@given(specs)
def test_a_spec_is_read_as_it_is_written(spec: Spec) -> None:
    read = parse_spec(str(spec))
    assert read == spec
    assert {key: type(value) for key, value in read.parameters.items()} == {
        key: type(value) for key, value in spec.parameters.items()
    }


@given(unquoted, st.sampled_from(["", " ", "  ", "\t"]))
def test_spaces_do_not_matter(spec: Spec, space: str) -> None:
    inside = f"{space},{space}".join(f"{key}{space}={space}{value}" for key, value in spec.parameters.items())
    assert parse_spec(f"{space}{spec.name}({space}{inside}{space}){space}") == spec


@given(names, keys, st.text(st.characters(exclude_characters="'", codec="utf-8"), max_size=20))
def test_quoted_values_are_words_whatever_is_in_them(name: str, key: str, text: str) -> None:
    assert parse_spec(f"{name}({key}='{text}')").parameters == {key: text}


@given(st.text(max_size=40))
def test_any_text_is_a_spec_or_refused(text: str) -> None:
    try:
        spec = parse_spec(text)
    except UsageError:
        return
    assert spec.name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not of the form"),
        ("name(", "not of the form"),
        ("name(a)", "see 'a'"),
        ("name(a=1 b=2)", "comma before 'b=2'"),
        ("name(a=my faces/)", "comma before 'faces/'; quote a value with blanks"),
        ("name(a=1, a=2)", "gives 'a' twice"),
        ("name(a=f(1))", "comma before"),
        ("name(a=)", "not of the form"),
    ],
)
def test_what_is_wrong_is_said(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match="^" + ".*" + reason.replace("(", r"\(").replace(")", r"\)")):
        parse_spec(text)


def test_values_are_not_evaluated() -> None:
    assert parse_spec("name(a=[1])").parameters == {"a": "[1]"}
    assert parse_spec("name(a=__import__)").parameters == {"a": "__import__"}


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=20))
def test_numbers_are_read_in_order_and_once(numbers: list[int]) -> None:
    assert parse_numbers(",".join(map(str, numbers))) == list(dict.fromkeys(numbers))


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 2000))
def test_ranges_include_both_ends(low: int, length: int, other: int) -> None:
    high = low + length
    found = parse_numbers(f" {low} - {high} , {other}")
    assert found[: length + 1] == list(range(low, high + 1))
    assert set(found) == {*range(low, high + 1), other}
    assert len(found) == len(set(found))


def test_the_largest_number_is_one_that_tables_hold() -> None:
    assert parse_numbers(f"{2**63 - 2}-{2**63 - 1}") == [2**63 - 2, 2**63 - 1]
    with pytest.raises(UsageError, match=f"{2**64 - 1} is too large: whole numbers go up to {2**63 - 1}"):
        parse_numbers(f"1,{2**64 - 1}")


@given(st.text(max_size=20))
def test_any_text_is_numbers_or_refused(text: str) -> None:
    try:
        found = parse_numbers(text)
    except UsageError:
        return
    assert found
    assert min(found) >= 0


@pytest.mark.parametrize(
    "text", ["", "-1", "1,", "1..3", "3-1", "0-100001", "1e3", "0x10", str(2**63), f"0-{2**64}", "9" * 5000]
)
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_numbers(text)


@pytest.mark.parametrize("count", [150, 3000, 100_000])
@pytest.mark.parametrize("nested", ["[", "-", "~", "{", "[-", "9", "0x9"])
def test_what_is_long_or_deep_is_a_word_or_refused(nested: str, count: int) -> None:
    text = f"name(key={nested * count})"
    if len(text) > 4000:
        with pytest.raises(UsageError, match="too long") as refused:
            parse_spec(text)
        assert len(str(refused.value)) < 200
    else:
        assert isinstance(parse_spec(text).parameters["key"], str | int)
