"""The run folder's side of batches: whole or not at all, each request once."""

from __future__ import annotations

import json
from pathlib import Path

from annotators.models.batch.parts import Account, Failure, Part, PartWriter, Reply, Request, Room

ACCOUNT = Account(machine="m", model="x", base_url="http://127.0.0.1/v1", api_key_env="KEY")


def request(number: int) -> Request:
    return Request(key=f"{number:064x}", sample_id=str(number), tokens=10 * number, form="f")


def collect(room: Room, name: str, *numbers: int) -> None:
    writer = PartWriter(room.spool, name, ACCOUNT)
    for number in numbers:
        writer.add(request(number), (b'{"n":', str(number).encode(), b"}"))
    assert (writer.requests, writer.tokens) == (len(numbers), 10 * sum(numbers))
    writer.close()


def test_what_was_collected_becomes_parts_with_each_request_once(tmp_path: Path) -> None:
    room = Room(tmp_path)
    collect(room, "a", 1, 2)
    collect(room, "b", 2, 3, 3)
    first, second = room.end_pass()
    assert (first.requests, second.requests, second.tokens) == (2, 1, 30)
    assert first.account == ACCOUNT
    assert list(room.index(second)) == [request(3)]
    (line,) = map(json.loads, room.file(second).read_bytes().splitlines())
    assert line == {
        "custom_id": f"{3:064x}", "method": "POST", "url": "/v1/chat/completions", "body": {"n": 3},
    }  # fmt: skip
    assert room.parts() == (first, second)
    assert list(room.spool.iterdir()) == []


def test_what_an_interrupted_pass_left_is_thrown_away_and_whole_parts_stay(tmp_path: Path) -> None:
    room = Room(tmp_path)
    collect(room, "a", 1)
    (part,) = room.end_pass()
    collect(room, "b", 2)
    (tmp_path / "torn.jsonl").write_bytes(b"x")
    room.fail((Failure(key="k", machine="m", status="500", batch_id="1"),))
    room.begin_pass()
    assert room.parts() == (part,)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.index", "a.json", "a.jsonl", "failures.jsonl", "spool",
    ]  # fmt: skip
    assert list(room.spool.iterdir()) == []


def test_a_part_is_noted_and_in_the_end_forgotten(tmp_path: Path) -> None:
    room = Room(tmp_path)
    collect(room, "a", 1)
    (part,) = room.end_pass()
    sent = room.note(part.evolve(batch_id="batch_1", sending=1))
    assert room.parts() == (sent,)
    assert isinstance(sent, Part)
    room.remove(sent)
    assert room.parts() == ()
    assert [path.name for path in tmp_path.iterdir()] == ["spool"]


def test_replies_and_failures_come_back_as_they_were(tmp_path: Path) -> None:
    room = Room(tmp_path)
    reply = Reply(status=200, body='{"a": "\\ud800 ü"}', latency_s=1.5, form="f", batch_id="b")
    room.keep("ab" * 32, reply)
    assert room.reply("ab" * 32) == reply
    assert room.reply("cd" * 32) is None
    failure = Failure(key="k", machine="m", status="batch_expired", message="late", batch_id="1")
    other = failure.evolve(machine="n", key="l")
    room.fail((failure, other))
    room.fail((failure, failure.evolve(batch_id="2")))
    assert list(room.failures("m")) == [failure, failure.evolve(batch_id="2")]
