"""What the model families in use answer in, by the name that servers give them.

A preset is what a family's authors document or its users found (sources beside each); servers resize and fine-tunes
differ, so ``witnessmark calibrate`` has the last word. The first pattern that is found in the name holds.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from schemas.task import BoxConvention

__all__ = ["FAMILIES", "Family", "family_of"]


class Family(NamedTuple):
    """A model family."""

    name: str
    """What people call it."""
    pattern: str
    """Regular expression, searched in the lower-case model name."""
    convention: BoxConvention
    """What it answers in."""
    key: str = "box"
    """The key it puts a box under when left alone; a habit that the schema may as well follow."""
    view_multiple: int = 1
    """Pictures are sent with sides that are multiples of this: the server then resizes nothing and what the model
    counts pixels in is what was sent."""
    min_view_side: int = 1
    """Smallest side in pixels that the server leaves alone."""
    is_native: bool = False
    """Whether it answers in marks of its own rather than in JSON, whatever it is told."""


FAMILIES: tuple[Family, ...] = (
    # QwenLM/Qwen3-VL#1486: relative coordinates again, 0 to 1000.
    Family("Qwen3-VL", r"qwen-?3(\.\d+)?(-|_)?(vl|omni)|qwen-?3\.5", "thousandths_xyxy", "bbox_2d", 32, 64),
    # om-ai-lab/VLM-R1#198: pixels of what smart_resize of its processor leaves, sides in multiples of 28, at least 56.
    Family("Qwen2.5-VL", r"qwen-?2\.5(-|_)?(vl|omni)|qwen-vl-(max|plus)", "view_pixels_xyxy", "bbox_2d", 28, 56),
    # The model card of Qwen2-VL: <|box_start|>(x1,y1),(x2,y2), 0 to 1000.
    Family("Qwen2-VL", r"qwen-?2(-|_)?vl|qvq", "thousandths_xyxy", "box", 28, 56),
    # The PaliGemma paper, section 3.2: <locYYYY><locXXXX> twice, 1024 bins.
    Family("PaliGemma", r"paligemma", "bins1024_yxyx", is_native=True),
    # ai.google.dev, "Image understanding": box_2d, [ymin, xmin, ymax, xmax], 0 to 1000.
    Family("Gemini", r"gemini|gemma-?[34]", "thousandths_yxyx", "box_2d"),
    # The InternVL documentation says 0 to 1000 (its data disagree: OpenGVLab/InternVL#844).
    Family("InternVL", r"intern-?vl|intern-?s1", "thousandths_xyxy"),
    # MoonshotAI/Kimi-VL#56: fractions.
    Family("Kimi-VL", r"kimi", "unit_xyxy"),
    # opendatalab/mineru-vl-utils#38: 0 to 999.
    Family("MinerU", r"mineru", "nines_xyxy"),
    # The DeepSeek-VL2 paper, section 3: <|det|>[[x1, y1, x2, y2]], 0 to 999.
    Family("DeepSeek-VL2", r"deepseek-?vl-?2|deepseek-ocr", "nines_xyxy"),
    # The Molmo paper, section 2: points in percent of the picture; two of them span a box.
    Family("Molmo", r"molmo", "percent_xyxy", is_native=True),
    # The Florence-2 paper, section 3: <loc_X><loc_Y> twice, 1000 bins, 0 to 999.
    Family("Florence-2", r"florence", "nines_xyxy", is_native=True),
    # No convention of their own was trained in; they follow the one that the prompt states, 0 to 1000 best.
    Family("GPT", r"gpt-|chatgpt|(^|/)o[134](-|$)", "thousandths_xyxy"),
)


def family_of(model: str) -> Family | None:
    """The family that a model's name tells, or None."""
    name = model.lower()
    return next((family for family in FAMILIES if re.search(family.pattern, name)), None)
