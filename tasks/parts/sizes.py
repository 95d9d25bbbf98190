"""What tasks ask of the sizes and scales that they are built with."""


def at_least(least: float, **values: float) -> None:
    """Raise ValueError where a value, given by its name, is below `least`."""
    for name, value in values.items():
        if value < least:
            raise ValueError(f"{name} must be at least {least}; it is {value}")


def positive(**values: float) -> None:
    """Raise ValueError where a value, given by its name, is zero or below."""
    for name, value in values.items():
        if value <= 0:
            raise ValueError(f"{name} must be positive; it is {value}")
