"""``make bench``: the main job against a model server on this machine, in ratios to a floor of the same run.

The floor is what no program can beat: ``ceil(N / concurrency) * latency``. Start-up (a run of one image) is measured
first and taken off. Beside it runs a plain asyncio script that neither hashes nor checks nor resumes; its ratio says
what this machine can do today. CPU time counts every process that was waited for; memory is the main process alone.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .corpus import write_corpus
from .model_server import ModelServer
from .one_row import measured as one_row

RECIPE = """
name: bench
task: {kind: artifacts, boxes: thousandths_xyxy}
taxonomy: artifacts
sources: [{kind: folder}]
machines: [{kind: vlm, model: bench, concurrency: %d, timeout_s: 10}]
splits: {train: 1}
"""
FAULTS = {"429": 0.10, "500": 0.03, "hang": 0.02, "cut": 0.02}


class Timed(NamedTuple):
    """One whole process."""

    wall_s: float
    cpu_s: float
    """User and system time, children included."""
    peak_mb: float
    """Peak resident memory of the process itself."""


def main() -> None:
    """Measure and print; exits with 1 only where a command fails, never for a slow one."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="witnessmark-bench-") as folder:
        for line in _measure(Path(folder), options):
            print(line, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--images", type=int, default=400, help="pictures of about 240 KB (default 400; 2000 for the full figure)"
    )
    parser.add_argument("--latency", type=float, default=0.2, help="seconds per call (default 0.2)")
    parser.add_argument("--concurrency", type=int, default=64, help="calls in flight (default 64)")
    parser.add_argument("--long", action="store_true", help="also measure at 1 s per call")
    parser.add_argument("--corpus", type=Path, help="folder to keep the pictures in between runs")
    return parser.parse_args()


def _measure(folder: Path, options: argparse.Namespace) -> Iterator[str]:
    few, many = max(options.images // 10, 1), options.images
    corpus = write_corpus(options.corpus or folder / "corpus", many)
    inputs = {count: _some(corpus, folder / f"in-{count}", count) for count in {1, few, many}}
    floor = _floor(many, options, options.latency)
    with ModelServer(process=True, latency_s=options.latency) as server:
        start = _run(folder, inputs[1], server, options)
        yield f"start-up (1 image): {start.wall_s:.1f} s, {start.cpu_s:.1f} s CPU, {start.peak_mb:.0f} MB"
        some = _run(folder, inputs[few], server, options)
        server.reset()
        whole = _run(folder, inputs[many], server, options)
        yield _line(f"{many} images", whole, start, floor)
        yield f"in flight: at most {server.stats()['max_in_flight']} of {options.concurrency}"
        yield _marginal(whole, some, many - few, options.latency / options.concurrency)
        again = _run(folder, inputs[many], server, options, fresh=False)
        yield f"rerun, every answer on disk: {again.wall_s:.1f} s, {server.stats()['calls'] - many} calls"
        script = _script(inputs[many], server, options)
        yield _line("plain asyncio script, no hash, no check, no resume", script, Timed(0, 0, 0), floor)
        yield f"the same script: {script.cpu_s / many * 1e3:.1f} ms CPU per image, start included"
    yield from _with_faults(folder, inputs[many], options)
    yield from (f"next version, {line}" for line in one_row(folder / "rows", rows=1000, shards=8))
    if options.long:
        yield from _at_a_second(folder, inputs[many], start, options)


def _floor(images: int, options: argparse.Namespace, latency_s: float) -> float:
    """Seconds in which nobody can be done."""
    return math.ceil(images / options.concurrency) * latency_s


def _with_faults(folder: Path, pictures: Path, options: argparse.Namespace) -> Iterator[str]:
    """Ours and the script meet the same faults; every row has to arrive in both."""
    with ModelServer(process=True, latency_s=options.latency, rates=FAULTS) as server:
        ours = _run(folder, pictures, server, options)
        calls = server.stats()["calls"]
        server.reset()
        script = _script(pictures, server, options)
        yield (
            f"10 % 429, 3 % 500, 2 % hangs, 2 % cut answers: {ours.wall_s:.1f} s, {calls} calls; "
            f"the plain script {script.wall_s:.1f} s, {server.stats()['calls']} calls: "
            f"{ours.wall_s / script.wall_s:.2f} x its time"
        )


def _at_a_second(folder: Path, pictures: Path, start: Timed, options: argparse.Namespace) -> Iterator[str]:
    with ModelServer(process=True, latency_s=1.0) as server:
        whole = _run(folder, pictures, server, options)
        yield _line(f"{options.images} images at 1 s", whole, start, _floor(options.images, options, 1.0))
        yield f"in flight: at most {server.stats()['max_in_flight']} of {options.concurrency}"


def _line(name: str, timed: Timed, start: Timed, floor: float) -> str:
    ratio = (timed.wall_s - start.wall_s) / floor
    return f"{name}: {timed.wall_s:.1f} s, {ratio:.2f} x the floor of {floor:.1f} s, {timed.peak_mb:.0f} MB"


def _marginal(whole: Timed, some: Timed, images: int, per_call_s: float) -> str:
    """What each further image costs."""
    wall, cpu = (whole.wall_s - some.wall_s) / images, (whole.cpu_s - some.cpu_s) / images
    memory = (whole.peak_mb - some.peak_mb) * 1024 / images
    ratio = f"{wall / per_call_s:.2f} x latency / concurrency"
    return f"each further image: {wall * 1e3:.1f} ms = {ratio}, {cpu * 1e3:.1f} ms CPU, {memory:.1f} KB"


def _some(corpus: Path, folder: Path, count: int) -> Path:
    """The first pictures of the corpus, linked into a folder of their own."""
    folder.mkdir(parents=True)
    for path in sorted(corpus.iterdir())[:count]:
        (folder / path.name).symlink_to(path) if path.stat().st_dev != folder.stat().st_dev else os.link(
            path, folder / path.name
        )
    return folder


def _run(
    folder: Path, pictures: Path, server: ModelServer, options: argparse.Namespace, *, fresh: bool = True
) -> Timed:
    recipe, run = folder / "bench.yaml", folder / "run"
    recipe.write_text(RECIPE % options.concurrency)
    if fresh and run.exists():
        subprocess.run(["rm", "-rf", str(run)], check=True)
    command = [sys.executable, "-m", "pipeline", "run", str(recipe), "--input", str(pictures), "--run", str(run)]
    timed = _timed(command, server)
    kept = json.loads((run / "manifest.json").read_text())["stages"]["finalize"]["kept"]
    if kept != len(list(pictures.iterdir())):
        sys.exit(f"only {kept} rows arrived")
    return timed


def _script(pictures: Path, server: ModelServer, options: argparse.Namespace) -> Timed:
    return _timed([sys.executable, "-m", "benchmarks.plain_script", str(pictures), str(options.concurrency)], server)


def _timed(command: list[str], server: ModelServer) -> Timed:
    environment = {**os.environ, "OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "bench"}
    started = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed: {error.decode()[-2000:]}")
    return Timed(time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
