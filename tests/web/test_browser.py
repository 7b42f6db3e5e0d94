"""The whole way in a real browser: label, save, train, look, accept; and two tabs that do not overwrite each other."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from browsing import NEEDS_CHROMIUM, draw, playwright, read, served, somebody_saves, with_predictions
from modicum.datasets.phantoms import write_fundus_dataset

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "eyes"
    write_fundus_dataset(folder, count=5, size=64)
    for part in ("labels", "fov"):
        shutil.rmtree(folder / part)
    return folder


@pytest.fixture(scope="module")
def address(data: Path) -> Iterator[str]:
    with served(data) as found:
        yield found


def test_label_train_look_accept(page: playwright.Page, data: Path, address: str) -> None:
    page.goto(address)
    playwright.expect(page.locator(".tile")).to_have_count(5)
    page.get_by_text("Label the next picture").click()
    draw(page, (0.2, 0.5), (0.8, 0.5))
    draw(page, (0.5, 0.2), (0.5, 0.3))
    page.keyboard.press("z")  # the second stroke is taken back
    page.keyboard.press("s")
    page.get_by_text("Saved.").wait_for()
    first = read(data / "labels/phantom_000.png")
    assert first[32, 16:48].all()
    assert not first[12:20].any()

    page.keyboard.press("ArrowRight")
    page.get_by_text("phantom_001", exact=True).wait_for()
    page.keyboard.press("p")
    for corner in ((0.3, 0.3), (0.7, 0.3), (0.5, 0.7)):
        draw(page, corner)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Save").click()
    playwright.expect(page.locator(".headline .state")).to_have_text("labelled")
    assert read(data / "labels/phantom_001.png")[22, 32]

    page.get_by_role("link", name="Train").click()
    page.get_by_label("Time").select_option("20 seconds")
    page.get_by_role("button", name="Train").click()
    page.locator(".chart").wait_for()
    page.reload()  # the training goes on, and is found again
    page.get_by_text("Training 1 is finished").wait_for(timeout=120_000)
    page.locator("iframe.report").wait_for()

    playwright.expect(page.locator(".samples .tile")).to_have_count(3, timeout=60_000)

    page.get_by_text("See predictions").click()
    playwright.expect(page.locator(".state.predicted")).to_have_count(3)
    page.get_by_text("Look at the most doubtful").click()
    page.get_by_role("button", name="Accept").click()
    page.get_by_text("phantom_003", exact=True).wait_for()  # on to the next
    predicted = read(data / ".modicum/predictions/1/phantom_002.png")
    told = json.loads((data / ".modicum/predictions/1/phantom_003.json").read_text())
    assert np.array_equal(read(data / "labels/phantom_002.png") > 0, predicted > 0)
    assert json.loads((data / "labels/phantom_002.label.json").read_text())["origin"] == "accepted"

    page.get_by_role("link", name="Pictures", exact=True).click()
    playwright.expect(page.locator(".tile b")).to_have_count(2)  # what is expected of the two predictions that are left
    assert f"{told['quality']:.2f}" in page.locator(".tile", has_text="phantom_003").inner_text()
    page.get_by_label("Files").set_input_files(
        [{"name": "new.png", "mimeType": "image/png", "buffer": (data / "images/phantom_000.png").read_bytes()}]
    )
    page.get_by_text("1 picture was added.").wait_for()
    playwright.expect(page.locator(".tile")).to_have_count(6)
    page.get_by_role("button", name="predicted").click()
    page.get_by_role("button", name="Accept all 2 shown").click()
    page.get_by_role("button", name="Accept them").click()
    page.get_by_text("2 predictions are labels now.").wait_for()
    assert (data / "labels/phantom_004.png").exists()
    with page.expect_download() as download:
        page.get_by_role("link", name="All masks").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert len(archive.namelist()) == 5


def test_strokes_of_a_class_and_of_the_background_leave_the_rest_unmarked(page: playwright.Page, tmp_path: Path) -> None:
    write_fundus_dataset(tmp_path, count=2, size=64)
    for part in ("labels", "fov"):
        shutil.rmtree(tmp_path / part)
    with served(tmp_path) as address:
        page.goto(f"{address}#/picture/phantom_000")
        page.get_by_role("button", name="In part (scribbles)").click()
        page.get_by_text("Unmarked pixels teach nothing.").wait_for()
        draw(page, (0.2, 0.3), (0.8, 0.3))
        page.keyboard.press("g")
        draw(page, (0.2, 0.7), (0.8, 0.7))
        draw(page, (0.2, 0.9), (0.8, 0.9))
        page.keyboard.press("z")  # the last stroke is taken back
        page.keyboard.press("e")
        draw(page, (0.5, 0.6), (0.5, 0.8))
        page.keyboard.press("s")
        page.get_by_text("Saved.").wait_for()
        found = read(tmp_path / "labels/phantom_000.png")
        assert set(np.unique(found)) == {0, 1, 255}
        assert (found[19, 14:50] == 1).all()
        assert (found[45, 14:28] == 0).all()
        assert found[45, 32] == 255, "erased"
        assert (found[55:] == 255).all(), "taken back"
        page.keyboard.press("ArrowRight")
        page.get_by_text("phantom_001", exact=True).wait_for()
        playwright.expect(page.get_by_role("button", name="Background")).to_be_visible()
        playwright.expect(page.get_by_role("button", name="In part (scribbles)")).to_have_count(0)


def test_a_second_tab_does_not_overwrite_the_first(page: playwright.Page, data: Path, address: str) -> None:
    shutil.copy(data / "images/phantom_000.png", data / "images/fresh.png")  # neither labelled nor predicted
    label = data / "labels/fresh.png"
    page.goto(f"{address}#/picture/fresh")
    page.reload()
    other = page.context.new_page()
    other.goto(f"{address}#/picture/fresh")
    for tab in (page, other):
        tab.locator(".stage canvas").wait_for()  # both have read the label that is not there yet
    for tab, x in ((page, 0.3), (other, 0.7)):
        tab.bring_to_front()
        draw(tab, (x, 0.3), (x, 0.7))
        tab.keyboard.press("s")
        tab.locator(".notice").wait_for()
    assert read(label)[32, 19]
    assert not read(label)[32, 45]
    other.get_by_role("button", name="Keep mine").click()
    other.get_by_text("Saved.").wait_for()
    assert read(label)[32, 45]


def test_no_label_comes_from_a_key_too_many_or_a_question_about_another_picture(page: playwright.Page, tmp_path: Path) -> None:
    data, theirs = with_predictions(tmp_path / "eyes", 4), np.ones((64, 64), np.uint8)
    accept, state = page.get_by_role("button", name="Accept", exact=True), page.locator(".headline .state")
    with served(data) as address:
        page.goto(f"{address}#/picture/phantom_000")
        playwright.expect(accept).to_be_enabled()
        page.keyboard.press("s")
        page.keyboard.press("Control+s")
        for _ in range(3):  # A is held
            page.keyboard.down("a")
        page.get_by_text("phantom_001", exact=True).wait_for()
        playwright.expect(accept).to_be_enabled()
        page.keyboard.down("a")
        page.keyboard.up("a")
        playwright.expect(state).to_have_text("predicted")
        predicted = read(data / ".modicum/predictions/1/phantom_000.png")
        assert np.array_equal(read(data / "labels/phantom_000.png") > 0, predicted > 0)

        somebody_saves(address, "phantom_001", theirs)
        accept.click()
        page.locator(".notice", has_text="phantom_001").get_by_role("button", name="Show theirs").click()
        playwright.expect(state).to_have_text("labelled")
        page.keyboard.press("a")
        page.keyboard.press("ArrowRight")

        page.get_by_text("phantom_002", exact=True).wait_for()
        page.keyboard.press("v")
        somebody_saves(address, "phantom_002", theirs)
        draw(page, (0.2, 0.2), (0.8, 0.2))
        page.keyboard.press("s")
        page.get_by_role("button", name="Keep mine").wait_for()
        page.keyboard.press("ArrowRight")
        playwright.expect(page.get_by_role("button", name="Keep mine")).to_have_count(0)
        page.get_by_role("button", name="Discard").click()
        page.get_by_text("phantom_003", exact=True).wait_for()
        playwright.expect(page.locator(".notice button")).to_have_count(0)
        assert sorted(p.name for p in (data / "labels").glob("*.png")) == [f"phantom_00{i}.png" for i in range(3)]
        assert all(read(data / f"labels/phantom_00{i}.png").all() for i in (1, 2))


def test_what_is_drawn_while_a_label_is_saved_is_saved_after_it(page: playwright.Page, tmp_path: Path) -> None:
    data, sent = with_predictions(tmp_path / "eyes", 1), []
    state = page.locator(".headline .state")
    with served(data) as address:
        page.goto(f"{address}#/picture/phantom_000")
        playwright.expect(page.get_by_role("button", name="Accept", exact=True)).to_be_enabled()
        page.keyboard.press("v")
        page.route("**/label?*", lambda route: sent.append(route))
        for y in (0.2, 0.5):
            draw(page, (0.2, y), (0.8, y))
            page.keyboard.press("s")
        assert len(sent) == 1  # the second one needs the tag that the first one gets
        with page.expect_request("**/label?*"):
            sent[0].continue_()
        playwright.expect(state).to_have_text("not saved")
        draw(page, (0.2, 0.8), (0.8, 0.8))
        with page.expect_response("**/label?*"):
            sent[1].continue_()
        playwright.expect(state).to_have_class("state labelled")
        playwright.expect(state).to_have_text("not saved")
        page.unroute("**/label?*")
        page.keyboard.press("s")
        playwright.expect(state).to_have_text("labelled")
        assert read(data / "labels/phantom_000.png")[[13, 32, 51], 32].all()
