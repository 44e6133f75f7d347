"""Options for Beam: known, of a runner that works, and with the meaning that they seem to have."""

from __future__ import annotations

import re
import signal

import pytest

from pipeline.drain import Interrupted
from pipeline.graphs import beam_options, is_dry_run, run_graph
from schemas.errors import ConfigError, RunError

CLOUD = ("--project=some-project", "--region=europe-west1", "--temp_location=gs://bucket/tmp")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--limti", "2"], "unknown argument '--limti' (did you mean --limit?)"),
        (["--limti=2"], "unknown argument '--limti' (did you mean --limit?)"),
        (
            ["--accept_recipe_change"],
            "unknown argument '--accept_recipe_change' (did you mean --accept-recipe-change?)",
        ),
        (["--direct_num_worker=2"], "unknown argument '--direct_num_worker' (did you mean --direct_num_workers?)"),
        (["--runner=FnApiRunner", "--dryrun"], "unknown argument '--dryrun' (did you mean --dry_run?)"),
        (["photos"], "unknown argument 'photos' (options are ours (--help) or Beam's (--runner, ...))"),
        (["--direct_num_workers=x"], "argument --direct_num_workers: invalid int value: 'x'"),
        (["--dry_run"], "--dry_run: FnApiRunner would run"),
        (["--dry_run=True", "--runner=PortableRunner"], "--dry_run: PortableRunner would run"),
        (["--runner=DirectRunner"], "the runner DirectRunner is refused"),
        (["--runner=direct"], "the runner DirectRunner is refused"),
        (["--runner=apache_beam.runners.dask.dask_runner.DaskRunner"], "the runner DaskRunner is refused"),
    ],
)
def test_what_would_be_dropped_or_misread_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}"):
        beam_options(arguments)


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ("--project", "--dry_run: Missing required option: project."),
        ("--temp_location", "--dry_run: Missing GCS path option: temp_location."),
    ],
)
def test_a_dry_run_that_would_make_a_bucket_is_refused(left_out: str, message: str) -> None:
    given = [word for word in CLOUD if not word.startswith(left_out)]
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}"):
        beam_options(["--runner=DataflowRunner", "--dry_run", *given])


def test_a_folder_for_staging_serves_a_dry_run() -> None:
    given = [word.replace("temp_", "staging_") for word in CLOUD]
    assert is_dry_run(beam_options(["--runner=DataflowRunner", "--dry_run", *given]))


def test_known_options_arrive() -> None:
    from apache_beam.options.pipeline_options import DirectOptions, StandardOptions

    options = beam_options(["--direct_num_workers", "2", "--direct_running_mode=multi_threading"])
    assert options.view_as(StandardOptions).runner == "FnApiRunner"
    assert options.view_as(DirectOptions).direct_num_workers == 2
    assert options.view_as(DirectOptions).direct_running_mode == "multi_threading"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--dry_run"], True),
        (["--dry_run", "--streaming"], True),
        (["--dry_run", "True"], True),
        (["--dry_run=yes"], True),
        (["--dry_run=False"], False),
        ([], False),
    ],
)
def test_dry_run_means_what_it_says(arguments: list[str], expected: bool) -> None:
    assert is_dry_run(beam_options(["--runner=dataflow", *CLOUD, *arguments])) is expected


TRACE = """Traceback (most recent call last):
  File "apache_beam/runners/common.py", line 1512, in apache_beam.runners.common.DoFnRunner.process
OSError: [Errno 28] No space left on device

During handling of the above exception, another exception occurred:

schemas.errors.RunError: cannot write to /run/a.parquet: No space left on device [while running 'Write/One shard']
"""
"""What Beam says here of an error of ours in a worker of its own."""


def _fail_as_another_process_does(_: int) -> None:
    raise RuntimeError(TRACE)


def test_an_error_of_ours_in_another_process_is_known_by_its_trace() -> None:
    import apache_beam as beam

    def build(root: beam.Pipeline) -> None:
        root | beam.Create([0]) | beam.Map(_fail_as_another_process_does)

    with pytest.raises(RunError) as caught:
        run_graph(build, beam_options([]), stage="finalize", write=lambda _: None)
    assert caught.value.message == "cannot write to /run/a.parquet: No space left on device"
    assert caught.value.remedy.endswith("run the same command again; what is on disk stays good")


def _press_ctrl_c(_: int) -> None:
    signal.raise_signal(signal.SIGINT)  # in the graph's thread; Python hears it in the main one


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_ctrl_c_in_the_last_moment_is_not_lost() -> None:
    import apache_beam as beam

    def build(root: beam.Pipeline) -> None:
        root | beam.Create([0]) | beam.Map(_press_ctrl_c)

    with pytest.raises(Interrupted, match="finalize: interrupted"):
        run_graph(build, beam_options([]), stage="finalize", write=lambda _: None)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
