"""What happens at once, in a real browser: a palm beside the pen, answers that come late, others who save meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browsing import NEEDS_CHROMIUM, draw, on_screen, opened_page, playwright, read, served, somebody_saves, with_predictions

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures; only the last two have a prediction."""
    folder = with_predictions(tmp_path_factory.mktemp("page") / "eyes", 6)
    for i in range(4):
        for path in (folder / ".modicum/predictions/1").glob(f"phantom_{i:03d}.*"):
            path.unlink()
    return folder


@pytest.fixture(scope="module")
def address(data: Path) -> Iterator[str]:
    with served(data) as found:
        yield found


@pytest.fixture(scope="module")
def page() -> Iterator[playwright.Page]:
    """One for all: a browser takes longer to start than most of what is asked here."""
    with opened_page() as page:
        page.on("dialog", lambda dialog: dialog.accept())  # what an earlier test has drawn may go
        page.route("**/nothing", lambda route: route.abort())  # routes that are first set later miss a request now and then
        yield page


def opened(page: playwright.Page, address: str, name: str) -> playwright.Locator:
    """A picture on a fresh page, and what it says of its state."""
    page.goto("about:blank")
    page.goto(f"{address}#/picture/{name}")
    page.locator(".stage canvas").wait_for()
    return page.locator(".headline .state")


def test_strokes_that_the_history_has_no_room_for_are_still_to_be_saved(page: playwright.Page, address: str) -> None:
    page.goto(address)
    found = page.evaluate("""async () => {
      const { Mask } = await import("/static/mask.js");
      const side = 5000, mask = new Mask(side, side, new Uint8Array(side * side)), told = [];
      const draw = (number) => {
        mask.begin();
        mask.numbers[0] = number;
        mask.touch({ top: 0, left: 0, bottom: side, right: side });
        mask.commit();
      };
      for (let number = 1; number < 8; number++) draw(number);
      while (mask.past.length) mask.undo();
      told.push([mask.numbers[0], mask.dirty]);
      mask.markSaved();
      draw(9);
      mask.undo();
      told.push([mask.numbers[0], mask.dirty]);
      return told;
    }""")
    assert found == [[2, True], [2, False]]


class Hand:
    """Fingers on the screen, and a pen; where they are is 0..1 of the picture as it is shown at first."""

    def __init__(self, page: playwright.Page) -> None:
        self.page, self.devtools = page, page.context.new_cdp_session(page)

    def touch(self, kind: str, *fingers: tuple[float, float]) -> None:
        """`kind`: Start, Move or End, with all fingers that are there then."""
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(on_screen(self.page, *fingers))]
        self.devtools.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})

    def pen(self, kind: str, at: tuple[float, float]) -> None:
        """`kind`: Pressed, Moved or Released."""
        ((x, y),) = on_screen(self.page, at)
        told = {"type": f"mouse{kind}", "x": x, "y": y, "button": "left", "buttons": int(kind != "Released"), "clickCount": 1}
        self.devtools.send("Input.dispatchMouseEvent", {**told, "pointerType": "pen"})

    def pinch(self) -> None:
        self.touch("Start", (0.4, 0.5))
        self.touch("Start", (0.4, 0.5), (0.6, 0.5))
        self.touch("Move", (0.3, 0.5), (0.7, 0.5))
        self.touch("End", (0.3, 0.5))
        self.touch("End")


def test_a_palm_beside_the_pen_draws_nothing(page: playwright.Page, data: Path, address: str) -> None:
    state, hand, palm = opened(page, address, "phantom_000"), Hand(page), (0.7, 0.8)
    for y, first in ((0.2, "pen"), (0.4, "palm")):
        if first == "palm":
            hand.touch("Start", palm)
        hand.pen("Pressed", (0.2, y))
        hand.pen("Moved", (0.4, y))
        if first == "pen":
            hand.touch("Start", palm)
        hand.touch("Move", (palm[0] + 0.01, palm[1]))
        hand.pen("Moved", (0.6, y))
        hand.touch("End")
        hand.pen("Released", (0.6, y))
    playwright.expect(state).to_have_text("not saved")
    page.keyboard.press("s")
    playwright.expect(state).to_have_text("labelled")
    rows = np.flatnonzero(read(data / "labels/phantom_000.png").any(axis=1))
    assert {12, 25} <= set(rows)
    assert max(rows) < 32, "no streak to the palm"
    for _ in range(2):
        page.keyboard.press("z")
    page.get_by_role("button", name="Undo").and_(page.locator(":disabled")).wait_for()
    page.keyboard.press("s")
    page.get_by_text("Saved.").nth(1).wait_for()
    assert not read(data / "labels/phantom_000.png").any(), "both strokes can be taken back"


