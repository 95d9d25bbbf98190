import pytest

from tests.mutation.equivalent import REASONS
from tests.mutation.mutants import module_files, mutants_of


@pytest.mark.parametrize("place", REASONS)
def test_what_is_said_to_be_no_fault_is_still_there(place: tuple[str, str, str]) -> None:
    module, before, after = place
    found = mutants_of(module, module_files()[module].read_text())
    assert (before, after) in {(mutant.before, mutant.after) for mutant in found}
