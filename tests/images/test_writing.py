"""Files are complete, or not there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from modicum.errors import ModicumError
from modicum.images import read_mask, read_picture, write_mask, write_picture

RGB = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_mask(tmp_path / "m ß.png", RGB[..., 0])
    write_mask(tmp_path / "deep.png", RGB[..., 0].astype(np.uint16) * 257)
    write_picture(tmp_path / "p.png", RGB)
    assert np.array_equal(read_mask(tmp_path / "m ß.png"), RGB[..., 0])
    assert np.array_equal(read_mask(tmp_path / "deep.png"), RGB[..., 0].astype(np.uint16) * 257)
    assert np.array_equal(read_picture(tmp_path / "p.png"), RGB)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["deep.png", "m ß.png", "p.png"]


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int) -> None:
    path = tmp_path / "m.png"
    write_mask(path, RGB[..., 0])

    def fail(*_: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(ModicumError) as caught:
        write_mask(path, RGB[..., 1])
    assert caught.value.file == path
    assert caught.value.remedy
    assert np.array_equal(read_mask(path), RGB[..., 0])
    assert [p.name for p in tmp_path.iterdir()] == ["m.png"]


def test_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModicumError, match="does not exist"):
        write_mask(tmp_path / "no" / "m.png", RGB[..., 0])


def test_wrong_arrays_are_our_defect() -> None:
    with pytest.raises(ValueError, match="a mask is"):
        write_mask("m.png", RGB)
    with pytest.raises(ValueError, match="a picture is"):
        write_picture("m.png", RGB[..., 0])
