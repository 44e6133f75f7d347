from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from label_studio_sdk.converter.brush import decode_rle
from label_studio_sdk.label_interface.interface import LabelInterface

from annotators.labelstudio.bitmask import mask_from_data_url
from annotators.labelstudio.predictions import prediction, region_key
from annotators.labelstudio.tasks import layout_of
from schemas.errors import VerdictError
from schemas.geometry import Box, Polygon, mask_to_array

from .conftest import IMAGE, Work, asset, region, sample_of, work

LAYOUTS = ("picture", "pages", "clip", "pair")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_predictions_hold_before_label_studio_s_own_checker(layout: str, request: pytest.FixtureRequest) -> None:
    work = request.getfixturevalue(layout)
    made = prediction(work.candidate, work.sample, work.config, work.data)
    checker: Any = LabelInterface(work.config.xml)
    assert checker.validate_prediction(made, return_errors=True) == []
    assert made == prediction(work.candidate, work.sample, work.config, work.data)
    assert (made["model_version"], made["score"]) == ("vlm:m", 0.75)


def test_entries_of_a_region_share_its_key_and_place(picture: Work) -> None:
    key = region_key(picture.candidate, "box")
    entries = [entry for entry in picture.predicted() if entry["id"] == key]
    place = {"x": 10, "y": 10, "width": pytest.approx(64.5 / 6.4), "height": pytest.approx(49.25 / 4.8), "rotation": 0}
    size = {"original_width": 640, "original_height": 480, "image_rotation": 0}
    base = {"id": key, "to_name": "image", **size}
    assert len(key) == 10
    assert entries == [
        {
            **base,
            "from_name": "box",
            "type": "rectanglelabels",
            "value": {**place, "rectanglelabels": ["texture"]},
            "score": 0.9,
        },
        {**base, "from_name": "region_explanation", "type": "textarea", "value": {**place, "text": ["Why box."]}},
    ]


def test_keys_differ_by_region_and_candidate(picture: Work) -> None:
    other = picture.candidate.evolve(candidate_id="0" * 64)
    keys = {region_key(who, name) for who in (picture.candidate, other) for name in ("box", "mask")}
    assert len(keys) == 4


def test_masks_are_exact(picture: Work) -> None:
    mask = picture.candidate.regions[2].mask
    assert mask is not None
    (drawn,) = (entry for entry in picture.predicted() if entry["type"] == "brushlabels")
    alpha = decode_rle(drawn["value"]["rle"]).reshape(480, 640, 4)[:, :, 3]
    assert np.array_equal(alpha == 255, mask_to_array(mask))


def test_bitmasks_are_exact(picture: Work) -> None:
    mask = picture.candidate.regions[2].mask
    assert mask is not None
    made = work(picture.sample, picture.candidate.regions[2:], geometry=("box", "bitmask"))
    (drawn,) = (entry for entry in made.predicted() if entry["type"] == "bitmasklabels")
    assert np.array_equal(mask_from_data_url(drawn["value"]["imageDataURL"], 640, 480), mask_to_array(mask))


STAR = Polygon(exterior=((0, 0), (100, 0), (100, 100)))
RING = STAR.evolve(holes=(((60, 10), (90, 10), (90, 40)),))


@pytest.mark.parametrize(
    ("polygons", "geometry", "kind"),
    [
        ((STAR,), ("box", "polygon", "brush"), "polygonlabels"),
        ((STAR,), ("box", "brush"), "brushlabels"),
        ((STAR, STAR), ("box", "polygon", "brush"), "brushlabels"),
        ((RING,), ("box", "polygon", "brush"), "brushlabels"),
        ((RING,), ("box",), "rectanglelabels"),
        ((), ("polygon",), "polygonlabels"),
        ((), ("brush", "box"), "rectanglelabels"),
        ((), ("brush",), "brushlabels"),
    ],
)
def test_the_tool_that_loses_least_is_taken(
    polygons: tuple[Polygon, ...], geometry: tuple[str, ...], kind: str
) -> None:
    shape = region("r", polygons=polygons, box=Box(x1=0, y1=0, x2=100, y2=100))
    made = work(sample_of(asset("a.jpg", IMAGE)), (shape,), geometry=geometry)
    assert made.predicted()[0]["type"] == kind


def test_a_category_that_the_config_has_not_is_refused(picture: Work) -> None:
    strange = picture.candidate.evolve(regions=(picture.candidate.regions[0].evolve(category="frozen"),))
    with pytest.raises(VerdictError, match="region box: 'frozen' is no label of control 'box'"):
        prediction(strange, picture.sample, picture.config, picture.data)


def test_a_region_in_nothing_that_is_shown_is_refused(pages: Work) -> None:
    strange = pages.candidate.evolve(regions=(pages.candidate.regions[0].evolve(page_index=7),))
    with pytest.raises(VerdictError, match="region total on page 7 lies in nothing that the task shows"):
        prediction(strange, pages.sample, pages.config, pages.data)


def test_a_candidate_without_scores_states_none(picture: Work) -> None:
    quiet = picture.candidate.evolve(verdict_score=None, regions=())
    assert "score" not in prediction(quiet, picture.sample, picture.config, picture.data)
    assert layout_of(picture.sample) == "image"
