"""How the fuzzer damages a valid file: its bytes, or what is packed in them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fuzz_seeds import Seed

Rng = np.random.Generator
_NUMBERS = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1]
_WORDS = [
    "",
    "null",
    "-1",
    "0",
    "1e308",
    "nan",
    ".inf",
    "[]",
    "{}",
    '"x"',
    "true",
    "99999999999999999999",
    "&a [*a]",
    "\0",
    "é",
]


def damaged(seed: Seed, others: Sequence[Seed], rng: Rng) -> bytes:
    """The file's content, damaged once to four times: its bytes, or what is packed in them."""
    content = seed.content
    for _ in range(int(rng.integers(1, 5))):
        inner = rng.random() < 0.7
        if inner and seed.file.endswith(".modicum"):
            content = _zip_damaged(content, rng)
        elif inner and seed.file.endswith(".gz"):
            content = _gzip_damaged(content, rng)
        elif inner and seed.file.endswith((".json", ".csv", ".yaml")):
            content = _text_damaged(content, rng)
        else:
            content = _bytes_damaged(content, others[int(rng.integers(len(others)))].content, rng)
            if inner and seed.file.endswith(".png"):
                content = _checksums_right(content)
    return content


def _bytes_damaged(content: bytes, other: bytes, rng: Rng) -> bytes:
    data = bytearray(content)
    if not data:
        return b"\0"
    front = min(len(data), 600) if rng.random() < 0.5 else len(data)  # headers are worth more than pixels
    at = int(rng.integers(front))
    match int(rng.integers(7)):
        case 0:
            for place in rng.integers(0, front, int(rng.integers(1, 17))):
                data[place] ^= 1 << int(rng.integers(8))
        case 1:
            del data[at:]
        case 2:
            del data[at : at + int(rng.integers(1, 64))]
        case 3:
            data[at:at] = data[at : at + int(rng.integers(1, 64))] * int(rng.integers(1, 9))
        case 4 if other:
            start = int(rng.integers(len(other)))
            data[at : at + int(rng.integers(64))] = other[start : start + int(rng.integers(1, 200))]
        case _:  # a number that is something's length, or a part of it
            size, order = int(rng.choice([1, 2, 4, 8])), "<" if rng.random() < 0.5 else ">"
            number = int(rng.choice(np.array(_NUMBERS, dtype=object))) % 2 ** (8 * size)
            data[at : at + size] = struct.pack(order + {1: "B", 2: "H", 4: "I", 8: "Q"}[size], number)
    return bytes(data)


def _text_damaged(content: bytes, rng: Rng) -> bytes:
    """Numbers, words and lines replaced, doubled, left out or moved."""
    text = content.decode("utf-8", "replace")
    spans = [m.span() for m in re.finditer(r"[\w.+-]+|\n[^\n]*|[\[\]{},:;\"]", text)]
    if not spans or rng.random() < 0.1:
        return _bytes_damaged(content, b"", rng)
    (start, end), (first, last) = (spans[int(rng.integers(len(spans)))] for _ in range(2))
    new = [_WORDS[int(rng.integers(len(_WORDS)))], "", text[start:end] * 2, text[first:last]][int(rng.integers(4))]
    return (text[:start] + new + text[end:]).encode()


def _gzip_damaged(content: bytes, rng: Rng) -> bytes:
    try:
        return gzip.compress(_bytes_damaged(gzip.decompress(content), b"", rng), mtime=0)
    except (OSError, EOFError, zlib.error):
        return _bytes_damaged(content, b"", rng)


def _zip_damaged(content: bytes, rng: Rng) -> bytes:
    """An entry of an archive damaged, lost or doubled; half of the time the checksum of the weights is made right again."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
    except Exception:
        return _bytes_damaged(content, b"", rng)
    if not entries:
        return content
    name = list(entries)[int(rng.integers(len(entries)))]
    match int(rng.integers(8)):
        case 0:
            del entries[name]
        case 1:
            entries[list(entries)[int(rng.integers(len(entries)))]] = entries[name]
        case _:
            entries[name] = {".json": _json_damaged, ".yaml": _text_damaged, ".modicum": _zip_damaged}.get(
                Path(name).suffix, lambda data, rng: _bytes_damaged(data, b"", rng)
            )(entries[name], rng)
    if rng.random() < 0.5 and {"bundle.json", "weights.safetensors"} <= entries.keys():
        told = hashlib.sha256(entries["weights.safetensors"]).hexdigest().encode()
        entries["bundle.json"] = re.sub(rb'("weights_sha256": ")\w*', rb"\g<1>" + told, entries["bundle.json"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for entry, data in entries.items():
            archive.writestr(entry, data)
    return packed.getvalue()


def _json_damaged(content: bytes, rng: Rng) -> bytes:
    """A value anywhere replaced by one of another kind or size, or a key left out."""
    try:
        whole = json.loads(content)
    except ValueError:
        return _text_damaged(content, rng)
    place: Any = whole
    while isinstance(place, dict | list) and place:
        key = list(place)[int(rng.integers(len(place)))] if isinstance(place, dict) else int(rng.integers(len(place)))
        if isinstance(place[key], dict | list) and place[key] and rng.random() < 0.7:
            place = place[key]
            continue
        new = [None, -1, 0, 10**9, 1e308, float("nan"), "x", [], {}, [[1]], True, "delete"][int(rng.integers(12))]
        if new == "delete":
            del place[key]
        else:
            place[key] = new
        break
    return json.dumps(whole).encode()


def _checksums_right(content: bytes) -> bytes:
    """A PNG whose chunks have the checksum of what is in them, so that a reader goes on to look at it."""
    data, at = bytearray(content), 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        if at + 12 + length > len(data):
            break
        data[at + 8 + length : at + 12 + length] = zlib.crc32(data[at + 4 : at + 8 + length]).to_bytes(4)
        at += 12 + length
    return bytes(data)
