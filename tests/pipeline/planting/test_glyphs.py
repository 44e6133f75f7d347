import numpy as np

from pipeline.planting.glyphs import draw_sign
from pipeline.planting.masks import pixels_of, rectangle
from pipeline.planting.photos import Pixels


def test_a_sign_covers_its_plate_with_paper_and_ink_only_there(pixels: Pixels) -> None:
    signed, strokes = draw_sign(pixels, (112, 80), (100, 42), 6, np.random.default_rng(2))

    plate = pixels_of(rectangle(112, 80, 100, 42, 6).polygon, 224, 160)
    near = pixels_of(rectangle(112, 80, 128, 56, 6).polygon, 224, 160)
    values = signed[plate].mean(axis=1)
    assert np.array_equal(signed[~near], pixels[~near])
    assert 0.4 < (values > 200).mean() < 0.95
    assert (values < 100).mean() > 0.03
    assert 2 * 2 * 6 <= strokes <= 2 * 4 * 8


def test_every_seed_writes_another_sign(pixels: Pixels) -> None:
    one, again, other = (
        draw_sign(pixels, (112, 80), (100, 42), 0, np.random.default_rng(seed))[0] for seed in (1, 1, 2)
    )

    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
