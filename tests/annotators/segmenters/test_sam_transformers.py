"""A model of the SAM family as transformers saves it: tiny weights, made here, run by the real library.

torch is gigabytes, so it is not among what the tests need: ``pip install -e '.[segment-torch]'`` beside it runs them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotators.base import Workbench
from annotators.sandbox import Sandbox
from annotators.segmenters.base import Patch, Place, probability
from annotators.segmenters.sam_transformers import Config, SamTransformers
from schemas.errors import ConfigError
from schemas.geometry import Box
from schemas.sample import Sample

MISSING = [name for name in ("torch", "transformers", "safetensors") if find_spec(name) is None]
needs_torch = pytest.mark.skipif(bool(MISSING), reason=f"segment-torch is not installed: no {', '.join(MISSING)}")
SIDE = 64
BOXES = tuple(Box(x1=5 * i, y1=10, x2=5 * i + 60, y2=90) for i in range(20))


def tiny_sam(folder: Path, seed: int = 0) -> Config:
    """Random weights in the shape of SAM, small enough to make in a moment."""
    import torch
    from transformers import SamConfig, SamImageProcessor, SamModel, SamProcessor

    torch.manual_seed(seed)
    vision = {
        "hidden_size": 16, "output_channels": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "mlp_dim": 16,
        "image_size": SIDE, "patch_size": 16, "window_size": 2, "global_attn_indexes": [0], "num_pos_feats": 4,
    }  # fmt: skip
    prompts = {"hidden_size": 8, "image_size": SIDE, "patch_size": 16, "mask_input_channels": 4}
    decoder = {
        "hidden_size": 8, "mlp_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "iou_head_hidden_dim": 8,
        "iou_head_depth": 2,
    }  # fmt: skip
    config = SamConfig(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder)
    model = SamModel(config)
    for weights in model.parameters():  # as SAM begins its training, all but zero, every box gets one map
        torch.nn.init.normal_(weights, std=0.5)
    model.save_pretrained(folder)
    sizes = {"size": {"longest_edge": SIDE}, "pad_size": {"height": SIDE, "width": SIDE}}
    SamProcessor(SamImageProcessor(**sizes)).save_pretrained(folder)
    return Config(path=str(folder))


def patches(config: Config, bench: Workbench, sample: Sample, *boxes: Box) -> list[Patch]:
    async def run() -> tuple[Patch | None, ...]:
        sam = SamTransformers(config)
        sam.check()
        await sam.connect(bench)
        return await sam.segment(Place(sample.primary), boxes)

    return [patch for patch in asyncio.run(run()) if patch]


def answered(config: Config, pixels: np.ndarray, boxes: tuple[Box, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Maps ``(boxes, H, W)`` and scores ``(boxes,)``, as the library's own documentation asks for them."""
    import torch
    from transformers import SamModel, SamProcessor

    processor, model = SamProcessor.from_pretrained(config.path), SamModel.from_pretrained(config.path)
    corners = [[[b.x1, b.y1, b.x2, b.y2] for b in boxes]]
    inputs = processor(pixels, input_boxes=corners, return_tensors="pt")
    with torch.no_grad():
        found = model(**inputs, multimask_output=False)
    sizes = inputs["original_sizes"], inputs["reshaped_input_sizes"]
    (maps,) = processor.image_processor.post_process_masks(found.pred_masks, *sizes, binarize=False)
    return maps[:, 0].numpy(), found.iou_scores[0, :, 0].numpy()


@pytest.fixture
def noise() -> np.ndarray:
    """A picture of 200 x 100."""
    return np.random.default_rng(3).integers(0, 256, (100, 200, 3), dtype=np.uint8)


@needs_torch
@pytest.mark.slow
def test_maps_are_those_of_the_library_for_every_box_in_the_originals_pixels(
    tmp_path: Path,
    noise: np.ndarray,
    picture_sample: Callable[[np.ndarray], Sample],
    make_bench: Callable[..., Workbench],
    sandbox: Sandbox,
) -> None:
    config = tiny_sam(tmp_path)
    found = patches(config, make_bench(sandbox=sandbox), picture_sample(noise), *BOXES)
    maps, scores = answered(config, noise, BOXES)
    assert len(found) == len(BOXES)
    for patch, expected, score in zip(found, maps, scores, strict=True):
        assert patch[1:5] == (0.0, 0.0, 1.0, 1.0)
        assert patch.values.shape == (100, 200)
        np.testing.assert_allclose(patch.values, probability(expected), atol=1e-4)
        assert patch.score == pytest.approx(float(np.clip(score, 0, 1)), abs=1e-4)
    assert np.ptp([patch.values.mean() for patch in found]) > 0.001  # the boxes matter


@needs_torch
@pytest.mark.slow
def test_the_weights_are_part_of_the_identity(tmp_path: Path, make_bench: Callable[..., Workbench]) -> None:
    def identity(config: Config) -> tuple[str, str]:
        sam = SamTransformers(config)
        asyncio.run(sam.connect(make_bench()))
        return sam.model, sam.identity

    one, other = tiny_sam(tmp_path / "tiny"), tiny_sam(tmp_path / "second", seed=1)
    assert identity(one) == identity(one)
    assert identity(one)[0] == "tiny"
    assert identity(one)[1] != identity(other)[1]


def _without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _broken_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"no weights")


def _another_kind(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "bert"}')


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("spoil", [_without_weights, _broken_weights, _another_kind])
def test_a_folder_that_holds_no_such_model_is_refused(
    spoil: Callable[[Path], None], tmp_path: Path, make_bench: Callable[..., Workbench]
) -> None:
    config = tiny_sam(tmp_path)
    spoil(tmp_path)
    with pytest.raises(ConfigError, match="cannot be loaded"):
        asyncio.run(SamTransformers(config).connect(make_bench()))


def test_what_is_missing_is_said_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(missing: str | None) -> str:
        def spec(name: str) -> Any:
            return None if name == missing else object()

        monkeypatch.setattr("annotators.segmenters.sam_transformers.find_spec", spec)
        with pytest.raises(ConfigError) as caught:
            SamTransformers(Config(path=str(tmp_path))).check()
        return f"{caught.value} {caught.value.remedy}"

    assert "needs the package torch" in check("torch")
    assert "witnessmark[segment-torch]" in check("transformers")
    assert "no config.json" in check(None)
