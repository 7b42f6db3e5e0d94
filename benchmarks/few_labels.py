"""Methods for few labels, by `modicum compare`: `python benchmarks/few_labels.py isic`.

Writes `OUT/few_labels/EXPERIMENT/report.html` and `comparison.json`; what is done is not repeated. `--ray local` runs cells
side by side, one core each.

experiments:
  isic      isic2018, 10 labels, the others unlabelled
  kvasir    kvasir_seg, 10 labels, the others unlabelled
  hrf       hrf, 5 labels and all, fundus pictures of other cameras unlabelled (thesis-unlabelled-retina, table 4.1)
  fundus    2 and 5 labels of drive, the rest of drive and chase_db1 unlabelled
  acdc      acdc, both volumes of 1, 3 and 7 patients labelled, the others unlabelled
  weak      isic2018, 20 labels, and drive, 5, as if less of them were known: scribbles, boxes, centre lines
  suggest   isic2018, 20 labels, then 20 more: suggested by the first model, or drawn at random
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from collections.abc import Sequence
from pathlib import Path

import cv2
import pandas as pd
import yaml

import modicum as md
from cells import DATA, comparison_options
from modicum.evaluation.statistics import paired_difference
from modicum.runs.compare import compare
from modicum.runs.suggesting import suggest
from modicum.runs.train import Run

WHOLE = {"view": {"name": "whole", "size": 96}, "network": {"name": "unet", "encoder": {"widths": [16, 32, 64, 128, 256]}}}
PATCHES = {"view": {"name": "patches", "size": 128}, "network": {"name": "unet", "encoder": {"widths": [16, 32, 64, 128]}}}
LITE = {"name": "unet", "encoder": "efficientnet_lite0", "decoder": [96, 64, 32, 16], "up": "bilinear"}
FIT = {"loss": "dice_ce", "rate": 4.0e-3, "schedule": "one_cycle", "batch_size": 8, "budget": 4, "augmentation": "strong"}
TUNED = {**FIT, "rate": 2.0e-3}


def recipes(folder: Path, base: dict[str, object], methods: dict[str, dict[str, object]]) -> list[str]:
    """Recipe files of methods that differ from a base; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, different in methods.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({"name": name, "fit": FIT, **base, **different}))
    return [str(folder / f"{name}.yaml") for name in methods]


def methods(size: int | None, folder: Path | None = None) -> dict[str, dict[str, object]]:
    """Every method for few labels, and labelled pictures alone; `size` of the picture for ImageNet's encoder."""
    imagenet: dict[str, object] = {"network": LITE, "start": "imagenet", "images": {"normalise": "picture"}, "fit": TUNED}
    if size:
        imagenet["view"] = {"name": "whole", "size": size}
    more = {} if folder is None else {"folder": str(folder)}
    return {
        "labelled": {},
        "denoise": {"start": {"name": "denoise", **more}},
        "moco": {"start": {"name": "moco", **more}},
        "pseudo": {"supervision": {"name": "pseudo_labels", **more}},
        "consistency": {"supervision": {"name": "consistency", **more}},
        "imagenet": imagenet,
        "imagenet-consistency": {**imagenet, "supervision": {"name": "consistency", **more}},
    }


def run(
    data: Path,
    out: Path,
    base: dict[str, object],
    methods: dict[str, dict[str, object]],
    labels: Sequence[object],
    options: argparse.Namespace,
) -> None:
    """The comparison of these methods, or of those of them that were asked for."""
    wanted = options.methods.split(",") if options.methods else list(methods)
    if unknown := set(wanted) - set(methods):
        raise SystemExit(f"--methods: {', '.join(sorted(unknown))} is none of {', '.join(methods)}")
    chosen = {k: methods[k] for k in wanted}
    sizes = options.labels.split(",") if options.labels else [str(one) for one in labels]
    names = recipes(out / "recipes", base, chosen)
    compare(data, out, recipes=names, labels=sizes, seeds=options.seeds, budget=options.minutes, ray=options.ray)


def isic(out: Path, options: argparse.Namespace) -> None:
    run(DATA / "isic2018", out, WHOLE, methods(128), [10], options)


def kvasir(out: Path, options: argparse.Namespace) -> None:
    run(DATA / "kvasir_seg", out, WHOLE, methods(160), [10], options)


def enlarged(pictures: Path, folder: Path, side: int) -> Path:
    """Copies of pictures, the longer side so many pixels: vessels as wide as in the labelled ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(p for p in pictures.rglob("*") if p.suffix.lower() in (".png", ".jpg", ".jpeg")):
        picture = cv2.imread(str(path))
        factor = side / max(picture.shape[:2])
        large = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        if not (folder / f"{path.stem}.jpg").exists():
            cv2.imwrite(str(folder / f"{path.stem}.jpg"), large)
    return folder


def hrf(out: Path, options: argparse.Namespace) -> None:
    view = {"view": {"name": "patches", "size": 128, "longest": 1024}}
    chosen = methods(None, enlarged(DATA / "aptos2019_unlabelled", out / "unlabelled", 1024))
    kept = {k: v for k, v in chosen.items() if k in ("labelled", "imagenet", "pseudo", "consistency", "denoise")}
    run(DATA / "hrf", out, {**PATCHES, **view}, kept, [5, "all"], options)


def fundus(out: Path, options: argparse.Namespace) -> None:
    """DRIVE's official test set; CHASE_DB1's pictures, which are not labelled here, come made as large as DRIVE's."""
    split = json.loads((DATA / "drive" / "split.json").read_text())
    small = out / "chase"
    small.mkdir(parents=True, exist_ok=True)
    for path in sorted((DATA / "chase_db1" / "images").iterdir()):
        picture = cv2.imread(str(path))
        cv2.imwrite(str(small / f"{path.stem}.png"), cv2.resize(picture, (584, 561), interpolation=cv2.INTER_AREA))
    drive = DATA / "drive"
    rows: list[tuple[object, ...]] = []
    for p in sorted((drive / "images").iterdir()):
        part = "test" if p.stem in split["test"] else ""
        rows.append((p, drive / "labels" / f"{p.stem}.png", part, drive / "fov" / f"{p.stem}.png"))
    rows += [(p, "", "", "") for p in sorted(small.iterdir())]
    table = _table(out / "fundus.csv", ["image", "label", "split", "fov"], rows)
    kept = {k: v for k, v in methods(None).items() if k != "moco"}
    run(table, out, PATCHES, kept, [2, 5], options)


