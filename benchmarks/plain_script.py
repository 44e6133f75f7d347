"""What a team writes in an afternoon: read, ask, parse, draw, one Parquet file. The baseline of ``make bench``.

It neither hashes nor measures nor checks, and forgets everything when it is killed. What fails is tried again up to
six times, after the wait that the server names or one second.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

SCHEMA = pa.schema([("image", pa.binary()), ("mask", pa.binary()), ("answer", pa.string())])
TIMEOUT_S = 10
TRIES = 6
PROMPT = "List what betrays that this picture is generated, as JSON."


async def _main(folder: Path, concurrency: int) -> None:
    places = asyncio.Semaphore(concurrency)
    headers = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    connector = aiohttp.TCPConnector(limit=concurrency)
    with tempfile.TemporaryDirectory() as out, pq.ParquetWriter(f"{out}/train.parquet", SCHEMA) as writer:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout) as session:
            tasks = [asyncio.create_task(_row(session, path, places)) for path in sorted(folder.iterdir())]
            for task in asyncio.as_completed(tasks):
                writer.write_table(pa.Table.from_pylist([await task], schema=SCHEMA))


async def _row(session: aiohttp.ClientSession, path: Path, places: asyncio.Semaphore) -> dict[str, Any]:
    async with places:
        data = path.read_bytes()
        url = "data:image/jpeg;base64," + base64.b64encode(data).decode()
        content = [{"type": "text", "text": PROMPT}, {"type": "image_url", "image_url": {"url": url}}]
        body = {"model": "bench", "messages": [{"role": "user", "content": content}]}
        answer = await _answer(session, body)
    return {"image": data, "mask": _mask(data, answer), "answer": json.dumps(answer)}


async def _answer(session: aiohttp.ClientSession, body: dict[str, Any]) -> dict[str, Any]:
    for _ in range(TRIES):
        wait_s = 1.0
        try:
            async with session.post(f"{os.environ['OPENAI_BASE_URL']}/chat/completions", json=body) as response:
                if response.status == 200:
                    answer: dict[str, Any] = json.loads((await response.json())["choices"][0]["message"]["content"])
                    return answer
                wait_s = float(response.headers.get("Retry-After", wait_s))
        except (TimeoutError, aiohttp.ClientError, ValueError):
            pass
        await asyncio.sleep(wait_s)
    raise RuntimeError("the server never answered")


def _mask(data: bytes, answer: dict[str, Any]) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        pixels = np.zeros((picture.height, picture.width), np.uint8)
    for region in answer["regions"]:
        x1, y1, x2, y2 = (round(value * 1.024) for value in region["box"])
        pixels[y1:y2, x1:x2] = 255
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2])))
