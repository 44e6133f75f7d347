import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from schemas.media.facts import spread
from schemas.media.hashes import pdq
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


def test_the_digits_are_the_bits_from_the_highest_down(photo):
    bits, _ = pdq_of(np.asarray(photo(128, 128)))
    assert pdq(np.asarray(photo(128, 128))) == f"{int(''.join('1' if bit else '0' for bit in bits), 2):064x}"


@given(st.integers(1, 10_000))
def test_samples_are_spread_from_the_first_to_the_last(count):
    found = spread(count)
    assert len(found) == min(count, 8)
    assert found[0] == 0
    assert found[-1] == count - 1
    assert list(found) == sorted(set(found))
