"""The server's answers: pictures, labels, what is refused, and to whom."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from discs import write_discs
from modicum.web.app import create_app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_discs(tmp_path / "data", 3)
    (tmp_path / "data/labels/case_02.png").unlink()
    (tmp_path / "secret.txt").write_text("the content")
    return tmp_path / "data"


def client(folder: Path, token: str | None = None) -> TestClient:
    return TestClient(create_app(folder, token), base_url="http://127.0.0.1:8765", raise_server_exceptions=True)


@pytest.fixture
def page(folder: Path) -> TestClient:
    return client(folder)


def test_the_list_tells_each_pictures_state(folder: Path) -> None:
    cv2.imwrite(str(folder / "labels/case_01.png"), np.zeros((5, 5), np.uint8))
    told = client(folder).get("/api/data").json()
    assert {p["id"]: p["state"] for p in told["pictures"]} == {
        "case_00": "labelled",
        "case_01": "problem",
        "case_02": "unlabelled",
    }
    assert "5x5" in told["pictures"][1]["problem"]
    assert told["classes"] == ["foreground"]


def test_the_list_is_that_of_the_folder_as_it_is_now(page: TestClient, folder: Path) -> None:
    (folder / "images/case_01.png").rename(folder / "images/other.png")
    (folder / "labels/case_01.png").rename(folder / "labels/other.png")
    (folder / "classes.json").write_text('{"disc": 255}')
    told = page.get("/api/data").json()
    assert [p["id"] for p in told["pictures"]] == ["case_00", "case_02", "other"]
    assert told["classes"] == ["disc"]
    (folder / "classes.json").write_text('{"coin": 255}')
    assert page.get("/api/data").json()["classes"] == ["coin"]


def test_a_picture_is_shown_pixel_for_pixel_and_small(page: TestClient, folder: Path) -> None:
    shown = np.asarray(Image.open(io.BytesIO(page.get("/api/pictures/case_00/image").content)))
    assert np.array_equal(shown, np.asarray(Image.open(folder / "images/case_00.png")))
    assert Image.open(io.BytesIO(page.get("/api/pictures/case_00/thumbnail").content)).size == (48, 48)


def test_a_label_is_saved_once_by_each_who_has_seen_the_last(page: TestClient) -> None:
    answer = page.get("/api/pictures/case_02/label")
    assert answer.content == bytes(48 * 48)
    new = bytes([1]) * (48 * 48)
    saved = page.put("/api/pictures/case_02/label", content=new, headers={"If-Match": answer.headers["ETag"]})
    assert saved.status_code == 200
    assert saved.json()["state"] == "labelled"
    assert saved.json()["tag"] == page.get("/api/pictures/case_02/label").headers["ETag"]
    again = page.put("/api/pictures/case_02/label", content=bytes(48 * 48), headers={"If-Match": answer.headers["ETag"]})
    assert again.status_code == 412
    assert page.get("/api/pictures/case_02/label").content == new


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [(bytes(7), 422, "2304 are needed"), (bytes([9]) * 48 * 48, 422, "class 9"), (b"", 422, "2304 are needed")],
)
def test_a_wrong_label_gets_a_message(page: TestClient, content: bytes, status: int, said: str) -> None:
    answer = page.put("/api/pictures/case_02/label", content=content, headers={"If-Match": '""'})
    assert answer.status_code == status
    assert said in answer.json()["message"]


def test_a_label_in_part_comes_and_goes_with_255_for_what_nobody_marked(page: TestClient, folder: Path) -> None:
    for label in (folder / "labels").iterdir():
        label.unlink()
    address, marks = "/api/pictures/case_02/label", bytes([255]) * 48 * 46 + bytes([0]) * 48 + bytes([1]) * 48
    assert page.put(address, content=marks, headers={"If-Match": '""'}).status_code == 422  # of labels in full
    told = page.put("/api/classes", json={"names": ["disc"], "partly": True}).json()
    assert (told["classes"], told["partly"]) == (["disc"], True)
    assert set(page.get(address).content) == {255}
    stale = page.put(address, params={"partly": False}, content=bytes(48 * 48), headers={"If-Match": '""'})
    assert "changed meanwhile" in stale.json()["message"]
    assert page.put(address, params={"partly": True}, content=marks, headers={"If-Match": '""'}).status_code == 200
    assert page.get(address).content == marks
    rows = page.get("/api/export/measurements.csv").text.splitlines()
    assert "labelled in part,,disc,48," in rows[1]


def test_a_label_that_is_too_large_is_refused_before_it_is_read(page: TestClient) -> None:
    headers = {"If-Match": '""', "Content-Length": str(2**40)}
    assert page.put("/api/pictures/case_02/label", content=b"", headers=headers).status_code == 413


@pytest.mark.parametrize("name", ["..%2f..%2fsecret.txt", "%2e%2e", "nobody", "..%5csecret.txt"])
def test_no_path_leads_out_of_the_folder(page: TestClient, name: str) -> None:
    for address in (f"/api/pictures/{name}/image", f"/static/{name}", f"/static/../{name}"):
        answer = page.get(address)
        assert answer.status_code in (404, 405)
        assert "the content" not in answer.text


def test_a_link_out_of_the_folder_is_a_problem_and_not_shown(folder: Path, tmp_path: Path) -> None:
    (folder / "images/case_00.png").rename(tmp_path / "outside.png")
    (folder / "images/case_00.png").symlink_to(tmp_path / "outside.png")
    page = client(folder)
    assert "outside of the data folder" in page.get("/api/pictures/case_00").json()["problem"]
    assert page.get("/api/pictures/case_00/image").status_code == 422


def test_a_broken_picture_gets_a_message_and_no_traceback(folder: Path) -> None:
    (folder / "images/case_00.png").write_bytes(b"no picture")
    page = client(folder)
    assert page.get("/api/pictures/case_00").json()["state"] == "problem"
    answer = page.get("/api/pictures/case_00/image")
    assert answer.status_code == 422
    assert "case_00.png" in answer.json()["message"]


def test_other_names_and_other_pages_are_refused(page: TestClient) -> None:
    assert page.get("/api/data", headers={"Host": "evil.example"}).status_code == 403
    assert page.get("/api/data", headers={"Origin": "http://evil.example"}).status_code == 403
    assert page.post("/api/runs", json={}, headers={"Origin": "http://evil.example"}).status_code == 403
    assert page.get("/api/data", headers={"Origin": "http://127.0.0.1:8765"}).status_code == 200


def test_from_elsewhere_a_token_is_asked_for_once(folder: Path) -> None:
    page = client(folder, "right")
    assert page.get("/").status_code == 403
    assert page.get("/?token=wrong").status_code == 403
    assert page.get("/?token=right").status_code == 200
    assert page.get("/api/data").status_code == 200  # by the cookie


def test_two_pages_of_one_computer_know_their_own_visitors(tmp_path: Path) -> None:
    pages = {token: client(write_discs(tmp_path / token, 2), token) for token in ("one", "other")}
    kept: dict[str, str] = {}  # by the browser, which tells no ports apart
    for token, page in pages.items():
        page.get(f"/?token={token}")
        kept |= page.cookies
    for page in pages.values():
        assert page.get("/api/data", headers={"Cookie": "; ".join(map("=".join, kept.items()))}).status_code == 200


@pytest.mark.parametrize("foreign", ["a/b=1", '{"x":1}', "words", "a[1]=2", "=", "a=;;b", 'q="open'])
def test_cookies_of_others_do_not_matter(folder: Path, foreign: str) -> None:
    page = client(folder, "right")
    page.get("/?token=right")
    own = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
    for cookie in (f"{foreign}; {own}", f"{own}; {foreign}"):
        assert page.get("/api/data", headers={"Cookie": cookie}).status_code == 200
    assert client(folder, "right").get("/api/data", headers={"Cookie": foreign}).status_code == 403


def test_a_label_is_saved_where_nobody_has_a_name(page: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 54321")

    monkeypatch.setattr("getpass.getuser", nobody)
    address, tag = "/api/pictures/case_02/label", '""'
    for _ in range(2):
        saved = page.put(address, content=bytes(48 * 48), headers={"If-Match": tag})
        assert (saved.status_code, saved.json()["author"]) == (200, "")
        tag = saved.json()["tag"]


def test_nothing_on_the_page_comes_from_elsewhere(page: TestClient) -> None:
    answer = page.get("/")
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    static = Path(__file__).parents[2] / "src/modicum/web/static"
    texts = {p.name: p.read_text("utf-8").replace("http://www.w3.org/2000/svg", "") for p in static.iterdir()}
    assert len(texts) > 5
    assert not [name for name, text in texts.items() if "http://" in text or "https://" in text]


def test_the_object_in_a_box_is_found(page: TestClient, folder: Path) -> None:
    truth = cv2.imread(str(folder / "labels/case_00.png"), 0) > 0
    ys, xs = np.nonzero(truth)
    top, left, bottom, right = max(0, ys.min() - 1), max(0, xs.min() - 1), min(48, ys.max() + 2), min(48, xs.max() + 2)
    address = f"/api/pictures/case_00/refine?top={top}&left={left}&bottom={bottom}&right={right}"
    answer = page.post(address, content=bytes(int((bottom - top) * (right - left))))
    found = np.frombuffer(answer.content, np.uint8).reshape(bottom - top, right - left) > 0
    inside = truth[top:bottom, left:right]
    assert 2 * (found & inside).sum() / (found.sum() + inside.sum()) > 0.95
    outside = page.post(address.replace(f"bottom={bottom}", "bottom=99"), content=b"")
    assert outside.status_code == 422
