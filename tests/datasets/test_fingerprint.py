"""Which pictures a fingerprint looks at, and what it tells of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modicum.datasets import discover, fingerprint

Write = Callable[..., Path]


def test_a_rare_object_is_looked_at(pairs: Write, mask: Write) -> None:
    root = pairs(130)
    for i in range(130):
        mask(root / "labels" / f"case{i:02d}.png", values=np.zeros((40, 48), np.uint8))
    disc = np.zeros((40, 48), np.uint8)
    disc[10:30, 10:30] = 255
    mask(root / "labels" / "case05.png", values=disc)
    seen = fingerprint(discover(root))
    assert seen.object_thickness_px > 8
    assert (seen.examined, seen.objects_per_picture, seen.single_share) == (1, 1, pytest.approx(1 / 130, abs=1e-3))
    share = seen.foreground_share["foreground"]
    assert share["mean"] == pytest.approx((disc > 0).mean() / 130, abs=1e-4), "of all labelled pictures"
    assert (share["min"], share["max"]) == (0, pytest.approx((disc > 0).mean(), abs=1e-4))


def test_the_usual_size_is_that_of_labelled_pictures(pairs: Write, picture: Write) -> None:
    root = pairs(3)
    for i in range(8):
        picture(root / "images" / f"more{i}.png", i, size=(26, 30))
    seen = fingerprint(discover(root))
    assert (seen.labelled, seen.unlabelled) == (3, 8)
    assert (seen.median_height, seen.median_width, seen.min_height, seen.min_width) == (40, 48, 26, 30)


@pytest.mark.parametrize(
    ("classes", "found"),
    [
        (("heart", "left lung", "right lung"), ("left lung", "right lung")),
        (("Lung_R", "Lung_L"), ("Lung_R", "Lung_L")),
        (("KidneyLeft", "KidneyRight"), ("KidneyLeft", "KidneyRight")),
        (("leftkidney", "spleen", "kidney, right"), ("leftkidney", "kidney, right")),
        (("left ventricle", "myocardium", "right ventricle"), None),  # chambers of the heart are no mirror images
        (("left lateral ventricle", "right lateral ventricle"), ("left lateral ventricle", "right lateral ventricle")),
        (("l", "r"), ("l", "r")),
        (("left atrium", "right ventricle"), None),
        (("rectum", "lectum", "liver", "river"), None),
        (("lesion",), None),
    ],
)
def test_classes_that_differ_by_their_side_are_known_by_their_names(
    pairs: Write, classes: tuple[str, ...], found: tuple[str, str] | None
) -> None:
    assert fingerprint(replace(discover(pairs(2)), classes=classes)).sides == found


def test_grey_pictures_with_three_channels_are_not_in_colour(pairs: Write) -> None:
    root = pairs(4)
    assert fingerprint(discover(root)).in_colour
    for path in sorted((root / "images").iterdir())[:3]:
        grey = np.repeat(np.asarray(Image.open(path))[..., :1], 3, axis=2)
        grey[:3, :3] = (0, 255, 0)  # somebody's mark
        Image.fromarray(grey).save(path)
    seen = fingerprint(discover(root))
    assert (seen.channels, seen.in_colour) == ((3,), False)
