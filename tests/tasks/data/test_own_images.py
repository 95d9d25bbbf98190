"""Images of the user's own: whatever they come in, they are the same levels; what is no image is told so."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from tasks.data import DataUnavailable
from tasks.data.arrays import Layout
from tasks.data.own_images import load
from tasks.images.sbn import SBNImages
from tasks.images.vae_categorical import CategoricalImages
from tasks.images.vae_images import VAEImages
from tasks.parts.pixels import BernoulliPixels, LogisticPixels
from tests.tasks.data.own import HEIGHT, WIDTH, images, write_folder

AS_IT_IS = Layout()
GREY = images()
COLOUR = images(channels=3)


def rows(place: Path, layout: Layout = AS_IT_IS, **more: Any) -> list[tuple[int, ...]]:
    """Return all images, in an order that does not depend on how they are split."""
    found = load(str(place), layout, **more)
    assert (len(found.train), len(found.test)) == (16, 4)
    return sorted(map(tuple, torch.cat([found.train, found.test]).tolist()))


EXPECTED = sorted(map(tuple, GREY.reshape(20, -1).tolist()))
PLANES = sorted(map(tuple, np.moveaxis(COLOUR, -1, 1).reshape(20, -1).tolist()))


@pytest.mark.parametrize(
    ("array", "layout", "expected"),
    [
        (GREY, Layout(), EXPECTED),
        (GREY.astype(float), Layout(), EXPECTED),
        ((GREY / 255).astype(np.float32), Layout(), EXPECTED),
        (GREY.reshape(20, -1), Layout(width=WIDTH), EXPECTED),
        (GREY[..., None], Layout(), EXPECTED),
        (COLOUR, Layout(), PLANES),
        (np.moveaxis(COLOUR, -1, 1), Layout(), PLANES),
        (np.moveaxis(GREY, 0, -1), Layout(axis="last"), EXPECTED),
        (np.repeat(GREY[..., None], 3, -1), Layout(), EXPECTED),
    ],
)
def test_an_array_is_its_levels(tmp_path: Path, array: Any, layout: Layout, expected: list[tuple[int, ...]]) -> None:
    np.save(tmp_path / "mine.npy", array)
    assert rows(tmp_path / "mine.npy", layout) == expected


@pytest.mark.parametrize(
    ("array", "layout"),
    [
        (np.moveaxis(GREY, 0, -1), Layout(width=WIDTH)),
        (GREY.reshape(20, -1).T, Layout(width=WIDTH, axis="last")),
        (GREY, Layout(axis="first")),
    ],
)
def test_an_array_of_matlab_may_have_images_along_its_last_axis(tmp_path: Path, array: Any, layout: Layout) -> None:
    savemat(tmp_path / "mine.mat", {"X": array})
    assert rows(tmp_path / "mine.mat", layout) == EXPECTED


def test_truth_values_and_ones_are_white(tmp_path: Path) -> None:
    for name, array in (
        ("bool", GREY > 99),
        ("ones", (GREY > 99).astype(np.int64)),
        ("bytes", (GREY > 99) * np.uint8(1)),
    ):
        np.save(tmp_path / f"{name}.npy", array)
        assert set(sum(rows(tmp_path / f"{name}.npy"), ())) == {0, 255}


def test_a_folder_is_its_images_whatever_they_are_called(tmp_path: Path) -> None:
    first = write_folder(tmp_path / "first", GREY)
    other = write_folder(tmp_path / "deep" / "other", GREY[::-1], "{}-of-mine.PNG").parent
    (first / "._0.png").write_bytes(b"of a Mac")
    (first / "Thumbs.db").write_bytes(b"of Windows")
    assert rows(first) == EXPECTED
    one, two = load(str(first), Layout()), load(str(other), Layout())
    assert one.name == two.name
    assert torch.equal(one.train, two.train)
    assert rows(write_folder(tmp_path / "colour", COLOUR)) == PLANES


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    ink = np.zeros((20, HEIGHT, WIDTH, 4), np.uint8)
    ink[..., 3] = GREY
    assert rows(write_folder(tmp_path / "ink", ink)) == sorted(map(tuple, (255 - GREY).reshape(20, -1).tolist()))


def test_grey_levels_of_colours(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", COLOUR)
    expected = [tuple(np.asarray(Image.fromarray(one).convert("L")).ravel().tolist()) for one in COLOUR]
    found = rows(tmp_path / "mine.npy", colour="grey")
    assert np.abs(np.array(found) - np.array(sorted(expected))).max() <= 1  # Pillow rounds otherwise


def test_a_split_is_kept_and_labels_are_no_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "split.npz", x_train=GREY, y_train=np.arange(20), x_test=GREY[:5], y_test=np.arange(5)[:, None])
    found = load(str(tmp_path / "split.npz"), Layout())
    assert found.train.tolist() == GREY.reshape(20, -1).tolist()
    assert found.test.tolist() == GREY[:5].reshape(5, -1).tolist()
    np.savez(tmp_path / "labels.npz", images=GREY, labels=np.arange(20))
    assert rows(tmp_path / "labels.npz") == EXPECTED


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", GREY)
    before = load(str(tmp_path / "mine.npy"), Layout())
    assert load(str(tmp_path / "mine.npy"), Layout()) is before
    np.save(tmp_path / "mine.npy", 255 - GREY)
    assert load(str(tmp_path / "mine.npy"), Layout()).name != before.name


NAN, NEGATIVE = GREY / 255, GREY / 127.5 - 1
NAN[3, 2, 1] = np.nan
REFUSED: list[tuple[Any, Layout, str]] = [
    (GREY.reshape(20, -1), Layout(), "20×30, but images of 30 pixels are not square: give width="),
    (GREY.reshape(20, -1), Layout(width=7), "cannot be divided into images 7 wide"),
    (GREY, Layout(width=6), "5 pixels wide, but width=6 was given"),
    (GREY.ravel(), Layout(), r"is 600; images must be \[N, pixels\]"),
    (images(channels=4), Layout(), "transparency"),
    (NAN, Layout(), "nan in image 4"),
    (NEGATIVE, Layout(), "in image 1; grey levels go from 0 to 255"),
    (GREY * 1e300, Layout(), "grey levels go from 0 to 255"),
    (GREY.astype(np.uint16) * 200, Layout(), "grey levels go from 0 to 255"),
    (np.full((20, 36), 7), Layout(), "are 7: there is nothing to learn"),
    (GREY[:1], Layout(), "a single image"),
    (GREY[:0], Layout(), "is empty"),
    (GREY.astype(str), Layout(), "holds <U3; images are numbers"),
    (GREY.astype(complex), Layout(), "holds complex128; images are numbers"),
    (np.array([None, 1]), Layout(), "damaged, or holds Python objects"),
]


@pytest.mark.parametrize(("array", "layout", "why"), REFUSED)
def test_an_array_that_is_none_of_images_is_told_so(tmp_path: Path, array: Any, layout: Layout, why: str) -> None:
    np.save(tmp_path / "mine.npy", array)
    with pytest.raises(DataUnavailable, match=why) as found:
        load(str(tmp_path / "mine.npy"), layout)
    assert "mine.npy" in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("mine.npy", b"hello", "damaged, or holds Python objects"),
        ("mine.npz", b"PK\3\4nonsense", "cannot be read"),
        ("mine.mat", b"nonsense" * 40, "cannot be read: Unknown mat file"),
        ("mine.mat", b"MATLAB 7.3".ljust(124) + b"\0\2IM" + bytes(9), "version 7.3: save it with `-v7`"),
        ("mine.npy", b"", "is empty"),
        ("mine.txt", b"hello", r"not a file of images: give \.npy"),
    ],
)
def test_a_file_that_is_none_of_arrays_is_told_so(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataUnavailable, match=why):
        load(str(tmp_path / name), Layout())


def test_which_of_several_arrays_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "several.npz"
    np.savez(file, first=GREY, second=GREY[:9])
    with pytest.raises(DataUnavailable, match=r"\(first 20×6×5, second 9×6×5\): say which .* array=first"):
        load(str(file), Layout())
    assert len(load(str(file), Layout(array="second")).train) == 7
    with pytest.raises(ValueError, match=r"array=third is not in .*several\.npz, which holds first 20×6×5"):
        load(str(file), Layout(array="third"))
    savemat(tmp_path / "mine.mat", {"X": GREY})
    with pytest.raises(DataUnavailable, match="whether the images are along its first or its last axis"):
        load(str(tmp_path / "mine.mat"), Layout())


def test_a_folder_that_cannot_be_used_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    sizes = write_folder(tmp_path / "sizes", GREY)
    Image.fromarray(GREY[0, :4]).save(sizes / "7.png")
    broken = write_folder(tmp_path / "broken", GREY)
    (broken / "3.png").write_bytes((broken / "3.png").read_bytes()[:60])
    deep = tmp_path / "deep"
    deep.mkdir()
    Image.fromarray(GREY[0].astype(np.uint16) * 200).save(deep / "0.png")
    for name, why in {
        "empty": "holds no images",
        "sizes": r"several sizes \(0\.png is 6×5, 7\.png is 4×5\)",
        "broken": r"3\.png cannot be read",
        "deep": "more than 256 levels",
        "none": "none does not exist",
    }.items():
        with pytest.raises(DataUnavailable, match=why):
            load(str(tmp_path / name), Layout())
    with pytest.raises(ValueError, match="is a folder of images: leave them out"):
        load(str(sizes), Layout(array="x"))


@pytest.mark.parametrize("make", [VAEImages, CategoricalImages, SBNImages])
def test_binarization_is_that_of_the_other_tasks(tmp_path: Path, make: Any) -> None:
    np.save(tmp_path / "grey.npy", GREY)
    np.save(tmp_path / "colour.npy", COLOUR)

    def made(name: str, binarization: str) -> tuple[str, type]:
        task = make(path=str(tmp_path / f"{name}.npy"), binarization=binarization)
        return task.load().name.rpartition("-")[2], type(task.model.pixels)

    for binarization, kept in (("auto", "dynamic"), ("static", "static"), ("grey", "grey")):
        assert made("grey", binarization) == (kept, BernoulliPixels)
    assert made("grey", "levels") == made("colour", "auto") == ("grey", LogisticPixels)
    assert made("colour", "dynamic") == ("dynamic", BernoulliPixels)
    assert make().load().name == "made-up-16-static"


def test_convolutions_see_the_planes_of_colours(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", COLOUR[:, :, :4])
    task = VAEImages(path=str(tmp_path / "mine.npy"), architecture="conv", depth=1, latent=2, hidden=4)
    x = task.prepare(task.load().train[:3])
    means: list[torch.Tensor] = []
    task.guide(x, lambda site, distribution: means.append(distribution.mean) or distribution.mean[None])
    assert task.model.mean({"z": means[0][None]}).shape == (1, 3, 3 * HEIGHT * 4)
