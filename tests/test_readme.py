"""The commands of the README work as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, subprocess.CompletedProcess[str]]]:
    """The block marked `run`, each command in order, in a fresh folder."""
    folder = tmp_path_factory.mktemp("tour")
    block = re.search(r"<!-- run -->\n```\n(.*?)```", README, re.DOTALL)
    assert block is not None
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    results = {}
    for command in block[1].strip().splitlines():
        results[command] = subprocess.run(
            command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=240
        )
    return folder, results


def test_the_tour_runs(done: tuple[Path, dict[str, subprocess.CompletedProcess[str]]]) -> None:
    folder, results = done
    for command, result in results.items():
        assert result.returncode == 0, f"{command}\n{result.stderr}"
    demo = next(result for command, result in results.items() if "modicum demo" in command)
    assert re.search(r"Dice 0\.\d+ on 2 pictures", demo.stdout)
    assert "report.html" in demo.stdout
    inspected = next(result for command, result in results.items() if "modicum inspect" in command)
    assert "Training would divide them so" in inspected.stdout
    assert (folder / "demo/run/report.html").stat().st_size > 20_000
    assert len(list((folder / "demo/again/overlays").glob("*.png"))) == 4
    assert (folder / "demo/evaluation/summary.json").exists()


def test_commands_options_and_recipes_named_in_the_readme_exist() -> None:
    from modicum.recipes import names

    shown = subprocess.run([sys.executable, "-m", "modicum", "--help"], capture_output=True, text=True, check=True).stdout
    for command in set(re.findall(r"(?:^|`)modicum ([a-z]+)", README, re.MULTILINE)):
        assert re.search(rf"^\s+{command}\b", shown, re.MULTILINE), command
    for recipe in re.findall(r"^\|.*\| `([a-z-]+)` \|$", README, re.MULTILINE):
        assert recipe in names()


def test_files_that_the_readme_links_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (ROOT / target).exists(), target


def test_the_rooms_and_files_that_the_architecture_page_names_exist() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    rows = re.findall(r"^\| (`.*?`) \|.*\| (.*) \|$", page, re.MULTILINE)
    assert len(rows) > 15
    for rooms, files in rows:
        folders = [room for room in re.findall(r"`(.+?)`", rooms) if room.endswith("/")]
        for name in re.findall(r"`(.+?)`", files):
            assert (ROOT / "src/modicum" / (folders[0] if folders else "") / name).exists(), name
