"""What a machine hands over is looked at when it comes: a wrong plug-in is named at its first sample, not at the end.

What finalize would refuse after everything is paid is refused here. Two fates: what no answer can
excuse (no Candidate, another sample's, an id that is no hash) is the machine's own defect, which it
would repeat for every sample; a region that lies outside is one bad answer.
"""

from __future__ import annotations

import re
from typing import Any

from annotators.base import MachineConfig
from schemas.candidate import Candidate
from schemas.checks import check_candidate
from schemas.errors import AnswerError, SampleError
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy

__all__ = ["MachineError", "received"]

_SHA256 = re.compile(r"[0-9a-f]{64}")


class MachineError(SampleError):
    """A machine broke its contract in a way that it would for every sample: the run should end and say so."""


def received(given: Any, config: MachineConfig, sample: Sample, taxonomy: Taxonomy) -> tuple[Candidate, ...]:
    """The candidates as given. Raises MachineError, and AnswerError where only their regions or texts are wrong.

    Some 15 us a candidate and 12 us a box; a polygon takes as long as all of these.
    """
    defect = _misshapen(given) or next((d for one in given if (d := _foreign(one, config, sample))), "")
    if defect:
        raise MachineError(
            f"machine {config.title!r} (kind {config.kind}) gave {defect}, for {sample.item_id!r}",
            remedy=f"mend annotators/machines/{config.kind}.py; schemas/candidate.py says what is meant",
        )
    media = {"": sample.primary.media} | {asset.asset_id: asset.media for asset in sample.assets}
    defects = [defect for candidate in given for defect in check_candidate(candidate, media, taxonomy)]
    if defects:
        raise AnswerError(
            f"what {config.title!r} proposed cannot be published: {'; '.join(d.message for d in defects)}",
            remedy=f"if other samples fail like this, annotators/machines/{config.kind}.py is to be mended",
        )
    return tuple(given)


def _misshapen(given: Any) -> str:
    """What is given in the place of candidates; empty where these are some."""
    if not isinstance(given, (tuple, list)):
        return f"{type(given).__name__} where a tuple of Candidates belongs"
    if not given:
        return "no candidate (one without regions says that nothing was found; an AnswerError that it cannot tell)"
    wrong = next((one for one in given if not isinstance(one, Candidate)), None)
    return f"{type(wrong).__name__} where a Candidate belongs" if wrong is not None else ""


def _foreign(candidate: Candidate, config: MachineConfig, sample: Sample) -> str:
    """What does not fit together: of which sample, by whom, under which id; empty where all does."""
    said = {"sample_id": candidate.sample_id, "machine": candidate.machine, "kind": candidate.kind}
    meant = {"sample_id": sample.sample_id, "machine": config.title, "kind": config.kind}
    if said != meant:
        return "a candidate with " + ", ".join(
            f"{n} {said[n]!r}, not {meant[n]!r}" for n in said if said[n] != meant[n]
        )
    if not _SHA256.fullmatch(candidate.candidate_id):
        made = "schemas.base.content_id makes them"
        return f"candidate_id {candidate.candidate_id!r}, not 64 lower-case hex digits ({made})"
    return ""
