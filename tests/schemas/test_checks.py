"""Each test shows a defect as it was found in a published dataset, or that breaks a reader."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.candidate import Answer, Claim, Region
from schemas.checks import Defect, check_record, check_region, is_placeholder
from schemas.geometry import Box, Keyframe, Polygon, TimeSpan, mask_from_box, mask_from_polygons
from schemas.media.types import Document, Image, Page, Video
from schemas.record import Lineage, Record, Reference
from schemas.taxonomy import Taxonomy

IMAGE = Image(format="PNG", mode="RGB", width=100, height=50, stored_width=100, stored_height=50)
VIDEO = Video(
    format="webm", codec="vp9", width=100, height=50, stored_width=100, stored_height=50, duration_s=0.4, fps=10.0,
    num_frames=4, time_base_num=1, time_base_den=10, frame_pts=(0, 1, 2, 3),
)  # fmt: skip
DOCUMENT = Document(format="PDF", num_pages=1, pages=(Page(page_index=0, width=612.0, height=792.0),))
BOX = Box(x1=10, y1=10, x2=30, y2=20)
REGION = Region(region_id="r1", box=BOX, category="blur", source="machine")


def codes(defects: tuple[Defect, ...]) -> list[str]:
    return [defect.code for defect in defects]


def test_a_sound_record_has_no_defect(image_record: Record, taxonomy: Taxonomy) -> None:
    assert check_record(image_record, taxonomy) == ()


REFERENCE = Reference(
    asset_id="d" * 64,
    file_name="before.png",
    byte_size=4,
    media=IMAGE.evolve(width=40, height=30, stored_width=40, stored_height=30),
)


def test_a_region_of_the_second_image_is_measured_in_it(image_record: Record, taxonomy: Taxonomy) -> None:
    inside = REGION.evolve(region_id="r2", asset_id="d" * 64)
    outside = inside.evolve(box=Box(x1=10, y1=10, x2=50, y2=20))  # fits the first image
    pair = image_record.evolve(reference=REFERENCE, regions=(*image_record.regions, inside))
    assert check_record(pair, taxonomy) == ()
    assert codes(check_record(pair.evolve(regions=(*image_record.regions, outside)), taxonomy)) == ["out_of_bounds"]
    assert codes(check_record(pair.evolve(reference=None), taxonomy)) == ["unknown_asset"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"asset_id": "b" * 64}, "reference_is_itself"),
        ({"asset_id": "no hash"}, "not_a_hash"),
        ({"perceptual_hashes": ("no hash",)}, "not_a_hash"),
        ({"file_name": "../before.png"}, "file_name_is_path"),
    ],
)
def test_a_second_image_that_is_none(
    image_record: Record, taxonomy: Taxonomy, changes: dict[str, Any], code: str
) -> None:
    assert codes(check_record(image_record.evolve(reference=REFERENCE.evolve(**changes)), taxonomy)) == [code]


def test_only_images_have_a_second_image(image_record: Record, taxonomy: Taxonomy) -> None:
    clip = image_record.evolve(media=VIDEO, regions=(), claims=(), reference=REFERENCE)
    assert codes(check_record(clip, taxonomy)) == ["reference_of_no_image"]


@pytest.mark.parametrize(
    ("media", "changes"),
    [
        (IMAGE, {}),
        (IMAGE, {"box": Box(x1=-1e-13, y1=0, x2=100, y2=50)}),
        (IMAGE, {"polygons": (Polygon(exterior=((0, 0), (100, 0), (100, 50))),), "box": None}),
        (IMAGE, {"mask": mask_from_box(Box(x1=9.4, y1=9.4, x2=30.4, y2=20.4), 100, 50)}),
        (VIDEO, {"frame_index": 3, "pts_s": 0.3}),
        (VIDEO, {"span": TimeSpan(start_s=0, end_s=0.4), "category": "freeze"}),
        (DOCUMENT, {"page_index": 0, "box": Box(x1=600, y1=780, x2=612, y2=792)}),
    ],
)
def test_a_sound_region_has_no_defect(media: Any, changes: dict[str, Any], taxonomy: Taxonomy) -> None:
    assert check_region(REGION.evolve(**changes), media, taxonomy) == ()


CROSSING = Polygon(exterior=((0, 0), (10, 10), (10, 0), (0, 10)))
BACKWARDS = tuple(Keyframe(frame_index=i, pts_s=i / 10, box=BOX) for i in (2, 1))


@pytest.mark.parametrize(
    ("media", "changes", "code", "words"),
    [
        (IMAGE, {"box": BOX.evolve(x2=101)}, "out_of_bounds", "reaches 1 px outside of 100 x 50 px"),
        (IMAGE, {"polygons": (Polygon(exterior=((0, 0), (9, 0), (9, 50.1))),)}, "out_of_bounds", "point (9, 50.1)"),
        (IMAGE, {"polygons": (CROSSING,)}, "broken_polygon", "Self-intersection[5 5]"),
        (IMAGE, {"category": "squant"}, "unknown_category", "'squant' is not in tiny@1"),
        (IMAGE, {"category": "Soft"}, "unknown_category", "'Soft' is not in tiny@1; 'blur' is meant"),
        (IMAGE, {"category": "freeze"}, "category_elsewhere", "'freeze' cannot occur in an image"),
        (IMAGE, {"page_index": 0}, "no_such_page", "page 0 of an image"),
        (IMAGE, {"frame_index": 1}, "no_such_frame", "frame 1 of 1"),
        (IMAGE, {"span": TimeSpan(start_s=0, end_s=1)}, "time_in_still", "a time span or track in an image"),
        (IMAGE, {"mask": mask_from_box(BOX, 50, 100)}, "mask_size", "its mask is 50 x 100 px, the medium 100 x 50"),
        (IMAGE, {"mask": mask_from_polygons([], 100, 50)}, "empty_mask", "its mask holds no pixel"),
        (IMAGE, {"mask": mask_from_box(BOX.evolve(x2=32), 100, 50)}, "mask_outside_box", "its mask reaches out"),
        (IMAGE, {"explanation": "Missing explanation"}, "placeholder_explanation", "'Missing explanation'"),
        (VIDEO, {}, "time_missing", "no frame, span or track says when"),
        (VIDEO, {"page_index": 0, "frame_index": 0}, "no_such_page", "page 0 of a video"),
        (VIDEO, {"frame_index": 4}, "no_such_frame", "frame 4 of 4"),
        (VIDEO, {"frame_index": 3, "pts_s": 0.2}, "pts_disagrees", "frame 3 is shown at 0.300000 s, not 0.200000 s"),
        (VIDEO, {"span": TimeSpan(start_s=0, end_s=0.5)}, "span_outside", "0.500 s of a clip that ends at 0.400 s"),
        (VIDEO, {"track": BACKWARDS}, "track_order", "keyframe 1 comes after 2"),
        (
            VIDEO,
            {"track": (Keyframe(frame_index=1, pts_s=0.1, box=BOX.evolve(y2=60)),)},
            "out_of_bounds",
            "keyframe 1: box (10, 10, 30, 60) reaches 10 px outside",
        ),
        (DOCUMENT, {}, "page_missing", "no page says where"),
        (DOCUMENT, {"page_index": 1}, "no_such_page", "page 1 of 1"),
        (DOCUMENT, {"page_index": 0, "frame_index": 0}, "no_such_frame", "frame 0 of a document"),
        (DOCUMENT, {"page_index": 0, "box": BOX.evolve(x2=612.5)}, "out_of_bounds", "0.5 px outside of 612 x 792 px"),
    ],
)
def test_a_defect_of_a_region_is_named(
    media: Any, changes: dict[str, Any], code: str, words: str, taxonomy: Taxonomy
) -> None:
    ((found, message),) = check_region(REGION.evolve(**changes), media, taxonomy)

    assert found == code
    assert message.startswith("region r1: ")
    assert words in message


def test_ground_truth_keeps_the_words_and_outlines_of_its_source() -> None:
    region = REGION.evolve(category="squant", polygons=(CROSSING,), source="ground_truth")

    assert check_region(region, IMAGE, None) == ()
    assert codes(check_region(region.evolve(box=BOX.evolve(x2=999)), IMAGE, None)) == ["out_of_bounds"]


LINEAGE = Lineage(candidate_id="d" * 64, machine="m", kind="m")
CLEAN = {"annotation_status": "annotated_clean", "regions": (), "claims": (), "explanation": ""}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sample_id": "A" * 64}, "not_a_hash"),
        ({"asset_id": "b" * 63, "regions": (REGION,)}, "not_a_hash"),
        ({"perceptual_hashes": ("c" * 64, "")}, "not_a_hash"),
        ({"lineage": (LINEAGE.evolve(candidate_id="1"),)}, "not_a_hash"),
        ({"lineage": (LINEAGE.evolve(prompt_sha256="1"),)}, "not_a_hash"),
        ({"taxonomy": "tiny@2"}, "other_taxonomy"),
        ({"split": ""}, "no_split"),
        ({"split": "../train"}, "no_split"),
        ({"group_id": ""}, "no_group"),
        ({"file_name": "../cat.png"}, "file_name_is_path"),
        ({"regions": (REGION, REGION)}, "region_twice"),
        ({"ground_truth": (REGION, REGION)}, "region_twice"),
        ({"ground_truth": (REGION.evolve(frame_index=9),)}, "no_such_frame"),
        ({"regions": (REGION.evolve(asset_id="f" * 64),)}, "unknown_asset"),
        ({"explanation": "N/A", "claims": ()}, "placeholder_explanation"),
        ({"claims": (Claim(start=0, end=17),)}, "claim_outside"),
        ({"claims": (Claim(start=0, end=5, region_ids=("r9",)),)}, "no_such_region"),
        ({"answers": (Answer(question="q", answer="a", region_ids=("r9",)),)}, "no_such_region"),
        ({"review": "reviewed"}, "review_without_person"),
        ({"review": "adjudicated", "verification_ids": ("v",)}, "review_without_person"),
        ({"regions": (), "claims": (), "explanation": ""}, "annotated_nothing"),
        ({"annotation_status": "not_annotated"}, "annotated_unsaid"),
        (CLEAN, "clean_without_person"),
        ({**CLEAN, "has_ground_truth": True, "ground_truth": (REGION,)}, "clean_with_regions"),
    ],
)
def test_a_defect_of_a_record_is_named(
    changes: dict[str, Any], code: str, image_record: Record, taxonomy: Taxonomy
) -> None:
    assert codes(check_record(image_record.evolve(**changes), taxonomy)) == [code]


@pytest.mark.parametrize(
    "changes",
    [
        {**CLEAN, "has_ground_truth": True},
        {**CLEAN, "review": "reviewed", "verification_ids": ("v",), "reviewers": ("p1",)},
        {**CLEAN, "annotation_status": "not_annotated"},
        {**CLEAN, "annotation_status": "not_annotated", "explanation": "The baseline measured nothing unusual."},
        {**CLEAN, "annotation_status": "annotated", "verdict": "real"},
        {"claims": (Claim(start=0, end=16, is_global=True),)},
    ],
)
def test_a_sound_status_has_no_defect(changes: dict[str, Any], image_record: Record, taxonomy: Taxonomy) -> None:
    assert check_record(image_record.evolve(**changes), taxonomy) == ()


@pytest.mark.parametrize(
    ("media", "code"),
    [
        (VIDEO.evolve(num_frames=5), "frame_count"),
        (VIDEO.evolve(frame_pts=(0, 2, 1, 3)), "frame_order"),
        (DOCUMENT.evolve(num_pages=2), "page_count"),
        (DOCUMENT.evolve(pages=(DOCUMENT.pages[0].evolve(page_index=1),)), "page_count"),
    ],
)
def test_a_defect_of_the_media_is_named(media: Any, code: str, image_record: Record, taxonomy: Taxonomy) -> None:
    record = image_record.evolve(media=media, regions=(), claims=())

    assert codes(check_record(record, taxonomy)) == [code]


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "...", "N/A", "n.a.", "Missing explanation", "TODO", "None", "<string>", "-"),
        *("aaaaaaaa", "asdf", "Not applicable.", "See above", "same as above", "blah blah blah"),
    ],
)
def test_placeholders(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text", ["None of the shadows agree.", "Text is garbled.", "模糊", "Missing finger.", "aaah", "See above the hand."]
)
def test_words_are_no_placeholder(text: str) -> None:
    assert not is_placeholder(text)
