"""What all tests share: real data where there is some, few threads, the same random examples in each run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Before torch is imported: two cores are shared by the workers of pytest-xdist.
os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")

settings.register_profile("ci", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("ci")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What tests find out about files is no business of whoever runs them."""
    os.environ["MODICUM_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder of the real data sets ($MODICUM_DATA, or ../shared/data beside the repository); skips without one."""
    given = os.environ.get("MODICUM_DATA")
    root = Path(given) if given else Path(__file__).parents[2] / "shared" / "data"
    if not root.is_dir():
        pytest.skip(f"no real data: {root} is not a folder (set MODICUM_DATA)")
    return root
