"""Volumes from folder to report: slices are shown, wholes are measured, masks return in the geometry of their volume."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr

import modicum as md
from discs import TINY
from modicum.augment import POLICIES
from modicum.bundle import Bundle, volume_probabilities
from modicum.datasets import check, discover, load_label, load_picture
from modicum.datasets.case import Dataset, Split
from modicum.errors import ModicumError
from modicum.evaluation import Evaluator
from modicum.images.volumes import Slicing, Volume, as_shown, brought_back, read_volume, read_volume_mask
from modicum.inference import Segmenter
from modicum.inference.finishing import FINISHERS, Evidence
from modicum.networks import NETWORKS
from modicum.recipes import load
from modicum.runs import testing
from modicum.runs.folder import RunFolder
from modicum.runs.material import Training, read_material
from modicum.runs.predicting import predict
from modicum.runs.train import Run


def ball(rng: np.random.Generator, shape: tuple[int, int, int] = (8, 40, 36)) -> tuple[np.ndarray, np.ndarray]:
    """A bright ball on dark ground, (D, H, W), and where it is."""
    d, h, w = np.indices(shape)
    centre = rng.uniform(3, 5), rng.uniform(12, 28), rng.uniform(12, 24)
    inside = ((d - centre[0]) * 3) ** 2 + (h - centre[1]) ** 2 + (w - centre[2]) ** 2 < rng.uniform(7, 10) ** 2
    return np.where(inside, 300, -200) + rng.normal(0, 40, shape), inside


@pytest.fixture(scope="session")
def balls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve volumes of six patients, in files turned this way and that."""
    folder = tmp_path_factory.mktemp("balls")
    rng = np.random.default_rng(0)
    for number in range(12):
        values, inside = ball(rng)
        place = np.diag([-0.5, -0.5, 1.5, 1.0]) if number % 2 else np.diag([0.5, 0.5, 1.5, 1.0])
        for kind, array in (("images", values.astype(np.int16)), ("labels", inside.astype(np.uint8))):
            (folder / kind).mkdir(exist_ok=True)
            stored = array.transpose(2, 1, 0)
            stored = stored if number % 2 else stored[::-1, ::-1]
            nibabel.save(
                nibabel.Nifti1Image(np.ascontiguousarray(stored), place), folder / kind / f"p{number // 2}_{number}.nii.gz"
            )
    return folder


