"""The report: one file, nothing from outside, nothing hostile gets through, whatever is missing."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from modicum.errors import Finding, ModicumError
from modicum.evaluation import Evaluator, Example, ReportData, write_report
from modicum.evaluation.report import words
from modicum.evaluation.report.probabilities import reliability

HOSTILE = "<script>alert('x')</script> & $a_b$ \"é\""
_VOID = {"meta", "img", "br", "link", "input", "hr", "path", "use", "rect"}


class Page(HTMLParser):
    """Tags in balance, with every address that they would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href", "data", "action", "srcset")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in _VOID:
            assert self.open.pop() == tag


def report(classes: int = 1, count: int = 9, name: str = "eye") -> ReportData:
    names = [f"{name} class {k}" for k in range(1, classes + 1)]
    evaluator, examples = Evaluator(names), []
    for i in range(count):
        rng = np.random.default_rng(i)
        truth = rng.integers(0, classes + 1, (40, 30)).astype(np.uint8)
        scores = np.stack([(truth == k) * 0.7 + rng.random(truth.shape) for k in range(classes + 1)])
        attributes = {f"{name} camera": "AB"[i % 2] + name}
        found = scores.argmax(0).astype(np.uint8)
        evaluator.add(f"{name} {i}", (scores / scores.sum(0))[1:], truth, prediction=found, attributes=attributes)
        if i < 3:
            image = rng.integers(0, 255, (40, 30, 3)).astype(np.uint8)
            role = ("best", "median", "worst")[i]
            examples.append(Example(f"{name} {i}", 0.8, image, truth, truth, None, role))
    summary = evaluator.summary()
    epochs = np.arange(1, 31)
    history = pd.DataFrame({"epoch": epochs, "train_loss": 1 / epochs, "val_loss": 1.1 / epochs, "val_dice": 1 - 1 / epochs})
    return ReportData(
        title=f"{name}: vessels",
        subtitle=name,
        headline=summary["dice"],
        recipe={"fit": {"rate": 3e-3, "loss": {"name": name}}, "seed": 0, "none": None, "empty": {}, "on": True},
        reasons=[name],
        split_reason=name,
        counts={"train": 5, "val": 0, "test": count, "unlabelled": 12345},
        history=history,
        summary=summary,
        table=evaluator.table(),
        histograms=evaluator.histograms,
        examples=examples,
        findings=[Finding("note", "kind", name), *(Finding("error", "bad-file", name, name, name) for _ in range(3))],
        environment={"python": name},
        classes=names,
        notes=[name],
    )


