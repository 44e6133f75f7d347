"""Components against a search."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.grouping import as_edges, components, edges_of_equal, joined


def test_equal_values_are_joined_and_none_is_not() -> None:
    edges = list(edges_of_equal([(0, "x"), (1, None), (2, "x"), (3, "y"), (4, None)]))
    labels = components(5, as_edges(edges))
    assert [int(label) for label in labels] == [labels[0], labels[1], labels[0], labels[3], labels[4]]
    assert len(set(labels.tolist())) == 4


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_components_are_what_a_search_reaches(edges: list[tuple[int, int]]) -> None:
    labels = components(10, as_edges(edges))
    halves = joined(joined(np.arange(10), as_edges(edges[:6])), as_edges(edges[6:]))
    assert (halves[:, None] == halves).tolist() == (labels[:, None] == labels).tolist()
    for start in range(10):
        reached, border = {start}, [start]
        while border:
            node = border.pop()
            for a, b in edges:
                for here, there in ((a, b), (b, a)):
                    if here == node and there not in reached:
                        reached.add(there)
                        border.append(there)
        assert {i for i in range(10) if labels[i] == labels[start]} == reached
