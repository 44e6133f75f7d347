"""Planted duplicates across classes, through a whole run: nothing of them lies in two splits."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image as Picture
from PIL import ImageOps

from pipeline.cli import main
from pipeline.split_proof import SplitProof, SplitRows, copies_across, crowding, near_across, straddling
from schemas.media.hashes import pdq

RECIPE = """
name: r
taxonomy: artifacts
sources: [{kind: manifest}]
splits: {train: 0.5, validation: 0.25, test: 0.25}
unseen: [{split: unseen, generators: [newest]}, {split: nobody, sources: [mars]}]
"""


def scene(seed: int, side: int = 256) -> Picture.Image:
    """A picture with structure of every size, as photographs have."""
    rng = np.random.default_rng(seed)
    octaves = [
        np.asarray(
            Picture.fromarray(rng.integers(0, 256, (n, n, 3), dtype=np.uint8)).resize(
                (side, side), Picture.Resampling.BICUBIC
            ),
            dtype=float,
        )
        / (i + 1)
        for i, n in enumerate((4, 8, 16, 32, 64))
    ]
    mixed = np.mean(octaves, axis=0)
    return Picture.fromarray(((mixed - mixed.min()) / np.ptp(mixed) * 255).astype(np.uint8))


def jpeg(picture: Picture.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def png(picture: Picture.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def copies(picture: Picture.Image) -> dict[str, bytes]:
    """What people do to pictures before they publish them again."""
    width, height = picture.size
    x, y = width // 20, height // 20
    return {
        "jpeg.jpg": jpeg(picture, 60),
        "half.png": png(picture.resize((width // 2, height // 2))),
        "mirror.jpg": jpeg(ImageOps.mirror(picture), 80),
        "margins.jpg": jpeg(picture.crop((x, y, width - x, height - y)), 80),
        "corner.png": png(picture.crop((x, y, width, height))),
    }


def pdf(*pictures: Picture.Image, title: str) -> bytes:
    buffer = io.BytesIO()
    pictures[0].save(buffer, "PDF", save_all=True, append_images=list(pictures[1:]), title=title)
    return buffer.getvalue()


def clip(path: Path, seed: int, size: int) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        for index in range(6):
            frame = av.VideoFrame.from_image(scene(1000 * seed + index // 3, 128).resize((size, size)))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    rows = []
    for seed in range(6):
        picture = scene(seed)
        files = {"original.png": png(picture), **copies(picture)}
        for number, (name, data) in enumerate(files.items()):
            (folder / f"{seed}-{name}").write_bytes(data)
            rows.append({"file": f"{seed}-{name}", "origin": ("real", "generated")[number % 2]})
    rows[6]["generator"] = {"name": "Newest"}  # its original is real, and goes along
    for number in range(3):
        pages = [scene(100 + 10 * number + page) for page in range(2)]
        for name in ("a.pdf", "b.pdf"):
            (folder / f"{number}-{name}").write_bytes(pdf(*pages, title=name))
            rows.append({"file": f"{number}-{name}", "origin": "real"})
    for number in range(3):
        for name, size in (("a.mp4", 128), ("b.avi", 96)):
            clip(folder / f"{number}-{name}", 50 + number, size)
            rows.append({"file": f"{number}-{name}", "origin": ("real", "generated")[name == "b.avi"]})
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "r.yaml").write_text(RECIPE)
    with pytest.raises(SystemExit) as ended:
        main(["run", str(folder / "r.yaml"), "--input", str(folder / "manifest.jsonl"), "--run", str(folder / "run")])
    assert not ended.value.code
    return folder / "run"


def rows_of(run: Path) -> list[dict[str, object]]:
    columns = ["file_name", "split", "group_id"]
    shards = sorted((run / "dataset" / "data").rglob("*.parquet"))
    return [row for shard in shards for row in pq.read_table(shard, columns=columns).to_pylist()]


@pytest.mark.slow
def test_copies_documents_and_clips_stay_with_their_original(published: Path) -> None:
    rows = rows_of(published)
    groups: dict[str, set[object]] = {}
    for row in rows:
        name = str(row["file_name"])
        kind = {"pdf": "document", "mp4": "clip", "avi": "clip"}.get(name.rpartition(".")[2], "picture")
        groups.setdefault(f"{kind} {name.partition('-')[0]}", set()).add(row["group_id"])
    assert len(rows) == 6 * 6 + 6 + 6
    assert {name: len(found) for name, found in groups.items()} == dict.fromkeys(groups, 1)
    assert len({group for found in groups.values() for group in found}) == 12  # and nothing else was joined


@pytest.mark.slow
def test_the_proof_says_what_was_looked_through(published: Path) -> None:
    proof = SplitProof.model_validate_json((published / "split_proof.json").read_text())
    rows = rows_of(published)
    assert straddling(proof) == []
    assert (proof.groups, proof.near_bits, proof.without_hash, proof.unmatched) == (12, 31, 0, ("nobody",))
    assert {split.split: split.rows for split in proof.splits} == {
        name: sum(row["split"] == name for row in rows) for name in ("train", "validation", "test", "unseen", "nobody")
    }
    assert proof.hashes >= len(rows)
    assert proof.copies > 15 * 36
    by = {(row.by, row.value): {s.split: s.rows for s in row.splits} for row in proof.strata}
    assert by["generator", "Newest"]["unseen"] == 1
    assert by["origin", "generated"]["unseen"] == by["origin", "real"]["unseen"] == 3
    assert all(
        by["config", config][split] for config in ("images", "videos", "documents") for split in ("train", "test")
    )
    card = (published / "dataset" / "README.md").read_text()
    assert "| Groups | 12 | 0 |" in card
    assert proof.largest_group == 6
    assert "The largest group has 6 of 48 rows." in card
    assert "| Near pairs: at most 31 of 256 bits |" in card


def test_a_group_that_no_split_has_room_for_is_told() -> None:
    weights = {"train": 3.0, "test": 1.0}
    splits = (SplitRows(split="train", rows=16), SplitRows(split="test", rows=4))
    assert crowding(SplitProof(splits=splits, largest_group=15), weights) == ""
    line = crowding(SplitProof(splits=splits, largest_group=16), weights)
    assert line.startswith("one group has 16 of 20 rows, more than any split should: ")
    assert crowding(SplitProof(splits=splits[:1], largest_group=16), weights) == ""  # of 16 rows in all


@pytest.mark.slow
def test_finalize_tells_that_nearly_all_is_one_group(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    for number in range(20):
        Picture.new("RGB", (40, 30), (number, 0, 0)).save(tmp_path / f"{number}.png")
    rows = [{"file": f"{number}.png", "group_id": "notice" if number else "alone"} for number in range(20)]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(SystemExit) as ended:
        main(["run", f"{tmp_path}/recipe.yaml", "--input", f"{tmp_path}/m.jsonl", "--run", f"{tmp_path}/run"])
    assert not ended.value.code
    assert "one group has 19 of 20 rows, more than any split should" in capsys.readouterr().err


def test_near_pairs_in_two_splits_are_counted_once() -> None:
    zero, near, far = bytes(32), bytes([*bytes(31), 7]), bytes([255] * 32)
    assert near_across([zero, near, far], [0, 0, 1], 31) == 0
    assert near_across([zero, near, far], [0, 1, 1], 31) == 1
    assert near_across([zero, near, far], [0, 1, 1], 2) == 0
    assert near_across([zero, zero, zero], [0, 1, 0], 0) == 1
    assert near_across([], [], 31) == 0


def test_every_relation_of_altered_copies_that_joins_samples_is_counted_in_the_proof() -> None:
    from pipeline.lookalikes import look_alikes

    def nearly(hash: bytes) -> bytes:
        return bytes([hash[0] ^ 3]) + hash[1:]

    rng = np.random.default_rng(0)
    one, mirrored, cropped, other, other_mirrored, other_cropped = (rng.bytes(32) for _ in range(6))
    ours, theirs = mirrored + cropped, other_mirrored + other_cropped
    for second, its_copies, is_joined in (
        (other, theirs, False),
        (nearly(cropped), theirs, True),
        (nearly(mirrored), theirs, True),
        (other, other_mirrored + nearly(mirrored), True),
    ):
        hashes, altered = [one, second], [ours, its_copies]
        assert [alike.closest for alike in look_alikes(hashes, altered, 21)] == [0, 0 if is_joined else 1]
        assert copies_across(hashes, [0, 1], altered, [0, 1], 21) == is_joined
        assert copies_across(hashes, [1, 1], altered, [1, 1], 21) == 0


def test_recall_of_reencoded_and_resized_copies_and_false_merges() -> None:
    from pipeline.lookalikes import look_alikes

    def hashed(data: bytes) -> bytes:
        picture = Picture.open(io.BytesIO(data)).convert("RGB").resize((128, 128), Picture.Resampling.BOX)
        return bytes.fromhex(pdq(np.asarray(picture)) or "")

    originals = [scene(seed, 192) for seed in range(150)]
    hashes = [hashed(png(picture)) for picture in originals]
    for change in (lambda p: jpeg(p, 50), lambda p: png(p.resize((101, 101))), lambda p: jpeg(p.resize((90, 60)), 70)):
        found = list(look_alikes([*hashes, *(hashed(change(p)) for p in originals)], [b""] * 300, 31))
        joined = [found[150 + i].closest == i for i in range(150)]
        assert sum(joined) / 150 > 0.95
        assert [alike.closest for alike in found[:150]] == list(range(150))  # of 11,175 other pairs none is merged
