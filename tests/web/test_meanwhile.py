"""What changes on disk while the page is open, by other tools or other people, is noticed, and nothing of it is lost."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from httpx import Response
from starlette.testclient import TestClient

from modicum.web.app import create_app

SIZE = (8, 10)


def write(path: Path, *values: int) -> None:
    """A label with a row of each value; a picture where there are none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(SIZE, np.uint8)
    for row, value in enumerate(values, 1):
        mask[row] = value
    cv2.imwrite(str(path), mask if values else np.full((*SIZE, 3), 90, np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures without a label."""
    for name in "abc":
        write(tmp_path / f"data/images/{name}.png")
    return tmp_path / "data"


def client(folder: Path) -> TestClient:
    return TestClient(create_app(folder), base_url="http://127.0.0.1:8765")


def opened(page: TestClient, name: str) -> tuple[np.ndarray, str]:
    """Class numbers and tag of a label."""
    answer = page.get(f"/api/pictures/{name}/label")
    return np.frombuffer(answer.content, np.uint8).reshape(SIZE), answer.headers["ETag"]


def save(page: TestClient, name: str, numbers: np.ndarray, tag: str) -> Response:
    return page.put(f"/api/pictures/{name}/label", content=numbers.tobytes(), headers={"If-Match": tag})


def values(folder: Path, name: str) -> list[int]:
    return [int(v) for v in np.unique(cv2.imread(str(folder / f"labels/{name}.png"), cv2.IMREAD_UNCHANGED))]


ONE = np.eye(*SIZE, dtype=np.uint8)


def test_a_label_that_appears_is_shown_after_it_was_in_the_way(folder: Path) -> None:
    page = client(folder)
    _, tag = opened(page, "a")
    write(folder / "labels/a.png", 1)
    assert save(page, "a", ONE, tag).status_code == 412
    theirs, tag = opened(page, "a")
    assert theirs[1].all()
    assert save(page, "a", ONE, tag).status_code == 200
    assert np.array_equal(opened(page, "a")[0], ONE)


def test_a_file_in_the_way_that_is_no_label_here_is_named(folder: Path) -> None:
    write(folder / "labels/b.png", 1)
    (folder / "manifest.csv").write_text("image,label\nimages/a.png,\nimages/b.png,labels/b.png\n")
    page = client(folder)
    write(folder / "labels/a.png", 1)
    answer = save(page, "a", ONE, opened(page, "a")[1])
    assert (answer.status_code, values(folder, "a")) == (422, [0, 1])
    assert "no place for a label of this picture" in answer.json()["message"]


def test_a_class_that_another_tool_has_drawn_is_seen_and_kept(folder: Path) -> None:
    for name in "ab":
        write(folder / f"labels/{name}.png", 1)
    page = client(folder)
    write(folder / "labels/a.png", 1, 2)
    numbers, tag = opened(page, "a")
    assert list(np.unique(numbers)) == [0, 1, 2]
    assert save(page, "a", numbers, tag).status_code == 200
    assert values(folder, "a") == [0, 1, 2]
    write(folder / "labels/b.png", 1, 3)
    assert page.get("/api/data").json()["classes"] == ["class 1", "class 2", "class 3"]


def test_the_folder_is_not_read_anew_because_of_what_the_page_writes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = client(folder)
    tag = save(page, "a", ONE, opened(page, "a")[1]).json()["tag"]
    page.get("/api/data")
    monkeypatch.setattr("modicum.web.collection.discover", lambda _: pytest.fail("of many pictures this takes seconds"))
    assert save(page, "a", ONE[::-1], tag).status_code == 200
    assert page.get("/api/data").status_code == 200


def changed_meaning(folder: Path) -> TestClient:
    """The page of labels of the values 1, 2 and 3, whose 2 is gone, while nobody has opened the list again."""
    for name, value in zip("abc", (1, 2, 3), strict=True):
        write(folder / f"labels/{name}.png", value)
    write(folder / "images/d.png")
    return client(folder)


def test_numbers_that_mean_another_class_by_now_are_refused_for_good(folder: Path) -> None:
    page = changed_meaning(folder)
    _, tag = opened(page, "d")
    write(folder / "labels/b.png", 1)
    page.get("/api/data")
    answer = save(page, "d", 2 * ONE, tag)
    assert (answer.status_code, answer.json()["message"]) == (409, "The classes have changed meanwhile; reload the page.")
    assert not (folder / "labels/d.png").exists()


def test_a_saved_drawing_keeps_the_meaning_that_it_began_with(folder: Path) -> None:
    page = changed_meaning(folder)
    _, tag = opened(page, "d")
    write(folder / "labels/b.png", 1)
    saved = save(page, "d", ONE, tag)
    assert page.get("/api/data").json()["classes"] == ["class 1", "class 3"]
    assert save(page, "d", 2 * ONE, saved.json()["tag"]).status_code == 409
    assert values(folder, "d") == [0, 1]


def test_so_are_they_where_a_label_in_the_way_has_changed_them(folder: Path) -> None:
    for name, value in zip("ab", (1, 3), strict=True):
        write(folder / f"labels/{name}.png", value)
    page = client(folder)
    _, tag = opened(page, "c")
    write(folder / "labels/c.png", 2)
    assert save(page, "c", 2 * ONE, tag).status_code == 409
    assert values(folder, "c") == [0, 2]


def test_a_class_of_somebody_else_is_not_renamed_by_a_page_that_does_not_know_it(folder: Path) -> None:
    page = client(folder)
    begun = page.get("/api/data").json()["classes"]
    assert page.put("/api/classes", json={"names": [*begun, "nerve"], "known": begun}).status_code == 200
    answer = page.put("/api/classes", json={"names": [*begun, "vessel"], "known": begun})
    assert (answer.status_code, answer.json()["message"]) == (409, "The classes have changed meanwhile; reload the page.")
    assert page.get("/api/data").json()["classes"] == [*begun, "nerve"]
    assert page.put("/api/classes", json={"names": [*begun, "vessel"]}).status_code == 200  # of a page that tells nothing


def test_classes_are_named_where_their_table_lies(folder: Path) -> None:
    for name in "ab":
        write(folder / f"labels/{name}.png", 1, 2)
    folder.rename(folder.parent / "set")
    folder.mkdir()
    (folder.parent / "set").rename(folder / "set")
    table = folder / "set/classes.json"
    table.write_text('{"cell": 1, "nucleus": 2}')
    page = client(folder)
    assert page.put("/api/classes", json={"names": ["cell", "core", "wall"]}).json()["classes"] == ["cell", "core", "wall"]
    assert json.loads(table.read_text()) == {"cell": 1, "core": 2, "wall": 3}
    table.write_text('{"cell": 1, "kern": 2}')
    assert page.get("/api/data").json()["classes"] == ["cell", "kern"]