def written(path, data: ReportData) -> str:
    write_report(path / "report.html", data)
    text = (path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert all(a.startswith(("data:image/", "#")) for a in page.addresses)
    assert not re.search(r"url\((?!#)|@import|//[a-z]+\.[a-z]", text.replace("\n", ""))
    assert "http://" not in text and "https://" not in text
    assert not re.search(r"\b(nan|NaN|None)\b", re.sub(r"base64,[^\"]*", "", text))
    return text


def test_the_whole_report(tmp_path):
    text = written(tmp_path, report())
    page = Page(text)
    assert page.tags.count("img") == 12 and page.tags.count("svg") == 5
    assert "On 9 pictures that the model never saw, Dice is ." in text
    assert "12,345" in text and "Read this first" in text and "3 times" in text
    assert text.index("Read this first") < text.index('class="cards"')
    assert not list(tmp_path.glob("*.part"))


def test_reliability_before_and_after_a_temperature():
    one, three = report(), report(3)
    assert "before temperature 1.70" in reliability(one.histograms, one.classes, 1.7)
    assert "before temperature" not in reliability(one.histograms, one.classes, 1.0)
    assert "before temperature" not in reliability(three.histograms, three.classes, 1.7)  # classes share no such map
    assert reliability([], [], 1.7) == ""


def test_three_classes(tmp_path):
    text = written(tmp_path, report(classes=3))
    assert "mean Dice of the classes" in text and "By class" in text and "eye class 3" in text


def test_hostile_names_are_shown_not_run(tmp_path):
    text = written(tmp_path, report(name=HOSTILE))
    assert "<script>alert" not in text and "alert(&#39;x&#39;)" in text
    assert Page(text).tags.count("script") == 1


def test_a_table_of_masks_alone(tmp_path):
    truth = np.zeros((9, 9), np.uint8)
    truth[3:6, 3:6] = 1
    evaluator = Evaluator(["object"])
    for name in ("a", "b"):
        evaluator.add(name, None, truth, prediction=truth)
    summary = evaluator.summary()
    data = ReportData("masks", summary["dice"], summary, evaluator.table(), ["object"], counts={"test": 2})
    text = written(tmp_path, data)
    assert "On 2 pictures, Dice is 1.000" in text
    assert "ROC" not in text and "Training" not in text and "Subgroups" not in text


@pytest.mark.parametrize(
    "history", [None, pd.DataFrame(), pd.DataFrame({"epoch": [1], "val_loss": [np.nan], "train_loss": [1]})]
)
def test_no_history_no_histograms_no_examples(tmp_path, history):
    written(tmp_path, replace(report(), history=history, histograms=[], examples=[], findings=[], recipe={}))


def test_one_picture_has_no_interval(tmp_path):
    text = written(tmp_path, report(count=1))
    assert "On 1 picture that" in text and "there is no interval" in text


def test_the_patients_are_named_where_they_are_fewer_than_the_pictures(tmp_path):
    truth = np.zeros((9, 9), np.uint8)
    truth[3:6, 3:6] = 1
    for patients, told in ((2, "2 patients are too few for an interval"), (5, "With only 5 patients the interval itself is")):
        evaluator = Evaluator(["object"])
        for number in range(30):
            evaluator.add(str(number), None, truth, prediction=np.roll(truth, number % 3, 0), patient=f"p{number % patients}")
        summary = evaluator.summary()
        text = written(tmp_path, ReportData("masks", summary["dice"], summary, evaluator.table(), ["object"]))
        assert f"On 30 pictures of {patients} patients, Dice is" in text
        assert told in text


def test_an_object_that_was_never_there(tmp_path):
    empty, some = np.zeros((9, 9), np.uint8), np.ones((9, 9), np.uint8)
    evaluator = Evaluator(["object"])
    evaluator.add("a", np.zeros((1, 9, 9)), empty, prediction=empty)
    evaluator.add("b", np.ones((1, 9, 9)), empty, prediction=some)
    summary = evaluator.summary()
    data = replace(
        report(), summary=summary, headline=summary["dice"], table=evaluator.table(), histograms=evaluator.histograms
    )
    assert "2 of 2 pictures are without the object" in written(tmp_path, data)


def test_a_class_that_no_picture_has(tmp_path):
    evaluator = Evaluator(["organ", "cyst"])
    for i in range(12):
        truth = np.zeros((9, 9), np.uint8)
        truth[2:6, 2 : 3 + i % 5] = i % 4 > 0
        evaluator.add(f"c{i}", None, truth, prediction=np.roll(truth, i % 3, axis=0))
    summary = evaluator.summary()
    text = written(tmp_path, ReportData("masks", summary["dice"], summary, evaluator.table(), evaluator.classes))
    row = text.partition("<td>cyst</td>")[2].partition("</tr>")[0]
    assert row.count("–") >= 6
    assert "nan" not in row


def test_large_pictures_stay_small_on_the_page(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (1500, 2000, 3)).astype(np.uint8)
    mask = (image[..., 0] > 128).astype(np.uint8)
    written(tmp_path, replace(report(), examples=[Example("large", 0.5, image, mask, mask)] * 6))
    assert (tmp_path / "report.html").stat().st_size < 6e6  # noise is the worst case for JPEG


def test_sentences_by_protocol():
    folds = replace(report(), counts={"labelled": 9, "folds": 3})
    assert "each tested by a model that never saw it" in words.headline(folds)
    assert words.headline(replace(folds, counts={"test": 9})).startswith("On 9 pictures, Dice is")
    assert words.headline(replace(folds, headline={"mean": None, "n": 0})) == "No picture could be measured."


def test_numbers_are_set_as_in_a_paper():
    assert [words.figure("dice", v) for v in (0.8234, 1.0, 0.9999, 0.0, None)] == [".823", "1.000", "1.000", ".000", "–"]
    assert words.figure("hd95", 12.34) == "12.3"


def test_where_it_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModicumError, match="cannot be written"):
        write_report(tmp_path / "file" / "report.html", report(count=2))


def test_evaluation_is_light_to_import():
    code = (
        "import sys, modicum.evaluation; print([m for m in ('torch', 'matplotlib', 'jinja2', 'sklearn') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
