from __future__ import annotations

from benchmarks.brush_codec import Ratio, masks, measure


def test_every_mask_is_measured_and_agrees() -> None:
    ratios = [measure(name, mask, tries=1) for name, mask in masks(64)]
    assert [ratio.name for ratio in ratios] == ["200 blobs, 64 x 64", "one disk, 64 x 64", "noise, 16 x 16"]
    assert all(ratio.encode > 0 and ratio.decode > 0 for ratio in ratios)


def test_a_ratio_reads_as_a_line() -> None:
    assert str(Ratio("x", 20.04, 5)) == "x                            encode  20.0 x   decode   5.0 x"
