"""Functions here are of the standard library: a worker imports what it runs by name, and tests are no package."""

import asyncio
import builtins
import math
import operator
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest

from annotators.sandbox import TASKS_PER_WORKER, Sandbox, shared_sandbox
from schemas.errors import ConfigError, MediaError
from schemas.media.images import read_image
from schemas.media.limits import Limits

MEMORY = 2**30


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(workers=1, timeout_s=30, memory_bytes=MEMORY) as opened:
        yield opened


def test_a_result_comes_back(sandbox):
    assert sandbox.submit(operator.add, 1, 2).result() == 3
    assert sandbox.submit(sorted, [2, 1, 3], reverse=True).result() == [3, 2, 1]


def test_it_runs_elsewhere_and_one_worker_serves_many_calls(sandbox):
    pids = {sandbox.submit(os.getpid).result() for _ in range(5)}
    assert len(pids) == 1
    assert os.getpid() not in pids


def test_large_arrays_go_both_ways(sandbox):
    pixels = np.arange(3_000_000, dtype=np.uint8).reshape(1000, 1000, 3)
    np.testing.assert_array_equal(sandbox.submit(np.flip, pixels).result(), np.flip(pixels))


def test_a_sample_error_arrives_unchanged(sandbox):
    with pytest.raises(MediaError) as caught:
        sandbox.submit(read_image, b"nothing").result()
    assert caught.value.message == "the image's header is damaged, or of a kind that Pillow cannot read"
    assert caught.value.remedy == "save it as PNG or baseline TIFF with another program, or leave it out"


def test_our_own_bug_arrives_as_itself_with_its_traceback(sandbox):
    with pytest.raises(ValueError, match=r"math domain error") as caught:
        sandbox.submit(math.sqrt, -1).result()
    assert "in the sandbox worker:" in caught.value.__notes__[0]
    with pytest.raises(ConfigError, match=r"wrong"):
        sandbox.submit(exec, "from schemas.errors import ConfigError; raise ConfigError('wrong')").result()


def test_a_hang_is_stopped_and_the_next_call_works(sandbox):
    started = time.monotonic()
    with pytest.raises(MediaError) as caught:
        sandbox.submit(time.sleep, 600, timeout_s=0.3).result()
    assert time.monotonic() - started < 300  # not the ten minutes asked for
    assert caught.value.message == "the decoder was stopped after 0.3 s"
    assert caught.value.remedy == "raise limits.decode_timeout_s, or leave the file out"
    assert sandbox.submit(operator.add, 1, 2).result() == 3


STARVED = """
import time
end = time.monotonic() + {seconds}
while time.monotonic() < end:
    time.sleep(0.01)
    sum(range(20_000))
"""
"""Computes a twentieth of the time, as on a machine with far too much to do."""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody says how long another process has computed")
def test_a_decoder_that_gets_little_of_the_machine_is_waited_for(sandbox):
    assert sandbox.submit(exec, STARVED.format(seconds=1.2), timeout_s=0.8).result() is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody says how long another process has computed")
def test_what_a_decoder_computed_for_earlier_files_does_not_count(sandbox):
    busy = "import time\nwhile time.process_time() < 1.5: pass"
    sandbox.submit(exec, busy, timeout_s=60).result()
    assert sandbox.submit(exec, STARVED.format(seconds=1.2), timeout_s=0.8).result() is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit alone counts")
def test_that_has_an_end_too(sandbox):
    with pytest.raises(MediaError, match=r"^the decoder was stopped after 1.6 s"):
        sandbox.submit(exec, STARVED.format(seconds=600), timeout_s=0.4).result()


def test_a_decoder_that_computes_for_ever_is_stopped(sandbox):
    with pytest.raises(MediaError, match=r"^the decoder was stopped after 0.[28] s"):  # 0.8 s on a crowded machine
        sandbox.submit(exec, "while True: pass", timeout_s=0.2).result()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ((os.abort,), r"the decoder died \(signal 6, Aborted, perhaps out of memory\)"),
        ((exec, "import os; os.kill(os.getpid(), 11)"), r"the decoder died \(signal 11, Segmentation fault\)"),
        ((os._exit, 3), r"the decoder ended without an answer \(exit code 3\)"),
    ],
)
def test_a_crash_is_a_media_error_and_the_next_call_works(call, message, sandbox):
    with pytest.raises(MediaError, match=message):
        sandbox.submit(*call).result()
    assert sandbox.submit(operator.add, 1, 2).result() == 3


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces RLIMIT_DATA")
def test_memory_is_limited_and_the_worker_replaced(sandbox):
    before = sandbox.submit(os.getpid).result()
    with pytest.raises(MediaError, match=r"decoding needs more than the 1024 MiB of memory that a decoder may use"):
        sandbox.submit(bytearray, 2 * MEMORY).result()
    assert sandbox.submit(os.getpid).result() != before


def test_what_cannot_be_pickled_is_an_error_and_not_a_hang(sandbox):
    with pytest.raises(RuntimeError, match=r"what the task gave cannot be pickled"):
        sandbox.submit(builtins.eval, "(x for x in ())").result()
    source = "class Odd(Exception):\n  def __init__(self, a, b): super().__init__(a)\nraise Odd(1, 2)"
    with pytest.raises(RuntimeError, match=r"Odd: 1"):
        sandbox.submit(exec, source, {}).result()


