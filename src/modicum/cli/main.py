"""The commands of `modicum`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from modicum.cli.options import Budget, Changes, Data, Flips, RecipeName, Seed, interrupted, sizes_of
from modicum.errors import ModicumError

app = typer.Typer(
    help="Train accurate segmenters for medical images from few labels, and measure honestly how good they are.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def inspect(data: Data, json: Annotated[Path | None, typer.Option(help="Also write everything as JSON.")] = None) -> None:
    """What is in the data: cases, sizes, classes, patients, and every problem with its file."""
    from modicum.cli.show import show_inspection
    from modicum.console import bar
    from modicum.datasets import inspect as look

    with bar("Looking at the files") as progress:
        inspection = look(data, lambda done, total: progress.update(done, total))
    show_inspection(inspection)
    if json is not None:
        import json as format

        try:
            json.write_text(format.dumps(inspection.to_json(), indent=1, ensure_ascii=False) + "\n", "utf-8")
        except OSError as error:
            raise ModicumError(f"cannot be written ({error.strerror}).", file=json) from None


@app.command()
def plan(data: Data, recipe: RecipeName = "auto", budget: Budget = None, changes: Changes = None, seed: Seed = None) -> None:
    """The recipe that `train` would use, why, and how long it takes on this machine."""
    from modicum.cli.show import show_plan
    from modicum.datasets import discover
    from modicum.recipes import minutes_of
    from modicum.runs.betting import betted
    from modicum.runs.estimate import training_time
    from modicum.runs.growing import grown
    from modicum.runs.prepare import prepare

    prepared = grown(betted(prepare(discover(data), recipe, minutes_of(budget), None, changes or [], seed)))
    show_plan(prepared.plan, [prepared.splits[0].reason, training_time(prepared)])


@app.command()
def train(
    data: Data,
    out: Annotated[Path | None, typer.Option(help="Run folder.", show_default="runs/NAME-OF-DATA")] = None,
    recipe: RecipeName = "auto",
    budget: Budget = None,
    folds: Annotated[int | None, typer.Option(min=2, help="Cross-validation with this many folds.")] = None,
    changes: Changes = None,
    seed: Seed = None,
) -> None:
    """Train, test and report. The same command goes on with a run that was interrupted."""
    from modicum.cli.show import show_run
    from modicum.runs.train import train as run
    from modicum.training.together import gathered

    try:
        with gathered() as first:
            if first:
                show_run(run(data, out, recipe=recipe, budget=budget, folds=folds, changes=changes or [], seed=seed))
    except KeyboardInterrupt:
        raise interrupted("The same command goes on from the last epoch.") from None


@app.command()
def predict(
    bundle: Annotated[Path, typer.Argument(help="The model.modicum of a run folder.", show_default=False)],
    inputs: Annotated[list[str], typer.Argument(help="Pictures, folders or globs.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for the masks.", show_default=False)],
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Of pictures, also 16-bit probability maps.")] = False,
    overlays: Annotated[bool, typer.Option("--overlays", help="Of pictures, also masks laid over them.")] = False,
    flips: Flips = None,
    scale: Annotated[
        str | None,
        typer.Option(help="Show pictures at this part of their size (0.5), or at the one where the model is surest: auto."),
    ] = None,
) -> None:
    """Segment new pictures; masks have the size and the name of their picture."""
    from modicum.bundle import Bundle
    from modicum.cli.options import scale_of
    from modicum.runs.predicting import predict as run

    loaded, shown_at = Bundle.load(bundle), scale_of(scale)
    done = run(loaded, inputs, out, probabilities=probabilities, overlays=overlays, flips=flips, scale=shown_at)
    typer.echo(f"{len(done.written)} masks written to {out}")
    for error in done.failed:
        typer.echo(f"not segmented: {error}", err=True)
    if done.failed:
        raise typer.Exit(1)


@app.command()
def evaluate(
    bundle: Annotated[Path | None, typer.Argument(help="The model.modicum of a run.", show_default=False)] = None,
    data: Annotated[Path | None, typer.Argument(help="Labelled data.", show_default=False)] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Masks of any origin, of pictures or volumes, instead of a bundle.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="True masks for --predictions.")] = None,
    fov: Annotated[Path | None, typer.Option(help="Masks of the pixels that count, for --predictions.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for summary.json, cases.csv and report.html.")] = None,
    part: Annotated[
        str, typer.Option(help="Of DATA: test, all, train or val; auto: test, or what the model has not seen.")
    ] = "auto",
) -> None:
    """Measure a model on labelled data, or anybody's masks against true ones."""
    from modicum.cli.show import show_evaluation
    from modicum.runs.evaluating import evaluate_bundle, evaluate_folders

    of_model = bundle is not None or data is not None or part != "auto"
    of_masks = predictions is not None or labels is not None or fov is not None
    if predictions is not None and labels is not None and not of_model:
        done = evaluate_folders(predictions, labels, out, fov)
    elif bundle is not None and data is not None and not of_masks:
        done, out = evaluate_bundle(bundle, data, out, part)
    else:
        raise ModicumError(
            "give BUNDLE and DATA (and --part), or --predictions and --labels (and --fov)"
            + (": one of the two." if of_model and of_masks else ".")
        )
    show_evaluation(done)
    if out is not None:
        typer.echo(f"Report: {out / 'report.html'}")
    if any(finding["severity"] == "error" for finding in done["findings"]):
        raise typer.Exit(1)


