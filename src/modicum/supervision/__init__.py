"""What the loop learns from."""

from modicum.supervision.table import SUPERVISIONS, Consistency, Labels, PseudoLabels, Supervision

__all__ = ["SUPERVISIONS", "Consistency", "Labels", "PseudoLabels", "Supervision"]