def acdc(out: Path, options: argparse.Namespace) -> None:
    """By patient, both volumes of each; slices are shown, volumes are measured."""
    kept = {k: v for k, v in methods(None).items() if k in ("labelled", "pseudo", "consistency")}
    run(DATA / "acdc", out, {**WHOLE, "view": {"name": "whole", "size": 128}}, kept, ["1p", "3p", "7p"], options)


def weak(out: Path, options: argparse.Namespace) -> None:
    """The same pictures with full labels and with weak ones, which are made from them; test pictures are measured in full."""
    lesions: dict[str, dict[str, object]] = {
        "full": {},
        "scribbles": {"supervision": "scribbles"},
        "scribbles-alone": {"supervision": {"name": "scribbles", "pairwise": 0}},
        "boxes": {"supervision": "boxes"},
        "boxes-filled": {"supervision": {"name": "boxes", "inside": "filled"}},
    }
    vessels: dict[str, dict[str, object]] = {
        "vessels-full": {},
        "centre-lines": {"supervision": "centre_lines"},
        "centre-lines-pairwise": {"supervision": {"name": "centre_lines", "pairwise": 10}},
    }
    wanted = options.methods.split(",") if options.methods else [*lesions, *vessels]
    if unknown := set(wanted) - {*lesions, *vessels}:
        raise SystemExit(f"--methods: {', '.join(sorted(unknown))} is none of {', '.join([*lesions, *vessels])}")
    for data, base, known, labels in (("isic2018", WHOLE, lesions, 20), ("drive", PATCHES, vessels, 5)):
        if chosen := [name for name in wanted if name in known]:
            mine = argparse.Namespace(**{**vars(options), "methods": ",".join(chosen)})
            run(DATA / data, out / data, base, known, [labels], mine)


def suggested(out: Path, options: argparse.Namespace) -> None:
    """20 labels to begin with; 20 more that the model suggests, or 20 drawn at random; the same test pictures for all."""
    stems = [p.stem for p in sorted((DATA / "isic2018" / "images").iterdir())]
    stems = random.Random(2026).sample(stems, len(stems))
    test = stems[:100]
    found: dict[str, list[pd.Series]] = {"first": [], "suggested": [], "random": []}
    minutes = options.minutes
    for seed in range(options.seeds):
        pool = random.Random(seed).sample(stems[100:], 300)
        start = _lesions(out / f"first-{seed}", test, pool[:20], seed, minutes)
        rows = [(_isic("images", s), _isic("labels", s) if s in pool[:20] else "") for s in pool]
        table = _table(out / f"pool-{seed}.csv", ["image", "label"], rows)
        picked = [s.case.id for s in suggest(start.bundle, table, out / f"picked-{seed}")]
        runs = {"first": start, "suggested": _lesions(out / f"suggested-{seed}", test, [*pool[:20], *picked], seed, minutes)}
        runs["random"] = _lesions(out / f"random-{seed}", test, pool[:40], seed, minutes)
        for name, run in runs.items():
            found[name].append(pd.read_csv(run.folder / "cases.csv").set_index("case")["dice"])
    means = {name: pd.concat(each, axis=1).mean(axis=1) for name, each in found.items()}
    difference = paired_difference(means["suggested"], means["random"])
    result = {name: float(values.mean()) for name, values in means.items()} | {"difference": difference}
    (out / "suggest.json").write_text(json.dumps(result, indent=1))
    print(json.dumps(result, indent=1))


def _lesions(place: Path, test: Sequence[str], labels: Sequence[str], seed: int, minutes: float) -> Run:
    rows = [(_isic("images", s), _isic("labels", s), part) for part, some in (("test", test), ("train", labels)) for s in some]
    table = _table(place.with_suffix(".csv"), ["image", "label", "split"], rows)
    return md.train(table, place, recipe="small-whole", budget=minutes, seed=seed)


def _isic(kind: str, stem: str) -> Path:
    return DATA / "isic2018" / kind / f"{stem}.{'jpg' if kind == 'images' else 'png'}"


def _table(path: Path, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(heads)
        writer.writerows(rows)
    return path


EXPERIMENTS = {"isic": isic, "kvasir": kvasir, "hrf": hrf, "fundus": fundus, "acdc": acdc, "weak": weak, "suggest": suggested}


def main() -> None:
    options = comparison_options(__doc__ or "", EXPERIMENTS).parse_args()
    for name in options.experiments:
        EXPERIMENTS[name]((options.out / "few_labels" / name).resolve(), options)


if __name__ == "__main__":
    main()
