"""What a people tool finds ready: the run as far as it needs it, and the key that turns people into pseudonyms."""

from __future__ import annotations

import functools
import os
import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

import annotators.people
from annotators.base import Case, Desk, Verifier
from annotators.labelstudio.reviewed import pseudonym
from schemas.arrow import from_arrow
from schemas.base import Frozen, content_id
from schemas.candidate import Candidate
from schemas.errors import ConfigError
from schemas.plugins import load
from schemas.sample import Sample

from .assembly import join_duplicates
from .filesystems import exists, open_uri, write_atomically
from .recipe import Recipe
from .storage import Manifest, RunFolder
from .tables import read_batches

__all__ = ["KEY_VARIABLE", "cases_of", "desk_for", "people_of", "pseudonym_key", "recall", "remember"]

KEY_VARIABLE = "WITNESSMARK_PSEUDONYM_KEY"

T = TypeVar("T", bound=Frozen)


def people_of(recipe: Recipe) -> tuple[Verifier, ...]:
    """The recipe's people tools. Raises ConfigError where two have one name, or a name is no folder's."""
    tools: tuple[Verifier, ...] = tuple(load(annotators.people, config) for config in recipe.people)
    titles = [tool.config.title for tool in tools]
    for title in titles:
        if titles.count(title) > 1:
            raise ConfigError(f"people: {title!r} stands twice", remedy="give each its own 'name'")
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", title):
            raise ConfigError(f"people: {title!r} is no name", remedy="letters, digits, dots, dashes and underscores")
    return tools


def desk_for(
    run: RunFolder,
    manifest: Manifest,
    recipe: Recipe,
    tool: Verifier,
    *,
    write: Callable[[str], None],
    answered: frozenset[str] = frozenset(),
) -> Desk:
    """The desk of one tool. Raises ConfigError where the pseudonyms' key is not the one that the run began with."""
    folder = run.path("people", tool.config.title)
    return Desk(
        dataset=recipe.name,
        run_id=manifest.run_id,
        taxonomy=recipe.taxonomy,
        limits=recipe.limits,
        task=recipe.task,
        open_uri=open_uri,
        folder_uri=folder,
        cases=functools.partial(cases_of, run),
        reviewers=recipe.routing.reviewers,
        answered=answered,
        put=functools.partial(_put, run, tool.config.title),
        pseudonym=functools.partial(pseudonym, key=_key_of(run)),
        say=write,
    )


def cases_of(run: RunFolder, sample_ids: Collection[str]) -> dict[str, Case]:
    """Samples by id, each with its candidates: those of the run, and those that people were shown earlier."""
    samples: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in _rows(run, "samples", Sample, sample_ids):
        samples[sample.sample_id].append(sample)
    candidates: defaultdict[str, dict[str, Candidate]] = defaultdict(dict)
    for table in ("shown", "candidates"):
        for candidate in _rows(run, table, Candidate, sample_ids):
            candidates[candidate.sample_id][candidate.candidate_id] = candidate
    return {key: Case(join_duplicates(found), candidates[key]) for key, found in samples.items()}


def recall(run: RunFolder, tool: Verifier) -> str:
    """What the tool asked to be told at its next collection; empty at the first one."""
    path = run.path("people", f"{tool.config.title}.json")
    if not exists(path):
        return ""
    with open_uri(path) as file:
        return file.read().decode()


def remember(run: RunFolder, tool: Verifier, memory: str) -> None:
    """Keep what the tool wants to be told at its next collection."""
    write_atomically(run.path("people", f"{tool.config.title}.json"), memory.encode())


def pseudonym_key() -> bytes:
    """The key of the pseudonyms: WITNESSMARK_PSEUDONYM_KEY, else one of this user's own, made on first use.

    That one lies in ``~/.config/witnessmark/pseudonym.key`` (XDG_CONFIG_HOME), readable by its owner alone, never in
    a run folder: who has a run must not be able to find out who reviewed.
    """
    if stated := os.environ.get(KEY_VARIABLE):
        return stated.encode()
    home = os.environ.get("XDG_CONFIG_HOME")
    path = (Path(home) if home else Path.home() / ".config") / "witnessmark" / "pseudonym.key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", remedy=f"set {KEY_VARIABLE} to a secret of your own"
        ) from error
    return path.read_bytes()


def _key_of(run: RunFolder) -> bytes:
    """The key, once it is sure that it is the run's: with another one everybody would become somebody else."""
    key = pseudonym_key()
    path, mark = run.path("people", "key-check.txt"), content_id("pseudonym key", pseudonym("check", key)).encode()
    if not exists(path):
        write_atomically(path, mark)
    with open_uri(path) as file:
        if file.read() != mark:
            raise ConfigError(
                "the key of the pseudonyms is not the one that this run began with",
                remedy=f"set {KEY_VARIABLE} to that one, or copy ~/.config/witnessmark/pseudonym.key from that machine",
            )
    return key


def _put(run: RunFolder, title: str, name: str, data: bytes) -> str:
    uri = run.path("people", title, *name.split("/"))
    write_atomically(uri, data)
    return uri


def _rows(run: RunFolder, table: str, model: type[T], sample_ids: Collection[str]) -> Iterator[T]:
    wanted = pa.array(sorted(sample_ids), pa.string())
    for batch in read_batches(run, table):
        for row in batch.filter(pc.is_in(batch.column("sample_id"), wanted)).to_pylist():
            yield from_arrow(row, model)


def distinct(rows: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Each candidate once, by id."""
    found = {candidate.candidate_id: candidate for candidate in rows}
    return tuple(found[key] for key in sorted(found))
