"""Handing out 1,000 tasks, killed midway and repeated, against one bare import by Label Studio's SDK.

``python -m benchmarks.people`` starts a Label Studio of its own (make label-studio) and prints ratios of one run. With
``--media upload`` the media go into the server, too: 1,000 photos of 135 KB that are made for it. The SDK's import
uploads nothing, so there a second baseline uploads the same files by plain requests, 32 a time, and then imports.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image as Picture

from annotators.labelstudio.label_config import label_config
from annotators.labelstudio.predictions import prediction
from annotators.labelstudio.tasks import Shown, task_data
from annotators.labelstudio_server.connection import Connection
from annotators.labelstudio_server.deliver import placed
from annotators.labelstudio_server.local import Login, find_program, local_server
from annotators.labelstudio_server.projects import MODEL_VERSION
from pipeline.recipe import load_recipe
from pipeline.stages import open_run
from pipeline.storage import RunFolder, StageCounts
from pipeline.tables import write_table
from schemas.candidate import Candidate, Region
from schemas.geometry import Box, mask_from_array
from schemas.media.types import Image
from schemas.sample import Asset, Sample, TaskInput, sample_id_of

TASKS, WIDTH, HEIGHT = 1000, 640, 480
SETTINGS = ("people.0.kind=label_studio", "routing.audit=1.0")
MEDIA = {"link": ("people.0.media=link", "people.0.link=http://127.0.0.1/{asset_id}"), "upload": ()}
BARE = """
import json, sys
from label_studio_sdk import LabelStudio
url, key, project, path = sys.argv[1:]
studio = LabelStudio(base_url=url, api_key=key)
studio.projects.import_tasks(int(project), request=json.load(open(path)))
"""
BARE_UPLOAD = """
import json, sys
import httpx
from label_studio_sdk import LabelStudio
url, key, project, path, *photos = sys.argv[1:]
client = httpx.Client(base_url=url, headers={"Authorization": f"Token {key}"}, timeout=300)
address = {}
for start in range(0, len(photos), 32):
    some = photos[start : start + 32]
    files = [(f"f{i}", (name.rpartition("/")[2], open(name, "rb"), "image/jpeg")) for i, name in enumerate(some)]
    ids = client.post(f"/api/projects/{project}/import", params={"commit_to_project": "false"}, files=files).json()
    listed = client.get(f"/api/projects/{project}/file-uploads", params={"ids": json.dumps(ids["file_upload_ids"])})
    for one in listed.json():
        address[one["file"].rpartition("/")[2].partition("-")[2]] = "/data/" + one["file"]
tasks = json.load(open(path))
for task, name in zip(tasks, photos):
    task["data"]["image"] = address[name.rpartition("/")[2]]
studio = LabelStudio(base_url=url, api_key=key)
studio.projects.import_tasks(int(project), request=tasks)
"""


def sample_of(number: int) -> Sample:
    """A picture that nobody ever opens: its media are links."""
    return _sample(number, hashlib.sha256(str(number).encode()).hexdigest(), f"/nowhere/{number}.jpg", 1)


def photo_of(number: int, folder: Path) -> Sample:
    """A picture with a file of its own: noise, which JPEG cannot make small."""
    noise = np.random.default_rng(number).integers(0, 256, (HEIGHT // 2, WIDTH // 2, 3), np.uint8)
    out = io.BytesIO()
    Picture.fromarray(noise).resize((WIDTH, HEIGHT)).save(out, "JPEG", quality=70)
    path = folder / f"{number}.jpg"
    path.write_bytes(out.getvalue())
    return _sample(number, hashlib.sha256(out.getvalue()).hexdigest(), str(path), path.stat().st_size)


def _sample(number: int, asset_id: str, uri: str, byte_size: int) -> Sample:
    asset = Asset(
        asset_id=asset_id,
        uri=uri,
        file_name=f"{number}.jpg",
        byte_size=byte_size,
        media=Image(format="JPEG", mode="RGB", width=WIDTH, height=HEIGHT, stored_width=WIDTH, stored_height=HEIGHT),
    )
    return Sample(sample_id=sample_id_of((asset,), TaskInput()), item_id=asset.file_name, assets=(asset,))


def candidate_of(sample: Sample) -> Candidate:
    """Three boxes and an ellipse as a mask, each with a sentence."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    ellipse = mask_from_array(((x - 320) / 150) ** 2 + ((y - 240) / 100) ** 2 <= 1, rasterizer="painted")
    words = "Texture that nothing else in the picture has, with an outline that follows no object."
    boxes = tuple(
        Region(
            region_id=f"box-{i}",
            box=Box(x1=20 * i + 10, y1=15 * i + 10, x2=20 * i + 90, y2=15 * i + 80),
            category="splice",
            explanation=words,
            source="machine",
        )
        for i in range(3)
    )
    mask = boxes[0].evolve(region_id="mask", box=None, mask=ellipse, category="blur")
    return Candidate(
        candidate_id=f"candidate-{sample.sample_id}",
        sample_id=sample.sample_id,
        machine="forensic",
        kind="forensic",
        verdict="edited",
        verdict_score=0.7,
        explanation=words,
        regions=(*boxes, mask),
    )


