"""Beam and pyarrow are imported without what nothing of ours uses, and nobody else misses it."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json, sys
import pipeline.graphs
from schemas.arrow import table_schema, to_arrow
from schemas.record import Duplicate
row = Duplicate(item_id="b", sample_id="s", kept_item_id="a", kind="exact")
rows = to_arrow([row], table_schema(Duplicate)).num_rows
loaded = [name for name in ("pandas", "google.cloud.bigquery", "google.cloud.pubsub") if name in sys.modules]
import apache_beam, pandas, pyarrow
table = pyarrow.table({"a": [1, 2]}).to_pandas()
print(json.dumps([rows, loaded, apache_beam.__name__, table["a"].tolist()]))
"""


def test_a_process_that_runs_graphs_loads_no_dataframes_and_can_do_so_later() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == [1, [], "apache_beam", [1, 2]]
    assert done.stderr == ""
