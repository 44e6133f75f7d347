"""Maps of local statistics of one picture, on a grid of cells of 4 x 4 pixels.

The noise operator is Immerkaer's (Fast Noise Variance Estimation, CVIU 64, 1996): a difference of
two Laplacians that does not answer to planes and lines. Its local *median* is used, which edges
leave alone, so that what remains is the grain of the surface.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .findings import Pixels

__all__ = ["CELL", "NOISE_FLOOR", "Fields", "gray_of", "measure_fields"]

Plane = NDArray[np.float32]

CELL = 4
"""Side of a cell in pixels."""
NOISE_FLOOR = 0.12
"""Noise below this many gray levels is not told apart: less than the rounding of 8 bits."""

_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_MEDIAN_OF_NORMAL = 0.6745
_WINDOW = 5
_DARK = 12.0  # gray levels added before the logarithm: ratios of dark values are noise


@dataclass(frozen=True)
class Fields:
    """Planes of shape ``(H // 4, W // 4)``."""

    log_noise: Plane
    """Natural logarithm of the noise's standard deviation in gray levels, from the local median."""
    log_color_noise: Plane
    """The same of the difference red - green: a camera's and a codec's detail has little of it."""
    log_detail: Plane
    """Natural logarithm of the local median of a band-pass at 1.2 to 2.4 pixels, in gray levels."""
    log_peaks: Plane
    """Natural logarithm of the largest residual within 9 pixels: edges that survive."""
    lab: Plane
    """CIE Lab as OpenCV scales it to bytes, shape ``(H // 4, W // 4, 3)``."""
    opponent: Plane
    """Logarithms times 100 of luma, of red over green and of blue over green, ``(H // 4, W // 4, 3)``: a gain of a
    channel moves them by a constant, whatever the light, about one unit per percent."""


def gray_of(pixels: Pixels) -> Plane:
    """Luma in 0 to 255, unrounded: rounding would hide the quietest noise."""
    return cv2.transform(pixels.astype(np.float32), _WEIGHTS[None, :])


def measure_fields(pixels: Pixels) -> Fields:
    """All maps of a picture of at least 16 x 16 pixels; the last partial cells are left out."""
    pixels = pixels[: pixels.shape[0] // CELL * CELL, : pixels.shape[1] // CELL * CELL]
    gray = gray_of(pixels)
    residual = np.abs(cv2.filter2D(gray, cv2.CV_32F, _IMMERKAER))
    red_green = cv2.subtract(pixels[..., 0], pixels[..., 1], dtype=cv2.CV_32F)
    color_residual = np.abs(cv2.filter2D(red_green, cv2.CV_32F, _IMMERKAER))
    band = np.abs(cv2.GaussianBlur(gray, (0, 0), 1.2) - cv2.GaussianBlur(gray, (0, 0), 2.4))
    peaks = cv2.dilate(residual, np.ones((9, 9), np.uint8))
    return Fields(
        log_noise=_log_sigma(residual, 4),
        log_color_noise=_log_sigma(color_residual, 2),
        log_detail=_log(_cells(_local_median(band, 16), CELL // 2), 0.03),
        log_peaks=_log(_cells(peaks) / np.float32(24), NOISE_FLOOR),
        lab=_cells(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)).astype(np.float32),
        opponent=_opponent(_cells(pixels).astype(np.float32)),
    )


def _opponent(rgb: Plane) -> Plane:
    logs = 100 * np.log(rgb + _DARK)
    red, green, blue = logs[..., 0], logs[..., 1], logs[..., 2]
    return np.stack([logs @ _WEIGHTS, red - green, blue - green], 2)


def _log_sigma(residual: Plane, scale: int) -> Plane:
    # The operator's coefficients have norm 6: white noise of sigma s answers with 6 s.
    return _log(_cells(_local_median(residual, scale), CELL // 2) / np.float32(6 * _MEDIAN_OF_NORMAL), NOISE_FLOOR)


def _local_median(plane: Plane, scale: int) -> Plane:
    """The median of every second pixel within 9 x 9, at half the size."""
    # On bytes it is twenty times faster than on floats (scale keeps fractions), and 25 samples are enough.
    small = np.minimum(plane[::2, ::2] * scale, 255).astype(np.uint8)
    return cv2.medianBlur(small, _WINDOW).astype(np.float32) / scale


def _cells(plane: NDArray[np.generic], side: int = CELL) -> Plane:
    size = (plane.shape[1] // side, plane.shape[0] // side)
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)


def _log(plane: Plane, floor: float) -> Plane:
    return np.log(np.maximum(plane, floor))
