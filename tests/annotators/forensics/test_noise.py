"""Added noise is found, colored or gray; texture is not noise."""

import numpy as np
import pytest

from annotators.forensics.noise import find_noise

OPTIONS = {"min_ratio": 1.65, "min_share": 0.002, "max_share": 0.25}


def _noisy(clean, bits, channels):
    noise = np.random.default_rng(0).normal(0, 16, (*clean.shape[:2], channels))
    return np.where(bits[..., None], np.clip(np.rint(clean + noise), 0, 255), clean).astype(np.uint8)


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize(("name", "x", "y"), [("chelsea.png", 100, 200), ("coffee.png", 300, 60)])
def test_a_noisy_disc_is_found(photos, name, x, y, channels):
    clean = photos.load(name)
    bits = photos.disc(clean.shape, x, y, 45)
    found = find_noise(_noisy(clean, bits, channels), **OPTIONS)
    assert photos.iou(found, "noise", bits) > 0.6


def test_the_text_states_both_levels(photos):
    clean = photos.load("chelsea.png")
    (found,) = find_noise(_noisy(clean, photos.disc(clean.shape, 100, 200, 45), 3), **OPTIONS)
    level = next(m for m in found.measures if m.name == "noise_level")
    # Two independent channels of deviation 16 differ by 16 times the root of 2.
    assert level.value == pytest.approx(16 * 2**0.5, rel=0.15)
    assert f"noise level {level.value:.1f} gray levels here against {level.threshold:.1f} around" in found.text


@pytest.mark.parametrize(
    "name", ["astronaut.png", "camera.png", "chelsea.png", "coffee.png", "grass.png", "gravel.png"]
)
def test_a_clean_photo_gives_nothing(photos, name):
    assert find_noise(photos.load(name), **OPTIONS) == []
