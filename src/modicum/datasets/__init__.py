"""What lies on disk: cases, labels, patients, splits, fingerprint and checks."""

from modicum.datasets.case import Case, Dataset, LabelCode, Part, Split
from modicum.datasets.checks import check, unusable
from modicum.datasets.discover import discover
from modicum.datasets.fingerprint import Fingerprint, fingerprint
from modicum.datasets.inspection import Inspection, inspect
from modicum.datasets.labels import infer_code
from modicum.datasets.leaks import check_split, join_findings
from modicum.datasets.loading import foreground_share, load_field_of_view, load_label, load_marked, load_picture, load_valid
from modicum.datasets.patients import guess_patients
from modicum.datasets.splits import choose_evaluation, make_folds, make_split

__all__ = [
    "Case",
    "Dataset",
    "Fingerprint",
    "Inspection",
    "LabelCode",
    "Part",
    "Split",
    "check",
    "check_split",
    "choose_evaluation",
    "discover",
    "fingerprint",
    "foreground_share",
    "guess_patients",
    "infer_code",
    "inspect",
    "join_findings",
    "load_field_of_view",
    "load_label",
    "load_marked",
    "load_picture",
    "load_valid",
    "make_folds",
    "make_split",
    "unusable",
]
