"""A model of the SAM family in two ONNX files, an encoder and a decoder, from a local path; needs ``onnxruntime``.

The files' own inputs and outputs say which export they are: Meta's ``segment_anything`` (image embeddings, boxes as two
labeled points, low-resolution masks), SAM 2 exports with further feature maps, and those of Hugging Face Optimum
(``pixel_values``, ``input_points`` or ``input_boxes``, ``pred_masks``). What the encoder gives, the decoder takes by
name. Nothing is ever fetched.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from schemas.errors import AnswerError, ConfigError
from schemas.geometry import Box

from ..base import Workbench
from ._pictures import read_place
from .base import Patch, Place, Segmenter, SegmenterConfig, probability

__all__ = ["Config", "SamOnnx"]

MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STD = np.array([58.395, 57.12, 57.375], np.float32)
"""ImageNet's, of values from 0 to 255, as every SAM was trained with."""
USUAL_SIDE = 1024
SYNONYMS = {"image_embeddings": "image_embed", "image_embed": "image_embeddings"}
CORNER_LABELS = (2.0, 3.0)
"""Labels of the prompt encoder: top left and bottom right corner of a box."""
MASKS = ("low_res_masks", "pred_masks", "masks")
"""Names of the map, the small one first: the large one is only the small one enlarged."""

Arrays = dict[str, NDArray[Any]]


class Config(SegmenterConfig):
    """Options of an ONNX model of the SAM family."""

    kind: Literal["sam_onnx"] = "sam_onnx"
    """This segmenter."""
    encoder: str = Field(min_length=1)
    """Path of the image encoder's .onnx file."""
    decoder: str = Field(min_length=1)
    """Path of the prompt encoder and mask decoder's .onnx file."""
    resize: Literal["auto", "pad", "stretch"] = "auto"
    """How a picture fills the encoder's square: pad keeps its shape (SAM), stretch does not (SAM 2); auto decides by
    whether the encoder gives the further feature maps of SAM 2."""
    threads: PositiveInt = 1
    """Threads of one run of the model."""


class SamOnnx(Segmenter):
    """Pictures are decoded in the sandbox; the model, which is trusted, runs in a thread beside the event loop."""

    config: Config

    def check(self) -> None:
        """Raises ConfigError where onnxruntime or a file is missing."""
        if find_spec("onnxruntime") is None:
            raise ConfigError("sam_onnx needs the package onnxruntime", remedy='pip install "witnessmark[segment]"')
        for name in ("encoder", "decoder"):
            path = getattr(self.config, name)
            if not Path(path).is_file():
                raise ConfigError(f"sam_onnx: no {name} at {path!r}", remedy="name the .onnx file; none is fetched")

    async def connect(self, bench: Workbench) -> None:
        """Raises ConfigError where a file is no ONNX model, or not of this family."""
        await super().connect(bench)
        self._sam = await asyncio.to_thread(_load, self.config)
        self._turn = asyncio.Lock()

    @property
    def model(self) -> str:
        return f"{Path(self.config.encoder).stem}-onnx"

    @property
    def identity(self) -> str:
        return self._sam.sha256

    async def segment(self, place: Place, boxes: tuple[Box, ...]) -> tuple[Patch | None, ...]:
        """The picture is encoded once for all boxes. Raises MediaError; AnswerError where the model fails."""
        bench = self.bench
        pixels = await bench.sandbox.run(read_place, place, bench.open_uri, bench.limits, self._sam.side)
        async with self._turn:
            return await asyncio.to_thread(_patches, self._sam, pixels, place, boxes)


class _Sam(NamedTuple):
    encoder: Any
    decoder: Any
    sha256: str
    side: int
    is_flat: bool
    """Whether the encoder wants ``(H, W, 3)`` of 0 to 255 and prepares it itself."""
    is_stretched: bool


class _Fitted(NamedTuple):
    """A picture as the encoder takes it."""

    tensor: NDArray[np.float32]
    width: int
    height: int
    """The part of the square that the picture fills, in pixels."""


def _load(config: Config) -> _Sam:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = config.threads
    options.log_severity_level = 3
    digest, sessions = hashlib.sha256(), []
    for path in (config.encoder, config.decoder):
        with Path(path).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
        sessions.append(_session(path, options))
    encoder, decoder = sessions
    (picture,) = encoder.get_inputs()
    if not any(output.name in MASKS for output in decoder.get_outputs()):
        names = ", ".join(output.name for output in decoder.get_outputs())
        raise ConfigError(f"{config.decoder} gives no masks, but {names}", remedy="name a decoder of the SAM family")
    outputs = {output.name for output in encoder.get_outputs()}
    is_stretched = config.resize == "stretch" or (config.resize == "auto" and "high_res_feats_0" in outputs)
    is_flat = len(picture.shape) == 3
    side = picture.shape[0 if is_flat else -1]
    known = side if isinstance(side, int) else USUAL_SIDE
    return _Sam(encoder, decoder, digest.hexdigest(), known, is_flat, is_stretched)


