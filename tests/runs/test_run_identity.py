"""What a run folder belongs to: data, recipe, and the content of the files that the recipe names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from discs import write_discs
from modicum.datasets import discover
from modicum.datasets.case import Split
from modicum.errors import ModicumError
from modicum.recipes import Recipe, load
from modicum.runs.folder import RunFolder


def claimed(data: Path, place: Path, recipe: Recipe) -> bool:
    dataset = discover(data)
    split = Split(tuple(c.id for c in dataset.labelled), (), (), "")
    with RunFolder(place) as folder:
        return folder.claim(dataset, [recipe], [split])


@pytest.mark.parametrize(
    ("recipe", "change"),
    [
        ("small-pseudo", "supervision.teacher={}"),
        ("small-whole", "start={{name: model, bundle: '{}'}}"),
        ("small-polar", "localiser={{name: segmenter, bundle: '{}'}}"),
        ("small-imagenet", "start={{name: imagenet, file: '{}'}}"),
    ],
)
def test_a_file_that_changes_ends_the_run(discs: Path, tmp_path: Path, recipe: str, change: str) -> None:
    file, place = tmp_path / "before" / "model.modicum", tmp_path / "run"
    file.parent.mkdir()
    file.write_text("as it was")
    named = file.parent if "imagenet" not in change else file  # models may be named by the folder of their run
    changes = [change.format(named), *(["start=random"] if recipe == "small-polar" else [])]
    chosen = load(recipe, changes)
    assert not claimed(discs, place, chosen)
    assert claimed(discs, place, chosen)
    file.write_text("trained anew")
    with pytest.raises(ModicumError, match="has changed since the run"):
        claimed(discs, place, chosen)
    file.unlink()
    assert claimed(discs, place, chosen)  # what was done without it can still be read


def test_folders_begun_before_files_were_known_stay_valid(discs: Path, tmp_path: Path) -> None:
    file, place = tmp_path / "a.modicum", tmp_path / "run"
    file.write_text("any")
    chosen = load("small-pseudo", [f"supervision.teacher={file}"])
    claimed(discs, place, chosen)
    marker = place / "identity.json"
    known = json.loads(marker.read_text())
    marker.write_text(json.dumps({key: known[key] for key in ("data", "recipe")}))
    assert claimed(discs, place, chosen)


def test_unlabelled_pictures_below_a_folder_belong_to_the_run(discs: Path, tmp_path: Path) -> None:
    """They teach, where the folder itself has none."""
    more = write_discs(tmp_path / "more", 3, seed=5) / "images"
    (tmp_path / "all" / "site").mkdir(parents=True)
    for picture in sorted(more.iterdir())[:2]:
        shutil.copy(picture, tmp_path / "all" / "site")
    chosen = load("small-pseudo", [f"supervision.folder={tmp_path / 'all'}"])
    claimed(discs, tmp_path / "run", chosen)
    assert claimed(discs, tmp_path / "run", chosen)
    shutil.copy(more / "case_02.png", tmp_path / "all" / "site")
    with pytest.raises(ModicumError, match="have changed"):
        claimed(discs, tmp_path / "run", chosen)
