"""Models of the SAM family in ONNX: three exports, made here with weights of a few bytes, run by the real runtime."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from annotators.base import Workbench
from annotators.sandbox import Sandbox
from annotators.segmenters.base import Patch, Place
from annotators.segmenters.sam_onnx import Config, SamOnnx
from schemas.errors import AnswerError, ConfigError
from schemas.geometry import Box
from schemas.sample import Sample

SIDE, MAP = 64, 16
SIDES = (("gx", "x1"), ("x2", "gx"), ("gy", "y1"), ("y2", "gy"))
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64

META = {
    "point_coords": (FLOAT, [1, 2, 2]),
    "point_labels": (FLOAT, [1, 2]),
    "mask_input": (FLOAT, [1, 1, 256, 256]),
    "has_mask_input": (FLOAT, [1]),
    "orig_im_size": (FLOAT, [2]),
}
EXPORTS: dict[str, dict[str, Any]] = {
    "meta": {"embed": ("image_embeddings",) * 2, "more": (), "prompts": META, "corners": "point_coords"},
    "sam2": {
        "embed": ("image_embed", "image_embeddings"),
        "more": ("high_res_feats_0",),
        "prompts": {"point_coords": META["point_coords"], "point_labels": META["point_labels"]},
        "corners": "point_coords",
    },
    "optimum": {
        "embed": ("image_embeddings",) * 2,
        "more": (),
        "prompts": {"input_boxes": (FLOAT, [1, 1, 4])},
        "corners": "input_boxes",
    },
}


def write(
    path: Path, nodes: list[Any], inputs: dict[str, Any], outputs: dict[str, Any], constants: dict[str, Any]
) -> str:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, *shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, *shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return str(path)


def tiny_sam(folder: Path, export: str, masks: str = "low_res_masks") -> Config:
    """An encoder that reduces the picture, a decoder whose map is what is bright *and* between the two corners."""
    given, wanted = EXPORTS[export]["embed"]
    pool = {"kernel_shape": [4, 4], "strides": [4, 4]}
    names = [given, *EXPORTS[export]["more"]]
    encoder = write(
        folder / "encoder.onnx",
        [helper.make_node("AveragePool", ["pixel_values"], [name], **pool) for name in names],
        {"pixel_values": (FLOAT, [1, 3, SIDE, SIDE])},
        {name: (FLOAT, [1, 3, MAP, MAP]) for name in names},
        {},
    )
    grid = (np.arange(MAP, dtype=np.float32) + 0.5) * (SIDE / MAP)
    limits = {"gx": np.tile(grid, (1, 1, MAP, 1)), "gy": np.tile(grid[:, None], (1, 1, 1, MAP))}
    nodes = [
        helper.make_node("ReduceMean", [wanted], ["bright"], axes=[1], keepdims=1),
        helper.make_node("Reshape", [EXPORTS[export]["corners"], "four"], ["flat"]),
        helper.make_node("Split", ["flat"], ["x1", "y1", "x2", "y2"], axis=0),
        *(helper.make_node("Sub", [more, less], [f"{more}-{less}"]) for more, less in SIDES),
        helper.make_node("Min", ["bright", *(f"{more}-{less}" for more, less in SIDES)], [masks]),
        helper.make_node("ReduceMax", [masks], ["top"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Sigmoid", ["top"], ["iou_predictions"]),
    ]  # fmt: skip
    decoder = write(
        folder / "decoder.onnx",
        nodes,
        {wanted: (FLOAT, [1, 3, MAP, MAP]), **EXPORTS[export]["prompts"]},
        {masks: (FLOAT, [1, 1, MAP, MAP]), "iou_predictions": (FLOAT, [1])},
        {**limits, "four": np.array([4], np.int64)},
    )
    return Config(encoder=encoder, decoder=decoder)


def patches(config: Config, bench: Workbench, sample: Sample, *boxes: Box) -> tuple[Patch | None, ...]:
    async def run() -> tuple[Patch | None, ...]:
        sam = SamOnnx(config)
        sam.check()
        await sam.connect(bench)
        return await sam.segment(Place(sample.primary), boxes)

    return asyncio.run(run())


@pytest.fixture
def spot(picture_sample: Callable[..., Sample]) -> Sample:
    """A picture of 200 x 100 with a bright disc of radius 30 around (120, 50)."""
    rows, columns = np.mgrid[0:100, 0:200] + 0.5
    disc = (columns - 120) ** 2 + (rows - 50) ** 2 < 30**2
    return picture_sample(np.where(disc[..., None], 250, 10).astype(np.uint8).repeat(3, axis=2))


def reach(patch: Patch | None) -> list[float]:
    """Left, top, right, bottom of what is likelier than not, in original pixels."""
    assert patch is not None
    rows, columns = np.nonzero(patch.values > 0.5)
    x = [patch.x0 + patch.scale_x * c for c in (columns.min(), columns.max() + 1)]
    y = [patch.y0 + patch.scale_y * r for r in (rows.min(), rows.max() + 1)]
    return [x[0], y[0], x[1], y[1]]


@pytest.mark.parametrize("export", EXPORTS)
def test_every_export_is_understood_and_its_map_lies_where_the_box_is(
    export: str, tmp_path: Path, spot: Sample, make_bench: Callable[..., Workbench], sandbox: Sandbox
) -> None:
    config = tiny_sam(tmp_path, export, masks="pred_masks" if export == "optimum" else "low_res_masks")
    whole, left, dark = patches(
        config,
        make_bench(sandbox=sandbox),
        spot,
        Box(x1=80, y1=10, x2=160, y2=90),
        Box(x1=60, y1=10, x2=120, y2=90),
        Box(x1=0, y1=0, x2=50, y2=100),
    )
    assert reach(whole) == pytest.approx([90, 20, 150, 80], abs=13)
    assert reach(left) == pytest.approx([90, 20, 120, 80], abs=13)
    assert dark is not None
    assert not (dark.values > 0.5).any()
    assert whole is not None
    assert 0.5 < (whole.score or 0) <= 1


def test_the_weights_are_part_of_the_identity(
    tmp_path: Path, make_bench: Callable[..., Workbench], sandbox: Sandbox
) -> None:
    def identity(config: Config) -> str:
        sam = SamOnnx(config)
        asyncio.run(sam.connect(make_bench(sandbox=sandbox)))
        return sam.identity

    config = tiny_sam(tmp_path, "meta")
    before = identity(config)
    assert identity(config) == before
    tiny_sam(tmp_path, "optimum")
    assert identity(config) != before


def test_a_missing_file_is_refused_before_any_work(tmp_path: Path) -> None:
    config = tiny_sam(tmp_path, "meta").evolve(decoder=str(tmp_path / "none.onnx"))
    with pytest.raises(ConfigError, match="no decoder at"):
        SamOnnx(config).check()


def test_a_file_that_is_no_model_is_refused(tmp_path: Path, make_bench: Callable[..., Workbench]) -> None:
    config = tiny_sam(tmp_path, "meta")
    Path(config.encoder).write_bytes(b"not a model")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        asyncio.run(SamOnnx(config).connect(make_bench()))


def test_a_decoder_without_masks_is_refused(tmp_path: Path, make_bench: Callable[..., Workbench]) -> None:
    config = tiny_sam(tmp_path, "meta")
    with pytest.raises(ConfigError, match="gives no masks, but image_embeddings"):
        asyncio.run(SamOnnx(config.evolve(decoder=config.encoder)).connect(make_bench()))


def test_an_encoder_and_a_decoder_of_two_exports_do_not_fit(
    tmp_path: Path, spot: Sample, make_bench: Callable[..., Workbench], sandbox: Sandbox
) -> None:
    config = tiny_sam(tmp_path, "meta")
    nodes = [helper.make_node("Identity", ["secret_features"], ["masks"])]
    shape = {"secret_features": (FLOAT, [1, 1, 4, 4])}
    odd = write(tmp_path / "odd.onnx", nodes, shape, {"masks": (FLOAT, [1, 1, 4, 4])}, {})
    with pytest.raises(AnswerError, match="asks for 'secret_features'"):
        patches(config.evolve(decoder=odd), make_bench(sandbox=sandbox), spot, Box(x1=0, y1=0, x2=9, y2=9))
