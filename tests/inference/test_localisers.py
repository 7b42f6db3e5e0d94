"""Localisers: discs about the peaks of a heatmap, masks of any segmenter, Otsu's threshold."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from modicum.classical import OtsuThreshold
from modicum.inference import FromHeatmap, FromMask
from modicum.inference.localisers import highest_peak, peaks_apart
from modicum.views.places import each, together


class Heat:
    """Stands for a segmenter that answers with this heatmap."""

    def __init__(self, heat: np.ndarray) -> None:
        self.heat = heat

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        return self.heat[None].astype(np.float16)


def peaks(shape: tuple[int, int], *at: tuple[float, float], height: float = 1.0) -> np.ndarray:
    y, x = np.indices(shape)
    bumps = [height * np.exp(-0.5 * ((y - cy) ** 2 + (x - cx) ** 2) / 4**2) for cy, cx in at]
    return np.max(bumps, axis=0).astype(np.float32)


PIXELS = np.zeros((128, 160, 3), np.uint8)


@pytest.mark.parametrize("at", [(64.0, 80.0), (20.0, 130.0), (5.0, 80.0), (120.0, 4.0)])
def test_the_centre_of_the_disc_is_the_peak(at: tuple[float, float]) -> None:
    """Beside the edge, too: a clipped disc would have another centre of mass."""
    mask = FromHeatmap(Heat(peaks((128, 160), at)), 0.15)(PIXELS).mask  # type: ignore[arg-type]
    (place,) = together(mask)
    assert place.centre == pytest.approx(at, abs=0.6)


def test_the_disc_has_the_typical_radius() -> None:
    mask = FromHeatmap(Heat(peaks((128, 160), (60, 80))), 0.125)(PIXELS).mask  # type: ignore[arg-type]
    assert np.sqrt(mask.sum() / np.pi) == pytest.approx(20, abs=1)


@pytest.mark.parametrize("distance", [11, 15, 20, 30])
def test_neighbours_stay_apart(distance: int) -> None:
    at = [(60.0, 40.0), (60.0, 40.0 + distance)]
    mask = FromHeatmap(Heat(peaks((128, 160), *at)), 10 / 160, "each")(PIXELS).mask  # type: ignore[arg-type]
    assert sorted(p.centre for p in each(mask)) == [pytest.approx(c, abs=0.6) for c in at]


def test_a_faint_heatmap_has_found_nothing() -> None:
    for objects in ("one", "each"):
        heat = Heat(peaks((128, 160), (60, 80), height=0.05))
        assert not FromHeatmap(heat, 0.1, objects)(PIXELS).mask.any()  # type: ignore[arg-type]


def test_a_flat_top_is_one_peak_in_its_middle() -> None:
    heat = np.zeros((60, 60), np.float32)
    heat[20:24, 30:34] = 0.8
    heat[50, 5] = 0.4
    assert highest_peak(heat) == (21.5, 31.5)
    assert sorted(peaks_apart(heat, 5)) == [(21.5, 31.5), (50.0, 5.0)]


def test_a_mask_is_whatever_the_segmenter_decides() -> None:
    heat = peaks((128, 160), (60, 80))
    mask = FromMask(Heat(heat), lambda p, pixels: (p[0] > 0.7).astype(np.uint8))(PIXELS).mask  # type: ignore[arg-type]
    assert np.array_equal(mask, heat.astype(np.float16) > 0.7)


@pytest.mark.parametrize(("bright", "channel"), [(True, 0), (False, 2)])
def test_otsu_takes_the_side_and_the_channel_that_show_the_objects(bright: bool, channel: int) -> None:
    rng = np.random.default_rng(0)
    known = []
    for _ in range(3):
        mask = np.zeros((80, 80), np.uint8)
        cv2.circle(mask, tuple(int(v) for v in rng.integers(25, 55, 2)), 15, 1, -1)
        image = rng.integers(100, 140, (80, 80, 3)).astype(np.uint8)
        image[mask > 0, channel] = 220 if bright else 20
        known.append((image, mask > 0))
    fitted = OtsuThreshold.fitted(known)
    assert (fitted.channel, fitted.bright) == (channel, bright)
    found = fitted(known[0][0])
    assert 2 * (found & known[0][1]).sum() / (found.sum() + known[0][1].sum()) > 0.95


def test_only_the_largest_component_where_specks_disturb() -> None:
    image = np.zeros((100, 100, 1), np.uint8)
    image[20:60, 20:60] = 200
    image[80:90, 80:90] = 200
    assert OtsuThreshold(0, True, True)(image)[80:90, 80:90].sum() == 0
    assert OtsuThreshold(0, True, False)(image)[80:90, 80:90].sum() > 50
