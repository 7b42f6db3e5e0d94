"""Networks side by side, and what an ImageNet start gains: `python benchmarks/networks.py imagenet table`.

How cells are run, two at once if you like, is in `cells.py`. With `--tables`, or when all cells are done, prints tables and
writes `OUT/networks/EXPERIMENT.json`.

experiments: imagenet (isic2018 and kvasir_seg, 5 to 40 labels, none set aside for validation: the same U-Net on
EfficientNet-Lite0 from ImageNet and from random weights, and the small plain U-Net), vessels (the same on drive), table (every
network on drive, kvasir_seg and isic2018), wrong_label (isic2018, 20 labels, with and without the one that marks no more than a
ring about the lesion).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from cells import Cell, main
from modicum.evaluation.statistics import paired_difference

PLAIN = "encoder: {widths: [16, 32, 64, 128, 256]}"
LITE = "encoder: efficientnet_lite0"
NETWORKS = {
    "U-Net": f"{{name: unet, {PLAIN}}}",
    "Attention U-Net": f"{{name: attention_unet, {PLAIN}}}",
    "U-Net++": f"{{name: unet_plus_plus, {PLAIN}, deep_supervision: true}}",
    "R2U-Net": "{name: r2unet, encoder: {name: recurrent, widths: [16, 32, 64, 128, 256]}}",
    "ConvLSTM U-Net": f"{{name: convlstm_unet, {PLAIN}}}",
    "SegNet": f"{{name: segnet, {PLAIN}}}",
    "Little W-Net": "{name: wnet}",
    "SETR, ViT 192": "{name: setr, encoder: {name: vit, width: 192, depth: 12, heads: 3}}",
    "U-Net, Swin 24": "{name: unet, encoder: {name: swin, width: 24}, up: bilinear}",
    "U-Net, ResNet-18": "{name: unet, encoder: resnet18, up: bilinear}",
    "U-Net, Lite0, ImageNet": f"{{name: unet, {LITE}, decoder: [96, 64, 32, 16], up: bilinear}}",
    "Res-U-Net++, Lite0, ImageNet": f"{{name: unet_plus_plus, {LITE}}}",
    "FCN-8s, Lite0, ImageNet": f"{{name: fcn, {LITE}}}",
    "DeepLabV3+, Lite0, ImageNet": f"{{name: deeplabv3plus, {LITE}, width: 128}}",
    "PSPNet, Lite0, ImageNet": f"{{name: pspnet, {LITE}}}",
    "MA-Net, Lite0, ImageNet": f"{{name: manet, {LITE}}}",
}


def imagenet(minutes: float, seeds: int) -> Iterator[Cell]:
    for seed in range(seeds):
        for start in ("imagenet", "random"):
            for labels in (5, 20, 10, 40):
                for data in ("kvasir_seg", "isic2018"):
                    yield _start(data, labels, minutes, start, seed)
        for labels in (5, 20, 10, 40):
            for data in ("kvasir_seg", "isic2018"):
                yield Cell("imagenet", "plain U-Net", data, labels, minutes, "small-whole", (), seed, validated=False)


def vessels(minutes: float, seeds: int) -> Iterator[Cell]:
    for seed in range(seeds):
        for start in ("imagenet", "random"):
            yield _start("drive", 5, minutes, start, seed, ("view={name: patches, size: 160}",))
        yield Cell("imagenet", "plain U-Net", "drive", 5, minutes, "small-patches", (), seed, validated=False)


def _start(data: str, labels: int, minutes: float, start: str, seed: int, more: tuple[str, ...] = ()) -> Cell:
    name = {"imagenet": "Lite0 from ImageNet", "random": "Lite0 from random"}[start]
    return Cell("imagenet", name, data, labels, minutes, "small-imagenet", (*more, f"start={start}"), seed, validated=False)


def table(minutes: float, seeds: int) -> Iterator[Cell]:
    views = {"drive": ("small-patches", 16), "kvasir_seg": ("small-whole", 160), "isic2018": ("small-whole", 160)}
    for seed in range(seeds):
        for name, network in NETWORKS.items():
            for data, (recipe, labels) in views.items():
                changes = [f"network={network}"]
                if "ImageNet" in name:
                    changes += ["start=imagenet", "fit.rate=0.002"]
                elif "ViT" in name or "Swin" in name:
                    changes += ["fit.rate=0.001"]
                yield Cell("table", name, data, labels, minutes, recipe, tuple(changes), seed)


def wrong_label(minutes: float, seeds: int) -> Iterator[Cell]:
    for seed in range(seeds):
        for name, recipe in (("Lite0 from ImageNet", "small-imagenet"), ("plain U-Net", "small-whole")):
            for what, changes in (("all 20", ()), ("without it", ("data.leave_out=[ISIC_0015353]",))):
                full = f"{name}, {what}"
                yield Cell("wrong_label", full, "isic2018", 20, minutes, recipe, changes, seed, validated=False)


EXPERIMENTS = {
    "imagenet": (imagenet, 4.0),
    "vessels": (vessels, 4.0),
    "table": (table, 10.0),
    "wrong_label": (wrong_label, 4.0),
}


def show(results: list[dict[str, Any]]) -> None:
    """A row for each cell, seeds taken together; the difference is to "Lite0 from random", the U-Net, or all 20 labels."""
    frame = pd.DataFrame(results)
    for (data, labels), rows in frame.groupby(["data", "labels"], sort=False):
        print(f"\n{data}, {labels} labels, {rows['minutes'].iloc[0]:g} minutes")
        reference = rows[rows["name"].isin(["Lite0 from random", "U-Net"])]
        for name, same in rows.groupby("name", sort=False):
            dice = sum(r["dice"]["mean"] for r in same["summary"]) / len(same)
            text = f"{name:30} Dice {dice:.4f} ({len(same)} seeds)"
            if same["auc"].notna().all():
                text += f"  AUC {same['auc'].mean():.4f}"
            text += f"  {same['params'].iloc[0]:,} parameters  {same['steps'].mean():.0f} steps"
            if "without it" in name:
                reference = rows[rows["name"] == name.replace("without it", "all 20")]
            beside = reference[reference["seed"].isin(same["seed"])]
            if len(beside) == len(same) and name != beside["name"].iloc[0]:
                ours, theirs = (pd.DataFrame(list(part["dice"])).mean() for part in (same, beside))
                d = paired_difference(ours, theirs[ours.index])
                text += f"  {d['mean']:+.4f} [{d['ci95'][0]:+.4f}, {d['ci95'][1]:+.4f}] p {d['p']:.2g}"
            print(text)


if __name__ == "__main__":
    main(__doc__ or "", EXPERIMENTS, show, "networks")
