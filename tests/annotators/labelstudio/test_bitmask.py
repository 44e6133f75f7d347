from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from annotators.labelstudio.bitmask import data_url_from_mask, mask_from_data_url
from schemas.errors import VerdictError

SIDES = st.integers(1, 40)


def url_of(picture: Image.Image, format: str = "PNG") -> str:
    file = io.BytesIO()
    picture.save(file, format)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


@given(st.tuples(SIDES, SIDES).flatmap(lambda shape: arrays.arrays(np.bool_, shape)))
def test_pixels_survive(mask: NDArray[np.bool_]) -> None:
    height, width = mask.shape
    assert np.array_equal(mask_from_data_url(data_url_from_mask(mask), width, height), mask)


def test_a_page_s_colors_do_not_matter_its_alpha_does() -> None:
    picture = Image.new("RGBA", (3, 1))
    picture.putdata([(255, 0, 0, 127), (0, 0, 0, 128), (9, 9, 9, 255)])
    assert mask_from_data_url(url_of(picture), 3, 1).tolist() == [[False, True, True]]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (None, "it is no data URL of a PNG"),
        ("https://example.com/mask.png", "it is no data URL of a PNG"),
        ("data:image/png;base64,@@", "its PNG does not decode"),
        ("data:image/png;base64,AAAA", "its PNG does not decode"),
        (url_of(Image.new("RGBA", (4, 4)))[:-40], "its PNG does not decode"),
        (url_of(Image.new("RGBA", (4, 4)), "WEBP"), "its PNG does not decode"),
        (url_of(Image.new("RGBA", (5, 4))), "it is 5 x 4 px, the medium 4 x 4"),
        (url_of(Image.new("L", (4, 4))), "it has no alpha channel"),
    ],
)
def test_hostile_pictures_are_refused_by_name(url: object, why: str) -> None:
    with pytest.raises(VerdictError, match=why):
        mask_from_data_url(url, 4, 4)
