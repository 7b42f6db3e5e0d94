"""What the second network saw: the marks lie where they should, and the page says what the figures are."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from modicum.evaluation import ReportData, SecondLook, StepFigures, write_report
from modicum.evaluation.pictures import HALO, box_outline, cross, outlines
from modicum.evaluation.report import second_look
from modicum.evaluation.report.second_look import ALSO_CUT, ANSWER, CENTRE, CUT, ROUGH, TRUTH, drawings, legend, step_rows

HOSTILE = "<script>alert('x')</script> & \"é\""
RED = (255, 0, 0)
GREY = np.full((12, 10, 3), 100, np.uint8)


def block(shape: tuple[int, int], top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def look(case_id: str = "eye", **changes) -> SecondLook:
    """A picture of 480 × 360, which is drawn as it is, with one crop of 60 × 120 that is drawn four times as large."""
    truth = block((480, 360), 100, 100, 200, 220)
    made = SecondLook(
        case_id,
        dice=0.8,
        image=np.full((480, 360, 3), 100, np.uint8),
        rough=truth > 0,
        centres=((150.0, 160.0),),
        boxes=((90.0, 80.0, 210.0, 240.0),),
        shown=np.full((60, 120, 3), 50, np.uint8),
        answer=block((60, 120), 10, 10, 50, 60),
        shown_truth=block((60, 120), 10, 10, 50, 110),
        prediction=np.roll(truth, 20, axis=1),
        truth=truth,
    )
    return replace(made, **changes)


def figures(mean: float, low: float | None, high: float | None) -> dict:
    return {"mean": mean, "ci95": [low, high], "median": mean, "sd": 0.1, "n": 9}


STEPS = [
    StepFigures("first network alone", figures(0.8, 0.75, 0.85)),
    StepFigures("both networks", figures(0.9, 0.88, 0.92), difference={"mean": 0.1, "ci95": [-0.012, 0.2], "p": 0.0004}),
    StepFigures("with true places", figures(0.95, None, None), True, {"mean": -0.15, "ci95": [None, None], "p": float("nan")}),
]


def section(tmp_path, looks=(), steps=()) -> str:
    """The page's section; "" where it is left out."""
    dice = figures(0.8, None, None)
    data = ReportData("eye", dice, {"dice": dice}, pd.DataFrame(), ["eye"], second_looks=looks, steps=steps)
    write_report(tmp_path / "report.html", data)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.index("</header>") < text.index('<section id="figures">')
    found = re.search(r'<section id="second-look">.*?</section>', text, re.DOTALL)
    heading = "What the second network saw" if looks else "What each step contributes"
    assert text.count(heading) == (found is not None)
    return found.group() if found else ""


def texts(page: str) -> list[str]:
    """What a reader sees, piece by piece."""
    found: list[str] = []
    parser = HTMLParser()
    parser.handle_data = lambda data: found.append(data.strip())  # type: ignore[method-assign]
    parser.feed(page)
    return [text for text in found if text]


