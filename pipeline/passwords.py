"""Passwords of encrypted documents, where a machine, a picture of the report or a check needs one.

A password stands in the source (a manifest's column ``password``) and nowhere else: never in a table, a
message or the run folder. Whoever needs one reads the sources again, once, and only for documents that are encrypted.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import pipeline.sources
from schemas.media.types import Document
from schemas.plugins import load
from schemas.sample import Sample

from .recipe import Recipe
from .sources.base import items_of
from .storage import RunFolder
from .tables import read_batches

__all__ = ["Passwords"]


class Passwords:
    """The passwords that the sources of a run state; nothing is read before the first is asked for."""

    def __init__(self, recipe: Recipe, inputs: tuple[str, ...], run: RunFolder) -> None:
        self._recipe, self._inputs, self._run = recipe, inputs, run

    def unlocked(self, sample: Sample) -> Sample:
        """The sample with the password of its primary asset, where that is encrypted and its source states one."""
        media = sample.primary.media
        if not (isinstance(media, Document) and media.is_encrypted):
            return sample
        password = self._by_item.get(sample.item_id)
        return sample.evolve(assets=(sample.primary.unlocked(password), *sample.assets[1:])) if password else sample

    def of_sample(self, sample_id: str) -> str | None:
        """The password of a sample of the finished table ``samples``; None where no item of it states one."""
        return self._by_sample.get(sample_id)

    @cached_property
    def _by_item(self) -> Mapping[str, str]:
        sources = [load(pipeline.sources, config) for config in self._recipe.sources]
        items = items_of(sources, self._inputs, self._run.media_uri, self._recipe.limits)
        return {item.item_id: item.password for item in items if item.password}

    @cached_property
    def _by_sample(self) -> Mapping[str, str]:
        rows = (
            row
            for batch in (read_batches(self._run, "samples", ("sample_id", "item_id")) if self._by_item else ())
            for row in batch.to_pylist()
        )
        return {r["sample_id"]: self._by_item[r["item_id"]] for r in rows if r["item_id"] in self._by_item}
