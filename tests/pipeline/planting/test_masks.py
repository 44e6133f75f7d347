import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.planting.masks import blob, overlaps, pixels_of, rectangle
from schemas.geometry import Polygon


def test_a_rectangle_covers_its_pixels_and_no_others() -> None:
    shape = rectangle(10, 6, 8, 4)

    expected = np.zeros((12, 20), bool)
    expected[4:8, 6:14] = True
    assert shape.polygon == Polygon(exterior=((6, 4), (14, 4), (14, 8), (6, 8)))
    assert (shape.x, shape.y) == (10, 6)
    assert np.array_equal(pixels_of(shape.polygon, 20, 12), expected)


def test_a_positive_angle_turns_clockwise_on_the_screen() -> None:
    assert rectangle(10, 10, 8, 4, 90).polygon == Polygon(exterior=((12, 6), (12, 14), (8, 14), (8, 6)))


@given(st.integers(0, 2**32), st.floats(4, 60))
def test_a_blob_stays_within_its_radius_and_is_the_same_for_the_same_seed(seed: int, radius: float) -> None:
    shape = blob(70, 80, radius, np.random.default_rng(seed))

    points = np.array(shape.polygon.exterior)
    assert np.hypot(points[:, 0] - 70, points[:, 1] - 80).max() <= radius + 0.2
    assert np.all(points * 4 == np.rint(points * 4))
    assert shape == blob(70, 80, radius, np.random.default_rng(seed))


def test_overlaps_means_a_shared_pixel() -> None:
    left, right = (pixels_of(rectangle(x, 5, 4, 4).polygon, 20, 10) for x in (5, 9))
    middle = pixels_of(rectangle(7, 5, 2, 2).polygon, 20, 10)

    assert not overlaps(left, (right,))
    assert overlaps(middle, (right, left))
    assert not overlaps(left, ())
