"""The other side of the sandbox: a zygote that imports once and forks a worker whenever it is asked.

The zygote is a fresh interpreter, so it has one thread and may fork safely; it reads nothing
untrusted. Its workers share its imports copy-on-write and are cheap to replace (about 5 ms).
Whoever dies first, nothing is left: the zygote ends its workers when the parent's end of the
control socket closes, and a worker ends when its own socket or its zygote does.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import pickle
import signal
import socket
import struct
import sys
import traceback
from typing import Any

from schemas.errors import MediaError, SampleError

__all__ = ["receive", "send", "zygote"]

LENGTH = struct.Struct("!Q")
PRELOADED = ("schemas.media.measure", "schemas.media.stills")
"""Light imports that every worker needs; FFmpeg and PDFium load in the worker that meets its first video or PDF."""
PR_SET_PDEATHSIG = 1
ORPHAN_CHECK_S = 5.0


def send(channel: socket.socket, payload: bytes) -> None:
    """One message: 8 bytes of length, big-endian, then the payload."""
    if len(payload) < 65_536:
        channel.sendall(LENGTH.pack(len(payload)) + payload)
    else:
        channel.sendall(LENGTH.pack(len(payload)))
        channel.sendall(payload)


def receive(channel: socket.socket) -> bytearray:
    """The next message. Raises EOFError when the other side is gone."""
    (length,) = LENGTH.unpack(_exactly(channel, LENGTH.size))
    return _exactly(channel, length)


def _exactly(channel: socket.socket, size: int) -> bytearray:
    buffer = bytearray(size)
    view, filled = memoryview(buffer), 0
    while filled < size:
        count = channel.recv_into(view[filled:])
        if not count:
            raise EOFError("the other side of the sandbox is gone")
        filled += count
    return buffer


def zygote(control_fd: int, memory_bytes: int, parent_pid: int) -> None:
    """Serves fork and reap requests until the parent is gone; never returns to its caller's work.

    Requests: ``fork`` with the worker's end of a socket pair attached, answered by a pid;
    ``reap <pid>``, answered by the worker's exit code (negative: the signal that killed it).
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in PRELOADED:
        importlib.import_module(name)
    _silence()
    gc.collect()
    gc.freeze()  # a collection in a worker would otherwise copy every shared page it marks
    control, workers = socket.socket(fileno=control_fd), set[int]()
    control.settimeout(ORPHAN_CHECK_S)
    try:
        while os.getppid() == parent_pid:
            with contextlib.suppress(TimeoutError):
                if not _serve(control, workers, memory_bytes):
                    break
    finally:
        _end(workers)


def _serve(control: socket.socket, workers: set[int], memory_bytes: int) -> bool:
    request, fds, _, _ = socket.recv_fds(control, 64, 1)
    if not request:
        return False
    if fds:
        pid = _fork_worker(control, fds[0], memory_bytes)
        workers.add(pid)
        send(control, str(pid).encode())
    else:
        send(control, str(_reap(int(request.split()[1]), workers)).encode())
    return True


def _reap(pid: int, workers: set[int]) -> int:
    """The worker's exit code; that of a kill for one of an earlier zygote, which took its workers along."""
    if pid not in workers:
        return -signal.SIGKILL
    workers.discard(pid)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _fork_worker(control: socket.socket, fd: int, memory_bytes: int) -> int:
    pid = os.fork()
    if pid:
        os.close(fd)
        return pid
    status = 1
    try:
        control.close()
        _confine(memory_bytes)
        _work(socket.socket(fileno=fd), memory_bytes)
        status = 0
    finally:
        os._exit(status)  # a worker must never run what the zygote would do next


def _end(workers: set[int]) -> None:
    for pid in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in workers:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


def _silence() -> None:
    """Pillow, FFmpeg and PDFium write to the terminal themselves; what matters comes back as an exception."""
    with open(os.devnull, "r+b") as null:  # noqa: PTH123 - a device, not a path
        for stream in (0, 1, 2):
            os.dup2(null.fileno(), stream)


def _confine(memory_bytes: int) -> None:
    """Caps what the worker may allocate, and ties its life to the zygote's.

    RLIMIT_DATA counts writable private memory, shared libraries and mere reservations of address
    space (PDFium's allocator takes gigabytes of those) excepted, so it is the limit that means memory.
    """
    import resource

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _work(channel: socket.socket, memory_bytes: int) -> None:
    """Runs one task after the other until the parent hangs up, or until memory ran out once."""
    is_last = False
    while not is_last:
        try:
            request = receive(channel)
        except (EOFError, ConnectionError):
            return
        answer, is_last = _outcome(request, memory_bytes)
        del request
        send(channel, answer)


def _outcome(request: bytearray, memory_bytes: int) -> tuple[bytes, bool]:
    """The pickled answer ``(is_result, value, is_last)`` and whether this worker has to go."""
    try:
        function, args, kwargs = pickle.loads(request)  # noqa: S301 - from our own parent
        return _packed(True, function(*args, **kwargs)), False
    except MemoryError:
        error = MediaError(
            f"decoding needs more than the {memory_bytes / 2**20:.0f} MiB of memory that a decoder may use",
            remedy="raise limits.decode_memory_bytes, or leave the file out",
        )
        return _packed(False, error, is_last=True), True
    except SampleError as error:
        return _packed(False, error), False
    except BaseException as error:
        error.add_note("in the sandbox worker:\n" + traceback.format_exc())
        return _packed(False, error), False


def _packed(is_result: bool, value: Any, *, is_last: bool = False) -> bytes:
    """The answer as bytes; what cannot be pickled travels as a RuntimeError that shows it."""
    try:
        packed = pickle.dumps((is_result, value, is_last), protocol=pickle.HIGHEST_PROTOCOL)
        if not is_result:
            pickle.loads(packed)  # noqa: S301 - our own bytes: some exceptions only fail on the way back
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        text = "".join(traceback.format_exception(value)) if isinstance(value, BaseException) else repr(error)
        packed = pickle.dumps((False, RuntimeError(f"what the task gave cannot be pickled: {text}"), is_last))
    return packed
