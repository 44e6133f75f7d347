"""``witnessmark calibrate`` for a recipe: which of its machines is measured, and where the winner is written."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from annotators.machines.vlm import Config, VisionModel
from annotators.models.conventions import CONVENTIONS
from schemas.errors import ConfigError
from schemas.task import BoxConvention, Task

from .calibrate import TAXONOMY, calibrate, lines
from .recipe import load_recipe
from .recipe_edit import set_machine_field

__all__ = ["calibrate_recipe"]


def calibrate_recipe(
    recipe: str | None,
    settings: Sequence[str] = (),
    *,
    model: str | None,
    base_url: str | None,
    convention: str | None,
    images: int,
    answers: str | None,
    seed: int,
    write: Callable[[str], None],
) -> bool:
    """Asks, prints the table, writes the winner into the recipe where one is named; whether it is confirmed.

    With a recipe, its machine of that model (or its only one) is asked as a run with these ``settings`` would ask it.
    Where only the settings make a machine ask that model, the file is left as it is. Raises ConfigError.
    """
    if not (recipe or model):
        raise ConfigError("nothing says which model to calibrate", remedy="give --model, or --recipe FILE")
    place = _place_in(recipe, tuple(settings), model) if recipe else _Place("", 0, Config(), Task())
    config = place.config.evolve(
        **({"model": model} if model else {}), **({"base_url": base_url, "base_urls": ()} if base_url else {})
    )
    VisionModel(config).check(TAXONOMY)
    declared = _known(convention) if convention else config.convention
    stated = declared or place.task.boxes
    found = calibrate(config, images=images, answers=answers, stated=stated, declared=declared, seed=seed)
    for line in lines(found):
        write(line)
    if place.path and found.is_confirmed and found.winner and not declared:
        _write_into(place, found.winner)
        write(f"{place.path}: machines.{place.number}.convention is now {found.winner}")
    elif found.winner and not place.path:
        where = f"--set machines.{place.number}.convention={found.winner}" if recipe else f"convention: {found.winner}"
        write(f"in a recipe: the machine's {where!r}")
    return found.is_confirmed


class _Place(NamedTuple):
    """The machine of a recipe that is calibrated."""

    path: str
    number: int
    config: Config
    task: Task


def _known(convention: str) -> BoxConvention:
    for name in CONVENTIONS:
        if name == convention:
            return name
    near = difflib.get_close_matches(convention, CONVENTIONS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(CONVENTIONS)}"
    raise ConfigError(f"there is no box convention {convention!r}", remedy=hint)


def _place_in(recipe: str, settings: tuple[str, ...], model: str | None) -> _Place:
    if not settings and not Path(recipe).is_file():
        raise ConfigError(f"no file {recipe!r}", remedy="name the recipe by its path: the winner is written into it")
    loaded = load_recipe(recipe, settings)
    asking = [(number, config) for number, config in enumerate(loaded.machines) if isinstance(config, Config)]
    named = [(number, config) for number, config in asking if model in (None, config.model)]
    if len(named) != 1:
        models = ", ".join(config.model for _, config in asking)
        remedy = f"--model is one of: {models}" if models else "make one, e.g. --set machines.0.kind=vlm"
        raise ConfigError(f"{recipe} has {len(named)} machines to calibrate", remedy=remedy)
    number, config = named[0]
    return _Place(recipe if _is_in_file(recipe, number, config.model) else "", number, config, loaded.task)


def _is_in_file(recipe: str, number: int, model: str) -> bool:
    """Whether the recipe's own file, without any settings, has that machine ask that model."""
    if not Path(recipe).is_file():
        return False
    machines = load_recipe(recipe).machines
    own = machines[number] if number < len(machines) else None
    return isinstance(own, Config) and own.model == model


def _write_into(place: _Place, winner: BoxConvention) -> None:
    path = Path(place.path)
    text = set_machine_field(path.read_text(encoding="utf-8"), place.number, "convention", winner, where=place.path)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
