"""Running a Beam graph: the runner by name, in a thread, with progress, and with an end that loses nothing."""

from __future__ import annotations

import argparse
import difflib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from schemas.errors import ConfigError, ServiceError, WitnessmarkError

from .drain import DRAIN, GO_ON, Interrupted
from .progress import COUNTERS, shown
from .worker_processes import end_all, start_apart

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

__all__ = ["beam_options", "is_dry_run", "run_graph"]

REFUSED = {
    "DaskRunner": "it drops tagged outputs and finish_bundle without a word",
    "DirectRunner": "it changes its engine with the graph's content and may hang while it downloads one",
}
OURS = ("--input", "--run", "--set", "--limit", "--answers", "--accept-recipe-change")
"""Options of our own commands, for a did-you-mean."""


def beam_options(arguments: Sequence[str]) -> PipelineOptions:
    """Beam's options from the command line; FnApiRunner where none is named.

    Raises ConfigError for an option that nobody knows (Beam itself drops it without a word), for a refused runner,
    for ``--dry_run`` on a runner that would run all the same, and for a dry run that would make a bucket.
    """
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions, TestOptions

    words = _with_dry_run_value(arguments)
    _refuse_unknown(words)
    options = PipelineOptions(words)
    standard, test = options.view_as(StandardOptions), options.view_as(TestOptions)
    standard.runner = standard.runner or "FnApiRunner"
    test.dry_run = str(test.dry_run).lower() != "false"  # Beam takes any text for yes
    name = _runner_name(standard.runner)
    if name in REFUSED:
        raise ConfigError(f"the runner {name} is refused: {REFUSED[name]}", remedy="use --runner=FnApiRunner, or none")
    if test.dry_run and name != "DataflowRunner":
        raise ConfigError(f"--dry_run: {name} would run", remedy="only --runner=DataflowRunner translates alone")
    if test.dry_run:
        _check_cloud(options)
    return options


def _check_cloud(options: PipelineOptions) -> None:
    """What Dataflow needs, found out without the network: where no folder is named, Beam goes and makes a bucket."""
    from apache_beam.options.pipeline_options import GoogleCloudOptions
    from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator

    cloud = options.view_as(GoogleCloudOptions)
    validator = PipelineOptionsValidator(options, None)
    folders = [validator.validate_gcs_path(cloud, name) for name in ("temp_location", "staging_location")]
    errors = [*(folders[0] if all(folders) else ()), *validator.validate_cloud_options(cloud)]
    if errors:
        raise ConfigError(
            f"--dry_run: {' '.join(errors)}",
            remedy="Dataflow needs --project=ID, --region=NAME and --temp_location=gs://BUCKET/FOLDER",
        )


def _with_dry_run_value(arguments: Sequence[str]) -> list[str]:
    """``--dry_run`` alone gets the value that Beam's parser wants."""
    follow = [*arguments[1:], "--"]
    return [
        "--dry_run=True" if word == "--dry_run" and following.startswith("-") else word
        for word, following in zip(arguments, follow, strict=False)
    ]


