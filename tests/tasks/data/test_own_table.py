"""A table of the user's own: what is sensible is understood, what is not is named with column and row."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.data import DataUnavailable
from tasks.data.splitting import four_fifths
from tasks.regression.bnn import BNN
from tasks.regression.logistic_regression import LogisticRegression
from tests.tasks.data.own import table

TABLE = table()


def made(tmp_path: Path, content: str | bytes, target: str | None = "y") -> LogisticRegression:
    file = tmp_path / "mine.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return LogisticRegression(data=str(file), target=target)


def test_rows_are_standardized_words_become_columns_and_labels_minus_one_and_one(tmp_path: Path) -> None:
    data = made(tmp_path, TABLE).load()
    assert data.train.shape == (16, 6)
    assert data.test.shape == (4, 6)
    assert (
        data.note
        == "16 rows of 4 features, and 4 to test; label 1: y = spam; left out because all rows are the same: same"
    )
    features = data.train[:, 1:-1]
    torch.testing.assert_close(features.mean(0), torch.zeros(4, dtype=torch.float64))
    torch.testing.assert_close(features.std(0, correction=0), torch.ones(4, dtype=torch.float64))
    both = torch.cat([data.train, data.test])
    assert both[:, 0].unique().tolist() == [1.0]
    assert both[:, -1].tolist().count(1.0) == 15
    # Numbers are in their order after all: those of a row are found by its place in the first column.
    place = ((both[:, 1] - both[:, 1].min()) / (both[:, 1].max() - both[:, 1].min()) * 19).round().long()
    assert both[:, -1].tolist() == [1.0 if i % 4 else -1.0 for i in place.tolist()]


@pytest.mark.parametrize(
    "content",
    [
        TABLE.replace("\n", "\r\n"),
        "\ufeff" + TABLE,
        TABLE.replace(",", ";"),
        TABLE.replace(",", "\t"),
        TABLE.replace(",", " , "),
        TABLE.replace(",", ";").replace(".", ","),
        "\n" + TABLE.replace("\n", "\n\n"),
        TABLE.replace("green", '"green"'),
        TABLE.encode("utf-16"),
    ],
)
def test_what_is_written_otherwise_is_the_same(tmp_path: Path, content: str | bytes) -> None:
    expected = made(tmp_path, TABLE).load()
    found = made(tmp_path, content).load()
    assert torch.equal(found.train, expected.train)
    assert torch.equal(found.test, expected.test)
    assert found.name != expected.name


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (TABLE.replace("1.25,blue", ",blue"), "column 'a' of .* has no value in row 6"),
        (TABLE.replace("1.25,blue", "1.25,"), "column 'b' of .* has no value in row 6"),
        (TABLE.replace("1.25,blue", "?,blue"), "column 'a' of .* except for '\\?' in row 6"),
        (TABLE.replace("1.25,blue", "inf,blue"), "column 'a' of .* holds inf in row 6"),
        (TABLE.replace("1.25,blue", "1e300,blue"), r"column 'a' of .* holds 1e\+300 in row 6"),
        (
            TABLE.replace("1.25,blue", "1.25,blue,9"),
            "not a CSV file with 4 columns: Expected 4 fields in line 7, saw 5",
        ),
        (TABLE.replace("1.25,blue,7,spam", "1.25,blue,7"), "column 'y' of .* has no value in row 6"),
        (TABLE.replace("1.25,blue,7,spam", "1.25,blue,7,egg"), r"has 3 values \(egg, ham, spam\)"),
        (TABLE.replace("spam", "ham"), r"has 1 value \(ham\)"),
        (
            TABLE.replace("ham", "spam").replace("spam", "egg", 1),
            "one row of .* 'y' = egg: each value needs at least 2",
        ),
        (TABLE.replace("a,b", "b,b", 1), "two columns 'b'"),
        (TABLE.replace("a,b", ",b", 1), "column 1 of .* has no name in the first line"),
        (table(4), "has 4 rows; at least 5"),
        ("a,y\n", "has 0 rows"),
        ("y\n" + "0\n1\n" * 5, "no column besides 'y'"),
        ("a,y\n" + "7,0\n7,1\n" * 5, "all rows of .* are the same"),
        ("a,y\n" + "".join(f"name {i},{i % 2}\n" for i in range(9)), "column 'a' of .* 9 different texts in 9 rows"),
        ("", "is empty"),
        (TABLE.replace("spam", "späm").encode("latin-1"), r"not UTF-8 text \(line 3\)"),
        (b"PK\3\4\0\0", "zero bytes"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, content: str | bytes, why: str) -> None:
    with pytest.raises(DataUnavailable, match=why) as found:
        made(tmp_path, content)
    assert "mine.csv" in str(found.value)
    assert "\n" not in str(found.value)


def test_a_target_must_be_a_column(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"which column .* there are a, b, same, y"):
        made(tmp_path, TABLE, None)
    with pytest.raises(ValueError, match=r"no column 'z' in .* first line names a, b, same, y"):
        made(tmp_path, TABLE, "z")
    with pytest.raises(ValueError, match="leave it out"):
        LogisticRegression("toy", target="y")
    with pytest.raises(DataUnavailable, match=r"none\.csv does not exist in"):
        LogisticRegression("none.csv", target="y")
    with pytest.raises(DataUnavailable, match="is a folder: give a CSV file"):
        LogisticRegression(str(tmp_path), target="y")


def test_a_number_is_predicted_in_units_of_its_deviation(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(TABLE)
    data = BNN(str(tmp_path / "mine.csv"), 2, "a").load()
    # The words b are three columns, and y is two.
    assert data.train.shape == (16, 7)
    assert data.test.shape == (4, 7)
    places = np.concatenate(four_fifths(20)) / 4
    mean, deviation = places[:16].mean(), places[:16].std()
    assert data.note == (
        f"16 rows of 5 features, and 4 to test; y in units of its deviation {deviation:.4g} from its mean {mean:.4g}; "
        "target: a; left out because all rows are the same: same"
    )
    torch.testing.assert_close(torch.cat([data.train, data.test])[:, -1], torch.from_numpy((places - mean) / deviation))


def test_its_elbo_is_exact(tmp_path: Path) -> None:
    task = made(tmp_path, TABLE)
    x = task.prepare(task.load().train)
    value = task.exact("elbo", x, 1)
    assert value is not None
    draws = np.random.default_rng(0).standard_normal((4000, 1, 5))
    z = torch.from_numpy(draws)
    log_weight = task.model(x, {"z": z}) + 0.5 * z.square().sum(-1) + 2.5 * np.log(2 * np.pi)
    # Five standard errors: one in two million runs with other draws would fail.
    assert abs(float(log_weight.mean() - value.detach())) < 5 * float(log_weight.std()) / 4000**0.5
