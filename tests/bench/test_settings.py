"""Ids of cells: equal settings have equal ids, any other setting another, and the record gives the cell back."""

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bench.decoding import LARGEST, Decoder
from bench.settings import Cell, Measurement, Training, cell_id

counts = st.integers(0, LARGEST)
sizes = st.integers(1, LARGEST)
numbers = st.floats(allow_nan=False, allow_infinity=False)
parameters = st.dictionaries(
    st.text(max_size=8), st.one_of(st.booleans(), st.integers(), numbers, st.text(), st.none())
)
trainings = st.builds(Training, counts, sizes, st.just("adam"), numbers, numbers, st.text())
measurements = st.builds(
    Measurement,
    st.sampled_from(["own", "shared"]),
    st.none() | sizes,
    sizes,
    numbers,
    sizes,
    sizes,
)
cells = st.builds(
    Cell,
    task=st.text(min_size=1),
    task_parameters=parameters,
    task_version=sizes,
    estimator=st.text(min_size=1),
    estimator_parameters=parameters,
    estimator_version=sizes,
    samples=sizes,
    seed=counts,
    dataset=st.text(),
    dtype=st.sampled_from(["float32", "float64"]),
    device=st.sampled_from(["cpu", "cuda"]),
    training=trainings,
    measurement=measurements,
)


@given(cells)
def test_a_cell_survives_json(cell: Cell) -> None:
    decoder: Decoder[Cell] = Decoder(Cell, optional=(Cell, Training, Measurement))
    again = decoder.decode(json.dumps(cell.identity()).encode())
    assert again == cell
    assert again.id == cell.id


@given(cells, st.randoms())
def test_the_order_of_keys_does_not_matter(cell: Cell, random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        keys = list(value)
        random.shuffle(keys)
        return {key: shuffled(value[key]) for key in keys}

    assert cell_id(shuffled(cell.identity())) == cell.id


@given(cells, cells)
def test_other_cells_have_other_ids(first: Cell, second: Cell) -> None:
    # Python's 1, 1.0 and True are equal; JSON's are not, and neither are the ids.
    assert (first.id == second.id) == (
        json.dumps(first.identity(), sort_keys=True) == json.dumps(second.identity(), sort_keys=True)
    )


@given(cells)
def test_a_folder_is_one_level_below_the_task_whatever_the_names(cell: Cell) -> None:
    task, slash, folder = cell.folder.partition("/")
    assert slash == "/"
    assert task
    assert re.fullmatch(r"[^/\\:\s]+-K\d+-seed\d+-[0-9a-f]{16}", folder)


@given(cells)
def test_a_task_has_one_folder(cell: Cell) -> None:
    assert cell.folder.startswith(f"{cell.task_folder}/")
    assert "/" not in cell.task_folder
