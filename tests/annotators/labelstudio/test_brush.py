from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from label_studio_sdk.converter import brush
from numpy.typing import NDArray

from annotators.labelstudio.brush import (
    alpha_from_rle,
    brush_from_coco,
    coco_from_brush,
    mask_from_rle,
    rle_from_mask,
)
from schemas.errors import VerdictError
from schemas.geometry import mask_from_array

sdk: Any = brush

SIDES = st.integers(1, 40)
MASKS = st.tuples(SIDES, SIDES).flatmap(lambda shape: arrays.arrays(np.bool_, shape))
ALPHAS = st.tuples(SIDES, SIDES).flatmap(lambda shape: arrays.arrays(np.uint8, shape))


def words(*fields: tuple[int, int]) -> list[int]:
    """Fields ``(value, bits)`` one after the other, most significant bit first, filled up with zeros."""
    text = "".join(f"{value:0{bits}b}" for value, bits in fields)
    return list(int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big"))


def header(num: int) -> list[tuple[int, int]]:
    return [(num, 32), (7, 5), (2, 4), (3, 4), (7, 4), (15, 4)]


@given(MASKS)
def test_writes_the_bytes_of_the_sdk(mask: NDArray[np.bool_]) -> None:
    assert rle_from_mask(mask) == sdk.mask2rle(mask.astype(np.uint8) * 255)


@given(ALPHAS)
def test_writes_soft_edges_as_the_sdk(alpha: NDArray[np.uint8]) -> None:
    assert rle_from_mask(alpha) == sdk.mask2rle(alpha)


@given(ALPHAS)
def test_reads_what_the_sdk_reads(alpha: NDArray[np.uint8]) -> None:
    height, width = alpha.shape
    rle = sdk.mask2rle(alpha)
    assert np.array_equal(alpha_from_rle(rle, width, height), alpha)
    assert np.array_equal(alpha_from_rle(rle, width, height), sdk.decode_rle(rle).reshape(height, width, 4)[:, :, 3])


@pytest.mark.parametrize("shape", [(300, 500), (1, 70_000), (257, 256)])
@pytest.mark.parametrize("density", [0.0, 0.001, 0.5, 1.0])
def test_long_runs_are_cut_as_the_sdk_cuts_them(shape: tuple[int, int], density: float) -> None:
    mask = np.random.default_rng(7).random(shape) < density
    rle = rle_from_mask(mask)
    assert rle == sdk.mask2rle(mask.astype(np.uint8) * 255)
    assert np.array_equal(mask_from_rle(rle, shape[1], shape[0]), mask)


@given(MASKS)
def test_brush_and_coco_hold_the_same_pixels(mask: NDArray[np.bool_]) -> None:
    height, width = mask.shape
    ours = mask_from_array(mask, "painted")
    assert coco_from_brush(brush_from_coco(ours), width, height) == ours


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 255), st.integers(1, 60)), min_size=1, max_size=12))
def test_literal_records_are_read_as_the_sdk_reads_them(records: list[tuple[bool, int, int]]) -> None:
    """Browsers write literals where channels differ; records begin and end anywhere within a pixel."""
    records.append((True, 9, 4 - sum(length for _, _, length in records) % 4))
    fields = header(sum(length for _, _, length in records))
    for is_run, seed, length in records:
        fields += [(int(is_run), 1), (3, 2), (length - 1, 16)]
        fields += [((seed + 31 * i) % 256, 8) for i in range(1 if is_run else length)]
    rle = words(*fields)
    width = sum(length for _, _, length in records) // 4
    assert alpha_from_rle(rle, width, 1).tolist() == [sdk.decode_rle(rle)[3::4].tolist()]


def test_painted_begins_at_half_alpha() -> None:
    alpha = np.array([[0, 1, 127, 128, 255]], np.uint8)
    assert mask_from_rle(rle_from_mask(alpha), 5, 1).tolist() == [[False, False, False, True, True]]


WHOLE = rle_from_mask(np.eye(9, dtype=np.bool_))


@pytest.mark.parametrize("length", range(len(WHOLE) - 1))
def test_a_cut_stream_is_refused_at_every_byte(length: int) -> None:
    with pytest.raises(VerdictError, match="brush mask cannot be read"):
        mask_from_rle(WHOLE[:length], 9, 9)


@given(st.lists(st.integers(0, 255), max_size=60))
def test_noise_is_refused_or_read_never_worse(noise: list[int]) -> None:
    rle = WHOLE[:7] + noise
    with contextlib.suppress(VerdictError):
        assert mask_from_rle(rle, 9, 9).shape == (9, 9)


@pytest.mark.parametrize(
    ("rle", "why"),
    [
        (None, "it is a NoneType, not a list of bytes"),
        (10**12, "it is a int, not a list of bytes"),
        ("AAAA", "it is a str, not a list of bytes"),
        ([1, 2, 3], "its header is cut off"),
        ([0, 0, 0, 256], "it holds something other than whole numbers from 0 to 255"),
        ([0, 0, 0, -1], "it holds something other than whole numbers from 0 to 255"),
        ([0, 0, 0, 1.0], "it holds something other than whole numbers from 0 to 255"),
        (words(*header(2**32 - 1)), r"it holds 4294967295 values, not 16 \(width x height x 4\)"),
        (words((16, 32), (15, 5), (2, 4), (3, 4), (7, 4), (15, 4), (0, 32)), "its values have 16 bits, not 8"),
        (words(*header(16), (1, 1), (3, 2), (65535, 16), (0, 8)), "its records hold 65536 values, not the 16"),
        (words(*header(16), (0, 1), (3, 2), (15, 16), (1, 8)), "it is cut off within its last values"),
    ],
)
def test_hostile_streams_are_refused_by_name(rle: object, why: str) -> None:
    with pytest.raises(VerdictError, match=why):
        mask_from_rle(rle, 2, 2)


def test_only_masks_are_written() -> None:
    with pytest.raises(ValueError, match=r"a brush mask is \(H, W\) bool or uint8 with pixels"):
        rle_from_mask(np.zeros((0, 4), np.bool_))
