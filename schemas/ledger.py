"""What lies with people: one row of ``tasks/`` per task that was handed out."""

from __future__ import annotations

from typing import Literal

from pydantic import NonNegativeInt, PositiveInt

from .base import Frozen, Int64, content_id

__all__ = ["Layout", "Purpose", "SubmittedTask", "task_key"]

Layout = Literal["image", "video", "document", "pair"]
"""What the page of a task shows."""
Purpose = Literal["review", "gold", "adjudication"]
"""review: what routing chose; gold: its truth is known, it measures the reviewer; adjudication: reviewers disagreed."""


class SubmittedTask(Frozen):
    """A task as it lies with a people tool, and what was shown there.

    The ledger is what a result is checked against when it comes back: the medium, its size, the candidate that was
    shown, the labelling config. It holds no key and no password.
    """

    task_key: str
    """Stands in the task's data as ``sample_key``: equal work in one project has one key (see task_key)."""
    sample_id: str
    """The sample."""
    item_id: str = ""
    """What a person would call it."""
    tool: str
    """Name of the people tool in the recipe."""
    purpose: Purpose = "review"
    """Why it was handed out."""
    pass_number: PositiveInt = 1
    """Which round of review, 1 for the first."""
    candidate_id: str | None = None
    """The candidate that was shown; None where people start from nothing."""
    layout: Layout
    """What the page shows, which decides the labelling config."""
    server: str = ""
    """Address of the server, or folder of the files."""
    project: str = ""
    """Title of the project."""
    project_id: Int64 | None = None
    """Number of the project on its server."""
    task_id: Int64 | None = None
    """Number of the task on its server."""
    prediction_id: Int64 | None = None
    """Number of the prediction that shows the candidate."""
    model_version: str = ""
    """Model version of that prediction: that of its project."""
    config_version: str
    """Version of the labelling config that the task was made for."""
    asset_id: str
    """sha256 of the medium's original bytes."""
    byte_size: NonNegativeInt
    """Size of the original bytes."""
    is_lost: bool = False
    """Whether it vanished with its project after it was answered: what was collected stays, nothing is asked again."""


def task_key(sample_id: str, *, tool: str, purpose: Purpose, pass_number: int) -> str:
    """The key of a task: 64 hex digits. A gold task has the key of the review it stands in for."""
    round_of = "adjudication" if purpose == "adjudication" else "review"
    return content_id("task", sample_id, tool, round_of, pass_number)
