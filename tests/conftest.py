"""What holds for all tests: which worker gets what, and when; and that none fails because the machine is busy.

Slow files start first, each on one worker; the quick tests fill up the end.
"""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

SERVER_TESTS = "label_studio"
"""The folder whose tests share one Label Studio: on two workers there would be two of them."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks groups for ``--dist loadgroup``; a file with a slow test has fixtures that are made for the whole file."""
    files = [list(found) for _, found in groupby(items, key=lambda item: item.path)]
    files.sort(key=lambda found: -sum(item.get_closest_marker("slow") is not None for item in found))
    items[:] = [item for found in files for item in found]
    for found in files:
        folder = found[0].path.parent.name
        if folder == SERVER_TESTS or any(item.get_closest_marker("slow") for item in found):
            group = folder if folder == SERVER_TESTS else f"{folder}/{found[0].path.stem}"
            for item in found:
                item.add_marker(pytest.mark.xdist_group(group))
