"""Graph 1: files to samples to candidates."""

from __future__ import annotations

from typing import Any

import apache_beam as beam

from schemas.candidate import Candidate
from schemas.record import Rejection
from schemas.sample import Sample

from .coders import register_coders
from .crew import Work
from .tables import WriteTable
from .transforms import MeasureSamples, ProposeCandidates, ReadItems

__all__ = ["build_propose"]


def build_propose(root: Any, work: Work) -> None:
    """Wire the graph; its outputs are the tables ``samples``, ``candidates`` and ``rejections``."""
    register_coders()
    measured = root | "Read" >> ReadItems(work=work) | "Measure" >> MeasureSamples(work=work)
    proposed = measured.kept | "Propose" >> ProposeCandidates(work=work)
    rejected = (measured.rejected, proposed.rejected) | "All rejections" >> beam.Flatten()
    measured.kept | "Samples" >> WriteTable(run_uri=work.run_uri, table="samples", model=Sample)
    proposed.kept | "Candidates" >> WriteTable(run_uri=work.run_uri, table="candidates", model=Candidate)
    rejected | "Rejections" >> WriteTable(run_uri=work.run_uri, table="rejections", model=Rejection, prefix="propose")
