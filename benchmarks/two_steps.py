"""Views about objects against the whole picture, at equal minutes: `python benchmarks/two_steps.py centres crops ...`

How cells are run, two at once if you like, is in `cells.py`. With `--tables`, or when all cells are done, prints tables with
paired differences and writes `OUT/two_steps/EXPERIMENT.json`.

experiments: centres (kvasir_seg, isic2018), fractions (isic2018, 25 to 100 % of the labels), crops (dsb2018 at four sizes),
several (dsb2018, a polar view about each nucleus), pair (coarse-to-fine on isic2018, in and out of sample).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from cells import Cell, main
from modicum.evaluation.statistics import paired_difference


def centres(minutes: float, seeds: int) -> Iterator[Cell]:
    for seed in range(seeds):
        for data in ("isic2018", "kvasir_seg"):
            yield Cell("centres", "whole picture", data, 160, minutes, "small-whole", seed=seed)
            yield Cell("centres", "polar, centre from a mask", data, 160, minutes, "small-polar", seed=seed)
            jitter = ("view.jitter=0.05", "view.jitter_chance=0.3")  # as published: these centres are near
            heat = ("start=random", *jitter, "localiser={name: heatmap, share: 0.6, pixel: bce}")
            yield Cell("centres", "polar, centre from a heatmap", data, 160, minutes, "small-polar", heat, seed=seed)
            true = ("start=random", *jitter, "localiser=truth")
            yield Cell("centres", "polar, TRUE centre (upper bound)", data, 160, minutes, "small-polar", true, seed=seed)


def fractions(minutes: float, seeds: int) -> Iterator[Cell]:
    for seed in range(seeds):
        for labels in (40, 80, 120, 160):
            yield Cell("fractions", "whole picture", "isic2018", labels, minutes, "small-whole", seed=seed)
            yield Cell("fractions", "polar, centre from a mask", "isic2018", labels, minutes, "small-polar", seed=seed)
        scratch = ("start=random",)
        yield Cell("fractions", "polar from a mask, random start", "isic2018", 160, minutes, "small-polar", scratch, seed)


def crops(minutes: float, seeds: int) -> Iterator[Cell]:
    for seed in range(seeds):
        for size in (64, 128, 192, 256):
            whole = (f"view.size={size}",)
            yield Cell("crops", f"{size} whole picture", "dsb2018", 130, minutes, "small-whole", whole, seed)
            about = (f"view.size={size}", f"localiser.size={size}")
            yield Cell("crops", f"{size} crops", "dsb2018", 130, minutes, "small-crops", about, seed)


def several(minutes: float, seeds: int) -> Iterator[Cell]:
    for seed in range(seeds):
        yield Cell("several", "whole picture", "dsb2018", 130, minutes, "small-whole", ("view.size=192",), seed)
        each = (
            "view={name: polar, size: [96, 96], objects: each}",
            "localiser.size=192",
            "finish={threshold: auto, low: auto}",
        )
        yield Cell("several", "polar about each object", "dsb2018", 130, minutes, "small-polar", each, seed)


def pair(minutes: float, seeds: int) -> Iterator[Cell]:
    for seed in range(seeds):
        for size in (64, 128, 256):
            whole, inner = (f"view.size={size}",), (f"network.size={size}", f"localiser.size={size}", "view.size=512")
            yield Cell("pair", f"{size} whole picture", "isic2018", 160, minutes, "small-whole", whole, seed, "kvasir_seg")
            yield Cell("pair", f"{size} pair", "isic2018", 160, minutes, "small-coarse-to-fine", inner, seed, "kvasir_seg")


EXPERIMENTS = {f.__name__: (f, minutes) for f, minutes in
               ((centres, 10.0), (fractions, 3.0), (crops, 4.0), (several, 4.0), (pair, 2.0))}  # fmt: skip


def show(results: list[dict[str, Any]]) -> None:
    """A row for each cell; the difference is to the first cell of its group (the whole picture), seeds taken together."""
    frame = pd.DataFrame([{**r, "group": (r["data"], r["labels"], r["name"].split()[0].isdigit() and r["name"].split()[0])}
                          for r in results])  # fmt: skip
    for group, rows in frame.groupby("group", sort=False):
        whole = rows[rows["name"] == rows["name"].iloc[0]]
        print(f"\n{group[0]}, {group[1]} labels, {rows['minutes'].iloc[0]:g} minutes")
        for name, same in rows.groupby("name", sort=False):
            means = [r["dice"]["mean"] for r in same["summary"]]
            recall = [r["recall"]["mean"] for r in same["summary"]]
            jaccard = [r["thresholded_jaccard"]["mean"] for r in same["summary"]]
            text = f"{name:36} Dice {sum(means) / len(means):.4f} ({len(means)} seeds)  recall {sum(recall) / len(recall):.4f}"
            text += f"  thresholded Jaccard {sum(jaccard) / len(jaccard):.4f}"
            reference = whole[whole["seed"].isin(same["seed"])]
            if name != rows["name"].iloc[0] and len(same) == len(reference):
                ours, theirs = (_mean_over_seeds(part) for part in (same, reference))
                d = paired_difference(ours, theirs[ours.index])
                text += f"  {d['mean']:+.4f} [{d['ci95'][0]:+.4f}, {d['ci95'][1]:+.4f}] p {d['p']:.2g}"
            print(text)
            for step in same["by_step"].iloc[0]:
                print(f"    {step['name']:32} Dice {step['dice']['mean']:.4f} (first seed)")


def _mean_over_seeds(rows: pd.DataFrame) -> pd.Series[float]:
    return pd.DataFrame(list(rows["dice"])).mean()


if __name__ == "__main__":
    main(__doc__ or "", EXPERIMENTS, show, "two_steps")
