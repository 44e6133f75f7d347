"""Where something is: boxes, polygons, masks, time spans and tracks.

One convention inside: absolute pixels of the original upright medium, ``xyxy``, float, origin
top-left, ``x2``/``y2`` exclusive. Every other spelling is converted at the door by a function that
names both ends. Polygons are the source of truth where they exist; a mask names the rasterizer
that made it, because rasterizers differ (mean IoU 0.69 between two of them at radius 4 px).

A geometry does not know whose fault it is, so everything here raises ValueError (pydantic's
ValidationError is one); the door turns it into the error of its own fate.
"""

from .boxes import (
    box_from_coco_xywh,
    box_from_percent_xywh,
    box_from_thousandths_xyxy,
    box_from_thousandths_yxyx,
    box_from_unit_xyxy,
    box_holds,
    box_iou,
    box_to_coco_xywh,
    box_to_percent_xywh,
    box_to_thousandths_xyxy,
    box_to_thousandths_yxyx,
    box_to_unit_xyxy,
    clamp_box,
)
from .masks import (
    box_from_mask,
    mask_area,
    mask_from_array,
    mask_from_box,
    mask_from_polygons,
    mask_iou,
    mask_to_array,
)
from .polygons import (
    box_from_polygons,
    clamp_polygon,
    polygon_defects,
    polygon_from_coco_flat,
    polygon_to_coco_flat,
    polygons_repaired,
)
from .times import span_iou, track_box_at
from .types import TOLERANCE_PX, Box, Keyframe, Mask, Point, Polygon, TimeSpan

__all__ = [
    "TOLERANCE_PX",
    "Box",
    "Keyframe",
    "Mask",
    "Point",
    "Polygon",
    "TimeSpan",
    "box_from_coco_xywh",
    "box_from_mask",
    "box_from_percent_xywh",
    "box_from_polygons",
    "box_from_thousandths_xyxy",
    "box_from_thousandths_yxyx",
    "box_from_unit_xyxy",
    "box_holds",
    "box_iou",
    "box_to_coco_xywh",
    "box_to_percent_xywh",
    "box_to_thousandths_xyxy",
    "box_to_thousandths_yxyx",
    "box_to_unit_xyxy",
    "clamp_box",
    "clamp_polygon",
    "mask_area",
    "mask_from_array",
    "mask_from_box",
    "mask_from_polygons",
    "mask_iou",
    "mask_to_array",
    "polygon_defects",
    "polygon_from_coco_flat",
    "polygon_to_coco_flat",
    "polygons_repaired",
    "span_iou",
    "track_box_at",
]
