"""What files were found to hold is kept between runs, and nothing depends on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from modicum.datasets import Case, LabelCode, check, discover, examination, remembered
from modicum.datasets.examination import examine
from modicum.images import write_mask, write_picture

CODE = LabelCode("binary", (255,))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODICUM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "inspected.sqlite"


@pytest.fixture
def case(tmp_path: Path) -> Case:
    label = np.zeros((20, 30), np.uint8)
    label[5:9, 5:15] = 255
    write_picture(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8))
    write_mask(tmp_path / "a_mask.png", label)
    return Case("a", tmp_path / "a.png", (tmp_path / "a_mask.png",), patient="Nemo")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The pictures that are read from now on."""
    seen: list[Path] = []
    read = examination.load_picture
    monkeypatch.setattr(examination, "load_picture", lambda case: (seen.append(case.image), read(case))[1])
    return seen


def test_a_file_that_has_not_changed_is_read_once(case: Case, reads: list[Path], cache: Path) -> None:
    first, again = examine(case, CODE), examine(case, CODE)
    assert len(reads) == 1
    assert (again.case, again.share, again.digest, again.findings) == (case, 40 / 600, first.digest, first.findings)
    assert np.array_equal(again.thumb, first.thumb)  # type: ignore[arg-type]
    assert b"Nemo" not in cache.read_bytes()


def test_a_file_of_the_same_size_and_time_but_other_content_is_read_anew(case: Case, reads: list[Path]) -> None:
    examine(case, CODE)
    label = case.labels[0]
    before = label.stat()
    write_mask(label, np.full((20, 30), 255, np.uint8))
    label.write_bytes(label.read_bytes().ljust(before.st_size, b"\0"))
    os.utime(label, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (label.stat().st_size, label.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert examine(case, CODE).share == 1
    assert len(reads) == 2


def test_what_the_values_mean_is_part_of_the_question(case: Case) -> None:
    assert examine(case, CODE).share == 40 / 600
    assert examine(case, LabelCode("index", (7,))).share == 0
    assert examine(case, LabelCode("index", (255,), unmarked=0)).marked == 40 / 600
    assert examine(case, LabelCode("index", (0,), ground=255)).share == 560 / 600


def test_a_file_that_cannot_be_read_is_tried_again(case: Case, reads: list[Path]) -> None:
    whole = case.image.read_bytes()
    case.image.write_bytes(whole[:60])
    assert [f.kind for f in examine(case, CODE).findings] == ["unreadable-file"]
    examine(case, CODE)
    assert len(reads) == 2


def test_off_keeps_nothing(case: Case, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODICUM_CACHE", "off")
    assert examine(case, CODE).share == 40 / 600
    assert not cache.exists()


def test_only_its_owner_may_read_it(case: Case, cache: Path) -> None:
    examine(case, CODE)
    assert cache.stat().st_mode & 0o077 == 0


def test_a_damaged_file_that_cannot_be_removed_is_no_fault(case: Case, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError

    cache.parent.mkdir()
    cache.write_bytes(os.urandom(8192))
    monkeypatch.setattr(Path, "unlink", refused)
    assert examine(case, CODE).share == 40 / 600


@pytest.mark.parametrize("damage", ["noise", "half", "folder", "not allowed"])
def test_without_a_cache_that_can_be_used_files_are_read(
    case: Case, cache: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    examine(case, CODE)
    monkeypatch.setattr(remembered, "_connections", {})  # as a new process
    if damage == "noise":
        cache.write_bytes(os.urandom(8192))
    elif damage == "half":
        cache.write_bytes(cache.read_bytes()[:5000])
    elif damage == "folder":
        cache.unlink()
        cache.mkdir()
    else:
        monkeypatch.setenv("MODICUM_CACHE", "/proc/nothing/can/be/made/here")
    for _ in range(2):
        assert examine(case, CODE).share == 40 / 600
    monkeypatch.setattr(remembered, "_connections", {})  # as a new process
    assert examine(case, CODE).share == 40 / 600


def test_an_answer_that_cannot_be_read_is_found_anew(case: Case, reads: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered.pickle, "dumps", lambda *_, **__: b"no pickle")
    examine(case, CODE)
    assert examine(case, CODE).share == 40 / 600
    assert len(reads) == 2


def test_two_programs_at_once_agree_with_one_alone(tmp_path: Path) -> None:
    for name in ("images", "labels"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for n in range(30):
        write_picture(tmp_path / f"data/images/{n}.png", np.full((16, 16, 1), n, np.uint8))
        write_mask(tmp_path / f"data/labels/{n}.png", np.eye(16, dtype=np.uint8) * 255)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODICUM_CACHE", "off")
        alone = [f.message for f in check(discover(tmp_path / "data"))]
    told = (
        "import sys; from pathlib import Path; from modicum.datasets import check, discover;"
        "print([f.message for f in check(discover(Path(sys.argv[1])))])"
    )
    command = [sys.executable, "-c", told, str(tmp_path / "data")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [p.communicate()[0].strip() for p in both] == [str(alone)] * 2
