"""The temperature of a relaxation."""


def require_temperature(temperature: float) -> None:
    """Raise `ValueError` unless a temperature is positive."""
    if temperature <= 0:
        raise ValueError(f"temperature must be positive; it is {temperature}")
