"""A gain on channels within an outline is found; colored objects are not."""

import numpy as np
import pytest

from annotators.forensics.color import find_color_shift

OPTIONS = {"min_step": 8.0, "min_share": 0.002, "max_share": 0.25}


def _shifted(clean, bits, gains):
    return np.where(bits[..., None], np.clip(np.rint(clean * np.array(gains)), 0, 255), clean).astype(np.uint8)


def test_a_gain_of_two_channels_is_found_and_measured(photos):
    clean = (photos.load("grass.png") * 0.7).astype(np.uint8)
    bits = photos.disc(clean.shape, 250, 250, 60)
    (found,) = find_color_shift(_shifted(clean, bits, (1.25, 1.0, 0.8)), **OPTIONS)
    assert photos.iou([found], "color_shift", bits) > 0.8
    step = next(m for m in found.measures if m.name == "chroma_step")
    # ln 1.25 = 0.223 both ways: hypot(22.3, 22.3) hundredths, less the 12 levels added to dark values.
    assert step.value == pytest.approx(31.6, rel=0.2)
    assert f"a step of {step.value:.1f} (threshold 8.0)" in found.text


@pytest.mark.parametrize(
    "name", ["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "color.png", "camera.png"]
)
def test_colored_things_are_no_shift(photos, name):
    assert find_color_shift(photos.load(name), **OPTIONS) == []
