"""Regions without polygons get flat ones, of the same pixels; nothing else changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.exports._outlined import outlined
from schemas.candidate import Region
from schemas.geometry import Box, Polygon, mask_from_array, mask_from_polygons, mask_to_array
from schemas.record import Record

BOX = Box(x1=1.5, y1=2, x2=6, y2=7.25)
SQUARE = Polygon(exterior=((1, 1), (4, 1), (4, 4), (1, 4)))


def region(name: str, **geometry: object) -> Region:
    return Region(region_id=name, category="edge", explanation="x", source="machine", **geometry)


def test_a_mask_is_outlined_with_its_holes_filled_and_a_box_has_corners(record: Callable[..., Record]) -> None:
    bits = np.zeros((40, 60), dtype=bool)
    bits[5:35, 10:50] = True
    whole = bits.copy()
    bits[15:25, 20:40] = False
    masked = region("m", mask=mask_from_array(bits, "threshold"))
    regions = (masked, region("b", box=BOX), region("p", polygons=(SQUARE,)))
    before = record("a", regions=regions)

    flat, boxed, kept = outlined(before).regions

    assert [polygon.holes for polygon in flat.polygons] == [()]
    drawn = mask_to_array(mask_from_polygons(flat.polygons, 60, 40))
    assert np.logical_xor(drawn, whole).sum() <= 12  # three at each corner: the outline may lie a pixel off
    assert boxed.polygons == (Polygon(exterior=((1.5, 2), (6, 2), (6, 7.25), (1.5, 7.25))),)
    assert kept == regions[2]
    assert outlined(before).evolve(regions=regions) == before


def test_what_has_no_area_to_outline_stays_as_it_is(record: Callable[..., Record]) -> None:
    speechless = record("a", regions=(region("s", span={"start_s": 0, "end_s": 1}),))
    assert outlined(speechless) == speechless