def test_an_answer_that_cannot_be_read_back_is_an_error_and_not_a_hang(sandbox):
    source = "type('Odd', (), {'__reduce__': lambda self: (int, ('x',))})()"
    with pytest.raises(ValueError, match=r"invalid literal for int\(\) with base 10: 'x'"):
        sandbox.submit(eval, source).result()
    assert sandbox.submit(operator.add, 1, 2).result() == 3


def test_workers_write_nothing_to_the_terminal(sandbox, capfd):
    sandbox.submit(os.write, 1, b"out").result()
    sandbox.submit(os.write, 2, b"err").result()
    assert capfd.readouterr() == ("", "")


def test_ctrl_c_is_for_the_parent(sandbox):
    handler = sandbox.submit(signal.getsignal, signal.SIGINT).result()
    assert handler == signal.SIG_IGN
    assert sandbox.submit(os.getsid, 0).result() != os.getsid(0)


def test_a_worn_worker_is_replaced(sandbox):
    first = sandbox.submit(os.getpid).result()
    futures = [sandbox.submit(os.getpid) for _ in range(TASKS_PER_WORKER)]
    assert len({future.result() for future in futures} | {first}) == 2


def test_workers_work_at_the_same_time(tmp_path):
    fifo = tmp_path / "fifo"  # opening one end waits for the other: one after the other they would never end
    os.mkfifo(fifo)
    with Sandbox(workers=2, timeout_s=30, memory_bytes=MEMORY) as sandbox:
        writing = sandbox.submit(exec, f"open({str(fifo)!r}, 'w').write('x')")
        assert sandbox.submit(eval, f"open({str(fifo)!r}).read()").result() == "x"
        assert writing.result() is None


def test_it_serves_many_threads(sandbox):
    sums = []
    threads = [
        threading.Thread(target=lambda n=n: sums.append(sandbox.submit(operator.add, n, 1).result())) for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sums) == list(range(1, 21))


def test_it_serves_an_event_loop(sandbox):
    async def both():
        return await asyncio.gather(*(sandbox.run(operator.mul, n, 2) for n in range(3)))

    assert asyncio.run(both()) == [0, 2, 4]


def test_closing_finishes_what_was_submitted_and_leaves_no_process():
    sandbox = Sandbox(workers=2, timeout_s=30, memory_bytes=MEMORY)
    futures = [sandbox.submit(os.getpid) for _ in range(10)]
    sandbox.close()
    sandbox.close()
    assert all(not psutil.pid_exists(future.result(0)) for future in futures)
    with pytest.raises(RuntimeError, match=r"the sandbox is closed"):
        sandbox.submit(os.getpid)


def test_closing_now_drops_what_was_submitted():
    sandbox = Sandbox(workers=1, timeout_s=600, memory_bytes=MEMORY)
    sandbox.submit(os.getpid).result()
    futures = [sandbox.submit(time.sleep, 600) for _ in range(3)]
    while not futures[0].running():
        pass
    started = time.monotonic()
    sandbox.close(now=True)
    assert time.monotonic() - started < 300  # not the ten minutes asked for
    assert [future.cancelled() for future in futures] == [False, True, True]
    assert isinstance(futures[0].exception(), MediaError)


def test_a_killed_zygote_is_replaced():
    with Sandbox(workers=1, timeout_s=30, memory_bytes=MEMORY) as sandbox:
        zygote = psutil.Process(sandbox.submit(os.getppid).result())
        zygote.kill()
        psutil.wait_procs([zygote], timeout=60)
        with pytest.raises(MediaError, match=r"the decoder died \(signal 9, Killed, perhaps out of memory\)"):
            sandbox.submit(time.sleep, 60).result()
        assert sandbox.submit(os.getppid).result() != zygote.pid


ORPHANS = """
import os, time
from annotators.sandbox import Sandbox
sandbox = Sandbox(workers=2, timeout_s=600, memory_bytes=2**30)
print(sandbox.submit(os.getppid).result(), sandbox.submit(os.getpid).result(), flush=True)
sandbox.submit(time.sleep, 600)
sandbox.submit(exec, "while True: pass")
time.sleep(600)
"""


def test_a_parent_killed_hard_leaves_no_orphans():
    parent = subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as lines:
        zygote = psutil.Process(int(lines.readline().split()[0]))
        children = [zygote, *zygote.children()]
        parent.kill()
        parent.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []


FORKED = """
import os, operator
from annotators.sandbox import shared_sandbox
from schemas.media.limits import Limits
print(shared_sandbox(Limits()).submit(operator.add, 1, 2).result(), flush=True)
if os.fork() == 0:
    print(shared_sandbox(Limits()).submit(operator.add, 3, 4).result(), flush=True)
    raise SystemExit(0)
os.wait()
"""


def test_a_fork_of_the_parent_gets_a_sandbox_of_its_own():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60)
    assert (done.stdout.split(), done.stderr) == (["3", "7"], "")


def test_the_shared_sandbox_is_one_per_process_and_limits():
    limits = Limits(decode_timeout_s=29)
    assert shared_sandbox(limits) is shared_sandbox(limits)
    assert shared_sandbox(limits) is not shared_sandbox(Limits(decode_timeout_s=28))
