"""How long a person takes for a sample: published figures first, the run's own lead times once there are some."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from schemas.media.types import Modality
from schemas.verification import Verification

from ..recipe import Effort

__all__ = ["ENOUGH", "seconds_by_modality"]

ENOUGH = 20
"""Lead times of a modality from which their mean is believed."""
LONG_BREAK = 5.0
"""A lead time above so many medians counts as that many: somebody went for lunch with the task open."""


def seconds_by_modality(
    defaults: Effort, verifications: Iterable[Verification], modality_of: Mapping[str, Modality]
) -> dict[Modality, float]:
    """Mean seconds per sample and person, by modality; skips count, they take time too."""
    times: defaultdict[Modality, list[float]] = defaultdict(list)
    for verification in verifications:
        modality = modality_of.get(verification.sample_id)
        if modality and verification.lead_time_s:
            times[modality].append(verification.lead_time_s)
    learned = {modality: _mean(found) for modality, found in times.items() if len(found) >= ENOUGH}
    return {"image": defaults.image, "video": defaults.video, "document": defaults.document, **learned}


def _mean(times: list[float]) -> float:
    longest = LONG_BREAK * sorted(times)[len(times) // 2]
    return sum(min(time, longest) for time in times) / len(times)
