"""The YAML head of the card: what the Hub and ``datasets.load_dataset`` read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from schemas.published import Config

from ..reviews import REVIEWS
from ..untrusted import visible
from .facts import CardFacts, ConfigFacts
from .fields import yaml_features

__all__ = ["yaml_head"]

_TASK_CATEGORIES: dict[tuple[str, Config], tuple[str, ...]] = {
    ("artifacts", "images"): ("image-classification", "object-detection", "image-segmentation"),
    ("artifacts", "videos"): ("video-classification",),
    ("document_qa", "images"): ("visual-question-answering",),
    ("document_qa", "documents"): ("document-question-answering", "visual-question-answering"),
}
_SIZES = ((1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K"), (1e6, "100K<n<1M"), (1e7, "1M<n<10M"))
_HUB_LICENCE = re.compile(
    r"apache-2\.0|mit|afl-3\.0|bsd-[23]-clause|unlicense|wtfpl|a?gpl-3\.0|gpl-2\.0|lgpl-3\.0|gfdl|openrail"
    r"|cc|cc0-1\.0|cc-by-(2\.[05]|[34]\.0)|cc-by-sa-[34]\.0|cc-by-nc-[234]\.0|cc-by-nd-4\.0|cc-by-nc-nd-[34]\.0"
    r"|cc-by-nc-sa-[234]\.0|cdla-sharing-1\.0|cdla-permissive-[12]\.0|c-uda|odbl|odc-by|pddl|unknown|other"
)
"""What the Hub accepts as ``license`` (https://huggingface.co/docs/hub/repositories-licenses), as far as data go."""


def yaml_head(facts: CardFacts) -> dict[str, Any]:
    """The head as plain data: ``configs`` and ``dataset_info`` are what ``load_dataset`` reads."""
    configs = [config for config in facts.configs if config.splits]
    return {
        "pretty_name": _line(facts.title),
        **_licence_head(facts.licence),
        "annotations_creators": ["machine-generated"] if facts.machines else ["no-annotation"],
        "size_categories": [next((name for limit, name in _SIZES if facts.num_rows < limit), "n>10M")],
        "task_categories": _task_categories(facts.task, configs),
        "tags": ["witnessmark", *(_line(tag) for tag in (facts.taxonomy.name, *facts.tags))],
        "configs": [_config_head(config, is_default=config is configs[0]) for config in configs] + _reviews_head(facts),
        "dataset_info": [_info_head(config) for config in configs],
    }


def _task_categories(task: str, configs: Sequence[ConfigFacts]) -> list[str]:
    names = (name for config in configs for name in _TASK_CATEGORIES.get((task, config.name), ()))
    return list(dict.fromkeys(names))


def _line(text: str) -> str:
    """One line: some readers of cards end the head at any line of three dashes."""
    return " ".join(visible(text).split())


def _licence_head(licence: str) -> dict[str, str]:
    known = licence.strip().lower()
    if _HUB_LICENCE.fullmatch(known):
        return {"license": known}
    return {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", known).strip("-") or "other"}


def _config_head(config: ConfigFacts, *, is_default: bool) -> dict[str, Any]:
    files = [{"split": split.name, "path": f"data/{config.name}/{split.name}-*.parquet"} for split in config.splits]
    return {"config_name": config.name, **({"default": True} if is_default else {}), "data_files": files}


def _reviews_head(facts: CardFacts) -> list[dict[str, Any]]:
    if not facts.num_reviews:
        return []
    return [{"config_name": "reviews", "data_files": [{"split": "train", "path": REVIEWS}]}]


def _info_head(config: ConfigFacts) -> dict[str, Any]:
    splits = [{"name": s.name, "num_bytes": s.num_bytes, "num_examples": s.num_rows} for s in config.splits]
    size = sum(split.num_bytes for split in config.splits)
    sizes = {"download_size": size, "dataset_size": size}
    return {"config_name": config.name, "features": yaml_features(config.features), "splits": splits, **sizes}
