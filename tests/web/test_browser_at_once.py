"""What happens at once, in a real browser: a palm beside the pen, answers that come late, others who save meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from browsing import NEEDS_CHROMIUM, opened_page, playwright, served, with_predictions

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
