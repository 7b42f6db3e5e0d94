"""Volumes in a real browser: slice by slice, and by the keyboard alone."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np

from browsing import NEEDS_CHROMIUM, draw, playwright, served, somebody_saves
from modicum.images.volumes import read_volume_mask

pytestmark = NEEDS_CHROMIUM


def test_a_volume_is_labelled_slice_by_slice(page: playwright.Page, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(0)
    nibabel.save(nibabel.Nifti1Image(rng.normal(0, 50, (40, 40, 9)), np.diag([-1, -1, 3, 1])), tmp_path / "images/head.nii.gz")
    with served(tmp_path) as address:
        page.goto(f"{address}#/picture/head")
        page.get_by_text("5 of 9").wait_for()
        draw(page, (0.2, 0.5), (0.8, 0.5))
        page.keyboard.press("ArrowUp")
        page.get_by_text("6 of 9").wait_for()
        page.mouse.wheel(0, -100)
        page.get_by_text("7 of 9").wait_for()
        page.get_by_role("button", name="strong").click()
        page.keyboard.press("w")
        draw(page, (0.5, 0.5), (0.7, 0.2))  # the window, and no label
        page.keyboard.press("b")
        draw(page, (0.5, 0.2), (0.5, 0.8))
        page.keyboard.press("s")
        page.get_by_text("Saved.").wait_for()
        found = read_volume_mask(tmp_path / "labels/head.nii.gz")
        assert found.any(axis=(1, 2)).tolist() == [False] * 4 + [True, False, True] + [False] * 2
        assert found[4, 20, 10:30].all()
        assert found[6, 10:30, 20].all()


def test_the_volume_asked_for_last_is_shown_and_the_keyboard_suffices(page: playwright.Page, tmp_path: Path) -> None:
    rng, held = np.random.default_rng(0), []
    (tmp_path / "images").mkdir()
    for name in "ab":
        volume = nibabel.Nifti1Image(rng.normal(0, 50, (40, 40, 9)), np.diag([-1, -1, 3, 1]))
        nibabel.save(volume, tmp_path / f"images/{name}.nii.gz")
    slow = "**/pictures/a/slices/4?*"
    with served(tmp_path) as address:
        page.goto(address)
        page.locator(".tile").first.wait_for()
        page.route(slow, lambda route: held.append(route))
        for other, shown in (("#/picture/b", "Canvas of b"), ("#/", "Files")):
            with page.expect_request(slow):
                page.evaluate("location.hash = '#/picture/a'")
            page.evaluate(f"location.hash = '{other}'")
            page.get_by_label(shown).wait_for(state="attached")
            with page.expect_response(slow):
                held.pop().continue_()
            page.wait_for_timeout(300)
            playwright.expect(page.get_by_label(shown)).to_be_attached()
            page.keyboard.press("s")
        page.evaluate("location.hash = '#/picture/b'")
        page.get_by_text("5 of 9").wait_for()
        draw(page, (0.2, 0.5), (0.8, 0.5))
        somebody_saves(address, "b", np.eye(9, 1600, dtype=np.uint8))
        page.keyboard.press("s")
        page.get_by_role("button", name="Keep mine").click()
        playwright.expect(page.locator(".headline .state")).to_have_text("labelled")
        assert [p.name for p in (tmp_path / "labels").glob("*.nii.gz")] == ["b.nii.gz"]  # no ghost has saved
        found = read_volume_mask(tmp_path / "labels/b.nii.gz")
        assert found.any(axis=(1, 2)).all()  # theirs where nothing was drawn
        assert not found[4, 0].any()  # and not where something was

        page.get_by_label("Slice", exact=True).focus()
        for number in (6, 7):
            page.keyboard.press("ArrowRight")
            page.get_by_text(f"{number} of 9").wait_for()
        page.get_by_role("button", name="Slice above (↑)").focus()
        page.keyboard.press("Space")
        page.get_by_text("8 of 9").wait_for()
        page.get_by_role("button", name="Polygon").focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.ariaLabel") == "Polygon"
        for corner in ((0.3, 0.3), (0.7, 0.3), (0.5, 0.7)):
            draw(page, corner)
        page.mouse.wheel(0, -100)
        page.get_by_text("8 of 9").wait_for()
        page.keyboard.press("Enter")
        playwright.expect(page.locator(".headline .state")).to_have_text("not saved")


def test_a_slice_that_comes_late_does_not_take_a_drawing_away(page: playwright.Page, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    nibabel.save(nibabel.Nifti1Image(np.eye(40)[..., None] * np.arange(9.0), np.eye(4)), tmp_path / "images/head.nii.gz")
    held: list[playwright.Route] = []
    with served(tmp_path) as address:
        page.goto(f"{address}#/picture/head")
        page.get_by_text("5 of 9").wait_for()
        page.route("**/slices/7*", lambda route: held.append(route))
        slider = page.get_by_label("Slice", exact=True)
        with page.expect_request("**/slices/7*"):
            slider.fill("7")
        page.get_by_role("button", name="Polygon").click()
        for corner in ((0.3, 0.3), (0.7, 0.3), (0.5, 0.7)):
            draw(page, corner)
        assert page.get_by_text("5 of 9").is_visible()  # what is on the screen
        with page.expect_response("**/slices/7*"):
            held.pop().continue_()
        playwright.expect(slider).to_have_value("4")
        page.keyboard.press("Enter")
        playwright.expect(page.locator(".headline .state")).to_have_text("not saved")
        page.keyboard.press("s")
        page.get_by_text("Saved.").wait_for()
    assert read_volume_mask(tmp_path / "labels/head.nii.gz").any(axis=(1, 2)).tolist() == [z == 4 for z in range(9)]