@app.command()
def compare(
    data: Data,
    out: Annotated[
        Path | None, typer.Option(help="Folder for cells and report.", show_default="comparisons/NAME-OF-DATA")
    ] = None,
    recipes: Annotated[str, typer.Option(help="Names or YAML files, with commas; the first is the reference.")] = "auto",
    labels: Annotated[str, typer.Option(help="Numbers of labelled pictures, or of patients (3p), with commas; all.")] = "all",
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions, each with other labelled pictures.")] = 3,
    budget: Budget = None,
    changes: Changes = None,
    ray: Annotated[
        str | None, typer.Option(help="'local' or a Ray cluster's address: cells side by side.", show_default=False)
    ] = None,
) -> None:
    """Recipes on growing numbers of labels, tested on the same pictures: learning curves, tests, a conclusion in words."""
    from modicum.cli.show import show_comparison
    from modicum.runs.compare import compare as run

    place = out or Path("comparisons") / data.resolve().stem
    try:
        done = run(
            data, place, recipes=[r.strip() for r in recipes.split(",")], labels=sizes_of(labels), seeds=seeds,
            budget=budget, changes=changes or [], ray=ray,
        )  # fmt: skip
    except KeyboardInterrupt:
        raise interrupted(f"The same command goes on with what is left ({place}).") from None
    show_comparison(done)
    if done.failed:
        raise typer.Exit(1)


@app.command()
def suggest(
    bundle: Annotated[Path, typer.Argument(help="The model.modicum of a run.", show_default=False)],
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for the list and the contact sheet.")] = Path("suggestions"),
    count: Annotated[int, typer.Option(min=1, help="Number of pictures.")] = 20,
) -> None:
    """Which unlabelled pictures to label next: those that the model is unsure of and that are unlike all others."""
    from modicum.bundle import Bundle
    from modicum.runs.suggesting import suggest as run

    for number, found in enumerate(run(Bundle.load(bundle), data, out, count=count), 1):
        typer.echo(f"{number:3}  {found.case.image}  uncertainty {found.uncertainty:.2f}")
    typer.echo(f"Contact sheet: {out / 'suggestions.png'}")


@app.command()
def export(
    bundle: Annotated[Path, typer.Argument(help="The model.modicum of a run.", show_default=False)],
    to: Annotated[str, typer.Option(help="Format: onnx.")] = "onnx",
    out: Annotated[Path | None, typer.Option(help="File.", show_default="NAME.onnx beside the bundle")] = None,
    flips: Flips = None,
) -> None:
    """The network for other programs (ONNX), and beside it a JSON file with what they must do before and after it."""
    from modicum.bundle import Bundle, file_of
    from modicum.runs.exporting import export as run

    if to != "onnx":
        raise ModicumError(f"there is no export to '{to}'.", remedy="Use --to onnx")
    place = out or file_of(bundle).with_suffix(".onnx")
    about = run(Bundle.load(bundle), place, flips=flips)
    for key in ("input", "output"):
        typer.echo(f"{key:6} {about[key]['name']} {' x '.join(map(str, about[key]['shape']))}")
    typer.echo(f"{place} ({place.stat().st_size / 1e6:.1f} MB); before and after it: {place.with_suffix('.json')}")


