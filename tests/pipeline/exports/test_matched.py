"""Copies that are saved alike: the audit finds nothing left of how the originals were saved."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from pipeline.cli import main
from pipeline.exports.matched import Config, saved_alike
from schemas.errors import MediaError


def photo(seed: int, format: str, **options: object) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Picture.fromarray(pixels).save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("data", [photo(0, "PNG"), photo(0, "JPEG", quality=30, comment=b"x"), photo(0, "WEBP")])
def test_a_copy_has_the_options_of_the_recipe_and_nothing_else(data: bytes) -> None:
    copy, width, height = saved_alike(data, Config(quality=80, subsampling="4:2:2"))
    opened = Picture.open(io.BytesIO(copy))
    again = Picture.open(io.BytesIO(photo(9, "JPEG", quality=80, subsampling=1)))
    assert (opened.format, opened.size, (width, height)) == ("JPEG", (64, 48), (64, 48))
    assert opened.quantization == again.quantization
    assert opened.layer == again.layer
    assert set(opened.info) == {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_a_large_image_is_reduced_first_and_a_small_one_is_not() -> None:
    assert saved_alike(photo(0, "PNG"), Config(max_side=32))[1:] == (32, 24)
    assert saved_alike(photo(0, "PNG"), Config(max_side=100))[1:] == (64, 48)


def test_what_cannot_be_decoded_is_an_error_of_this_sample() -> None:
    with pytest.raises(MediaError):
        saved_alike(photo(0, "PNG")[:200], Config())


@pytest.mark.slow
def test_a_run_leaves_the_originals_and_says_what_each_copy_is_of(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for seed, format in enumerate(("PNG", "JPEG")):
        (tmp_path / "in" / f"{seed}.{format.lower()}").write_bytes(photo(seed, format))
    recipe = "name: r\ntaxonomy: artifacts\nsources: [{kind: folder}]\nsplits: {train: 1}\nexports: [{kind: matched}]\n"
    (tmp_path / "r.yaml").write_text(recipe)
    with pytest.raises(SystemExit) as ended:
        main(["run", str(tmp_path / "r.yaml"), "--input", str(tmp_path / "in"), "--run", str(tmp_path / "run")])
    assert not ended.value.code
    folder = tmp_path / "run" / "exports" / "matched"
    copies = [json.loads(line) for line in (folder / "copies.jsonl").read_text().splitlines()]
    originals = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / "in").iterdir()}
    assert {copy["derived_from"] for copy in copies} == originals
    for copy in copies:
        assert hashlib.sha256((folder / copy["file"]).read_bytes()).hexdigest() == copy["sha256"]
    assert {key: json.loads((folder / "matched.json").read_text())[key] for key in ("quality", "subsampling")} == {
        "quality": 90,
        "subsampling": "4:2:0",
    }
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert {f"exports/matched/{copy['file']}" for copy in copies} <= set(manifest["files"])
