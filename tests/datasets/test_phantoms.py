"""The synthetic fundus pictures are what the demonstration and other tests take them for."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from modicum.datasets.phantoms import Phantom, fundus, write_fundus_dataset


@pytest.fixture(scope="module")
def phantoms() -> list[Phantom]:
    return [fundus(np.random.default_rng(seed)) for seed in range(5)]


def test_shapes_and_values(phantoms: list[Phantom]) -> None:
    for phantom in phantoms:
        assert phantom.image.shape == (256, 256, 3)
        assert phantom.image.dtype == np.uint8
        assert phantom.label.shape == phantom.field_of_view.shape == (256, 256)
        assert set(np.unique(phantom.label)) == {0, 1}
        assert phantom.field_of_view.dtype == np.bool_


def test_same_seed_same_picture(phantoms: list[Phantom]) -> None:
    again = fundus(np.random.default_rng(0))
    assert np.array_equal(again.image, phantoms[0].image)
    assert np.array_equal(again.label, phantoms[0].label)
    assert not np.array_equal(phantoms[1].label, phantoms[0].label)


def test_vessels_lie_in_the_field_of_view_and_outside_it_is_dark(phantoms: list[Phantom]) -> None:
    for phantom in phantoms:
        assert not (phantom.label.astype(bool) & ~phantom.field_of_view).any()
        far = ~cv2.dilate(phantom.field_of_view.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)
        assert phantom.image[far].mean() < 15


def test_vessels_take_a_believable_share(phantoms: list[Phantom]) -> None:
    for phantom in phantoms:
        assert 0.08 < phantom.label.sum() / phantom.field_of_view.sum() < 0.145


def test_vessels_form_connected_trees(phantoms: list[Phantom]) -> None:
    for phantom in phantoms:
        _, _, stats, _ = cv2.connectedComponentsWithStats(phantom.label, connectivity=8)
        sizes = np.sort(stats[1:, cv2.CC_STAT_AREA])[::-1]
        assert sizes[:6].sum() > 0.85 * phantom.label.sum()


def test_vessels_are_darker_than_what_surrounds_them(phantoms: list[Phantom]) -> None:
    for phantom in phantoms:
        green = phantom.image[..., 1].astype(np.float64)
        vessels = phantom.label.astype(bool)
        near = cv2.dilate(phantom.label, np.ones((7, 7), np.uint8)).astype(bool) & ~vessels & phantom.field_of_view
        assert green[vessels].mean() < green[near].mean() - 5


def test_darkness_alone_does_not_give_the_vessels(phantoms: list[Phantom]) -> None:
    for phantom in phantoms:
        green, inside = phantom.image[..., 1], phantom.field_of_view
        truth = phantom.label[inside].astype(bool)
        dice = [
            2 * (truth & dark).sum() / (truth.sum() + dark.sum())
            for t in range(20, 200, 5)
            if (dark := green[inside] < t).any()
        ]
        assert max(dice) < 0.6


@pytest.mark.parametrize("size", [64, 100, 512])
def test_other_sizes(size: int) -> None:
    phantom = fundus(np.random.default_rng(3), size)
    assert phantom.image.shape == (size, size, 3)
    assert 0.03 < phantom.label.sum() / phantom.field_of_view.sum() < 0.2


def test_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 64 pixels"):
        fundus(np.random.default_rng(0), 32)


def test_written_files(tmp_path: Path) -> None:
    folder, told = tmp_path / "künstliche Augen", []
    write_fundus_dataset(folder, count=3, size=96, seed=7, progress=lambda done, count: told.append((done, count)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    names = [f"phantom_{index:03d}.png" for index in range(3)]
    for part, mode in (("images", "RGB"), ("labels", "L"), ("fov", "L")):
        assert sorted(path.name for path in (folder / part).iterdir()) == names
        for name in names:
            with Image.open(folder / part / name) as picture:
                assert picture.size == (96, 96)
                assert picture.mode == mode
                assert mode == "RGB" or set(np.unique(np.asarray(picture))) == {0, 255}


def test_a_picture_does_not_depend_on_the_count(tmp_path: Path) -> None:
    write_fundus_dataset(tmp_path / "one", count=1, size=96, seed=7)
    write_fundus_dataset(tmp_path / "two", count=2, size=96, seed=7)
    one, two = ((tmp_path / name / "images" / "phantom_000.png").read_bytes() for name in ("one", "two"))
    assert one == two
