"""The HTML report of a run: one file that needs nothing else, and that nothing in the data can script.

``pipeline.thumbnails`` makes the pictures (in the sandbox, beside the decoders), ``tally`` the
sums, ``write_report`` the page.
"""

from ..thumbnails import Thumbnail
from .facts import EvaluationRow, GalleryEntry, MachineSpend, ReportFacts
from .page import render_report, write_report

__all__ = [
    "EvaluationRow",
    "GalleryEntry",
    "MachineSpend",
    "ReportFacts",
    "Thumbnail",
    "render_report",
    "write_report",
]
