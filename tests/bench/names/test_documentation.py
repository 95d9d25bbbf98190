from bench.names.documentation import documentation


class Above:
    """A model.

    Args:
        size: how large; it takes
            two lines to say.
        depth: how deep.

    Attributes:
        width: how wide.
    """

    def __init__(self, size: int, depth: int) -> None: ...


class Below(Above):
    """A model of something.

    Args:
        depth: at least 1.

    Raises:
        ValueError: it is not.
    """


class Silent(Below):
    def __init__(self, depth: int, width: int) -> None: ...


def test_a_class_that_says_all_is_left_as_it_is():
    assert documentation(Above).startswith(
        "A model.\n\nArgs:\n    size: how large; it takes\n        two lines to say.\n"
    )
    assert documentation(Above).endswith("depth: how deep.\n\nAttributes:\n    width: how wide.")


def test_what_a_class_leaves_out_is_described_as_above_it():
    assert documentation(Below) == (
        "A model of something.\n\n"
        "Args:\n    size: how large; it takes\n        two lines to say.\n    depth: at least 1.\n\n"
        "Raises:\n    ValueError: it is not."
    )


def test_only_parameters_that_the_constructor_has_are_described():
    assert documentation(Silent) == "Args:\n    depth: at least 1."
