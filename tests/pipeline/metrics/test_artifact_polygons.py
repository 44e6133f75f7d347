"""The published metrics on patterns whose figures are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import scipy.ndimage

from pipeline.metrics.artifact_polygons import instances_of, published_mask, published_view, score_boxes, score_pixels
from schemas.geometry import Box, Polygon, mask_from_polygons, mask_to_array

SIZE = (200, 160)


def polygon(*points: tuple[float, float]) -> Polygon:
    return Polygon(exterior=points)


def square(x: float, y: float, side: float) -> Polygon:
    return polygon((x, y), (x + side, y), (x + side, y + side), (x, y + side))


def test_the_published_mask_includes_the_outline_where_pycocotools_does_not() -> None:
    shape = square(10, 10, 10)
    assert published_mask([shape], *SIZE).sum() == 121
    assert mask_to_array(mask_from_polygons((shape,), *SIZE)).sum() == 100


def test_points_are_truncated_not_rounded_and_clamped_to_the_last_pixel() -> None:
    drawn = published_mask([polygon((10.9, 10.9), (20.9, 10.9), (20.9, 20.9), (10.9, 20.9))], *SIZE)
    ys, xs = np.nonzero(drawn)
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (10, 20, 10, 20)
    outside = published_mask([polygon((190, 150), (200, 150), (200, 160), (190, 160))], *SIZE)
    assert np.nonzero(outside)[1].max() == 199


def test_a_mask_is_seen_as_a_detector_sees_the_picture() -> None:
    mask = np.zeros((600, 800), bool)
    mask[300:, 400:] = True  # the lower right quarter
    squeezed = published_view(mask, (256, 256), 224)
    assert (squeezed.shape, squeezed.sum(), squeezed[112:, 112:].all()) == ((224, 224), 112 * 112, True)
    for wide in (mask, mask.T):  # 518 x 690, of which 86 are cut off on either side
        cut = published_view(wide, 518, 518)
        assert (cut.shape, cut.sum(), cut[259:, 259:].all()) == ((518, 518), 259 * 259, True)


def test_pixels_of_all_images_are_counted_together() -> None:
    truth, half = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    truth[:4], half[:2] = True, True
    none = np.zeros((10, 10), bool)
    scores = score_pixels([(truth, half), (none, truth)])
    assert scores == pytest.approx((20 / 80, 20 / 60, 20 / 40, 40 / 100))
    assert score_pixels([(none, none)]) == (0, 0, 0, 0)


def test_parts_that_nearly_touch_are_one_instance_and_keep_their_own_pixels() -> None:
    mask = np.zeros((50, 50), bool)
    mask[5:10, 5:10], mask[5:10, 13:18], mask[5:10, 30:35] = True, True, True
    instances = instances_of(mask)
    assert [int(part.sum()) for part in instances.masks] == [50, 25]
    assert instances.boxes == (Box(x1=5, y1=5, x2=18, y2=10), Box(x1=30, y1=5, x2=35, y2=10))


@pytest.mark.parametrize(
    ("found", "precision", "f1"),
    [
        (60, 0.7058823529411765, 0.8275862068965517),
        (14, 0.358974358974359, 0.5283018867924528),
        (4, 0.13793103448275862, 0.2424242424242424),
        (11, 0.3055555555555556, 0.46808510638297873),
        (36, 0.5901639344262295, 0.7422680412371134),
        (3, 0.10714285714285714, 0.19354838709677416),
    ],
)
def test_the_published_examples_table_comes_out_of_its_pattern(found: int, precision: float, f1: float) -> None:
    """X-AIGD's metrics/examples: 25 images, boxes of the truth and one decoy of 16 x 16 in each, for each category."""
    rng = np.random.default_rng(found)
    images, pixels = [], []
    for number in range(25):
        count = found // 25 + (number < found % 25)
        xs = 30 * np.arange(count) + rng.integers(40, 50)
        mask = published_mask([square(int(x), int(rng.integers(20, 100)), 20) for x in xs], *SIZE)
        instances = instances_of(mask)
        images.append((instances, (*instances.boxes, Box(x1=0, y1=0, x2=16, y2=16))))
        predicted = mask.copy()
        predicted[:16, :16] = True
        pixels.append((mask, predicted))
    scores = score_boxes(images)
    assert (scores.tp, scores.fp, scores.missed, scores.recall) == (found, 25, 0, 1.0)
    assert (scores.precision, scores.f1) == pytest.approx((precision, f1), rel=1e-15)
    assert score_boxes(images, one_to_one=True)[:3] == (found, 25, 0)
    true, false = 441 * found, 25 * 256
    expected = (true / (true + false), true / (true + false), 1, 2 * true / (2 * true + false))
    assert score_pixels(pixels) == pytest.approx(expected, rel=1e-15)


