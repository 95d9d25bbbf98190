"""The garbage collector rests while modules are imported, and is left as it was."""

import gc
from importlib import import_module

import pytest

from bench.cli.importing import importing


@pytest.mark.parametrize("is_at_work", [True, False])
def test_it_rests_in_the_body_and_is_what_it_was_behind_it(is_at_work: bool) -> None:
    before = gc.isenabled()
    (gc.enable if is_at_work else gc.disable)()
    try:
        with importing():
            assert not gc.isenabled()
        with pytest.raises(ModuleNotFoundError), importing():
            import_module("nothing_of_this_name")
        assert gc.isenabled() == is_at_work
    finally:
        (gc.enable if before else gc.disable)()
