"""nnU-Net v2, 2D, planned for 1 GB so that a step takes seconds on a CPU; its learning rate falls over the budget.

Fingerprint, planning and preprocessing are its own and are not counted.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from task import Clock, Task, finish

RAW, PREPROCESSED, RESULTS = "nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"


def lay_out(task: Task) -> None:
    """The data set in nnU-Net's layout."""
    raw = Path(os.environ[RAW]) / "Dataset001_Task"
    for folder in ("imagesTr", "labelsTr"):
        (raw / folder).mkdir(parents=True, exist_ok=True)
    for number, (image, mask) in enumerate(zip(task.images, task.masks, strict=True)):
        cv2.imwrite(str(raw / "imagesTr" / f"case{number:04}_0000.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        cv2.imwrite(str(raw / "labelsTr" / f"case{number:04}.png"), mask.astype(np.uint8))
    about = {
        "channel_names": {"0": "R", "1": "G", "2": "B"},
        "labels": {"background": 0, "object": 1},
        "numTraining": len(task.images),
        "file_ending": ".png",
    }
    (raw / "dataset.json").write_text(json.dumps(about))


def main() -> None:
    task = Task.read(Path(sys.argv[1]))
    for folder in (RAW, PREPROCESSED, RESULTS):  # read when nnU-Net is imported
        os.environ[folder] = str(task.out / folder)
    os.environ |= {"nnUNet_n_proc_DA": "1", "nnUNet_compile": "f"}
    lay_out(task)
    from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments, preprocess
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    extract_fingerprints([1], num_processes=2)
    plan_experiments([1], gpu_memory_target_in_gb=1)
    preprocess([1], configurations=("2d",), num_processes=(2,))
    place = Path(os.environ[PREPROCESSED]) / "Dataset001_Task"
    plans, about = (json.loads((place / name).read_text()) for name in ("nnUNetPlans.json", "dataset.json"))
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - what its augmentation draws from
    trainer = nnUNetTrainer(plans | {"continue_training": False}, "2d", "all", about, device=torch.device("cpu"))
    trainer.on_train_start()
    trainer.network.train()
    clock, again = Clock(task.seconds), True
    while again:
        for group in trainer.optimizer.param_groups:
            group["lr"] = trainer.initial_lr * (1 - clock.progress) ** 0.9
        trainer.train_step(next(trainer.dataloader_train))
        again = clock.step()
    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False)
    predictor.manual_initialization(
        trainer.network,
        trainer.plans_manager,
        trainer.configuration_manager,
        [trainer.network.state_dict()],
        about,
        "nnUNetTrainer",
        trainer.inference_allowed_mirroring_axes,
    )
    trainer.set_deep_supervision_enabled(False)

    def segment(image: np.ndarray) -> np.ndarray:
        values = image.transpose(2, 0, 1)[:, None].astype(np.float32)
        return predictor.predict_single_npy_array(values, {"spacing": (999, 1, 1)})[0] > 0

    finish(task, segment, clock)
    os._exit(0)  # its augmentation workers would wait for ever


if __name__ == "__main__":
    main()
