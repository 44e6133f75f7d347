"""The text layers that quoted words are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.media.types import Document
from schemas.sample import Asset
from schemas.task import Task

from ..base import OpenUri
from .forms import Question
from .pictures import measured_bytes

if TYPE_CHECKING:
    from schemas.media.documents import Word

    from ..sandbox import Sandbox

__all__ = ["page_texts", "placed_words", "quotable_texts"]


async def quotable_texts(
    asset: Asset, pages: tuple[int, ...], question: Question, task: Task, *, open_uri: OpenUri, sandbox: Sandbox
) -> dict[int, str]:
    """The whole text layer of each page that can be quoted, by 0-based index; none where nothing is compared.

    Raises MediaError where the file is no longer the one that was asked about.
    """
    is_quoted = question in ("question", "written_question") or task.claims == "cited"
    if not (isinstance(asset.media, Document) and asset.media.has_text_layer and is_quoted):
        return {}
    texts = await sandbox.run(page_texts, asset, pages, open_uri)
    return dict(zip(pages, texts, strict=True))


def page_texts(asset: Asset, pages: tuple[int, ...], open_uri: OpenUri) -> tuple[str, ...]:
    """The text layers of pages, by 0-based index. Runs in the sandbox. Raises MediaError."""
    from schemas.media.documents import page_text

    with open_uri(asset.uri) as file:
        data = measured_bytes(file, asset)
    return tuple(page_text(data, page, password=asset.password) for page in pages)


def placed_words(asset: Asset, pages: tuple[int, ...], open_uri: OpenUri) -> tuple[tuple[Word, ...], ...]:
    """The words of pages with their places, by 0-based index. Runs in the sandbox. Raises MediaError."""
    from schemas.media.documents import page_words

    with open_uri(asset.uri) as file:
        data = measured_bytes(file, asset)
    return tuple(page_words(data, page, password=asset.password) for page in pages)
