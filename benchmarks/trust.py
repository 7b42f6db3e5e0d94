"""How well the quality of predictions ranks them without the truth: `python benchmarks/trust.py isic2018 drive`.

Trains once on each data set, predicts test pictures as they are and shifted, and compares `quality.csv` with the true Dice:
Spearman correlation with its bootstrap interval, and how many of the worst tenth are among the tenth with the lowest quality.
Writes `OUT/trust/DATA.json`.

data:
  isic2018, kvasir_seg  40 labels, 40 validation pictures; shifted: blurred, darkened or noisy (as the model has seen in
                        learning when to trust itself), and JPEG, and a colour cast, which it has not
  drive                 10 labels, 10 validation pictures, official test; shifted: chase_db1
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import spearmanr

import modicum as md
from cells import DATA, manifest
from modicum.evaluation.metrics import binary_metrics
from modicum.evaluation.statistics import interval_of_draws
from modicum.runs.predicting import predict
from modicum.runs.train import Run
from modicum.runs.trusting import made_worse

Pixels = npt.NDArray[np.uint8]
SIGNS = ("quality", "expected_dice", "mirrored_dice", "distance")


def jpeg(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    _, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(1, 12))])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def tinted(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return np.clip(pixels * rng.uniform(0.4, 1.3, 3), 0, 255).astype(np.uint8)


SHIFTS: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    "as they are": lambda pixels, rng: pixels, "worse": made_worse, "jpeg": jpeg, "tinted": tinted,
}  # fmt: skip


def measured(run: Run, pictures: list[Path], labels: Path, fields: Path, out: Path) -> pd.DataFrame:
    """quality.csv of the pictures with their true Dice, from masks of the same name."""
    predict(run.bundle, [str(p) for p in pictures], out)
    table = pd.read_csv(out / "quality.csv").set_index("name")
    for name in table.index:
        found, true = (cv2.imread(str(folder / f"{name}.png"), 0) > 0 for folder in (out, labels))
        field = fields / f"{name}.png"
        valid = cv2.imread(str(field), 0) > 0 if field.exists() else None
        table.loc[name, "dice"] = binary_metrics(found, true, valid, distances=False)["dice"]
    return table


def ranking(table: pd.DataFrame) -> dict[str, Any]:
    """How well each sign ranks the predictions, and what the quality is worth as a figure; intervals draw pictures."""
    dice, rng = table["dice"].to_numpy(), np.random.default_rng(0)
    names, member = np.unique(table.index.get_level_values(-1), return_inverse=True)
    rows_of = [np.flatnonzero(member == number) for number in range(len(names))]
    draws = [np.concatenate([rows_of[i] for i in rng.integers(len(names), size=len(names))]) for _ in range(2000)]
    found: dict[str, Any] = {"n": len(table), "dice": float(dice.mean()), "predicted": float(table["quality"].mean())}
    found["mean_error"] = float((table["quality"] - table["dice"]).abs().mean())
    for sign in SIGNS:
        if table[sign].isna().any():
            continue
        values = table[sign].to_numpy() * (-1 if sign == "distance" else 1)
        drawn = np.array([spearmanr(values[d], dice[d]).statistic for d in draws])
        found[sign] = {
            "spearman": float(spearmanr(values, dice).statistic),
            "ci95": interval_of_draws(drawn[~np.isnan(drawn)], len(names)),
            "worst_tenth_found": worst_found(values, dice),
        }
    return found


def worst_found(values: npt.NDArray[np.float64], dice: npt.NDArray[np.float64]) -> float:
    """Share of the tenth with the lowest Dice in the tenth with the lowest values; what is equal is put in any order."""
    tenth, rng, shares = max(1, round(len(dice) / 10)), np.random.default_rng(0), []
    for _ in range(200):
        worst, lowest = (np.lexsort((rng.random(len(dice)), by))[:tenth] for by in (dice, values))
        shares.append(len(np.intersect1d(worst, lowest)) / tenth)
    return float(np.mean(shares))


def shifted(data: str, out: Path, minutes: float, most: int) -> dict[str, Any]:
    table = manifest(data, 40, out)
    run = md.train(table, out / f"{data}-{minutes:g}m", budget=minutes, seed=0)
    rows = list(csv.DictReader(table.open()))
    tested = [Path(r["image"]) for r in rows if r["split"] == "test"][:most]
    results, tables = {}, []
    for name, change in SHIFTS.items():
        folder, rng = out / f"{data}-{name.replace(' ', '-')}", np.random.default_rng(7)
        folder.mkdir(parents=True, exist_ok=True)
        for path in tested:
            cv2.imwrite(str(folder / f"{path.stem}.png"), change(np.asarray(cv2.imread(str(path)), np.uint8), rng))
        pictures = [folder / f"{p.stem}.png" for p in tested]
        tables.append(measured(run, pictures, DATA / data / "labels", DATA / data / "fov", out / f"{data}-masks" / name))
        results[name] = ranking(tables[-1])
    results["all together"] = ranking(pd.concat(tables, keys=SHIFTS))
    return {"run": about(run), **results}


def drive(data: str, out: Path, minutes: float, most: int) -> dict[str, Any]:
    split = json.loads((DATA / data / "split.json").read_text())
    parts = {**dict.fromkeys(split["test"], "test"), **dict.fromkeys(split["train"][:10], "train")}
    parts |= dict.fromkeys(split["train"][10:], "val")
    table, place = out / "drive.csv", DATA / data
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "split", "fov"])
        for picture in sorted((place / "images").iterdir()):
            stem = picture.stem
            writer.writerow([picture, place / "labels" / f"{stem}.png", parts[stem], place / "fov" / f"{stem}.png"])
    run = md.train(table, out / f"drive-{minutes:g}m", budget=minutes, seed=0)
    results, tables = {}, []
    for other in ("drive", "chase_db1"):
        pictures = [p for p in sorted((DATA / other / "images").iterdir()) if parts.get(p.stem, "test") == "test"][:most]
        tables.append(measured(run, pictures, DATA / other / "labels", DATA / other / "fov", out / "drive-masks" / other))
        results[other] = ranking(tables[-1])
    results["all together"] = ranking(pd.concat(tables, keys=["drive", "chase_db1"]))
    return {"run": about(run), **results}


def about(run: Run) -> dict[str, Any]:
    test, trust = run.summary["test"], run.bundle.trust
    return {
        "dice": test["dice"]["mean"],
        "calibration": run.summary["calibration"],
        "error": test["expected_calibration_error"],
        "weights": None if trust is None else trust.weights,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", choices=["isic2018", "kvasir_seg", "drive"])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--pictures", type=int, default=200, help="test pictures of each kind, at most")
    options = parser.parse_args()
    out = (options.out / "trust").resolve()
    out.mkdir(parents=True, exist_ok=True)
    for data in options.data:
        began = time.monotonic()
        found = (drive if data == "drive" else shifted)(data, out, options.minutes, options.pictures)
        found["seconds"] = round(time.monotonic() - began)
        (out / f"{data}.json").write_text(json.dumps(found, indent=1))
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