def main() -> None:
    """Print the three times and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--media", choices=list(MEDIA), default="link")
    media: str = parser.parse_args().media
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as login:
        os.environ |= {
            "LABEL_STUDIO_URL": login.url,
            "LABEL_STUDIO_API_KEY": login.token,
            "WITNESSMARK_PSEUDONYM_KEY": "a benchmark",
        }
        samples = [photo_of(n, Path(folder)) if media == "upload" else sample_of(n) for n in range(TASKS)]
        candidates = [candidate_of(sample) for sample in samples]
        run = RunFolder(f"{folder}/run")
        recipe = load_recipe("planted", (*SETTINGS, *MEDIA[media]))
        counts = StageCounts(found=TASKS, kept=TASKS, candidates=TASKS)
        manifest = open_run(run, recipe, (), accept_change=True).evolve(stages={"ingest": counts, "propose": counts})
        write_table(run, "samples", samples, Sample)
        write_table(run, "candidates", candidates, Candidate)
        run.write_manifest(manifest)
        with Connection(login.url, login.token) as connection:
            bare = _bare(connection, login.token, samples, candidates, Path(folder))
            fair = _bare_with_media(connection, login.token, samples, Path(folder)) if media == "upload" else None
            killed = _submit(run.uri, kill_at=TASKS // 4, connection=connection, run_id=manifest.run_id)
            again = _submit(run.uri)
            keys = Counter(
                {k: len(v) for p in _projects(connection, manifest.run_id) for k, v in placed(connection, p).items()}
            )
    print(f"bare SDK import of {TASKS:,} tasks: {bare:.1f} s")
    if media == "upload":
        print(f"{sum(sample.primary.byte_size for sample in samples) / 1e6:.0f} MB of media")
    print(f"submit, killed midway: {killed:.1f} s; submit again: {again:.1f} s")
    print(f"both against the bare import: {(killed + again) / bare:.2f} times")
    if fair is not None:
        print(
            f"bare upload of the same files, then import: {fair:.1f} s; both against it: {(killed + again) / fair:.2f}"
        )
    print(f"tasks {sum(keys.values()):,}, different keys {len(keys):,}")


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[Login]:
    """The server that the environment names, else one of our own."""
    url, key, program = os.environ.get("LABEL_STUDIO_URL"), os.environ.get("LABEL_STUDIO_API_KEY"), find_program()
    if url and key:
        yield Login(url, "", "", key)
    elif program is None:
        sys.exit("Label Studio is not set up: make label-studio")
    else:
        with local_server(program, folder / "server") as login:
            yield login


def _bare(connection: Connection, key: str, samples: list[Sample], candidates: list[Candidate], folder: Path) -> float:
    """Seconds of a program that imports the SDK and hands it the finished JSON."""
    recipe = load_recipe("planted", SETTINGS)
    labels = label_config(recipe.taxonomy, recipe.task, "image")
    tasks = []
    for sample, candidate in zip(samples, candidates, strict=True):
        picture = Shown(url="http://127.0.0.1/x", width=WIDTH, height=HEIGHT, asset_id=sample.primary.asset_id)
        data = task_data(sample, [picture], labels, sample_key=sample.sample_id)
        tasks.append(
            {"data": data, "predictions": [prediction(candidate, sample, labels, data, model_version=MODEL_VERSION)]}
        )
    from annotators.labelstudio_server.connection import as_json

    path = folder / "tasks.json"
    path.write_bytes(as_json(tasks))
    print(f"{path.stat().st_size / 1e6:.1f} MB of JSON")
    return _timed(BARE, connection, key, path)


def _bare_with_media(connection: Connection, key: str, samples: list[Sample], folder: Path) -> float:
    """Seconds of a program that uploads every file first; after ``_bare``, whose JSON it imports."""
    return _timed(BARE_UPLOAD, connection, key, folder / "tasks.json", *(s.primary.uri for s in samples))


def _timed(program: str, connection: Connection, key: str, *files: str | Path) -> float:
    recipe = load_recipe("planted", SETTINGS)
    xml = label_config(recipe.taxonomy, recipe.task, "image").xml
    project = connection.send("POST", "/api/projects/", {"title": "bare import", "label_config": xml})["id"]
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program, connection.url, key, str(project), *map(str, files)], check=True)
    return time.perf_counter() - start


def _submit(uri: str, *, kill_at: int = 0, connection: Connection | None = None, run_id: str = "") -> float:
    """Seconds of the command, from its start to its end or until it is killed."""
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "pipeline", "submit", "--run", uri], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while kill_at and connection and process.poll() is None:
            if sum(_projects(connection, run_id).values()) >= kill_at:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.05)
    return time.perf_counter() - start


def _projects(connection: Connection, run_id: str) -> dict[int, int]:
    """Numbers of tasks of the run's projects."""
    found = connection.get("/api/projects/", page_size=100)["results"]
    return {p["id"]: int(p["task_number"]) for p in found if run_id in (p["description"] or "")}


if __name__ == "__main__":
    main()