@pytest.fixture(scope="session")
def trained(balls: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    changes = [*TINY, "fit.epochs=30", "images.depth=true", "images.neighbours=1", "images.window=[-300,400]"]
    return md.train(balls, tmp_path_factory.mktemp("volumes") / "run", recipe="small-whole", folds=2, changes=changes)


def test_slices_are_cases_and_their_volume_stays_together(balls: Path) -> None:
    dataset = discover(balls)
    assert len(dataset.cases) == 12 * 8
    assert {c.volume for c in dataset.cases} == {f"p{n // 2}_{n}" for n in range(12)}
    case = next(c for c in dataset.cases if c.volume == "p1_3" and c.slice == 4)
    assert load_picture(case).shape == (40, 36, 1)
    assert load_label(case, dataset.code).max() == 1
    assert not [f for f in check(dataset) if f.kind in ("empty-mask", "near-duplicate", "duplicate-picture")]


def test_a_volume_is_measured_as_a_whole(balls: Path, trained: Run) -> None:
    table = pd.read_csv(trained.folder / "cases.csv")
    split = pd.read_csv(trained.folder / "split.csv")
    tested = {case.rpartition("_z")[0] for case in split.query("part == 'test'")["case"]}
    assert set(table["case"]) == tested
    assert len(split.query("part == 'test'")) == 8 * len(tested)
    for _, fold in split.groupby("fold"):
        sides = {part: {case.rpartition("_z")[0] for case in rows["case"]} for part, rows in fold.groupby("part")}
        assert not sides["test"] & sides["train"]
    for case, dice in zip(table["case"], table["dice"], strict=True):
        written = read_volume_mask(trained.folder / "predictions" / f"{case}.nii.gz") > 0
        truth = read_volume_mask(balls / "labels" / f"{case}.nii.gz") > 0
        assert dice == pytest.approx(2 * (written & truth).sum() / (written.sum() + truth.sum()))
    assert trained.summary["test"]["dice"]["mean"] > 0.75
    assert any("as wholes" in note for note in trained.summary["protocol"])
    assert (
        "p0" in (trained.folder / "report.html").read_text()
        or table["case"].iloc[0] in (trained.folder / "report.html").read_text()
    )


def test_distances_are_in_millimetres(balls: Path, trained: Run) -> None:
    import torch
    from monai.metrics import compute_hausdorff_distance

    table = pd.read_csv(trained.folder / "cases.csv").set_index("case")
    for case in table.index:
        masks = [read_volume_mask(p / f"{case}.nii.gz") > 0 for p in (trained.folder / "predictions", balls / "labels")]
        one, other = (torch.from_numpy(m)[None, None].float() for m in masks)
        theirs = compute_hausdorff_distance(one, other, include_background=True, percentile=95, spacing=[1.5, 0.5, 0.5])
        assert table.loc[case, "hd95"] == pytest.approx(float(theirs), abs=1e-4)


def test_volumes_are_compared_in_millilitres(balls: Path, trained: Run) -> None:
    found = trained.summary["test"]["volume_agreement"]["foreground"]
    masks = {p.name: p for p in (trained.folder / "predictions").glob("*.nii.gz")}
    difference = [
        (read_volume_mask(p) > 0).sum() - (read_volume_mask(balls / "labels" / n) > 0).sum() for n, p in masks.items()
    ]
    assert found["n"] == len(masks) == 12
    assert found["bias"] == pytest.approx(np.mean(difference) * 0.5 * 0.5 * 1.5 / 1000)
    assert "Bland-Altman" in (trained.folder / "report.html").read_text()


def test_slices_are_compared_in_square_centimetres(balls: Path, trained: Run) -> None:
    found = trained.summary["test"]["slice_agreement"]["foreground"]
    areas = []
    for path in (trained.folder / "predictions").glob("*.nii.gz"):
        both = [read_volume_mask(path) > 0, read_volume_mask(balls / "labels" / path.name) > 0]
        areas += [s for s in zip(*(m.sum((1, 2)) * 0.25 / 100 for m in both), strict=True) if any(s)]
    ours, true = np.array(areas).T
    assert found["n"] == len(areas)
    assert found["absolute_error"] == pytest.approx(np.abs(ours - true).mean())
    assert found["pearson"] == pytest.approx(pearsonr(ours, true).statistic)


def test_masks_return_in_the_geometry_of_their_volume(balls: Path, trained: Run, tmp_path: Path) -> None:
    bundle = Bundle.load(trained.folder / "model.modicum")
    source = balls / "images" / "p2_4.nii.gz"
    sitk.WriteImage(sitk.ReadImage(str(source)), str(tmp_path / "same.mha"))
    done = predict(bundle, [str(source), str(tmp_path / "same.mha")], tmp_path / "out")
    assert not done.failed
    nifti, mha = nibabel.load(tmp_path / "out" / "p2_4.nii.gz"), sitk.ReadImage(str(tmp_path / "out" / "same.mha"))
    assert np.array_equal(nifti.affine, nibabel.load(source).affine)
    assert np.array_equal(np.asarray(nifti.dataobj).transpose(2, 1, 0), sitk.GetArrayFromImage(mha))
    rows = list(csv.DictReader((tmp_path / "out" / "volumes.csv").open()))
    voxels = np.asarray(nifti.dataobj).astype(bool).sum()
    assert float(rows[0]["foreground_ml"]) == pytest.approx(voxels * 1.5 * 0.5 * 0.5 / 1000, abs=1e-3)
    assert np.array_equal(bundle.segment(source), read_volume_mask(tmp_path / "out" / "p2_4.nii.gz"))
    with pytest.raises(ModicumError, match="replace"):
        predict(bundle, [str(source)], balls / "images")


def test_what_is_not_written_of_volumes_is_said(
    balls: Path, trained: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, source = trained.bundle, str(balls / "images" / "p2_4.nii.gz")
    predict(bundle, [source], tmp_path / "masks")
    assert "overlays" not in capsys.readouterr().err
    done = predict(bundle, [source], tmp_path / "more", overlays=True)
    assert [path.name for path in done.written] == ["p2_4.nii.gz"]
    assert "overlays are written for pictures alone" in capsys.readouterr().err
    one = nibabel.load(source)
    two = nibabel.Nifti1Image(np.stack([one.get_fdata()] * 2, axis=3), one.affine)
    nibabel.save(two, tmp_path / "two.nii.gz")
    predict(bundle, [str(tmp_path / "two.nii.gz")], tmp_path / "two")
    assert "two.nii.gz holds 2 channels: its first alone is segmented" in capsys.readouterr().err


def test_what_a_slice_shows() -> None:
    values = np.arange(5 * 2 * 3, dtype=np.int16).reshape(5, 2, 3) * 100
    volume = Volume(values, (1, 1, 1), np.eye(4), None)  # type: ignore[arg-type]
    shown = Slicing((0, 2900), neighbours=1, depth=True).picture(volume, 0)
    assert shown.shape == (2, 3, 4)
    assert np.array_equal(shown[..., 0], shown[..., 1])  # before the first there is the first
    assert np.array_equal(shown[..., 2], np.rint(values[1] * (255 / 2900)))
    assert (shown[..., 3] == 0).all()
    assert (Slicing(depth=True).picture(volume, 4)[..., -1] == 255).all()
    clipped = Slicing((500, 1000)).picture(volume, 2)[..., 0]
    assert clipped.min() == 255
    low, high = Slicing().levels(volume)
    assert (low, high) == pytest.approx(tuple(np.percentile(values, [0.5, 99.5])))


def test_a_label_of_another_shape_is_named(tmp_path: Path) -> None:
    values, inside = ball(np.random.default_rng(0))
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    for name in ("a", "b"):
        nibabel.save(nibabel.Nifti1Image(values.astype(np.int16), np.eye(4)), tmp_path / "images" / f"{name}.nii.gz")
        label = inside if name == "a" else inside[1:]
        nibabel.save(nibabel.Nifti1Image(label.astype(np.uint8), np.eye(4)), tmp_path / "labels" / f"{name}.nii.gz")
    dataset = discover(tmp_path)
    (found,) = dataset.findings
    assert found.kind == "unreadable-file"
    assert "b.nii.gz" in (found.file or "")
    assert {c.volume for c in dataset.cases} == {"a"}


def test_a_decathlon_of_volumes(balls: Path, tmp_path: Path) -> None:
    training = [
        {"image": f"./imagesTr/{p.name}", "label": f"./labelsTr/{p.name}"} for p in sorted((balls / "images").iterdir())
    ]
    for kind in ("images", "labels"):
        (tmp_path / f"{kind}Tr").symlink_to(balls / kind)
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"0": "background", "1": "ball"}, "training": training}))
    dataset = discover(tmp_path)
    assert dataset.classes == ("ball",)
    assert len(dataset.cases) == 96