def test_a_box_is_held_against_pixels_not_against_the_instances_box() -> None:
    slanted = instances_of(published_mask([polygon((10, 10), (14, 10), (110, 100), (106, 100))], *SIZE))
    assert score_boxes([(slanted, slanted.boxes)])[:3] == (0, 1, 1)
    assert score_boxes([(slanted, slanted.boxes)], one_to_one=True)[:3] == (1, 0, 0)


@pytest.mark.parametrize(
    ("corners", "is_found"),
    [
        ((1, 1, 5, 5), True),  # 9 of 16 pixels
        ((1, 1, 5, 6), False),  # 9 of 20
        ((1.9, 1.9, 5.9, 5.9), True),  # truncated: the first one
        ((3.2, 3.2, 3.9, 3.9), False),  # holds no whole pixel
        ((1, 1, 4, 160.5), False),  # leaves the image
    ],
)
def test_corners_are_truncated_and_boxes_beyond_the_image_are_false(corners: tuple[float, ...], is_found: bool) -> None:
    mask = np.zeros((160, 200), bool)
    mask[1:4, 1:4] = True
    x1, y1, x2, y2 = corners
    scores = score_boxes([(instances_of(mask), [Box(x1=x1, y1=y1, x2=x2, y2=y2)])])
    assert scores[:3] == ((1, 0, 0) if is_found else (0, 1, 1))


def test_instances_agree_with_pixels_counted_one_by_one() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        mask = cv2.dilate((rng.random((40, 50)) < 0.01).astype(np.uint8), np.ones((4, 6), np.uint8)).astype(bool)
        corners = [(int(x), int(y), int(x + w), int(y + h)) for x, y, w, h in rng.integers(1, 20, (6, 4))]
        parts = scipy.ndimage.label(cv2.dilate(mask.astype(np.uint8), np.ones((5, 5))), np.ones((3, 3)))[0]
        found, false = set(), 0
        for x1, y1, x2, y2 in corners:
            owners = [parts[y, x] if mask[y, x] else 0 for y in range(y1, y2) for x in range(x1, x2)]
            hits = {n for n in set(owners) - {0} if owners.count(n) / len(owners) > 0.5}
            found |= hits
            false += not hits
        boxes = [Box(x1=x1, y1=y1, x2=x2, y2=y2) for x1, y1, x2, y2 in corners]
        scores = score_boxes([(instances_of(mask), boxes)])
        assert scores[:3] == (len(found), false, parts.max() - len(found))


def test_tiny_boxes_inside_count_as_published_and_fail_when_corrected() -> None:
    instances = instances_of(published_mask([square(20, 20, 60)], *SIZE))
    tiny = [Box(x1=30, y1=30, x2=34, y2=34), Box(x1=50, y1=50, x2=54, y2=54)]
    assert score_boxes([(instances, tiny)])[:3] == (1, 0, 0)
    assert score_boxes([(instances, tiny)], one_to_one=True)[:3] == (0, 2, 1)


def test_an_image_without_anything_changes_nothing() -> None:
    empty = instances_of(np.zeros((20, 20), bool))
    assert empty == ((), ())
    assert score_boxes([(empty, [])])[:3] == (0, 0, 0)


def test_components_agree_with_opencv_by_brute_force() -> None:
    rng = np.random.default_rng(1)
    mask = rng.random((40, 40)) < 0.02
    dilated = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    assert len(instances_of(mask).masks) == cv2.connectedComponents(dilated)[0] - 1
    assert np.array_equal(np.any(instances_of(mask).masks, axis=0), mask)
