"""Generation settings as the generators themselves write them into their pictures.

Two spellings cover nearly all: the ``parameters`` text of AUTOMATIC1111's web UI (Forge, SD.Next,
Civitai and many others write it too), and ComfyUI's ``prompt`` graph as JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from ..sample import Generator
from .wording import clean

__all__ = ["from_comfyui", "from_parameters", "signed64"]

MOST_NODES = 2_000
MOST_TEXT = 16_384
_SETTING = re.compile(r'([A-Z][\w /-]{0,40}): ("(?:[^"\\]|\\.){0,2000}"|[^,\n]{0,200})(?:, |$)')
_SETTINGS_LINE = re.compile(r"^Steps: \d", re.MULTILINE)
_LOADER_FIELDS = ("ckpt_name", "unet_name", "model_name", "base_ckpt_name")


def from_parameters(text: str) -> Generator | None:
    """Settings out of a ``parameters`` text; None where it is something else.

    ``PROMPT\\nNegative prompt: PROMPT\\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: x``
    """
    starts = [found.start() for found in _SETTINGS_LINE.finditer(text)]
    if not starts:
        return None
    head, settings = text[: starts[-1]], dict(_SETTING.findall(text[starts[-1] :].splitlines()[0]))
    prompt, _, negative = head.rpartition("Negative prompt:") if "Negative prompt:" in head else (head, "", "")
    sampler = " ".join(settings[key] for key in ("Sampler", "Schedule type") if key in settings)
    return Generator(
        name=clean(settings.get("Model"), 200),
        version=clean(settings.get("Model hash"), 200),
        prompt=clean(prompt, MOST_TEXT),
        negative_prompt=clean(negative, MOST_TEXT),
        seed=signed64(settings.get("Seed")),
        steps=_integer(settings.get("Steps")),
        guidance_scale=_number(settings.get("CFG scale")),
        scheduler=clean(sampler, 200),
    )


def from_comfyui(text: str) -> Generator | None:
    """Settings out of ComfyUI's ``prompt`` (API format: node id to class and inputs); None where it is not one.

    Best effort: the sampler with the most steps speaks; a value that another node computes is
    followed through the links as far as it stands written somewhere.
    """
    graph = _graph(text)
    if not graph:
        return None
    sampler = max(_samplers(graph), key=lambda node: _integer(_value(graph, node, "steps")) or 0, default=None)
    names = dict.fromkeys(
        str(node[field]) for node in graph.values() for field in _LOADER_FIELDS if _is_text(node.get(field))
    )
    if sampler is None:
        return Generator(name=clean(", ".join(names), 400) or "ComfyUI")
    positive, negative = _prompts(graph, sampler)
    return Generator(
        name=clean(", ".join(names), 400) or "ComfyUI",
        prompt=clean(positive, MOST_TEXT),
        negative_prompt=clean(negative, MOST_TEXT),
        seed=next(
            (s for key in ("seed", "noise_seed") if (s := signed64(_value(graph, sampler, key))) is not None), None
        ),
        steps=_integer(_value(graph, sampler, "steps")),
        guidance_scale=_number(_first(graph, sampler, ("cfg", "guidance"))),
        scheduler=_scheduler(graph, sampler),
    )


def _graph(text: str) -> dict[str, dict[str, Any]]:
    """Node id to its inputs, the class under ``class_type``; empty where the text is no such graph."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or len(found) > MOST_NODES:
        return {}
    return {
        str(key): {**node["inputs"], "class_type": node["class_type"]}
        for key, node in found.items()
        if isinstance(node, dict) and isinstance(node.get("inputs"), dict) and _is_text(node.get("class_type"))
    }


def _samplers(graph: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """KSampler and its like hold a seed; SamplerCustomAdvanced gets its noise from a node of its own."""
    for node in graph.values():
        if "Sampler" in node["class_type"] and any(key in node for key in ("seed", "noise_seed", "noise")):
            yield node


def _upstream(
    graph: dict[str, dict[str, Any]], node: dict[str, Any], field: str | None = None
) -> Iterator[dict[str, Any]]:
    """The nodes that feed ``field`` of a node (or any field), nearest first, each once."""
    links = [node.get(field)] if field else list(node.values())
    seen: set[str] = set()
    while links:
        link = links.pop(0)
        if isinstance(link, list) and link and (key := str(link[0])) in graph and key not in seen:
            seen.add(key)
            yield graph[key]
            links.extend(graph[key].values())


def _value(graph: dict[str, dict[str, Any]], node: dict[str, Any], field: str) -> Any:
    """The number or text in a field: written there, or in the nearest node upstream that has such a field."""
    holders = [node, *_upstream(graph, node)]
    return next((holder[field] for holder in holders if field in holder and not isinstance(holder[field], list)), None)


def _first(graph: dict[str, dict[str, Any]], node: dict[str, Any], fields: tuple[str, ...]) -> Any:
    return next((value for field in fields if (value := _value(graph, node, field)) is not None), None)


def _prompts(graph: dict[str, dict[str, Any]], sampler: dict[str, Any]) -> tuple[str | None, str | None]:
    """Positive and negative prompt; a guider has one conditioning, which is the positive one."""
    holders = [sampler, *_upstream(graph, sampler)]
    pair = next((holder for holder in holders if "positive" in holder), None)
    if pair:
        return _prompt(graph, pair, "positive"), _prompt(graph, pair, "negative")
    return next(
        (text for h in holders if "conditioning" in h and (text := _prompt(graph, h, "conditioning"))), None
    ), None


def _prompt(graph: dict[str, dict[str, Any]], node: dict[str, Any], field: str) -> str | None:
    for source in _upstream(graph, node, field):
        for key in ("text", "text_g", "clip_l", "t5xxl", "prompt", "string", "value"):
            if _is_text(source.get(key)):
                return str(source[key])
    return None


def _scheduler(graph: dict[str, dict[str, Any]], sampler: dict[str, Any]) -> str | None:
    parts = [_value(graph, sampler, "sampler_name"), _value(graph, sampler, "scheduler")]
    return clean(" ".join(str(part) for part in parts if _is_text(part)), 200)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def signed64(value: Any) -> int | None:
    """A seed as signed 64 bits: unsigned seeds from 2**63 on become negative, as two's complement does."""
    whole = _integer(value, most_digits=40)
    return None if whole is None else (whole + 2**63) % 2**64 - 2**63


def _integer(value: Any, most_digits: int = 9) -> int | None:
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return int(text) if re.fullmatch(rf"-?\d{{1,{most_digits}}}", text, re.ASCII) else None


def _number(value: Any) -> float | None:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
