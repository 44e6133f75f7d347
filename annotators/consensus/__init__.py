"""What several voices say about one sample, put together: pure functions, no model, no file.

``match_regions`` pairs the regions of two sides, ``consensus`` fuses the candidates of any number of machines and says
how far they agree. People's regions are matched by the same function.

>>> from schemas.candidate import Region
>>> from schemas.geometry import Box
>>> def region(name, x1, category):
...     box = Box(x1=x1, y1=0, x2=x1 + 10, y2=10)
...     return Region(region_id=name, box=box, category=category, source="machine")
>>> match_regions([region("a", 0, "blur")], [region("b", 50, "blur"), region("c", 1, "noise")], min_iou=0.5)
(Match(one=0, other=1, iou=0.8181818181818182, is_same_category=False),)
"""

from .agreeing import Consensus, consensus
from .cartography import Cartography, cartography, probability_of, region_f1
from .clusters import clustered
from .fusing import entropy, fused_box, fused_category, fused_mask, fused_region, spread
from .matching import MIN_IOU, Match, match_regions
from .measures import MeasureName, measure
from .overlap import ground_of, region_iou, region_ious, track_iou

__all__ = [
    "MIN_IOU",
    "Cartography",
    "Consensus",
    "Match",
    "MeasureName",
    "cartography",
    "clustered",
    "consensus",
    "entropy",
    "fused_box",
    "fused_category",
    "fused_mask",
    "fused_region",
    "ground_of",
    "match_regions",
    "measure",
    "probability_of",
    "region_f1",
    "region_iou",
    "region_ious",
    "spread",
    "track_iou",
]
