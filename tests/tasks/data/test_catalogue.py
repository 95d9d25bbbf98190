import re
import subprocess
import sys

import pytest

from tasks.data import cache
from tasks.data.catalogue import DATASETS


@pytest.mark.parametrize("name", DATASETS)
def test_entries_are_well_formed(name: str):
    dataset = DATASETS[name]
    for file in dataset.files:
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.size > 0
        assert all(mirror.startswith("http") and mirror.endswith("/" + file.name) for mirror in file.mirrors)
    assert len({file.name for file in dataset.files}) == len(dataset.files)


def test_no_file_is_listed_twice():
    paths = [file.path for dataset in DATASETS.values() for file in dataset.files]
    assert len(set(paths)) == len(paths)


def test_real_files_have_the_recorded_checksums(real_data):
    for name in DATASETS:
        if cache.present(name):
            assert set(cache.verify(name).values()) == {"ok"}, name


def test_import_is_light():
    heavy = "{'torch', 'numpy', 'pooch', 'requests'}"
    script = f"import sys, tasks.data.catalogue; sys.exit(not {heavy}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