@app.command()
def deidentify(
    source: Annotated[Path, typer.Argument(help="Folder of DICOM files.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="Folder for those without names.", show_default=False)],
) -> None:
    """DICOM files without what names a person: the standard's basic profile, private tags and free text besides."""
    from modicum.runs.deidentifying import deidentify_folder

    done = deidentify_folder(source, out)
    typer.echo(f"{done.written} files written to {out}")
    for keyword, counts in done.changed.items():
        typer.echo(f"  {keyword}: {', '.join(f'{what} in {number}' for what, number in counts.items())}")
    if done.doubtful:
        typer.echo(f"{done.doubtful} files may have text burned into their pictures: look at them.", err=True)
    for error in done.left_out:
        typer.echo(f"modicum: {error}", err=True)
    if done.left_out:
        raise typer.Exit(1)


@app.command()
def recipes(
    name: Annotated[str | None, typer.Argument(help="One of them, as YAML with all settings.", show_default=False)] = None,
) -> None:
    """The recipes there are, with their sources; or one, to be saved as a file and changed."""
    from modicum.cli.show import show_recipes
    from modicum.recipes import dump, load

    if name is None:
        show_recipes()
    elif name == "auto":
        raise ModicumError("auto is made for each data set.", remedy="`modicum plan DATA` shows what it is for yours.")
    else:
        typer.echo(dump(load(name)), nl=False)


@app.command()
def networks(
    names: Annotated[list[str] | None, typer.Argument(help="Networks; all without any.", show_default=False)] = None,
    measure: Annotated[bool, typer.Option("--measure", help="Also pictures a second on this machine: minutes.")] = False,
) -> None:
    """The networks and encoders there are, with parameters, arithmetic, speed and source."""
    from modicum.cli.show import show_networks
    from modicum.runs.network_costs import network_costs

    show_networks(network_costs(names or [], measure))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for data, run and predictions.")] = Path("demo"),
    budget: Annotated[str, typer.Option(help="Training time.")] = "2m",
    size: Annotated[int | None, typer.Option(help="Edge in pixels.", show_default="256; CT 128")] = None,
    count: Annotated[int | None, typer.Option(help="Number of pictures or patients.", show_default="40; CT 12")] = None,
    ct: Annotated[bool, typer.Option("--ct", help="Chest CT instead, and the fat about the heart.")] = False,
) -> None:
    """Grow synthetic fundus pictures (or CT), train on them, test, predict a folder, and write the report."""
    from modicum.cli.show import show_run
    from modicum.runs import demo as runs

    given = {key: value for key, value in (("size", size), ("count", count)) if value is not None}
    finished, written = (runs.demo_ct if ct else runs.demo)(out, budget, **given)
    show_run(finished)
    typer.echo(f"Masks: {len(written)} in {written[0].parent}")


@app.command()
def serve(
    data: Annotated[Path, typer.Argument(help="Folder with pictures, labelled or not.", show_default=False)],
    host: Annotated[str, typer.Option(help="Address; any but this computer's own asks for a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 8765,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """The page: label pictures, train, look, correct, train again, in a browser on this computer."""
    from modicum.web.serve import serve as run

    run(data, host, port, browser=browser)


def main() -> None:
    """Run a command; bad input ends in one line and exit code 1."""
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    try:
        app()
    except ModicumError as error:
        typer.echo(f"modicum: {error}", err=True)
        sys.exit(1)
    except OSError as error:  # disk full, no permission, a share that went away
        typer.echo(f"modicum: {error.filename or 'a file'}: {error.strerror or error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("modicum: interrupted.", err=True)
        sys.exit(130)
