"""How good a segmentation is, and the document that says so. Nothing heavy is imported before it is used."""

from modicum.evaluation.curves import ProbabilityHistogram, steady_threshold
from modicum.evaluation.evaluator import Evaluator, dice_by_case
from modicum.evaluation.metrics import binary_metrics
from modicum.evaluation.pictures import difference, overlay
from modicum.evaluation.report import Example, PseudoLabelled, ReportData, SecondLook, StepFigures, write_report
from modicum.evaluation.statistics import Summary, summarise

__all__ = [
    "Evaluator",
    "Example",
    "ProbabilityHistogram",
    "PseudoLabelled",
    "ReportData",
    "SecondLook",
    "StepFigures",
    "Summary",
    "binary_metrics",
    "dice_by_case",
    "difference",
    "overlay",
    "steady_threshold",
    "summarise",
    "write_report",
]
