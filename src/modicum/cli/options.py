"""Options that several commands have, and what their words mean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from modicum.errors import ModicumError

Data = Annotated[Path, typer.Argument(help="Folder with pictures and labels, or a CSV manifest.", show_default=False)]
Budget = Annotated[
    str | None, typer.Option(help="Training time, such as 90s, 20m or 2h; 20 is 20 minutes.", show_default=False)
]
RecipeName = Annotated[str, typer.Option(help="Name of a recipe (see `modicum recipes`), or a YAML file.")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", help="Change a recipe key: --set fit.loss=focal", show_default=False)
]
Seed = Annotated[int | None, typer.Option(min=0, help="Of the split and the start.", show_default="the recipe's, or 0")]
Flips = Annotated[bool | None, typer.Option("--flips/--no-flips", help="Average over four flips.", show_default="as trained")]


def sizes_of(text: str) -> list[str]:
    """Numbers of '5, 10, 3p, all'."""
    sizes = [one.strip() for one in text.split(",")]
    for one in sizes:
        if not re.fullmatch(r"all|[1-9]\d*p?", one):
            raise ModicumError(
                f"'{one}' is no number of labels.", remedy="Write for example --labels 5,10,20,all, or 1p,3p for patients."
            )
    return sizes


def scale_of(text: str | None) -> float | Literal["auto"] | None:
    """'0.5' or 'auto'."""
    if text is None or text == "auto":
        return None if text is None else "auto"
    try:
        return float(text)
    except ValueError:
        raise ModicumError(f"'{text}' is no scale.", remedy="Write for example --scale 0.5, or --scale auto.") from None


def interrupted(said: str) -> typer.Exit:
    typer.echo(f"modicum: Interrupted. {said}", err=True)
    return typer.Exit(130)
