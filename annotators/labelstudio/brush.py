"""Label Studio's brush masks: the rle-pack bit stream of an RGBA picture, in vectorised numpy.

Format (thi.ng/umbrella ``rle-pack``; most significant bit first)::

    32 bits   number of values: width * height * 4, RGBA row by row
     5 bits   word size - 1; always 8 bits here
     4 x 4    the four length sizes - 1; Label Studio writes 3, 4, 8 and 16
    records   1 bit: a run (1) or literal values (0); 2 bits: which length size; the length - 1 in that size;
              then one value (run) or ``length`` values (literals)
    zeros     up to the next byte; label-studio-sdk adds a whole byte where nothing is missing

What is written is byte-identical to ``label_studio_sdk.converter.brush.mask2rle``, what is read equals its
``decode_rle``, in a fraction of its time (benchmarks/brush_codec.py). Own code because the SDK goes bit
by bit in Python and reads hostile streams without a bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.errors import VerdictError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from schemas.geometry import Mask

__all__ = ["PAINTED", "alpha_from_rle", "brush_from_coco", "coco_from_brush", "mask_from_rle", "rle_from_mask"]

PAINTED = 128
"""Alpha from which a pixel counts as painted: a brush has soft edges of 1 to 255."""

_LENGTH_BITS = (3, 4, 8, 16)
_HEADER_BITS = 32 + 5 + 4 * 4
_LONGEST = 1 << 16
"""Longest run of one record."""


def rle_from_mask(mask: NDArray[np.bool_] | NDArray[np.uint8]) -> list[int]:
    """``(H, W)`` bool, or uint8 alpha 0 to 255, as Label Studio's list of bytes; all four channels are alike."""
    import numpy as np

    alpha = (mask.view(np.uint8) * np.uint8(255) if mask.dtype == np.bool_ else mask).ravel()
    if mask.ndim != 2 or alpha.dtype != np.uint8 or not 0 < alpha.size < 1 << 30:
        raise ValueError(f"a brush mask is (H, W) bool or uint8 with pixels, not {mask.shape} {mask.dtype}")
    ends = np.append(np.flatnonzero(alpha[1:] != alpha[:-1]) + 1, alpha.size)
    values, lengths = alpha[ends - 1], 4 * np.diff(ends, prepend=0)
    return _packed(4 * alpha.size, values.astype(np.uint64), lengths)


def mask_from_rle(rle: Any, width: int, height: int) -> NDArray[np.bool_]:
    """``(H, W)`` bool: the pixels whose alpha is at least PAINTED. Raises VerdictError as alpha_from_rle."""
    painted: NDArray[np.bool_] = alpha_from_rle(rle, width, height) >= PAINTED
    return painted