def test_a_pinch_moves_the_picture_and_fills_nothing(page: playwright.Page, data: Path, address: str) -> None:
    state = opened(page, address, "phantom_005")
    accept = page.get_by_role("button", name="Accept", exact=True)
    playwright.expect(accept).to_be_enabled()
    Hand(page).pinch()
    playwright.expect(accept).to_be_enabled()
    playwright.expect(state).to_have_text("predicted")
    state, hand = opened(page, address, "phantom_001"), Hand(page)
    for key in "bf":
        page.keyboard.press(key)
        hand.pinch()
    page.keyboard.press("0")
    playwright.expect(state).to_have_text("unlabelled")
    page.keyboard.press("p")
    for corner in ((0.3, 0.3), (0.7, 0.3), (0.5, 0.7)):
        hand.touch("Start", corner)
        hand.touch("End")
    hand.pinch()  # leaves the corners
    page.keyboard.press("0")
    page.keyboard.press("Enter")
    playwright.expect(state).to_have_text("not saved")
    page.keyboard.press("f")
    hand.touch("Start", (0.9, 0.9))
    hand.touch("End")
    page.keyboard.press("s")
    playwright.expect(state).to_have_text("labelled")
    assert read(data / "labels/phantom_001.png").all(), "one finger fills"


def test_what_the_server_refuses_stays_unsaved(page: playwright.Page, data: Path, address: str) -> None:
    state, label = opened(page, address, "phantom_002"), data / "labels/phantom_002.png"
    draw(page, (0.2, 0.3), (0.8, 0.3))
    changed = {"message": "the classes have changed meanwhile; reload the page."}
    page.route("**/label?*", lambda route: route.fulfill(status=409, json=changed))
    page.keyboard.press("s")
    page.get_by_text(changed["message"]).wait_for()
    playwright.expect(page.get_by_role("button", name="Keep mine")).to_have_count(0)
    page.unroute("**/label?*")

    somebody_saves(address, "phantom_002", np.ones((64, 64), np.uint8))
    unseen = ("**/phantom_002", "**/phantom_002/label")  # the server has not noticed what lies on its disk
    page.route(unseen[0], lambda route: route.fulfill(json={**route.fetch().json(), "state": "unlabelled"}))
    page.route(unseen[1], lambda route: route.fulfill(body=bytes(64 * 64), headers={"ETag": '"."'}))
    page.keyboard.press("s")
    page.get_by_role("button", name="Show theirs").click()
    page.get_by_text("The server finds no label of this picture").wait_for()
    playwright.expect(state).to_have_text("not saved")
    for address_ in unseen:
        page.unroute(address_)
    page.keyboard.press("s")
    page.get_by_role("button", name="Show theirs").click()
    playwright.expect(state).to_have_text("labelled")
    assert read(label).all()


@pytest.mark.parametrize(("name", "drawn"), [("phantom_004", True), ("phantom_005", False)])
def test_a_prediction_is_accepted_later_only_as_it_was(
    page: playwright.Page, data: Path, address: str, name: str, drawn: bool
) -> None:
    state = opened(page, address, name)
    playwright.expect(page.get_by_role("button", name="Accept", exact=True)).to_be_enabled()
    somebody_saves(address, name, np.ones((64, 64), np.uint8))
    page.keyboard.press("a")
    mine = page.get_by_role("button", name="Keep mine")
    mine.wait_for()
    if drawn:
        draw(page, (0.2, 0.2), (0.8, 0.2))
    mine.click()
    page.get_by_text("Saved.").wait_for()
    playwright.expect(state).to_have_class(f"state {'labelled' if drawn else 'accepted'}")
    assert not read(data / f"labels/{name}.png").all(), "mine"
    origin = json.loads((data / f"labels/{name}.label.json").read_text())["origin"]
    assert origin == ("corrected" if drawn else "accepted")