def coloured(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (picture == colour).all(axis=-1)


def test_left_out_where_there_is_nothing(tmp_path):
    assert section(tmp_path) == ""


def test_looks_without_steps_and_steps_without_looks(tmp_path):
    looks = section(tmp_path, looks=[look()])
    assert looks.count("<img") == 4 and "<table" not in looks
    captions = ["Found", "Shown to the second network", "Its answer", "Back in the picture"]
    assert texts(looks)[-6:] == ["eye", "Dice .800", *captions]
    steps = section(tmp_path, steps=STEPS)
    assert "<img" not in steps and steps.count("<table") == 1 and "outline" not in steps


def test_steps_as_they_are_printed():
    assert [row["cells"] for row in step_rows(STEPS)] == [
        [".800", ".750 to .850", "–", "–", "–"],
        [".900", ".880 to .920", "+.100", "−.012 to +.200", "< .001"],
        [".950", "–", "−.150", "–", "–"],
    ]
    nothing = StepFigures("none", {"mean": None, "ci95": [None, None]}, difference={"mean": -0.0001, "ci95": [0, 0], "p": 1.0})
    assert step_rows([nothing])[0]["cells"] == ["–", "–", ".000", ".000 to .000", "1.000"]


def test_only_the_upper_bound_is_marked(tmp_path):
    rows = re.findall(r"<tr.*?</tr>", section(tmp_path, steps=STEPS), re.DOTALL)[1:]
    assert ["upper bound: uses the true mask" in row for row in rows] == [False, False, True]
    assert ['class="bound"' in row for row in rows] == [False, False, True]


def test_at_most_six_are_shown(tmp_path):
    page = section(tmp_path, looks=[look(f"picture {i}") for i in range(8)])
    assert page.count("<figure") == 6 and "picture 5" in page and "picture 6" not in page


def test_hostile_names_are_shown_not_run(tmp_path):
    page = section(tmp_path, looks=[look(HOSTILE)], steps=[StepFigures(HOSTILE, figures(0.8, 0.7, 0.9))])
    assert "<script" not in page and texts(page).count(HOSTILE) == 2


def test_found_has_its_marks_where_they_belong():
    picture = dict(drawings(look()))["Found"]
    assert picture.shape == (480, 360, 3)
    assert (
        tuple(picture[150, 160]) == CENTRE and tuple(picture[150, 160 - 7]) == CENTRE and tuple(picture[150 + 7, 160]) == CENTRE
    )
    where = np.argwhere(coloured(picture, CUT))
    assert where.min(0).tolist() == [90, 80] and where.max(0).tolist() == [209, 239]
    assert coloured(picture, CUT)[[90, 91, 208, 209], 80:240].all() and not coloured(picture, CUT)[92:208, 82:238].any()
    where = np.argwhere(coloured(picture, ROUGH))
    assert where.min(0).tolist() == [100, 100] and where.max(0).tolist() == [199, 219]
    assert tuple(picture[120, 120]) == (136, 107, 123)  # the veil
    assert tuple(picture[95, 95]) == (100, 100, 100)


def test_outlines_in_the_view_and_back_in_the_picture():
    panels = dict(drawings(look()))
    answer = panels["Its answer"]
    assert answer.shape == (240, 480, 3)
    assert tuple(answer[100, 40]) == ANSWER and tuple(answer[100, 44]) == TRUTH  # they agree; the truth's line is wider
    assert tuple(answer[100, 239]) == ANSWER and tuple(answer[100, 439]) == TRUTH
    assert tuple(answer[100, 300]) == (50, 50, 50) and (panels["Shown to the second network"] == 50).all()
    back = panels["Back in the picture"]
    assert tuple(back[150, 100]) == TRUTH and tuple(back[150, 120]) == ANSWER and tuple(back[150, 239]) == ANSWER


@pytest.mark.parametrize("factor", [2, 0.25])
def test_places_follow_the_picture_when_it_is_drawn_larger_or_smaller(factor):
    size = round(480 * factor), round(360 * factor)
    rows, columns = (np.arange(n) * 480 // size[0] for n in size)
    one = look()
    scaled = replace(
        one,
        image=one.image[rows][:, columns],
        rough=one.rough[rows][:, columns],
        truth=one.truth[rows][:, columns],
        prediction=one.prediction[rows][:, columns],
        centres=tuple(((y + 0.5) * factor - 0.5, (x + 0.5) * factor - 0.5) for y, x in one.centres),
        boxes=tuple((a * factor, b * factor, c * factor, d * factor) for a, b, c, d in one.boxes),
    )
    for (_, expected), (_, drawn) in zip(drawings(one), drawings(scaled), strict=True):
        assert np.array_equal(expected, drawn)


def test_several_views_tell_the_one_that_is_shown():
    several = look(views=3, boxes=((90.0, 80.0, 210.0, 240.0), (300.0, 20.0, 400.0, 90.0)))
    panels = dict(drawings(several))
    assert "Shown to the second network (1 of 3)" in panels
    assert tuple(panels["Found"][90, 100]) == CUT and tuple(panels["Found"][300, 50]) == ALSO_CUT
    assert (ALSO_CUT, "also cut out") in legend([several]) and (ALSO_CUT, "also cut out") not in legend([look()])


def test_where_nothing_was_found_nothing_is_drawn():
    lost = look(rough=np.zeros((480, 360), np.uint8), found=False)
    panels = dict(drawings(lost))
    assert (panels["Nothing was found: the whole picture was shown"] == 100).all() and "Found" not in panels
    assert legend([lost]) == [(ANSWER, "outline of the answer"), (TRUTH, "outline of the truth")]


@pytest.mark.parametrize(
    ("shape", "frame"), [((480, 360), "0.750"), ((300, 900), "1.333"), ((900, 300), "0.750"), ((50, 50), "1.000")]
)
def test_frames_are_alike_and_neither_narrow_nor_wide(shape, frame):
    empty = np.zeros(shape, np.uint8)
    one = look(image=np.zeros((*shape, 3), np.uint8), rough=empty, prediction=empty, truth=empty)
    assert second_look.shown_looks([one])[0]["frame"] == frame


def test_a_box_is_drawn_inside_its_edges():
    lines = coloured(box_outline(GREY, (2, 3, 8, 9), RED), RED)
    expected = block((12, 10), 2, 3, 8, 9) - block((12, 10), 3, 4, 7, 8)
    assert np.array_equal(lines, expected > 0) and (GREY == 100).all()
    assert np.array_equal(coloured(box_outline(GREY, (2, 3, 4, 9), RED, 9), RED), block((12, 10), 2, 3, 4, 9) > 0)


def test_a_box_that_leaves_the_picture_ends_at_its_edge():
    lines = coloured(box_outline(GREY, (-5.2, -3, 40, 4.4), RED), RED)
    assert np.array_equal(lines, (block((12, 10), 0, 0, 12, 4) - block((12, 10), 1, 1, 11, 3)) > 0)
    assert np.array_equal(box_outline(GREY, (-9, -9, -2, -2), RED), GREY)
    assert np.array_equal(box_outline(GREY, (20, 20, 30, 30), RED), GREY)


def test_a_cross_lies_on_its_point_and_has_a_halo():
    drawn = cross(GREY, (5.2, 3.9), RED, arm=2)
    expected = block((12, 10), 5, 2, 6, 7) | block((12, 10), 3, 4, 8, 5)
    assert np.array_equal(coloured(drawn, RED), expected > 0)
    assert tuple(drawn[4, 3]) == HALO and tuple(drawn[2, 4]) == HALO and tuple(drawn[5, 7]) == HALO
    assert tuple(drawn[3, 2]) == (100, 100, 100)


def test_a_cross_outside_the_picture_is_not_drawn():
    for centre in ((-30.0, 4.0), (5.0, 40.0)):
        assert np.array_equal(cross(GREY, centre, RED), GREY)
    assert tuple(cross(GREY, (0.0, 0.0), RED)[0, 0]) == RED


def test_outlines_of_several_classes_are_drawn_once_between_them():
    mask = block((12, 10), 1, 1, 11, 9)
    mask[4:8, 3:7] = 2
    lines = coloured(outlines(GREY, mask, RED), RED)
    assert lines[1, 1:9].all() and lines[4, 3:7].all() and not lines[3, 2:8].any() and not lines[5, 4]
    assert np.array_equal(outlines(GREY, mask * 0, RED), GREY)
