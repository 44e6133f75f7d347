"""Child processes in which untrusted media are decoded: a crash, a hang or a bomb costs a child, not the run.

No library serves: multiprocessing, concurrent.futures and pebble re-import ``__main__`` in every
child (Beam's worker: one second and 150 MB), fork a process full of threads or need one timer
process per call, and none of them limits memory. This contains accidents, not exploits: a child
has the rights of its parent.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import pickle
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from schemas.errors import MediaError
from schemas.media.limits import Limits

from .sandbox_worker import receive, send
from .time_limit import TimeLimit

__all__ = ["Sandbox", "shared_sandbox"]

R = TypeVar("R")
Task = tuple[Future[Any], bytes, float]

TASKS_PER_WORKER = 2_000
"""A worker is replaced after so many tasks: what a decoder leaks stays small."""
START_TIMEOUT_S = 60.0
BOOT = (
    "import sys; sys.path[:] = {path!r}; from annotators.sandbox_worker import zygote; zygote({fd}, {memory}, {parent})"
)


class Sandbox:
    """A small pool of decoder processes.

    ``function`` must be importable by name, and its arguments and result must pickle (a generator
    does not). In the future: the result; any SampleError as it was raised; MediaError where the
    worker was stopped, died or ran out of memory; any other exception as itself, with the
    worker's traceback as a note.
    """

    def __init__(self, *, workers: int = 2, timeout_s: float, memory_bytes: int) -> None:
        self._timeout_s = timeout_s
        self._zygote = _Zygote(memory_bytes)
        self._zygote.start()
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"sandbox-{number}", daemon=True) for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(
        self, function: Callable[..., R], *args: Any, timeout_s: float | None = None, **kwargs: Any
    ) -> Future[R]:
        """Queues a call; ``timeout_s`` counts from when a worker takes it up, not from now."""
        future: Future[R] = Future()
        payload = pickle.dumps((function, args, kwargs), protocol=pickle.HIGHEST_PROTOCOL)
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the sandbox is closed")
            self._tasks.put((future, payload, self._timeout_s if timeout_s is None else timeout_s))
        return future

    async def run(self, function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """Like ``submit``, awaited; cancelling drops the call if no worker has taken it up."""
        return await asyncio.wrap_future(self.submit(function, *args, **kwargs))

    def close(self, *, now: bool = False) -> None:
        """Finishes what was submitted, or with ``now`` drops it; then ends all children. May be called twice."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                if now:
                    self._drop()
                for _ in self._threads:
                    self._tasks.put(None)
        for thread in self._threads:
            thread.join()
        self._zygote.close()

    def _drop(self) -> None:
        with contextlib.suppress(queue.Empty):
            while task := self._tasks.get_nowait():
                task[0].cancel()
        self._zygote.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self) -> None:
        """One thread per worker: takes tasks, replaces its worker when that is gone or worn."""
        worker: _Worker | None = None
        while (task := self._tasks.get()) is not None:
            future, payload, timeout_s = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                worker = worker if worker and worker.is_usable else self._zygote.fork()
                is_result, value = worker.call(payload, timeout_s)
            except BaseException as error:  # nothing is swallowed: whoever waits for the future gets it
                is_result, value = False, error
                if worker and worker.is_usable and not isinstance(error, MediaError):
                    worker.end(kill=True)  # its channel may be out of step
            _settle(future, is_result, value)
            del future, payload, task, value
        if worker and worker.is_usable:
            worker.end()


def _settle(future: Future[Any], is_result: bool, value: Any) -> None:
    if is_result:
        future.set_result(value)
    else:
        future.set_exception(value)


class _Worker:
    """The parent's end of one worker."""

    def __init__(self, pid: int, channel: socket.socket, zygote: _Zygote) -> None:
        self._pid, self._channel, self._zygote = pid, channel, zygote
        self._left = TASKS_PER_WORKER
        self.is_usable = True

    def call(self, payload: bytes, timeout_s: float) -> tuple[bool, Any]:
        """``(True, result)`` or ``(False, exception)``. Raises MediaError when the worker did not live to answer."""
        limit = TimeLimit(self._pid, timeout_s)
        try:
            answer = self._exchange(payload, timeout_s, limit)
        except TimeoutError:
            self.end(kill=True)
            raise MediaError(
                f"the decoder was stopped after {limit.passed_s:g} s",
                remedy="raise limits.decode_timeout_s, or leave the file out",
            ) from None
        except (EOFError, ConnectionError):
            raise _death(self.end()) from None
        is_result, value, is_last = pickle.loads(answer)  # noqa: S301 - from our own worker
        self._left -= 1
        if is_last or not self._left:
            self.end()
        return is_result, value

    def _exchange(self, payload: bytes, timeout_s: float, limit: TimeLimit) -> bytearray:
        self._channel.settimeout(timeout_s)
        send(self._channel, payload)
        wait_s = timeout_s
        while not self._answers(wait_s):
            if not (wait_s := limit.more_s()):
                raise TimeoutError
        return receive(self._channel)

    def _answers(self, within_s: float) -> bool:
        """Whether an answer, or the worker's end, has come."""
        waiting = select.poll()
        waiting.register(self._channel, select.POLLIN)
        return bool(waiting.poll(within_s * 1000))

    def end(self, *, kill: bool = False) -> int:
        """Hangs up (or kills), waits, and gives the exit code: negative is the signal that killed it."""
        self.is_usable = False
        if kill:
            os.kill(self._pid, signal.SIGKILL)  # not reaped yet, so the pid is still its own
        self._channel.close()
        return self._zygote.reap(self._pid)


