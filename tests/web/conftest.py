"""A browser's page for tests that ask for one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def page() -> Iterator[Any]:
    """A page whose errors, refused requests and requests to elsewhere fail the test."""
    from browsing import opened_page  # skips where Playwright is not installed

    with opened_page() as page:
        yield page