def _session(path: str, options: Any) -> Any:
    import onnxruntime as ort
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf, NotImplemented

    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except (Fail, InvalidGraph, InvalidProtobuf, NotImplemented) as error:
        said = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"{path} cannot be loaded: {said}", remedy="name an ONNX file that this version reads"
        ) from error


def _patches(sam: _Sam, pixels: NDArray[np.uint8], place: Place, boxes: tuple[Box, ...]) -> tuple[Patch | None, ...]:
    fitted = _fitted(pixels, sam)
    features = _run(sam.encoder, {sam.encoder.get_inputs()[0].name: fitted.tensor})
    width, height = place.size
    scale = (width / fitted.width, height / fitted.height)
    return tuple(_patch(sam, features, fitted, box, scale) for box in boxes)


def _fitted(pixels: NDArray[np.uint8], sam: _Sam) -> _Fitted:
    import cv2

    height, width = pixels.shape[:2]
    zoom = sam.side / max(height, width)
    w, h = (sam.side, sam.side) if sam.is_stretched else (max(1, round(width * zoom)), max(1, round(height * zoom)))
    small = cv2.resize(pixels, (w, h), interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR)
    square = np.zeros((sam.side, sam.side, 3), np.float32)
    square[:h, :w] = small if sam.is_flat else (small.astype(np.float32) - MEAN) / STD
    tensor = square if sam.is_flat else np.ascontiguousarray(square.transpose(2, 0, 1)[None])
    return _Fitted(tensor, w, h)


def _patch(sam: _Sam, features: Arrays, fitted: _Fitted, box: Box, scale: tuple[float, float]) -> Patch | None:
    """``scale`` is original pixels per pixel of the encoder's square."""
    corners = np.array(
        [[box.x1 / scale[0], box.y1 / scale[1]], [box.x2 / scale[0], box.y2 / scale[1]]], dtype=np.float32
    )
    found = _run(sam.decoder, _prompt(sam, features, corners))
    name = next(name for name in MASKS if name in found)
    maps = found[name].reshape(-1, *found[name].shape[-2:])
    scores = next((value.ravel() for key, value in found.items() if "iou" in key), np.zeros(0, np.float32))
    best = int(np.argmax(scores)) if scores.size == len(maps) else 0
    h, w = maps[best].shape
    step = (sam.side / w * scale[0], sam.side / h * scale[1])
    score = float(np.clip(scores[best], 0, 1)) if scores.size == len(maps) else None
    if not np.isfinite(maps[best]).all():
        raise AnswerError("the segmenter's map holds values that are no numbers", remedy="check the model's files")
    return Patch(probability(maps[best]), 0.0, 0.0, *step, score)


def _prompt(sam: _Sam, features: Arrays, corners: NDArray[np.float32]) -> Arrays:
    """The decoder's inputs by their names. Raises AnswerError for one that no SAM has."""
    middle = corners.mean(axis=0)
    known: dict[str, NDArray[Any]] = {
        "point_coords": corners[None],
        "point_labels": np.array([CORNER_LABELS], np.float32),
        "mask_input": np.zeros((1, 1, 256, 256), np.float32),
        "has_mask_input": np.zeros(1, np.float32),
        "orig_im_size": np.array([sam.side, sam.side], np.float32),
        "input_boxes": corners.reshape(1, 1, 4),
        "input_points": middle.reshape(1, 1, 1, 2),
        "input_labels": np.ones((1, 1, 1), np.int64),
    }
    inputs: Arrays = {}
    for wanted in sam.decoder.get_inputs():
        value = features.get(wanted.name, features.get(SYNONYMS.get(wanted.name, ""), known.get(wanted.name)))
        if value is None:
            raise AnswerError(
                f"the decoder asks for {wanted.name!r}, which this encoder does not give",
                remedy="name an encoder and a decoder of one export",
            )
        inputs[wanted.name] = value.astype(DTYPES[wanted.type], copy=False) if wanted.type in DTYPES else value
    return inputs


DTYPES = {
    "tensor(float)": np.float32,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(float16)": np.float16,
}


def _run(session: Any, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

    names = [output.name for output in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))
    except (Fail, InvalidArgument, RuntimeException) as error:
        said = " ".join(str(error).split())[:200]
        raise AnswerError(f"the segmenter failed: {said}", remedy="check that encoder and decoder fit") from error
