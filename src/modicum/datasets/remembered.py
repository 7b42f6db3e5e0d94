"""What files were found to hold, kept between runs, so that files that have not changed need not be read again.

Kept in the folder `$MODICUM_CACHE`, else in `$XDG_CACHE_HOME/modicum` or `~/.cache/modicum`; MODICUM_CACHE=off keeps nothing.
Paths are part of it, so that it is readable for its owner alone, and nobody else's is read. Nothing depends on it: whatever is
wrong with it, files are read as if it were not there.
"""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_MOST = 100_000  # answers that are kept, of up to 5 kB
_FILE = "inspected.sqlite"
_LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "tifffile")
_using = threading.Lock()
_connections: dict[tuple[Path, int], sqlite3.Connection | None] = {}  # by file and process; None: it cannot be used


def remembered(question: object, paths: Sequence[Path], find: Callable[[], T], keep: Callable[[T], bool] = bool) -> T:
    """The answer to a question about files: as it was kept while they were as they are now, else what `find` says.

    Args:
        question: with the paths it decides the answer; its `repr` must tell all that matters.
        keep: whether an answer is worth keeping; as it is, any that is true.
    """
    key = _key(question, paths)
    if key is None:
        return find()
    kept = _ask(key)
    if kept is not None:
        try:
            answer: T = pickle.loads(kept)
        except Exception:
            pass
        else:
            return answer
    answer = find()
    if keep(answer):
        _tell(key, pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL))
    return answer


def _key(question: object, paths: Sequence[Path]) -> bytes | None:
    """None where a file cannot be looked at."""
    try:
        seen = [(str(p), p.absolute(), (s := p.stat()).st_size, s.st_mtime_ns, s.st_ctime_ns) for p in paths]
    except OSError:
        return None
    return hashlib.sha256(repr((_program(), question, seen)).encode()).digest()


@lru_cache(maxsize=1)
def _program() -> str:
    """Changes with what looks at files, and the libraries it reads them with: others need not find the same."""
    package = Path(__file__).parents[1]
    files = sorted(p for room in ("datasets", "images") for p in (package / room).rglob("*.py"))
    modules = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files]
    return repr((modules, [version(library) for library in _LIBRARIES]))


def _folder() -> Path | None:
    told = os.environ.get("MODICUM_CACHE")
    if told is not None:
        return None if told in ("", "off") else Path(told).expanduser()
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "modicum"
    except RuntimeError:  # nobody's home
        return None


def _ask(key: bytes) -> bytes | None:
    found = _do("SELECT answer FROM answers WHERE key = ?", key)
    return found[0][0] if found else None


def _tell(key: bytes, answer: bytes) -> None:
    _do("INSERT OR REPLACE INTO answers VALUES (?, ?)", key, answer)


def _do(statement: str, *values: bytes) -> list[tuple[bytes]]:
    """Nothing where the file cannot be used; it is not asked again then, and begun anew the next time if it is damaged."""
    folder = _folder()
    if folder is None:
        return []
    path, process = folder / _FILE, os.getpid()
    with _using:
        try:
            if (path, process) not in _connections:
                _connections[path, process] = _opened(path)
            connection = _connections[path, process]
            return [] if connection is None else connection.execute(statement, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            broken = _connections.pop((path, process), None)
            if broken is not None:
                broken.close()
            _connections[path, process] = None
            if type(error) is sqlite3.DatabaseError:  # malformed, or no database
                with suppress(OSError):
                    path.unlink()
            return []


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():  # an answer may be a program
        raise PermissionError(errno.EPERM, "belongs to somebody else", str(path))
    connection = sqlite3.connect(path, timeout=1, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = OFF")  # what a crash damages is found out anew
        connection.execute("CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, answer BLOB)")
        connection.execute("DELETE FROM answers WHERE rowid <= (SELECT max(rowid) FROM answers) - ?", (_MOST,))
    except sqlite3.Error:
        connection.close()
        raise
    return connection
