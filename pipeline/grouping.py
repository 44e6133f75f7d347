"""Who belongs together: nodes and the edges between them, as components of a graph (union-find, in scipy)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

import numpy as np

from .near_pairs import Indices

__all__ = ["as_edges", "components", "edges_of_equal", "joined"]


def joined(labels: Indices, pairs: Indices) -> Indices:
    """Component labels ``(n,)`` after the nodes of each pair ``(m, 2)`` are joined too."""
    edges = labels[pairs]
    edges = np.unique(edges[edges[:, 0] != edges[:, 1]], axis=0)
    return components(len(labels), edges)[labels] if len(edges) else labels


def components(size: int, edges: Indices) -> Indices:
    """Component number of each of ``size`` nodes, ``(size,)``: nodes on a path of ``(m, 2)`` edges share one."""
    if not len(edges):
        return np.arange(size, dtype=np.int64)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(size, size))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def as_edges(pairs: Iterable[tuple[int, int]]) -> Indices:
    """Pairs as ``(m, 2)`` int64."""
    return np.array(list(pairs), dtype=np.int64).reshape(-1, 2)


def edges_of_equal(values: Iterable[tuple[int, Hashable | None]]) -> Iterator[tuple[int, int]]:
    """Edges that join the nodes of each equal value; None joins nothing."""
    first: dict[Hashable, int] = {}
    for node, value in values:
        if value is not None and (other := first.setdefault(value, node)) != node:
            yield node, other
