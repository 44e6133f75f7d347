"""The HTML report of a run: one file that needs nothing else, and that nothing in the data can script.

``thumbnails.thumbnail`` makes the pictures (in the sandbox, beside the decoders), ``tally`` the
sums, ``write_report`` the page.
"""

from .facts import EvaluationRow, GalleryEntry, MachineSpend, ReportFacts, Thumbnail
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