def test_the_server_is_told_which_classes_the_page_knew(page: playwright.Page, address: str) -> None:
    opened(page, address, "phantom_003")
    stale = {"message": "the classes have changed meanwhile; reload the page."}
    page.route("**/api/classes", lambda route: route.fulfill(status=409, json=stale))
    page.evaluate("window.prompt = () => 'nerve'")
    for _ in range(2):  # the first refusal leaves the classes as they are known here
        with page.expect_request("**/api/classes") as sent:
            page.get_by_role("button", name="Add a class").click()
        assert sent.value.post_data_json == {"names": ["foreground", "nerve"], "known": ["foreground"], "partly": None}
        page.get_by_text(stale["message"]).wait_for()
        page.get_by_role("button", name="Close").click()
    page.unroute("**/api/classes")


def test_find_obeys_the_scribble_that_was_made_last(page: playwright.Page, data: Path, address: str) -> None:
    asked: list[Any] = []
    state = opened(page, address, "phantom_003")
    page.route("**/refine?*", lambda route: asked.append(route))
    page.keyboard.press("o")
    for number, stroke in enumerate((((0.2, 0.2), (0.8, 0.8)), ((0.3, 0.4), (0.7, 0.4)), ((0.3, 0.6), (0.7, 0.6)))):
        draw(page, *stroke)
        while len(asked) <= number:
            page.wait_for_timeout(20)
        if number == 0:
            answer(page, asked[0], 1)
            playwright.expect(state).to_have_text("not saved")
    answer(page, asked[2], 0)
    answer(page, asked[1], 1)
    page.wait_for_timeout(300)  # until both have come as far as they go
    page.unroute("**/refine?*")
    page.keyboard.press("s")
    playwright.expect(state).to_have_text("labelled")
    assert not read(data / "labels/phantom_003.png").any(), "the last answer found nothing"


def test_the_model_learns_from_a_picture_when_asked(page: playwright.Page, address: str) -> None:
    opened(page, address, "phantom_003")
    page.route("**/refine?*learn=true*", lambda route: answer(page, route, 1))
    page.keyboard.press("o")
    with page.expect_request("**/refine?*learn=false*"):
        draw(page, (0.2, 0.2), (0.8, 0.8))
    with page.expect_request("**/refine?*learn=true*"):
        page.keyboard.press("l")
    page.get_by_text("The model learns from this picture").wait_for()
    page.unroute("**/refine?*learn=true*")


def answer(page: playwright.Page, request: Any, number: int) -> None:
    """Answer a question for an object: every pixel of the box, or none."""
    with page.expect_event("requestfinished"):
        request.fulfill(body=bytes([number] * len(request.request.post_data_buffer)))


def test_a_training_that_was_refused_can_be_asked_for_again(page: playwright.Page, address: str) -> None:
    def labelled(route: Any) -> None:
        told = route.fetch().json()
        route.fulfill(json={**told, "pictures": [{**picture, "state": "labelled"} for picture in told["pictures"]]})

    refusal = {"message": "the disk is full"}
    page.route("**/api/data", labelled)
    page.route(
        "**/api/runs", lambda r: r.fulfill(json=[]) if r.request.method == "GET" else r.fulfill(status=409, json=refusal)
    )
    page.goto("about:blank")
    page.goto(f"{address}#/train")
    for _ in range(2):
        page.get_by_role("button", name="Train", exact=True).click()
        page.get_by_text("the disk is full").last.wait_for()
        playwright.expect(page.get_by_role("button", name="Train", exact=True)).to_be_enabled()
    page.unroute("**/api/runs")
    page.unroute("**/api/data")


def test_no_training_is_listened_to_once_its_page_was_left(page: playwright.Page, address: str) -> None:
    about = {"number": 1, "progress": 0.1, "parts": {}, "said": [], "recipe": "auto", "minutes": 1, "labels": 2, "begun": ""}
    state, listened, refuses = ["stopped"], [], []
    page.route("**/resume", lambda route: (state.append("running"), route.fulfill(json={})))
    page.route("**/events", lambda route: (listened.append(route), route.abort()))
    page.route("**/api/runs", lambda route: route.abort() if refuses else route.fulfill(json=[{**about, "state": state[-1]}]))
    page.goto("about:blank")
    page.goto(f"{address}#/train")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("link", name="Pictures", exact=True).click()
    page.get_by_text("A training is running.").wait_for()
    page.wait_for_timeout(600)  # the page that was left asks again 400 ms after "Go on"
    assert not listened

    state.append("stopped")
    page.get_by_role("link", name="Train", exact=True).click()
    page.get_by_text("Training 1 has stopped").wait_for()
    refuses.append("from now on")
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("The server does not answer.").wait_for()
    for address_ in ("**/resume", "**/events", "**/api/runs"):
        page.unroute(address_)