class _Zygote:
    """The parent's end of the zygote; started anew should it ever be killed."""

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._is_closed = False

    def start(self) -> None:
        """Starts the interpreter without waiting: it imports while the parent does other things."""
        with self._lock:
            self._start()

    def fork(self) -> _Worker:
        """A new worker. Raises RuntimeError when the zygote cannot start."""
        with self._lock:
            if self._process and self._process.poll() is not None:
                self._end()
            ours, theirs = socket.socketpair()
            with theirs:
                answer = self._ask(b"fork", [theirs.fileno()])
            return _Worker(int(answer), ours, self)

    def reap(self, pid: int) -> int:
        """Waits for a worker that was killed or hung up on; its exit code, negative for a signal.

        A zygote that is gone has taken its workers along, which is a kill as well.
        """
        with self._lock:
            try:
                return int(self._ask(f"reap {pid}".encode(), []))
            except RuntimeError:
                return -signal.SIGKILL

    def close(self) -> None:
        """Ends the zygote and every worker of its."""
        with self._lock:
            self._is_closed = True
            self._end()

    def _end(self) -> None:
        if self._control and self._process:
            self._control.close()
            self._process.wait()
        self._control = self._process = None

    def _ask(self, request: bytes, fds: list[int]) -> bytearray:
        if self._is_closed:
            raise RuntimeError("the sandbox is closed")
        try:
            control = self._control or self._start()
            socket.send_fds(control, [request], fds)
            return receive(control)
        except (EOFError, OSError) as error:
            code = self._process.poll() if self._process else None
            raise RuntimeError(f"the sandbox's first process is gone (exit code {code})") from error

    def _start(self) -> socket.socket:
        """A session of its own: Ctrl-C at the terminal is for the parent, which drains."""
        self._control, theirs = socket.socketpair()
        self._control.settimeout(START_TIMEOUT_S)
        path = [entry or os.getcwd() for entry in sys.path]  # noqa: PTH109 - sys.path holds strings
        boot = BOOT.format(path=path, fd=theirs.fileno(), memory=self._memory_bytes, parent=os.getpid())
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
                [sys.executable, "-c", boot],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
        return self._control


def _death(exit_code: int) -> MediaError:
    """What to tell of a worker that was gone before it answered."""
    if exit_code >= 0:
        return MediaError(f"the decoder ended without an answer (exit code {exit_code})", remedy=_LEAVE_OUT)
    name = signal.strsignal(-exit_code) or "unknown"
    out_of_memory = ", perhaps out of memory" if -exit_code in (signal.SIGKILL, signal.SIGABRT) else ""
    return MediaError(f"the decoder died (signal {-exit_code}, {name}{out_of_memory})", remedy=_LEAVE_OUT)


_LEAVE_OUT = "the file is broken or hostile: leave it out, or re-encode it"
MOST_WORKERS = 8
_shared: dict[tuple[int, float, int], Sandbox] = {}
_shared_lock = threading.Lock()


def shared_sandbox(limits: Limits, *, workers: int | None = None) -> Sandbox:
    """The process's own sandbox for such limits, made on first use and closed at exit; one worker per core, 2 to 8."""
    count = workers or max(2, min(os.cpu_count() or 2, MOST_WORKERS))
    key = (count, limits.decode_timeout_s, limits.decode_memory_bytes)
    with _shared_lock:
        if key not in _shared:
            _shared[key] = Sandbox(workers=count, timeout_s=key[1], memory_bytes=key[2])
        return _shared[key]


def _forget_shared() -> None:
    """After a fork the threads and children are the parent's: the child makes its own."""
    global _shared_lock
    _shared_lock = threading.Lock()
    _shared.clear()


def _close_shared() -> None:
    with _shared_lock:
        for sandbox in _shared.values():
            sandbox.close(now=True)
        _shared.clear()


os.register_at_fork(after_in_child=_forget_shared)
atexit.register(_close_shared)
