"""Pictures of another resolution: shown at another size, answered in their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.bundle import Bundle
from modicum.cli.options import scale_of
from modicum.errors import ModicumError
from modicum.images import read_mask
from modicum.images.intensity import Intensity
from modicum.inference import Look, Rescaled
from modicum.networks import NETWORKS
from modicum.recipes import checked
from modicum.runs.predicting import predict
from modicum.runs.scaling import sees_own_size, surest_scale

SMALL = {"name": "unet", "encoder": {"widths": [2, 4]}}


class Expert:
    """Knows bright stripes whose width it has learned, and is unsure of all others."""

    def __init__(self, width: int) -> None:
        self.width = width

    def probabilities(self, picture: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
        bright = picture[..., 0] > 127
        width = 2 * float(cv2.distanceTransform(bright.astype(np.uint8), cv2.DIST_L2, 3).max())
        sure = 0.98 if abs(np.log(max(width, 0.1) / self.width)) < 0.25 else 0.6
        return np.where(bright, sure, 0.02)[None].astype(np.float16)

    def look(self, picture: npt.NDArray[Any], mask: npt.NDArray[np.bool_] | None = None) -> Look:
        return Look(self.probabilities(picture), (), mask, ())

    def pixels(self, picture: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        return np.asarray(picture, np.uint8)


def bundle(view: object) -> Bundle:
    recipe = checked({"network": SMALL, "view": view})
    return Bundle(recipe, NETWORKS.build(SMALL, 1, 1).state_dict(), ("stripe",), Intensity((0.5,), (0.2,)), 0.5, (255,))


@pytest.fixture
def expert(monkeypatch: pytest.MonkeyPatch) -> Bundle:
    monkeypatch.setattr(Bundle, "segmenter", lambda self, **_: Expert(8))
    return bundle("patches")


def stripes(folder: Path, width: int, count: int = 4) -> list[Path]:
    folder.mkdir()
    for number in range(count):
        picture = np.zeros((240, 300), np.uint8)
        for x in range(20 + number, 280 - width, 5 * width):
            picture[:, x : x + width] = 220
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    return sorted(folder.iterdir())


@given(st.integers(20, 90), st.integers(20, 90), st.sampled_from([0.25, 0.5, 0.7, 1.4]), st.sampled_from(["u1", "u2", "f8"]))
def test_answers_have_the_size_and_the_place_of_the_picture(height: int, width: int, scale: float, kind: str) -> None:
    picture = np.repeat(np.linspace(0, 255, width)[None], height, axis=0)[..., None].astype(kind)
    found = Rescaled(Expert(8), scale).probabilities(picture)
    assert found.shape == (1, height, width)
    assert found.dtype == np.float16
    edge = np.flatnonzero(found[0, height // 2] > 0.3)
    reach = width / max(1, round(width * scale)) + 1  # a pixel of what was seen
    assert edge.size
    assert abs(edge[0] - width / 2) <= reach + width / 255


@pytest.mark.parametrize(("width", "scale"), [(8, 1.0), (16, 0.5), (6, 1.4), (24, 0.35)])
def test_the_model_is_surest_where_structures_are_as_wide_as_it_knows_them(
    expert: Bundle, tmp_path: Path, width: int, scale: float
) -> None:
    best, expected = surest_scale(expert, stripes(tmp_path / "stripes", width))
    assert best == scale
    assert expected[scale] == max(expected.values())


def test_another_scale_is_advised_and_not_taken_unless_it_is_wished(
    expert: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(p) for p in stripes(tmp_path / "stripes", 16)]
    predict(expert, paths, tmp_path / "plain")
    assert "surer of these pictures at 0.5 of their size (expected Dice 0.9" in capsys.readouterr().err
    predict(expert, paths, tmp_path / "auto", scale="auto")
    assert "Scale 0.5: " in capsys.readouterr().err
    assert read_mask(tmp_path / "auto" / "0.png").shape == (240, 300)
    qualities = [(tmp_path / out / "quality.csv").read_text().splitlines()[1].split(",")[1] for out in ("plain", "auto")]
    assert float(qualities[1]) > float(qualities[0]) + 0.1
    predict(expert, paths, tmp_path / "own", scale=1.0)
    assert "surer" not in capsys.readouterr().err


def test_who_sees_whole_pictures_has_no_scale_to_choose() -> None:
    assert sees_own_size(bundle("patches"))
    assert not sees_own_size(bundle("whole"))
    assert not sees_own_size(bundle({"name": "patches", "longest": 400}))


def test_unreadable_pictures_have_no_say(expert: Bundle, tmp_path: Path) -> None:
    paths = stripes(tmp_path / "stripes", 16, count=1)
    for name in "xy":
        (tmp_path / f"{name}.png").write_bytes(b"none")
    broken = [tmp_path / "x.png", tmp_path / "y.png"]
    assert surest_scale(expert, broken) == (1.0, {})
    assert surest_scale(expert, [*broken, *paths])[0] == 0.5


def test_a_scale_is_a_number_or_auto(expert: Bundle, tmp_path: Path) -> None:
    assert (scale_of(None), scale_of("auto"), scale_of("0.5")) == (None, "auto", 0.5)
    with pytest.raises(ModicumError, match="'half' is no scale"):
        scale_of("half")
    with pytest.raises(ModicumError, match="cannot be 0"):
        predict(expert, [str(p) for p in stripes(tmp_path / "stripes", 8)], tmp_path / "out", scale=0.0)
