"""Run folders of any size without a single call: small pictures and the tables that propose would have left.

The pictures are real files, and everything from ``finalize`` on is the real command. What propose would have measured
is written down instead: sizes as they are, perceptual hashes at random, which lie as far apart as those of pictures
that do not resemble each other.
"""

from __future__ import annotations

import colorsys
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw

from pipeline.recipe import Recipe, load_recipe
from pipeline.storage import Manifest, RunFolder, StageCounts
from pipeline.tables import write_table
from schemas.base import content_id
from schemas.candidate import Candidate, Region
from schemas.geometry import Box
from schemas.media.types import Image
from schemas.sample import Asset, Sample, TaskInput, sample_id_of
from schemas.verification import RegionChange, Verification

__all__ = ["add_rows", "correct", "write_run"]

WIDTH, HEIGHT = 128, 96
ALTERED = 19
"""Hashes of mirrored and cropped copies that ingest measures of a picture."""
RECIPE = """
name: written
task: {kind: artifacts}
taxonomy: artifacts
sources: [{kind: folder}]
machines: [{kind: forensic}]
splits: {train: 0.9, test: 0.1}
dataset: {shard_bytes: %d}
"""
CATEGORIES = ("low-level-texture", "low-level-color", "low-level-edge_shape", "high-level-semantics")


def write_run(folder: Path, rows: int, shard_bytes: int) -> RunFolder:
    """A run over ``rows`` pictures in ``folder/in``, ready for ``finalize``."""
    recipe_file = folder / "recipe.yaml"
    recipe_file.write_text(RECIPE % shard_bytes)
    run = RunFolder(str(folder / "run"))
    manifest = Manifest(run_id="0" * 32, recipe=_stored(load_recipe(recipe_file)), inputs=(str(folder / "in"),))
    run.write_manifest(manifest)
    add_rows(run, folder / "in", range(rows), "part")
    return run


def add_rows(run: RunFolder, pictures: Path, numbers: range, prefix: str) -> None:
    """Further pictures, their samples and what a machine proposes for each; the counts follow."""
    pictures.mkdir(parents=True, exist_ok=True)
    ids: list[str] = []
    write_table(run, "samples", _told(ids, (_sample(pictures, number) for number in numbers)), Sample, prefix)
    write_table(run, "candidates", map(_candidate, ids, numbers), Candidate, prefix)
    manifest = run.read_manifest()
    if manifest is None:
        raise ValueError(f"{run.uri} holds no run")
    count = len(ids) + (manifest.stages["ingest"].kept if manifest.stages else 0)
    stages = {"ingest": StageCounts(found=count, kept=count)}
    stages["propose"] = StageCounts(found=count, kept=count, candidates=count)
    run.write_manifest(manifest.evolve(stages=stages))


def correct(run: RunFolder, number: int, pictures: Path) -> str:
    """A person moves the region of one picture; returns the sample's id."""
    sample_id = _sample(pictures, number).sample_id
    candidate = _candidate(sample_id, number)
    (region,) = candidate.regions
    moved = region.evolve(box=Box(x1=1, y1=2, x2=30, y2=40), source="human")
    decision = Verification(
        verification_id=content_id("decision", sample_id),
        sample_id=sample_id,
        candidate_id=candidate.candidate_id,
        verdict="fixed_and_accepted",
        regions=(moved,),
        changes=(RegionChange(region_id=region.region_id, change="moved"),),
        reviewer="reviewer-1",
    )
    write_table(run, "verifications", [decision], Verification)
    return sample_id


def _told(ids: list[str], samples: Iterator[Sample]) -> Iterator[Sample]:
    """The same samples, while their ids are noted: no more than those are held."""
    for sample in samples:
        ids.append(sample.sample_id)
        yield sample


def _stored(recipe: Recipe) -> dict[str, object]:
    return recipe.model_dump(mode="json")


def _sample(pictures: Path, number: int) -> Sample:
    name = f"{number:06d}.jpg"
    path = pictures / name
    if not path.exists():
        path.write_bytes(_picture(number))
    data = path.read_bytes()
    size = {"width": WIDTH, "height": HEIGHT, "stored_width": WIDTH, "stored_height": HEIGHT}
    hashes = _hashes(number)
    asset = Asset(
        asset_id=hashlib.sha256(data).hexdigest(),
        uri=str(path),
        file_name=name,
        byte_size=len(data),
        media=Image(format="JPEG", mode="RGB", **size),
        perceptual_hashes=(next(hashes),),
        altered_hashes=tuple(hashes),
    )
    origin = "generated" if number % 3 else "real"
    sample_id = sample_id_of((asset,), TaskInput())
    return Sample(sample_id=sample_id, item_id=name, assets=(asset,), origin=origin)


def _hashes(number: int) -> Iterator[str]:
    words = np.random.default_rng(number).integers(0, 256, (1 + ALTERED, 32), dtype=np.uint8)
    return (row.tobytes().hex() for row in words)


def _candidate(sample_id: str, number: int) -> Candidate:
    x, y = 8 + number % 60, 8 + number // 60 % 40
    category = CATEGORIES[number % len(CATEGORIES)]
    region = Region(
        region_id=f"r{number:06d}",
        box=Box(x1=x, y1=y, x2=x + 40, y2=y + 30),
        category=category,
        score=(number % 97 + 1) / 100,
        explanation=f"The patch of picture {number} does not go with what lies around it.",
        source="machine",
    )
    return Candidate(
        candidate_id=content_id("candidate", number),
        sample_id=sample_id,
        machine="forensic",
        kind="forensic",
        verdict="generated" if number % 5 else "real",
        explanation=f"Picture {number} holds a patch that stands out.",
        regions=(region,),
    )


def _picture(number: int) -> bytes:
    """Three shapes in colors of their own on a plain ground: some 2 kB, and no two alike."""
    rng = np.random.default_rng(number)
    picture = Picture.new("RGB", (WIDTH, HEIGHT), _color(rng))
    draw = ImageDraw.Draw(picture)
    for _ in range(3):
        x, y = (int(v) for v in rng.integers(0, (WIDTH - 30, HEIGHT - 30)))
        width, height = (int(v) for v in rng.integers(15, 60, 2))
        (draw.ellipse if rng.integers(2) else draw.rectangle)((x, y, x + width, y + height), fill=_color(rng))
    draw.text((4, 4), str(number), fill="white")
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()


def _color(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), 0.3 + 0.6 * rng.random(), 0.4 + 0.6 * rng.random())
    return round(red * 255), round(green * 255), round(blue * 255)