def test_dicom_from_folder_to_segmentation(tmp_path: Path) -> None:
    """Series in folders of their own, NIfTI labels beside them; what comes out refers to the pictures and names nobody."""
    from ct import body, slices

    for number in range(4):
        path = slices(tmp_path / "data" / "images" / f"case{number}", PatientName="Zaphod^Beeblebrox")
        label = np.ascontiguousarray((body() > 250).astype(np.uint8).transpose(2, 1, 0))
        (tmp_path / "data" / "labels").mkdir(exist_ok=True)
        place = np.diag([-0.7, -0.8, 2.5, 1])
        nibabel.save(nibabel.Nifti1Image(label, place), tmp_path / "data" / "labels" / f"case{number}.nii.gz")
    run = md.train(tmp_path / "data", tmp_path / "run", recipe="small-whole", changes=[*TINY, "fit.epochs=2"])
    done = predict(run.bundle, [str(path)], tmp_path / "out")
    assert [p.name for p in done.written] == ["case3.dcm"]
    for made in [*(tmp_path / "run").rglob("*"), tmp_path / "out" / "volumes.csv"]:
        assert made.is_dir() or b"Beeblebrox" not in made.read_bytes(), made


def test_a_network_of_three_dimensions_learns_and_segments_volumes(balls: Path, tmp_path: Path) -> None:
    small = ["view.size=32", "view.tile=64", "view.overlap=16", "network.widths=[4,8,16]", "images.block=4", "fit.samples=8"]
    exact = [c for c in TINY if c.startswith("fit.precision")]
    run = md.train(balls, tmp_path / "run", recipe="small-3d", folds=2, changes=[*exact, *small, "fit.epochs=8"])
    assert run.bundle.recipe.network["flat"] == 2  # 1.5 mm between slices of .5 mm pixels
    assert run.summary["test"]["dice"]["mean"] > 0.6
    table = pd.read_csv(run.folder / "cases.csv")
    path = balls / "images" / f"{table['case'][0]}.nii.gz"
    done = predict(run.bundle, [str(path)], tmp_path / "masks")
    written = read_volume_mask(run.folder / "predictions" / path.name)
    assert read_volume_mask(done.written[0]).shape == written.shape
    with pytest.raises(ModicumError, match=r"images\.block"):
        md.train(balls, tmp_path / "flat", recipe="small-3d", changes=["images.block=null"])


