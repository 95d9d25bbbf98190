"""What tasks on images let one choose: the parameters of their data set, then those of their model."""

import dataclasses

import pytest

from bench.names.documentation import documentation
from bench.names.registry import TASKS, constructor_parameters
from tasks import INDEX
from tasks.images.vae import VAE, VAEMnist
from tasks.parts.image_sets import MnistOrTiny

ON_IMAGES = [name for name, (path, _) in INDEX.items() if path.startswith("tasks.images.")]


def defaults(cls: type) -> dict[str, object]:
    return {field.name: field.default for field in dataclasses.fields(cls) if field.init}


@pytest.mark.parametrize("name", [name for name in ON_IMAGES if name != "vae-mnist"])
def test_a_task_takes_what_its_data_set_and_its_model_take(name: str):
    cls = TASKS.load(name)
    # Without the decorator a class would have the constructor of its model, and leave out the data set's parameters.
    assert "__dataclass_fields__" in vars(cls)
    taken = {name: parameter.default for name, parameter in constructor_parameters(cls).items()}
    assert list(taken.items()) == list(defaults(cls).items())


def test_the_one_constructor_that_is_written_out_is_that_of_a_dataclass():
    taken = {name: parameter.default for name, parameter in constructor_parameters(VAEMnist).items()}
    expected = defaults(MnistOrTiny) | defaults(VAE) | {"guide": "amortized"}
    assert list(taken.items()) == list(expected.items())


@pytest.mark.parametrize("name", ON_IMAGES)
def test_every_parameter_is_described(name: str):
    described = documentation(TASKS.load(name))
    for parameter in constructor_parameters(TASKS.load(name)):
        assert f"\n    {parameter}: " in described
