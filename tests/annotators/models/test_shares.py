"""What processes share: exactly so many places, so many per minute, and nothing held by the dead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from annotators.models.shares import Bucket, Places, SharedBucket, SharedPlaces

TAKE = """
import sys
from pathlib import Path
from annotators.models.shares import SharedPlaces
places = SharedPlaces(Path(sys.argv[1]), 5)
print(sum(places.take() is not None for _ in range(int(sys.argv[2]))), flush=True)
sys.stdin.read()
"""


class Other:
    """Another process that takes places, and holds them until it ends."""

    def __init__(self, path: Path, wanted: int) -> None:
        command = [sys.executable, "-c", TAKE, str(path), str(wanted)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.taken = int(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def test_places_are_taken_and_given() -> None:
    places = Places(2)
    first, second = places.take(), places.take()
    assert sorted((first, second)) == [0, 1]  # type: ignore[type-var]
    assert places.take() is None
    places.give(0)
    assert places.take() == 0


def test_processes_never_hold_more_than_there_are_and_the_dead_hold_none(tmp_path: Path) -> None:
    ours = SharedPlaces(tmp_path / "deep" / "places", 5)
    mine = [ours.take(), ours.take()]
    other = Other(tmp_path / "deep" / "places", 9)
    assert other.taken == 3
    assert ours.take() is None
    other.kill()
    assert {ours.take() for _ in range(3)} | set(mine) == set(range(5))
    assert ours.take() is None
    ours.give(4)
    other = Other(tmp_path / "deep" / "places", 9)
    assert other.taken == 1
    other.kill()


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_what_flows_in() -> None:
    clock = Clock()
    bucket = Bucket(600, clock)
    assert [bucket.wait_s(1) for _ in range(10)] == [0.0] * 10
    assert bucket.wait_s(1) == 0.1
    clock.now += 0.25
    assert [bucket.wait_s(1), bucket.wait_s(1)] == [0.0, 0.0]
    assert abs(bucket.wait_s(1) - 0.05) < 1e-9


def test_more_than_a_bucket_holds_is_owed() -> None:
    clock = Clock()
    bucket = Bucket(600, clock)
    assert bucket.wait_s(30) == 0.0
    assert abs(bucket.wait_s(10) - 3.0) < 1e-9
    bucket.correct(-20)
    assert abs(bucket.wait_s(10) - 1.0) < 1e-9


def test_a_bucket_in_a_file_is_one_for_all(tmp_path: Path) -> None:
    one, other = SharedBucket(tmp_path / "b", 60), SharedBucket(tmp_path / "b", 60)
    assert one.wait_s(1) == 0.0
    assert 0.5 < other.wait_s(1) <= 1.0
    other.correct(-1)
    assert one.wait_s(1) == 0.0


def test_a_folder_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    SharedBucket(tmp_path / "x" / "b", 60).wait_s(1)
    (tmp_path / "x" / "b").unlink()
    assert SharedBucket(tmp_path / "x" / "b", 60).wait_s(1) == 0.0
    assert (tmp_path / "x" / "b").exists()