def slices_of(dataset: Dataset, *volumes: str) -> tuple[str, ...]:
    return tuple(c.id for c in dataset.labelled if c.volume in volumes)


@pytest.mark.parametrize("images", ["images.prepare=[clahe]", "images.normalise=picture", "images.normalise=none"])
def test_a_network_of_three_dimensions_predicts_on_what_it_has_learned_from(
    images: str, balls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ["view={name: whole, size: [40, 36]}", "network.widths=[2,4]", "network.flat=0", "images.block=4"]
    recipe, dataset = load("small-3d", [*small, images]), discover(balls)
    split = Split(slices_of(dataset, "p0_0"), (), slices_of(dataset, "p1_2"), "")
    material = read_material(Training(dataset, split, recipe, RunFolder(tmp_path / "run")))
    learned = material.show(material.train, POLICIES.build("none")).batch(0).images[:, 0].numpy()
    seen: list[np.ndarray] = []
    answer = Segmenter.answer
    monkeypatch.setattr(Segmenter, "answer", lambda self, shown: [seen.append(shown.numpy()), answer(self, shown)][1])
    network = NETWORKS.build(recipe.network, 1, 1)
    bundle = Bundle(recipe, network.state_dict(), dataset.classes, material.intensity, 0.5, (255,))
    volume_probabilities(bundle.segmenter(), bundle, read_volume(balls / "images" / "p0_0.nii.gz"))
    first, _, last = (block[0, 0] for block in seen)
    whole = np.concatenate([first, last])
    for block in learned:
        nearest = min(np.abs(whole[start : start + 4] - block).max() for start in range(5))
        assert nearest < 1e-5, "no four slices in a row look like this in prediction"


@pytest.mark.parametrize(("recipe", "shapes"), [("small-whole", [(40, 36, 1)] * 8), ("small-3d", [(40, 36, 8)] * 2)])
def test_every_validation_volume_chooses_the_threshold(
    recipe: str, shapes: list[tuple[int, int, int]], balls: Path, tmp_path: Path
) -> None:
    dataset, small = discover(balls), load(recipe, ["network.flat=0"] if recipe == "small-3d" else [])
    split = Split(slices_of(dataset, "p0_0"), slices_of(dataset, "p1_2", "p2_4"), slices_of(dataset, "p3_6"), "")
    material = read_material(Training(dataset, split, small, RunFolder(tmp_path / "run")))
    found = material.untouched_val(8)
    assert [picture.image.shape for picture in found] == shapes
    assert {material.volumes.get(picture.case_id, picture.case_id) for picture in found} == {"p1_2", "p2_4"}


def test_pictures_have_no_neighbours(discs: Path, tmp_path: Path) -> None:
    with pytest.raises(ModicumError, match="this is a picture"):
        md.train(discs, tmp_path / "run", recipe="small-whole", changes=[*TINY, "images.depth=true"])


def test_finishing_steps_see_the_volume_as_it_is_on_disk(
    balls: Path, trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def probe(numbers: np.ndarray, evidence: Evidence) -> np.ndarray:
        seen.append((numbers.shape, evidence.probability.shape, evidence.image, evidence.spacing))
        return numbers

    monkeypatch.setattr(FINISHERS, "build", lambda step: probe)
    finish = trained.bundle.recipe.finish.model_copy(update={"steps": ({"name": "probe"},)})
    bundle = replace(trained.bundle, recipe=trained.bundle.recipe.model_copy(update={"finish": finish}))
    dataset = discover(balls)
    cases = [c for c in dataset.labelled if c.volume == "p1_3"]
    assert not testing.test_bundle(bundle, cases, dataset.code, Evaluator(bundle.classes), tmp_path / "masks")
    predict(bundle, [str(balls / "images" / "p1_3.nii.gz")], tmp_path / "out")
    assert len(seen) == 2
    for shape, probability, image, spacing in seen:
        assert shape == image.shape == (8, 40, 36)
        assert probability == (1, 8, 40, 36)
        assert image.min() < -200 < 300 < image.max()  # Hounsfield units, not the 8 bits that are shown
        assert spacing == pytest.approx((1.5, 0.5, 0.5))


def test_volumes_of_other_spacing_are_shown_alike_and_measured_as_they_are(tmp_path: Path) -> None:
    rng, folder = np.random.default_rng(1), tmp_path / "data"
    for number in range(6):
        values, inside = ball(rng, (6, 40, 36))
        fine = number % 3 == 0  # the same ball in pixels half as large
        for kind, array in (("images", values.astype(np.int16)), ("labels", inside.astype(np.uint8))):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            array = array.repeat(2, axis=1).repeat(2, axis=2) if fine else array
            size = 0.25 if fine else 0.5
            stored = np.ascontiguousarray(array.transpose(2, 1, 0))
            nibabel.save(nibabel.Nifti1Image(stored, np.diag([-size, -size, 1.5, 1.0])), folder / kind / f"v{number}.nii.gz")
    changes = [*(c for c in TINY if not c.startswith("view")), "view={name: patches, size: 32}", "fit.epochs=3"]
    run = md.train(folder, tmp_path / "run", recipe="small-patches", changes=changes)
    assert run.bundle.recipe.images.spacing == (0.5, 0.5)
    fine, coarse = (read_volume(folder / "images" / f"v{n}.nii.gz") for n in (0, 1))
    slicing = run.bundle.recipe.images.slicing
    assert slicing.picture(fine, 3).shape == slicing.picture(coarse, 3).shape == (40, 36, 1)
    done = predict(run.bundle, [str(folder / "images" / "v0.nii.gz")], tmp_path / "masks")
    assert read_volume_mask(done.written[0]).shape == (6, 80, 72)


@given(height=st.integers(16, 40), width=st.integers(16, 40), factor=st.sampled_from([0.5, 2.0, 3.0]))
def test_there_and_back_a_mask_keeps_its_place_and_invents_no_class(height: int, width: int, factor: float) -> None:
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : height - height // 4, width // 4 : width - width // 4] = 7
    shown = as_shown(mask, (max(1, round(height * factor)), max(1, round(width * factor))))
    assert set(np.unique(shown)) <= {0, 7}
    back = brought_back((shown == 7)[None], (height, width))[0]
    if factor > 1:
        assert np.array_equal(back, mask == 7)
    else:
        assert (back & (mask == 7)).sum() >= 0.4 * (mask == 7).sum()
