"""What the plan reads of each row: the hashes that it holds against those of others."""

from pipeline.seen import Seen, hashes_once

ONE, TWO, THREE = (bytes([digit] * 32) for digit in (1, 2, 3))


def row(name: str, assets: tuple[str, ...], hashes: bytes, portions: tuple[tuple[int, int], ...] = ()) -> Seen:
    return Seen(
        sample_id=name,
        item_id=name,
        group_id=None,
        pair_id=None,
        asset_ids=assets,
        hashes=hashes,
        config="images",
        byte_size=1,
        portions=portions,
    )


def test_a_medium_of_several_rows_has_its_hashes_in_one_of_them() -> None:
    halves = ((32, 0), (32, 0))
    rows = [
        row("a", ("x", "o"), ONE + TWO, halves),
        row("b", ("y", "o"), THREE + TWO, halves),
        row("c", ("x",), ONE),
    ]
    assert list(hashes_once(rows)) == [(ONE + TWO, b""), (THREE, b""), (b"", b"")]


def test_rows_that_share_nothing_are_not_copied() -> None:
    """The hashes of a row are 600 bytes, and there are millions of rows."""
    rows = [row("a", ("x",), ONE), row("b", ("y", "z"), TWO + THREE, ((32, 0), (32, 0)))]
    assert all(hashes is one.hashes for one, (hashes, _) in zip(rows, hashes_once(rows), strict=True))