def alpha_from_rle(rle: Any, width: int, height: int) -> NDArray[np.uint8]:
    """``(H, W)`` uint8: the fourth channel of the picture in ``rle``.

    Raises VerdictError for anything that is not a whole stream of exactly ``width * height`` RGBA pixels; no
    memory is taken for what a stream merely claims. What follows the last value is padding and is not read.
    """
    import numpy as np

    stream = _Stream(_bytes(rle), 4 * width * height)
    records = stream.records()
    # The n-th alpha is value 4 n + 3, so a record that ends before value e has completed e // 4 of them.
    ends = np.cumsum(records.lengths)
    alphas = np.diff(ends // 4, prepend=0)
    alpha = np.repeat(stream.values_at(records.places), alphas)
    _put_literals(alpha, stream, records, ends, alphas)
    return alpha.reshape(height, width)


def coco_from_brush(rle: Any, width: int, height: int) -> Mask:
    """Label Studio's brush as our Mask (COCO RLE). Raises VerdictError as alpha_from_rle."""
    from schemas.geometry import mask_from_array

    return mask_from_array(mask_from_rle(rle, width, height), "painted")


def brush_from_coco(mask: Mask) -> list[int]:
    """Our Mask as Label Studio's brush; ``coco_from_brush`` gives the same pixels again."""
    from schemas.geometry import mask_to_array

    return rle_from_mask(mask_to_array(mask))


# Writing


def _packed(num: int, values: NDArray[np.uint64], lengths: NDArray[np.int64]) -> list[int]:
    """The stream of runs, each of at least 4 equal values."""
    import numpy as np

    # A run beyond 65536 is cut into full records and a rest of 1 to 65536, which is also written with 16 bits.
    parts = -(-lengths // _LONGEST)
    is_long = np.repeat(lengths > 256, parts)
    values = np.repeat(values, parts)
    rest = lengths - (parts - 1) * _LONGEST
    lengths = np.full(values.size, _LONGEST)
    lengths[np.cumsum(parts) - 1] = rest
    kind = np.where(is_long, 3, np.searchsorted((8, 16), lengths, side="left"))
    bits = np.array(_LENGTH_BITS)[kind]
    codes = (((4 + kind) << bits) + lengths - 1).astype(np.uint64) << np.uint64(8) | values
    return _written(num, codes, bits + 11)


def _written(num: int, codes: NDArray[np.uint64], sizes: NDArray[np.int64]) -> list[int]:
    """The header and ``codes``, each of ``sizes`` bits (11 + 16 at most), one after the other."""
    import numpy as np

    places = np.cumsum(sizes) - sizes + _HEADER_BITS
    end = int(places[-1] + sizes[-1])
    out = np.zeros(end // 8 + 9, np.uint8)
    out[:7] = np.frombuffer(_header(num), np.uint8)
    # A record of 27 bits at any bit lies in 5 bytes; records have at least 14 bits, so no two start in one byte.
    shifted = codes << (40 - sizes - (places & 7)).astype(np.uint64)
    first = places >> 3
    for k in range(5):
        out[first + k] |= (shifted >> np.uint64(32 - 8 * k)).astype(np.uint8)
    written: list[int] = out[: end // 8 + 1].tolist()
    return written


def _header(num: int) -> bytes:
    head = num << 21 | 7 << 16 | 2 << 12 | 3 << 8 | 7 << 4 | 15
    return (head << 3).to_bytes(7, "big")


# Reading


class _Records(NamedTuple):
    """The records of a stream, in order."""

    places: NDArray[np.int64]
    """Bit at which the record's first value stands."""
    lengths: NDArray[np.int64]
    """Number of values."""
    is_literal: NDArray[np.bool_]
    """Whether each of them is written."""


class _Stream:
    """A checked stream: any 16 bits of it in one step."""

    def __init__(self, raw: bytes, num: int) -> None:
        import numpy as np

        if len(raw) < 7:
            raise _damaged("its header is cut off")
        head = int.from_bytes(raw[:7], "big") >> 3
        self.num, self.end = num, 8 * len(raw)
        if head >> 21 != num:
            raise _damaged(f"it holds {head >> 21} values, not {num} (width x height x 4)")
        if (head >> 16) & 31 != 7:
            raise _damaged(f"its values have {((head >> 16) & 31) + 1} bits, not 8")
        self.length_bits = tuple(((head >> shift) & 15) + 1 for shift in (12, 8, 4, 0))
        padded = np.frombuffer(raw + bytes(4), np.uint8).astype(np.uint32)
        words = padded[:-2] << 16 | padded[1:-1] << 8 | padded[2:]
        shifts = np.arange(8, 0, -1, dtype=np.uint32)
        self.windows: NDArray[np.uint16] = (words[:, None] >> shifts).astype(np.uint16).ravel()
        """The 16 bits that start at each bit."""

    def values_at(self, places: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The 8 bits that start at each place."""
        import numpy as np

        return (self.windows[places] >> 8).astype(np.uint8)

    def records(self) -> _Records:
        """Every record up to the last value. Raises VerdictError where the stream ends before it or runs over it."""
        import numpy as np

        places, lengths, literals = self._walked()
        found = sum(lengths)
        if found != self.num:
            raise _damaged(f"its records hold {found} values, not the {self.num} that it states")
        return _Records(np.array(places, np.int64), np.array(lengths, np.int64), np.array(literals, np.bool_))

    def _walked(self) -> tuple[list[int], list[int], list[bool]]:
        """Place, length and kind of each record: where one starts is known only from the one before."""
        windows = memoryview(self.windows)  # type: ignore[arg-type]
        bits = self.length_bits * 2
        places: list[int] = []
        lengths: list[int] = []
        literals: list[bool] = []
        at, left, end = _HEADER_BITS, self.num, self.end
        while left > 0:
            if at + 3 > end:
                raise _damaged(f"it is cut off: {left} values are missing")
            kind = windows[at] >> 13
            size = bits[kind]
            first = at + 3 + size
            if first + 8 > end:
                raise _damaged(f"it is cut off: {left} values are missing")
            length = (windows[at + 3] >> (16 - size)) + 1
            at = first + (8 if kind > 3 else 8 * length)
            left -= length
            places.append(first)
            lengths.append(length)
            literals.append(kind < 4)
        if at > end:
            raise _damaged("it is cut off within its last values")
        return places, lengths, literals


def _put_literals(
    alpha: NDArray[np.uint8],
    stream: _Stream,
    records: _Records,
    ends: NDArray[np.int64],
    alphas: NDArray[np.int64],
) -> None:
    """Write the alphas of literal records over the first value that ``np.repeat`` put there."""
    import numpy as np

    chosen = np.flatnonzero(records.is_literal & (alphas > 0))
    counts = alphas[chosen]
    if not counts.size:
        return
    starts = ends[chosen] - records.lengths[chosen]
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    pixels = np.repeat(starts // 4, counts) + within
    offsets = 4 * pixels + 3 - np.repeat(starts, counts)
    alpha[pixels] = stream.values_at(np.repeat(records.places[chosen], counts) + 8 * offsets)


def _bytes(rle: Any) -> bytes:
    if not isinstance(rle, list | tuple):
        raise _damaged(f"it is a {type(rle).__name__}, not a list of bytes")
    try:
        return bytes(rle)
    except (TypeError, ValueError) as error:
        raise _damaged("it holds something other than whole numbers from 0 to 255") from error


def _damaged(why: str) -> VerdictError:
    return VerdictError(f"brush mask cannot be read: {why}", remedy="export the annotation again, or have it repainted")
