"""The whole way without a key: planted artifacts in real photos, found, written, loaded, and judged honestly."""

from __future__ import annotations

from collections.abc import Callable

from .storage import Manifest, RunFolder

__all__ = ["demonstrate"]

RECIPE = "planted"


def demonstrate(run: RunFolder, write: Callable[[str], None]) -> Manifest:
    """Run the planted recipe into ``run`` and print where the dataset is and how well the machine did."""
    from .evaluation import lines
    from .evaluation.runs import bench_run, evaluation_of
    from .recipe import load_recipe
    from .stages import finalize, open_run, propose, recipe_of

    with run.locked():
        manifest = open_run(run, load_recipe(RECIPE), (), accept_change=False)
        manifest = propose(run, manifest, arguments=(), limit=None, answers_uri=None, write=write)
        manifest = finalize(run, manifest, arguments=(), write=write)
    recipe = recipe_of(manifest)
    print("\n".join(lines(evaluation_of(bench_run(run, recipe), recipe))))
    print(_where(run, manifest))
    return manifest


def _where(run: RunFolder, manifest: Manifest) -> str:
    configs = sorted({key.partition("/")[0] for key in manifest.shards})
    loading = "\n".join(f'  datasets.load_dataset("{run.path("dataset")}", "{config}")' for config in configs)
    return f"\ndataset: {run.path('dataset')}\nreport:  {run.path('report.html')}\nload it:\n{loading}"
