from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.overlaps import Place, Shared, ious, matched_rows, place_of, shared_extents
from schemas.candidate import Region
from schemas.errors import RunError
from schemas.geometry import Box, Keyframe, Mask, Polygon, TimeSpan, mask_from_array, mask_to_array
from schemas.media.types import Document, Image, Media, Page, Video
from schemas.sample import Asset, Sample

WIDTH, HEIGHT = 20, 10
PICTURE = Image(format="PNG", mode="RGB", width=WIDTH, height=HEIGHT, stored_width=WIDTH, stored_height=HEIGHT)
CLIP = Video(
    format="mp4", codec="h264", width=WIDTH, height=HEIGHT, stored_width=WIDTH, stored_height=HEIGHT, duration_s=1,
    fps=10, num_frames=10, time_base_num=1, time_base_den=10, frame_pts=tuple(range(10)),
)  # fmt: skip
PAPER = Document(
    format="PDF",
    num_pages=2,
    pages=(Page(page_index=0, width=WIDTH, height=HEIGHT), Page(page_index=1, width=8.5, height=5)),
)


def sample_with(*media: Media) -> Sample:
    assets = tuple(
        Asset(asset_id=f"asset-{i}", uri="x", file_name="x", byte_size=1, media=medium)
        for i, medium in enumerate(media)
    )
    return Sample(sample_id="s", item_id="s", assets=assets)


def region(**where: object) -> Region:
    return Region.model_validate({"region_id": "r", "category": "blur", "source": "machine", **where})


def box(x1: float, y1: float, x2: float, y2: float) -> Box:
    return Box(x1=x1, y1=y1, x2=x2, y2=y2)


def bits(place: Place) -> np.ndarray:
    assert isinstance(place.extent, Mask)
    return mask_to_array(place.extent)


masks = st.lists(st.booleans(), min_size=12, max_size=12).map(lambda flat: np.array(flat).reshape(3, 4))


def area(pixels: np.ndarray, ground: object = "page", category: str = "blur") -> Place:
    return Place(category, ground, mask_from_array(pixels, "pycocotools"))


def time(start_s: float, end_s: float) -> Place:
    return Place("flicker", "clip", TimeSpan(start_s=start_s, end_s=end_s))


def test_a_mask_counts_before_polygons_before_a_box() -> None:
    painted = np.zeros((HEIGHT, WIDTH), bool)
    painted[0, 0] = True
    mask = mask_from_array(painted, "painted")
    polygon, square = Polygon(exterior=((2, 2), (6, 2), (6, 6), (2, 6))), box(10, 4, 14, 9)
    sample = sample_with(PICTURE)

    assert np.argwhere(bits(place_of(region(mask=mask, polygons=[polygon], box=square), sample))).tolist() == [[0, 0]]
    drawn = bits(place_of(region(polygons=[polygon], box=square), sample))
    assert (drawn[2:6, 2:6].all(), drawn.sum()) == (True, 16)
    boxed = bits(place_of(region(box=square), sample))
    assert (boxed[4:9, 10:14].all(), boxed.sum()) == (True, 20)


def test_pages_frames_and_assets_are_different_grounds() -> None:
    sample = sample_with(PAPER, CLIP)
    where = [
        {"page_index": 0, "box": box(0, 0, 4, 4)},
        {"page_index": 1, "box": box(0, 0, 4, 4)},
        {"asset_id": "asset-1", "frame_index": 3, "box": box(0, 0, 4, 4)},
        {"asset_id": "asset-1", "frame_index": 4, "box": box(0, 0, 4, 4)},
    ]
    places = [place_of(region(**w), sample) for w in where]

    assert np.array_equal(ious(places, places), np.eye(4))
    assert bits(places[1]).shape == (5, 9)


def test_a_region_that_names_only_a_page_is_all_of_it() -> None:
    assert bits(place_of(region(page_index=1), sample_with(PAPER))).tolist() == [[True] * 9] * 5


