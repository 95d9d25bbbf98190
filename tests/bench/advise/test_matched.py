from collections.abc import Callable

import pytest

from bench.advise.matched import matched


@pytest.mark.parametrize(
    ("cost", "least", "wanted", "expected"),
    [
        (lambda samples: samples, 1, 4, (4, 4.0)),
        (lambda samples: samples, 2, 1, (2, 2.0)),
        (lambda samples: 2 * samples, 1, 4, (2, 4.0)),
        (lambda samples: 3 * samples, 1, 4, (1, 3.0)),
        (lambda samples: samples + 1, 1, 4, (3, 4.0)),
        (lambda _: 201, 1, 4, (1, 201.0)),
        (lambda samples: None if samples % 2 else 2 * samples, 1, 8, (4, 8.0)),
        (lambda samples: 2 * samples, 1, 100, (50, 100.0)),
        (lambda samples: 3 * samples, 1, 1000, (333, 999.0)),
    ],
)
def test_the_nearest_evaluations_are_found(
    cost: Callable[[int], int | None], least: int, wanted: int, expected: tuple[int, float]
) -> None:
    assert matched(cost, least, wanted) == expected


def test_of_equally_near_the_cheaper_is_taken() -> None:
    assert matched(lambda samples: {1: 2, 2: 8}.get(samples), 1, 4) == (1, 2)


def test_what_takes_no_number_has_none() -> None:
    assert matched(lambda _: None, 1, 4) is None
