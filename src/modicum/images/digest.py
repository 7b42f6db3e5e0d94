"""What a file's content is known by."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


def digest(path: Path) -> str:
    """Short hash of a file's content; "" where it cannot be read. Remembered: the slices of a volume share a file."""
    try:
        seen = path.stat()
    except OSError:
        return ""
    return _digest(path, seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=50_000)
def _digest(path: Path, changed: int, size: int) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError:
        return ""