def _refuse_unknown(words: list[str]) -> None:
    """Raise ConfigError for them. Beam's whole parser reaches us by a hook that it has for runners."""
    from apache_beam.options.pipeline_options import PipelineOptions

    parsers: list[Any] = []
    PipelineOptions([]).get_all_options(add_extra_args_fn=parsers.append)
    parsers[0].exit_on_error = False
    try:
        _, unknown = parsers[0].parse_known_args(words)
    except argparse.ArgumentError as error:
        raise ConfigError(str(error), remedy="it is an option of Beam; see its pipeline options") from error
    if not unknown:
        return
    flag = unknown[0].partition("=")[0]
    known = [*OURS, *(name for action in parsers[0]._actions for name in action.option_strings)]
    near = difflib.get_close_matches(flag, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "options are ours (--help) or Beam's (--runner, ...)"
    raise ConfigError(f"unknown argument {flag!r}", remedy=hint)


def _runner_name(runner: str) -> str:
    """The class name of a runner that Beam may be given by its path, in any case, and without its last word."""
    name = runner.rpartition(".")[2]
    known = {known.lower(): known for known in (*REFUSED, "DataflowRunner", "FnApiRunner")}
    return known.get(name.lower()) or known.get(f"{name.lower()}runner", name)


def is_dry_run(options: PipelineOptions) -> bool:
    """Whether the graph is only translated."""
    from apache_beam.options.pipeline_options import TestOptions

    return bool(options.view_as(TestOptions).dry_run)


def run_graph(
    build: Callable[[Any], None],
    options: PipelineOptions,
    *,
    stage: str,
    write: Callable[[str], None],
    expected: int = 0,
) -> dict[str, int]:
    """Build and run a graph to its end; returns Beam's committed counters by name.

    Progress compares the counters ``done`` and ``found``; ``expected`` is what is found before the start.
    The first Ctrl-C drains: nothing new starts, calls in flight end and their answers are kept; then
    Interrupted is raised. Raises ServiceError where the graph drained because a service is down.
    """
    import apache_beam as beam

    DRAIN.reset()
    COUNTERS.reset()
    COUNTERS.add("found", expected)
    root = beam.Pipeline(options=options)
    build(root)
    start_apart(options)
    with shown(stage, write):
        counters = _finish(_Running(root), write)
    if DRAIN.is_on:
        kind = Interrupted if DRAIN.reason == "interrupted" else ServiceError
        raise kind(f"{stage}: {DRAIN.reason}", remedy=GO_ON)
    return counters


class _Running(threading.Thread):
    """The graph in a thread of its own, so that the main thread can hear Ctrl-C."""

    def __init__(self, root: Any) -> None:
        super().__init__(name="graph", daemon=True)
        self.root = root
        self.error: BaseException | None = None
        self.counters: dict[str, int] = {}
        self.finished = threading.Event()
        self.start()

    def run(self) -> None:
        try:
            result = self.root.run()
            result.wait_until_finish()
            self.counters = _committed(result)
        except BaseException as error:
            self.error = error
        finally:
            self.finished.set()


def _finish(running: _Running, write: Callable[[str], None]) -> dict[str, int]:
    with _counted_interrupts() as heard:
        while not running.finished.wait(0.2):
            _mind(heard, write)
        if heard:  # in the last moment
            DRAIN.start("interrupted")
    if running.error is not None:
        raise _ours(running.error)
    return running.counters


def _mind(heard: list[int], write: Callable[[str], None]) -> None:
    """The first Ctrl-C drains; a further one, or one while the graph drains anyhow, ends at once."""
    if not heard or (len(heard) == 1 and DRAIN.reason == "interrupted"):
        return
    if DRAIN.is_on:
        end_all()
        raise Interrupted("stopped at once", remedy="run the same command again to go on")
    write("stopping: calls in flight are finished and kept (Ctrl-C again to stop at once)")
    DRAIN.start("interrupted")
    COUNTERS.ask_for_end()


@contextmanager
def _counted_interrupts() -> Iterator[list[int]]:
    """Ctrl-C as a longer list, not as an exception: one that is raised in a finalizer would be lost.

    Another thread than the main one hears none, and what the process was told to ignore stays ignored.
    """
    heard: list[int] = []
    is_ours = threading.current_thread() is threading.main_thread()
    if not is_ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield heard
        return
    signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        yield heard
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _ours(error: BaseException) -> BaseException:
    """The innermost error of ours under what Beam wrapped around it, else the error itself."""
    from .worker_errors import told

    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None and inner not in chain:
        chain.append(inner)
    return next((e for e in reversed(chain) if isinstance(e, WitnessmarkError)), None) or told(str(error)) or error


def _committed(result: Any) -> dict[str, int]:
    metrics = getattr(result, "metrics", None)
    try:
        found = metrics().query()["counters"] if metrics else []
    except NotImplementedError:  # what a graph that was only translated says
        found = []
    return {
        counter.key.metric.name: counter.result for counter in found if counter.key.metric.namespace == "witnessmark"
    }
