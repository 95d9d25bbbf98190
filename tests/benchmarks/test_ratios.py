import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.contests import CONTESTS
from tests.benchmarks.ratios import FOLDER, PAGE, hardware, joined, rendered, summarised, with_table

FIRST, LAST = CONTESTS[0], CONTESTS[-1]


def found(ratio: float, contest=FIRST) -> dict:
    return {"name": contest.name, "against": contest.against, "ours": 2.0, "competitor": 2 * ratio, "ratio": ratio}


def test_the_page_shows_what_was_measured():
    page = PAGE.read_text()
    assert with_table(page, rendered(FOLDER)) == page


def test_a_ratio_is_the_geometric_mean_over_processes_with_students_interval():
    (row,) = summarised([[found(2.0)], [found(8.0)]], threads=1).to_dict("records")
    assert row["ratio"] == pytest.approx(4)
    # Two logarithms: their standard error is half their distance, and Student's quantile with one degree 12.7062.
    assert np.log(row["ci_high"] / 4) == pytest.approx(12.7062 * np.log(4) / 2, rel=1e-5)
    assert row["ci_high"] / 4 == pytest.approx(4 / row["ci_low"])
    assert (row["at_least"], row["aim"], row["processes"]) == (FIRST.at_least, FIRST.aim, 2)


def test_columns_are_documented():
    page = (FOLDER.parent / "README.md").read_text()
    documented = re.findall(r"^\| `(\w+)` \|", page.partition("## Speed\n")[2].partition("\n## ")[0], re.MULTILINE)
    assert documented == list(summarised([[found(2.0)]], threads=1))


def test_what_was_not_run_has_no_row():
    table = summarised([[found(3.0, LAST)]], threads=1)
    assert table["benchmark"].tolist() == [LAST.name]
    assert np.isnan(table["ci_low"].iloc[0])


def test_contests_are_told_apart():
    pairs = [(contest.name, contest.against) for contest in CONTESTS]
    assert len(set(pairs)) == len(pairs)
    assert all(contest.at_least <= contest.aim for contest in CONTESTS)


def test_the_table_has_a_line_per_contest(tmp_path: Path):
    table = summarised([[found(100.0), found(1.5, LAST)], [found(100.0), found(1.5, LAST)]], threads=1)
    table.to_csv(tmp_path / f"{hardware()}.csv", index=False)
    lines = rendered(tmp_path).splitlines()
    assert lines[0].startswith(f"{pd.read_csv(tmp_path / f'{hardware()}.csv')['hardware'].iloc[0]}, 1 thread; ")
    assert lines[4].startswith(f"| {FIRST.name} | {FIRST.against} | 100 | 100 – 100 | ")
    assert lines[5].startswith(f"| {LAST.name} | {LAST.against} | 1.50 | 1.50 – 1.50 | ")


def test_what_is_measured_again_replaces_its_row_alone():
    before = summarised([[found(2.0), found(3.0, LAST)]], threads=1)
    table = joined(before, summarised([[found(4.0, LAST)]], threads=1))
    assert table["benchmark"].tolist() == [FIRST.name, LAST.name]
    assert table["ratio"].tolist() == pytest.approx([2.0, 4.0])


def test_rows_of_other_versions_have_a_table_of_their_own(tmp_path: Path):
    table = summarised([[found(2.0), found(3.0, LAST)]], threads=1)
    table.loc[1, "versions"] = "varbench 9"
    table.to_csv(tmp_path / f"{hardware()}.csv", index=False)
    heads = [line for line in rendered(tmp_path).splitlines() if line.endswith(":")]
    assert len(heads) == 2
    assert heads[1].endswith("; varbench 9:")


def test_a_page_without_markers_is_refused():
    with pytest.raises(ValueError, match="needs the lines"):
        with_table("# Title\n", "")
