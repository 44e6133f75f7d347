"""What became of each region: kept, moved, relabeled, reworded, added or removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from schemas.candidate import Candidate, Region
from schemas.checks import check_region
from schemas.errors import VerdictError
from schemas.verification import RegionChange

from .geometry import is_same_place
from .groups import Group
from .predictions import region_key
from .results import Drawn, Marked
from .tasks import Picture

__all__ = ["Comparison"]

Change = Literal["kept", "moved", "relabeled", "reworded", "added", "removed"]

_NOWHERE = {"box": None, "polygons": (), "mask": None, "track": (), "span": None, "frame_index": None, "pts_s": None}
"""A stretch of text has its page for a place."""


@dataclass(frozen=True)
class Comparison:
    """A candidate's regions against what a person left; ``data`` are the task's."""

    candidate: Candidate | None
    data: Mapping[str, Any]

    def regions(
        self, before: Mapping[str, Group], after: Mapping[str, Group]
    ) -> tuple[list[RegionChange], dict[str, Region]]:
        """Changes in the order shown, added ones last; and the regions as they are now, by key."""
        known = {region_key(self.candidate, r.region_id): r for r in self.candidate.regions} if self.candidate else {}
        changes: list[RegionChange] = []
        regions: dict[str, Region] = {}
        for key, region in known.items():
            if key not in after:
                changes.append(RegionChange(region_id=region.region_id, change="removed"))
                continue
            made = tuple(_differences(before[key], after[key])) or ("kept",)
            changes += [RegionChange(region_id=region.region_id, change=change) for change in made]
            regions[key] = self._changed(region, after[key], made)
        for key, group in after.items():
            if key not in known:
                regions[key] = self._added(key, group)
                changes.append(RegionChange(region_id=regions[key].region_id, change="added"))
        return changes, regions

    def _changed(self, region: Region, group: Group, made: Sequence[Change]) -> Region:
        """What was not touched stays as the machine gave it, to the last digit."""
        fields: dict[str, Any] = {}
        if "moved" in made:
            fields |= {**self._where(group), "source": "human", "score": None}
        if "relabeled" in made:
            fields |= {"category": group.drawn.labels[0], "score": None}
        if "reworded" in made:
            fields["explanation"] = group.explanation
        return self._checked(region.evolve(**fields), group.picture) if fields else region

    def _added(self, key: str, group: Group) -> Region:
        region = {
            "region_id": f"person-{key}",
            "asset_id": group.picture.asset.asset_id,
            "category": group.drawn.labels[0],
            "explanation": group.explanation,
            "source": "human",
        }
        return self._checked(Region(**region, **self._where(group)), group.picture)

    def _where(self, group: Group) -> dict[str, Any]:
        """Every field of a Region that says where."""
        page = group.picture.item_index
        if isinstance(group.drawn, Marked):
            page = self._page_of_text(group.drawn)
            return {"page_index": page, **_NOWHERE}
        return {"page_index": page, **group.drawn.place._asdict()}

    def _page_of_text(self, marked: Marked) -> int:
        starts = self.data.get("text_starts")
        starts = starts if isinstance(starts, list) and all(isinstance(start, int) for start in starts) else [0]
        return max(sum(start <= marked.start for start in starts) - 1, 0)

    def _checked(self, region: Region, picture: Picture) -> Region:
        defects = check_region(region, picture.asset.media, None)
        if defects:
            raise VerdictError(defects[0].message, remedy="have the region drawn again")
        return region


def _differences(before: Group, after: Group) -> Iterator[Change]:
    if before.drawing.control != after.drawing.control or before.picture[:2] != after.picture[:2]:
        yield "moved"
    elif isinstance(before.drawn, Drawn) and isinstance(after.drawn, Drawn):
        is_untouched = before.drawing.value == after.drawing.value
        if not is_untouched and not is_same_place(before.drawn.place, after.drawn.place):
            yield "moved"
    if before.drawn.labels != after.drawn.labels:
        yield "relabeled"
    if before.explanation != after.explanation:
        yield "reworded"
