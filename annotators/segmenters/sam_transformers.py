"""A model of the SAM family as ``transformers`` saves it, from a local folder; needs ``torch`` and ``transformers``.

Any model with ``AutoModelForMaskGeneration`` and a processor that takes ``input_boxes`` serves (SAM, SAM-HQ, SlimSAM).
The folder is the only place that is read: nothing is ever fetched, and no code in it is run.
"""

from __future__ import annotations

import asyncio
import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from schemas.errors import ConfigError
from schemas.geometry import Box

from ..base import Workbench
from ._pictures import read_place
from .base import Patch, Place, Segmenter, SegmenterConfig, probability

__all__ = ["Config", "SamTransformers"]

BOXES_PER_RUN = 16
MAX_PICTURE_SIDE = 1024
"""What every SAM reduces to anyway."""


class Config(SegmenterConfig):
    """Options of a saved model of the SAM family."""

    kind: Literal["sam_transformers"] = "sam_transformers"
    """This segmenter."""
    path: str = Field(min_length=1)
    """Folder with ``config.json``, weights in safetensors and ``preprocessor_config.json``."""
    device: str = Field("cpu", pattern=r"^[a-z]+(:[0-9]+)?$")
    """Where it runs, by torch's name, e.g. ``cuda:0``."""
    threads: PositiveInt = 1
    """Threads of one run of the model on a CPU."""


class SamTransformers(Segmenter):
    """Pictures are decoded in the sandbox; the model, which is trusted, runs in a thread beside the event loop."""

    config: Config

    def check(self) -> None:
        """Raises ConfigError where torch, transformers or the folder is missing."""
        for package in ("torch", "transformers"):
            if find_spec(package) is None:
                raise ConfigError(
                    f"sam_transformers needs the package {package}", remedy='pip install "witnessmark[segment-torch]"'
                )
        if not (Path(self.config.path) / "config.json").is_file():
            raise ConfigError(
                f"sam_transformers: no config.json in {self.config.path!r}", remedy="name a saved model's folder"
            )

    async def connect(self, bench: Workbench) -> None:
        """Raises ConfigError where the folder holds no such model."""
        await super().connect(bench)
        self._model, self._processor = await asyncio.to_thread(_load, self.config)
        self._identity = await asyncio.to_thread(_sha256_of_folder, Path(self.config.path))
        self._turn = asyncio.Lock()

    @property
    def model(self) -> str:
        return Path(self.config.path).resolve().name

    @property
    def identity(self) -> str:
        return self._identity

    async def segment(self, place: Place, boxes: tuple[Box, ...]) -> tuple[Patch | None, ...]:
        """Raises MediaError."""
        bench = self.bench
        pixels = await bench.sandbox.run(read_place, place, bench.open_uri, bench.limits, MAX_PICTURE_SIDE)
        patches: list[Patch] = []
        async with self._turn:
            for start in range(0, len(boxes), BOXES_PER_RUN):
                some = boxes[start : start + BOXES_PER_RUN]
                patches += await asyncio.to_thread(self._patches, pixels, place, some)
        return tuple(patches)

    def _patches(self, pixels: NDArray[np.uint8], place: Place, boxes: tuple[Box, ...]) -> list[Patch]:
        import torch

        height, width = pixels.shape[:2]
        scale_x, scale_y = place.size[0] / width, place.size[1] / height
        corners = [[b.x1 / scale_x, b.y1 / scale_y, b.x2 / scale_x, b.y2 / scale_y] for b in boxes]
        inputs = self._processor(pixels, input_boxes=[corners], return_tensors="pt").to(self.config.device)
        with torch.inference_mode():
            found = self._model(**inputs, multimask_output=False)
        sizes = [inputs["original_sizes"]]
        if "reshaped_input_sizes" in inputs:
            sizes.append(inputs["reshaped_input_sizes"])
        (maps,) = self._processor.post_process_masks(found.pred_masks.cpu(), *sizes, binarize=False)
        scores = found.iou_scores.float().cpu().numpy().reshape(len(boxes), -1)
        values = maps.float().cpu().numpy().reshape(len(boxes), -1, height, width)
        best = scores.argmax(axis=1)
        return [
            Patch(probability(values[i, k]), 0.0, 0.0, scale_x, scale_y, float(np.clip(scores[i, k], 0, 1)))
            for i, k in enumerate(best.tolist())
        ]


def _load(config: Config) -> tuple[Any, Any]:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForMaskGeneration, AutoProcessor

    torch.set_num_threads(config.threads)
    try:
        model = AutoModelForMaskGeneration.from_pretrained(
            config.path, local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
        processor = AutoProcessor.from_pretrained(config.path, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, SafetensorError) as error:
        said = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"{config.path} cannot be loaded: {said}", remedy="name a folder that save_pretrained wrote"
        ) from error
    return model.to(config.device).eval(), processor


def _sha256_of_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*")):
        if path.suffix in (".safetensors", ".json"):
            with path.open("rb") as file:
                digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
