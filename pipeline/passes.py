"""Passes: which machine is given whose candidates, checked before any work, and who takes part for a sample.

The machines of a recipe form a graph without cycles: ``after`` names the machines whose candidates one is given. Each
sample goes through it by itself; every machine's answers are cached under its own keys, which an earlier pass
enters through the words that it puts into the question.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from annotators.base import Annotator, MachineConfig
from schemas.errors import ConfigError
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy

__all__ = ["check_passes", "check_readers", "in_passes", "seen_by", "taking_part", "with_repeats"]


def with_repeats(machines: Sequence[MachineConfig]) -> tuple[MachineConfig, ...]:
    """A machine that is asked several times as that many machines, each with a seed and a number of its own.

    ``after: [name]`` of another machine then means all of them. Raises ValueError where repeating would bring
    nothing: a machine without a seed, or at temperature 0.
    """
    groups = {config.title: _repeated(config) for config in machines if config.repeats > 1}
    single = [one for config in machines for one in groups.get(config.title, (config,))]
    return tuple(_after_all(config, groups) for config in single)


def check_passes(machines: Sequence[MachineConfig]) -> None:
    """Raises ValueError where ``after`` names no machine, the machine itself, or leads in a circle."""
    known = [config.title for config in machines]
    for config in machines:
        for name in config.after:
            if name not in known:
                raise ValueError(
                    f"machines: {config.title!r} comes after the unknown machine {name!r}{_hint(name, known)}"
                )
    in_passes(machines)


def check_readers(machines: Sequence[Annotator]) -> None:
    """Raises ConfigError where a machine is given candidates that it cannot read, or is given none and needs some."""
    for machine in machines:
        title, after = machine.config.title, machine.config.after
        if after and machine.reads_earlier == "never":
            raise ConfigError(
                f"machine {title!r} comes after {', '.join(after)}, but a {machine.config.kind} reads no candidates",
                remedy="leave 'after' out, or use a machine that reads them (consensus, select, judge, vlm)",
            )
        if not after and machine.reads_earlier == "always":
            raise ConfigError(
                f"machine {title!r} needs the candidates of other machines",
                remedy="name them, e.g. after: [vlm]",
            )


def in_passes(machines: Sequence[MachineConfig]) -> tuple[MachineConfig, ...]:
    """The machines in an order in which each stands after those that it comes after. Raises ValueError for a circle."""
    waiting, done = list(machines), dict[str, MachineConfig]()
    while waiting:
        ready = [config for config in waiting if all(name in done for name in config.after)]
        if not ready:
            circle = ", ".join(repr(config.title) for config in waiting)
            raise ValueError(f"machines: each of {circle} waits for another of them: 'after' leads in a circle")
        done.update((config.title, config) for config in ready)
        waiting = [config for config in waiting if config.title not in done]
    return tuple(done.values())


def taking_part(machines: Sequence[Annotator], sample: Sample, taxonomy: Taxonomy) -> tuple[Annotator, ...]:
    """The machines that look at a sample, in passes: those that accept it and have somebody before them, if anybody.

    A model is asked only about a modality that some category can occur in: without one, no region could be named.
    The machines need not be connected.
    """
    has_names = bool(taxonomy.names(sample.modality))
    by_title = {machine.config.title: machine for machine in machines}
    found: dict[str, Annotator] = {}
    for config in in_passes([machine.config for machine in machines]):
        machine = by_title[config.title]
        is_reached = not config.after or any(name in found for name in config.after)
        if is_reached and machine.accepts(sample) and (has_names or not machine.needs_model):
            found[config.title] = machine
    return tuple(found.values())


def seen_by(machine: MachineConfig, sample: Sample) -> Sample:
    """The sample as a machine is shown it: with its label, without it, or with its known origin for a label."""
    label = sample.task_input.label_given
    wanted: str | None
    if machine.conditioning == "blind":
        wanted = None
    elif machine.conditioning == "origin_given" and label is None and sample.origin != "unknown":
        wanted = sample.origin
    else:
        wanted = label
    return sample if wanted == label else sample.evolve(task_input=sample.task_input.evolve(label_given=wanted))


def _repeated(config: MachineConfig) -> tuple[MachineConfig, ...]:
    if "seed" not in type(config).model_fields:
        raise ValueError(f"machines: {config.title!r} has no seed: repeats would give the same answer again")
    if getattr(config, "temperature", None) == 0:
        raise ValueError(f"machines: {config.title!r} repeats at temperature 0: set a temperature above it")
    first = getattr(config, "seed", None) or 0
    return tuple(
        config.evolve(name=f"{config.title}-{number}", seed=first + number - 1, repeats=1)
        for number in range(1, config.repeats + 1)
    )


def _after_all(config: MachineConfig, groups: dict[str, tuple[MachineConfig, ...]]) -> MachineConfig:
    names = [one.title for name in config.after for one in groups.get(name, ())]
    if not names:
        return config
    return config.evolve(
        after=tuple(
            title
            for name in config.after
            for title in ([one.title for one in groups[name]] if name in groups else [name])
        )
    )


def _hint(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(known)}"
