"""Real files made on the spot, a real model server in the process, and machines connected to both."""

from __future__ import annotations

import asyncio
import hashlib
import io
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image as Picture

from annotators.answers import AnswerStore
from annotators.base import Workbench
from annotators.machines.vlm import Config, VisionModel
from annotators.models.retries import Backoff
from annotators.sandbox import Sandbox
from schemas.candidate import Candidate
from schemas.media.limits import DEFAULT_LIMITS, Limits
from schemas.media.types import Image
from schemas.sample import Asset, Sample, TaskInput, sample_id_of
from schemas.task import Task
from schemas.taxonomy import Category, Level, Taxonomy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # benchmarks/ is no installed package

from benchmarks.model_server import ModelServer

settings.register_profile("annotators", deadline=None, max_examples=50, print_blob=True)
settings.load_profile("annotators")
NO_WAIT = Backoff(first_s=0.0)


OPEN = partial(open, mode="rb")
"""Opens paths, also in a sandbox: builtins can be imported anywhere."""


@pytest.fixture
def taxonomy() -> Taxonomy:
    return Taxonomy(
        name="tiny",
        version="1",
        levels=(Level(name="pixel"), Level(name="text")),
        categories=(
            Category(name="blur", level="pixel", definition="out of focus\n where it should not be", aliases=("Soft",)),
            Category(name="noise", level="pixel", definition="grain", modalities=("image", "video")),
            Category(name="garbled", level="text", definition="letters that are none", modalities=("document",)),
        ),
    )


@pytest.fixture
def make_image(tmp_path: Path) -> Callable[..., Sample]:
    """A sample of a real picture file: a JPEG of noise drawn from ``seed``."""

    def make(seed: int = 0, *, size: tuple[int, int] = (64, 48), format: str = "JPEG", **task: Any) -> Sample:
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Picture.fromarray(pixels).save(buffer, format)
        return sample_of(tmp_path / f"{seed}.{format.lower()}", buffer.getvalue(), size, format, TaskInput(**task))

    return make


def sample_of(path: Path, data: bytes, size: tuple[int, int], format: str, task: TaskInput) -> Sample:
    path.write_bytes(data)
    media = Image(format=format, mode="RGB", width=size[0], height=size[1], stored_width=size[0], stored_height=size[1])
    asset = Asset(
        asset_id=hashlib.sha256(data).hexdigest(),
        uri=str(path),
        file_name=path.name,
        byte_size=len(data),
        media=media,
    )
    return Sample(sample_id=sample_id_of((asset,), task), item_id=path.name, assets=(asset,), task_input=task)


@pytest.fixture
def serve() -> Iterator[Callable[..., ModelServer]]:
    """Starts a model server with settings; it ends with the test."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(ModelServer(**settings))


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """One for all tests: it keeps nothing of a call, and its start imports every decoder."""
    with Sandbox(workers=1, timeout_s=30, memory_bytes=2**30) as pool:
        yield pool


@pytest.fixture
def make_bench(tmp_path: Path, taxonomy: Taxonomy) -> Callable[..., Workbench]:
    def make(
        *,
        payer: str = "run-1",
        answers: str = "answers",
        task: str | Task = "artifacts",
        sandbox: Any = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Workbench:
        if isinstance(task, str):
            task = Task(kind=task, instructions="Be strict.", boxes="thousandths_xyxy")
        return Workbench(
            taxonomy=taxonomy,
            limits=limits,
            task=task,
            open_uri=OPEN,
            answers=AnswerStore(str(tmp_path / answers), payer=payer),
            sandbox=sandbox,
        )

    return make


Proposals = list[Candidate | BaseException]


@pytest.fixture
def propose(make_bench: Callable[..., Workbench]) -> Callable[..., Proposals]:
    """One candidate or exception per sample, from a machine that is connected anew and closed again."""

    def run(server: ModelServer | str, *samples: Sample, bench: Workbench | None = None, **options: Any) -> Proposals:
        url = (server or None) if isinstance(server, str) else server.base_url
        backoff = options.pop("backoff", NO_WAIT)
        machine = VisionModel(Config(base_url=url, **options), backoff=backoff)
        return asyncio.run(_all(machine, bench or make_bench(), samples))

    return run


async def _all(machine: VisionModel, bench: Workbench, samples: tuple[Sample, ...]) -> Proposals:
    await machine.connect(bench)
    try:
        return list(
            await asyncio.gather(*(_first(machine.propose(sample)) for sample in samples), return_exceptions=True)
        )
    finally:
        await machine.close()


async def _first(proposal: Awaitable[tuple[Candidate, ...]]) -> Candidate:
    (candidate,) = await proposal
    return candidate
