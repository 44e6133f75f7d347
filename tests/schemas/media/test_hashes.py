import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from schemas.media.facts import spread
from schemas.media.hashes import pdq, softened
from schemas.media.limits import Limits
from schemas.media.pdq import pdq_of
from schemas.media.stills import measure_still


def hamming(a, b):
    """Bits in which two hashes differ."""
    return (int(a, 16) ^ int(b, 16)).bit_count()


def hash_of(data, format):
    (found,) = measure_still(format, data, Limits()).hashes
    return found


def test_a_reencoded_and_a_resized_copy_are_near_and_another_picture_is_far(photo, encode):
    original = hash_of(encode(photo(600, 400), "JPEG", quality=95), "JPEG")
    assert len(original) == 64
    assert hamming(original, hash_of(encode(photo(600, 400), "JPEG", quality=40), "JPEG")) <= 31
    assert hamming(original, hash_of(encode(photo(600, 400).resize((300, 200)), "PNG"), "PNG")) <= 31
    assert hamming(original, hash_of(encode(photo(600, 400, 1), "JPEG", quality=95), "JPEG")) > 60


def test_a_turned_copy_with_the_orientation_that_turns_it_back_has_the_same_hash(photo, encode):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = photo(600, 400).transpose(Image.Transpose.ROTATE_90)
    upright = hash_of(encode(photo(600, 400), "PNG"), "PNG")
    assert hamming(upright, hash_of(encode(turned, "PNG", exif=exif), "PNG")) <= 10
    assert hamming(upright, hash_of(encode(turned, "PNG"), "PNG")) > 60


def test_a_flat_picture_has_no_hash(encode):
    assert pdq(np.full((128, 128, 3), 90, np.uint8)) is None
    assert measure_still("PNG", encode(Image.new("RGB", (64, 64), "gray"), "PNG"), Limits()).hashes == ()


def test_a_softened_picture_is_the_mean_under_a_tent_and_keeps_a_plain_one():
    dot = np.zeros((5, 5, 3), np.uint8)
    dot[2, 2] = dot[0, 4] = 160
    row, corner = [0, 20, 40, 20, 0], [[30, 90], [20, 30]]

    found = softened(dot)

    assert found[2, :4].tolist() == pytest.approx(row[:4])
    assert found[:, 2].tolist() == pytest.approx(row)
    assert found[:2, 3:].ravel().tolist() == pytest.approx([*corner[0], *corner[1]])
    assert softened(np.full((3, 4, 3), 77, np.uint8)) == pytest.approx(77)


def lines(side, seed=0):
    """Black lines of one to three pixels on white: what text and screenshots are made of."""
    edges = np.cumsum(np.random.default_rng(seed).integers(1, 4, side))
    stripes = np.searchsorted(edges, np.arange(side), side="right") % 2 * 255
    page = np.where(np.arange(side) % 97 < 60, stripes[:, None], 255).astype(np.uint8)
    return Image.fromarray(page).convert("RGB")


def test_fine_lines_do_not_fold_into_the_hash(photo, encode):
    distances = []
    for seed in range(8):
        picture = Image.blend(photo(384, 384, seed), lines(384, seed), 0.65)
        half = picture.resize((192, 192), Image.Resampling.LANCZOS)
        distances.append(hamming(hash_of(encode(picture, "PNG"), "PNG"), hash_of(encode(half, "PNG"), "PNG")))
    assert max(distances) <= 24  # without the tent 32


def test_the_digits_are_the_bits_from_the_highest_down(photo):
    bits, _ = pdq_of(softened(np.asarray(photo(128, 128))))
    assert pdq(np.asarray(photo(128, 128))) == f"{int(''.join('1' if bit else '0' for bit in bits), 2):064x}"


@given(st.integers(1, 10_000))
def test_samples_are_spread_from_the_first_to_the_last(count):
    found = spread(count)
    assert len(found) == min(count, 8)
    assert found[0] == 0
    assert found[-1] == count - 1
    assert list(found) == sorted(set(found))