def test_a_span_or_a_track_of_a_clip_is_compared_by_time() -> None:
    frames = [Keyframe(frame_index=i, pts_s=i / 10, box=box(0, 0, 5, 5), is_visible=True) for i in (2, 6)]
    spanned = place_of(region(span=TimeSpan(start_s=0.2, end_s=0.7), box=box(0, 0, 1, 1)), sample_with(CLIP))
    tracked = place_of(region(track=frames), sample_with(CLIP))

    assert spanned.extent == TimeSpan(start_s=0.2, end_s=0.7)
    assert isinstance(tracked.extent, TimeSpan)
    assert (tracked.extent.start_s, tracked.extent.end_s) == (0.2, pytest.approx(0.7))
    assert ious([spanned], [tracked]) == pytest.approx(np.ones((1, 1)))


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"asset_id": "other", "box": box(0, 0, 1, 1)}, "names the unknown asset 'other'"),
        ({"page_index": 2}, "names page 2 of a document of 2"),
        ({"mask": Mask(width=4, height=3, counts="0<")}, "a mask of 4 x 3 px for a medium of 20 x 10 px"),
    ],
)
def test_a_region_that_does_not_fit_is_refused(where: dict[str, object], message: str) -> None:
    with pytest.raises(RunError, match=message):
        place_of(region(**where), sample_with(PAPER if "page_index" in where else PICTURE))


@given(st.lists(masks, max_size=4), st.lists(masks, max_size=4))
def test_pixel_overlaps_are_those_of_counted_pixels(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    expected = [[(a & b).sum() / max(1, (a | b).sum()) for b in theirs] for a in ours]
    measured = ious([area(a) for a in ours], [area(b) for b in theirs])
    assert measured.shape == (len(ours), len(theirs))
    assert measured.tolist() == [pytest.approx(row) for row in expected]

    nothing = np.zeros((3, 4), bool)
    one, other = (np.any([*side, nothing], axis=0) for side in (ours, theirs))
    shared = list(shared_extents([area(a) for a in ours], [area(b) for b in theirs]))
    assert shared == ([Shared("pixels", (one & other).sum(), (one | other).sum())] if ours or theirs else [])


spans = st.tuples(st.integers(0, 20), st.integers(1, 10)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(spans, max_size=4), st.lists(spans, max_size=4))
def test_seconds_are_those_of_counted_ticks(ours: list[tuple[int, int]], theirs: list[tuple[int, int]]) -> None:
    one, other = (set().union(*(range(*span) for span in side)) for side in (ours, theirs))
    shared = list(shared_extents([time(*span) for span in ours], [time(*span) for span in theirs]))
    assert shared == ([Shared("seconds", len(one & other), len(one | other))] if ours or theirs else [])

    expected = [[len({*range(*a)} & {*range(*b)}) / len({*range(*a)} | {*range(*b)}) for b in theirs] for a in ours]
    measured = ious([time(*span) for span in ours], [time(*span) for span in theirs])
    assert measured.tolist() == [pytest.approx(row) for row in expected]


def test_grounds_are_summed_apart() -> None:
    full, empty = np.ones((3, 4), bool), np.zeros((3, 4), bool)
    shared = list(shared_extents([area(full, "a"), area(full, "b")], [area(full, "b"), area(empty, "c"), time(1, 3)]))
    assert shared == [
        Shared("pixels", 0, 12), Shared("pixels", 12, 12), Shared("pixels", 0, 0), Shared("seconds", 0, 2),
    ]  # fmt: skip


def best_by_trying(matrix: np.ndarray, threshold: float) -> tuple[int, float]:
    """Pairs and sum of IoUs of the best one-to-one matching, from all of them."""
    tall = matrix if len(matrix) >= matrix.shape[1] else matrix.T
    return max(
        (sum(1 for value in chosen if value >= threshold), sum(value for value in chosen if value >= threshold))
        for order in permutations(range(len(tall)), tall.shape[1])
        for chosen in [[float(tall[i, j]) for j, i in enumerate(order)]]
    )


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32))
def test_the_matching_has_the_most_pairs_of_all(rows: int, columns: int, seed: int) -> None:
    matrix = np.random.default_rng(seed).random((rows, columns)).round(2)
    assert len(matched_rows(matrix, 0.25)) == best_by_trying(matrix, 0.25)[0]


def test_more_pairs_win_over_higher_ious() -> None:
    assert matched_rows(np.array([[0.9, 0.3], [0.3, 0.0]]), 0.25) == {0, 1}
    assert matched_rows(np.array([[0.9, 0.0], [0.6, 0.0]]), 0.25) == {0}
    assert matched_rows(np.array([[0.24]]), 0.25) == frozenset()
    assert matched_rows(np.array([[0.25]]), 0.25) == {0}
    assert matched_rows(np.zeros((1, 1)), 0.0) == frozenset()
    assert matched_rows(np.zeros((0, 3)), 0.25) == frozenset()
    assert matched_rows(np.zeros((3, 0)), 0.25) == frozenset()
