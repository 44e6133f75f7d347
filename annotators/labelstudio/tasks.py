"""A sample as the ``data`` of a Label Studio task: what the page shows and what a result is checked against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from pydantic import NonNegativeInt, PositiveInt

from schemas.base import Frozen
from schemas.candidate import Candidate
from schemas.errors import VerdictError
from schemas.ledger import Layout
from schemas.media.types import Document, Video
from schemas.sample import Asset, Sample

from . import controls
from .controls import OBJECTS
from .frames import FrameClock, framerate_of
from .geometry import Space
from .label_config import LabelConfig

__all__ = ["Picture", "Shown", "layout_of", "pictures", "question_of", "shown_sizes", "task_data"]

_BETWEEN_PAGES = "\n\n"


class Shown(Frozen):
    """One picture, page or clip as the browser gets it."""

    url: str
    """Address that the browser loads: http(s), ``/data/...``, ``s3://...`` or a relative file name."""
    width: PositiveInt
    """Width in pixels of what is shown, upright; a rendered page has the width of its rendering."""
    height: PositiveInt
    """Height in pixels of what is shown, upright."""
    asset_id: str
    """The asset that it shows."""
    page_index: NonNegativeInt | None = None
    """0-based page, for documents."""


class Picture(NamedTuple):
    """One picture, page or clip of a task, and the pixels that its percentages mean."""

    to_name: str
    """The object in the config."""
    item_index: int | None
    """0-based page within it; None where the object has one picture."""
    asset: Asset
    space: Space


def layout_of(sample: Sample) -> Layout:
    """Which page a sample needs: ``pair`` for two images that belong together, else its modality."""
    return "pair" if sample.compared_with else sample.modality


def task_data(
    sample: Sample,
    shown: Sequence[Shown],
    config: LabelConfig,
    *,
    sample_key: str,
    candidate: Candidate | None = None,
    page_texts: Sequence[str] = (),
) -> dict[str, Any]:
    """The ``data`` of the sample's task: equal arguments, equal data.

    ``shown`` holds one entry for an image or clip, two for a pair (primary first), one per page for a document, in
    order. ``candidate`` has the question where the sample has none. ``page_texts`` is the text layer by page, for a
    config with text spans. ``sample_key`` is what the task is found by (schemas.ledger.task_key). Sizes, asset hashes
    and the config's version stand in the data, so that a result can be checked against what was shown. Raises
    ValueError where ``shown`` does not fit the sample.
    """
    layout = config.layout or layout_of(sample)
    _check_shown(sample, shown, layout)
    data: dict[str, Any] = {
        "sample_key": sample_key,
        "sample_id": sample.sample_id,
        "item": sample.item_id,
        "asset_sha256": [asset.asset_id for asset in _assets(sample, layout)],
        "sizes": [[each.width, each.height] for each in shown],
        "config_version": config.version,
        "question": question_of(sample, candidate),
        "prompt": sample.task_input.prompt or "",
    }
    if layout == "document":
        data["pages"] = [each.url for each in shown]
    else:
        # The second of a pair is a list of one, as the page wants it.
        addresses: list[str | list[str]] = [each.url if i == 0 else [each.url] for i, each in enumerate(shown)]
        data |= dict(zip(OBJECTS[layout], addresses, strict=True))
    if isinstance(sample.primary.media, Video):
        data["fps"] = framerate_of(sample.primary.media)
    if config.control(controls.TEXT_SPAN):
        starts = accumulate((len(text) + len(_BETWEEN_PAGES) for text in page_texts[:-1]), initial=0)
        data |= {"text": _BETWEEN_PAGES.join(page_texts) or " ", "text_starts": list(starts)}
    return data


def question_of(sample: Sample, candidate: Candidate | None) -> str:
    """What is asked: the sample's own, else what a machine wrote; of several the first, which people answer."""
    written = candidate.answers[0].question if candidate and candidate.answers else ""
    return sample.task_input.question or written


def shown_sizes(data: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    """``(width, height)`` of every picture that the task shows, in order. Raises VerdictError where data hold none."""
    sizes = data.get("sizes")
    if not isinstance(sizes, list) or not sizes or not all(_is_size(size) for size in sizes):
        raise VerdictError("the task does not say which sizes it showed", remedy="submit the sample again")
    return tuple((size[0], size[1]) for size in sizes)


def pictures(sample: Sample, data: Mapping[str, Any], layout: Layout) -> tuple[Picture, ...]:
    """The pictures of a task, in order. Raises VerdictError where the task's data are of another sample."""
    assets, sizes = _assets(sample, layout), shown_sizes(data)
    if data.get("asset_sha256") != [asset.asset_id for asset in assets]:
        raise VerdictError(
            f"sample {sample.sample_id[:12]}: the task shows another medium than the sample has",
            remedy="submit the sample again: its file has changed, or the task was edited",
        )
    media = assets[0].media
    if isinstance(media, Document):
        if len(sizes) != len(media.pages):
            raise VerdictError(f"the task shows {len(sizes)} pages of {len(media.pages)}", remedy="submit it again")
        places = zip(media.pages, sizes, strict=True)
        spaces = (Space(page.width, page.height, *size) for page, size in places)
        return tuple(Picture("pages", index, assets[0], space) for index, space in enumerate(spaces))
    if len(sizes) != len(assets):
        raise VerdictError(f"the task shows {len(sizes)} pictures of {len(assets)}", remedy="submit it again")
    rows = zip(OBJECTS[layout], assets, sizes, strict=True)
    return tuple(Picture(name, None, asset, _space(asset.media, size)) for name, asset, size in rows)


def _space(media: Any, size: tuple[int, int]) -> Space:
    clock = FrameClock.of(media) if isinstance(media, Video) else None
    return Space(media.width, media.height, *size, clock)


def _assets(sample: Sample, layout: Layout) -> tuple[Asset, ...]:
    other = sample.compared_with if layout == "pair" else None
    return (sample.primary, other) if other else (sample.primary,)


def _check_shown(sample: Sample, shown: Sequence[Shown], layout: Layout) -> None:
    media = sample.primary.media
    if isinstance(media, Document):
        wanted: list[tuple[str, int | None]] = [(sample.primary.asset_id, page.page_index) for page in media.pages]
    else:
        wanted = [(asset.asset_id, None) for asset in _assets(sample, layout)]
    if [(each.asset_id, each.page_index) for each in shown] != wanted:
        raise ValueError(
            f"sample {sample.sample_id[:12]}: {len(shown)} pictures that are not its {len(wanted)}, in order"
        )


def _is_size(size: Any) -> bool:
    return (
        isinstance(size, list)
        and len(size) == 2
        and all(isinstance(side, int) and not isinstance(side, bool) and 0 < side < 1 << 20 for side in size)
    )
