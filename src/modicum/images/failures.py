"""What a reader of files says when one cannot be read: which file, what is wrong, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modicum.errors import ModicumError

_LONGEST = 120


@contextmanager
def explained(path: Path, what: str) -> Iterator[None]:
    """Everything that a decoder raises becomes a ModicumError.

    Args:
        what: the file should be, with its article.

    Raises:
        ModicumError: the file is missing, empty, forbidden, too large or damaged.
    """
    try:
        if path.stat().st_size == 0:
            raise ModicumError("the file is empty (0 bytes).", file=path, remedy="Copy or export it again.")
        yield
    except ModicumError:
        raise
    except FileNotFoundError:
        raise ModicumError("there is no such file.", file=path) from None
    except PermissionError:
        raise ModicumError("may not be read.", file=path, remedy="Change the file's permissions.") from None
    except MemoryError:
        raise ModicumError("is too large for this computer's memory.", file=path, remedy="Cut it into smaller ones.") from None
    except Exception as error:  # decoders raise nearly anything on a broken file
        raise ModicumError(
            f"cannot be read as {what}: {_reason(error)}.",
            file=path,
            remedy="It is damaged, incomplete or not what its name says; copy or export it again, or remove it.",
        ) from None


def _reason(error: Exception) -> str:
    text = str(error).partition("\n")[0].rstrip(". ")
    return "no known picture format" if "cannot identify image file" in text else text[:_LONGEST] or type(error).__name__
