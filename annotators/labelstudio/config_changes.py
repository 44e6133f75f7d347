"""What a changed labelling config means for a project that already holds people's work.

Label Studio itself refuses a renamed control but lets a label in use be removed: the results then name what the
page no longer knows. So the decision is made here, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from schemas.base import Frozen

from .label_config import Control, LabelConfig, config_from_xml

__all__ = ["ChangePlan", "plan_change"]


class ChangePlan(Frozen):
    """Whether a project may take a new config."""

    is_compatible: bool
    """Whether every result that exists keeps its meaning under the new config."""
    reasons: tuple[str, ...] = ()
    """Why not: one sentence per control or label that would be lost or change its meaning."""
    changes: tuple[str, ...] = ()
    """What changes without loss, e.g. an added category."""


def plan_change(old_xml: str, new_xml: str, used_labels: Mapping[str, Collection[str]] | None) -> ChangePlan:
    """Whether the project may go from the old config to the new one, or needs a new project, and why.

    ``used_labels`` are the labels in use per control name (results of annotations, drafts and predictions); a
    control used without labels (text, ratings) stands there with an empty collection. None: not known, so
    everything counts as used. Raises ConfigError where one of them is no config.
    """
    old, new = config_from_xml(old_xml), config_from_xml(new_xml)
    used = {control.name: control.labels for control in old.controls} if used_labels is None else used_labels
    reasons = [reason for control in old.controls if control.name in used for reason in _lost(control, new, used)]
    reasons += [f"control {name!r} is in use, but the old config has none of that name" for name in _unknown(old, used)]
    return ChangePlan(is_compatible=not reasons, reasons=tuple(reasons), changes=tuple(_changes(old, new)))


def _lost(control: Control, new: LabelConfig, used: Mapping[str, Collection[str]]) -> Iterator[str]:
    now = new.control(control.name)
    if now is None:
        yield f"control {control.name!r} is in use and would be gone"
        return
    if now.tag != control.tag or now.is_per_region != control.is_per_region:
        yield f"control {control.name!r} is in use as {control.tag} and would become {now.tag}"
    if set(control.to_names) - set(now.to_names):
        yield f"control {control.name!r} is in use on {', '.join(control.to_names)} and would leave it"
    for label in sorted(set(control.stored(tuple(used[control.name]))) - set(now.labels)):
        yield f"label {label!r} of {control.name!r} is in use and would be gone"


def _unknown(old: LabelConfig, used: Mapping[str, Collection[str]]) -> list[str]:
    return sorted(set(used) - {control.name for control in old.controls})


def _changes(old: LabelConfig, new: LabelConfig) -> Iterator[str]:
    for control in new.controls:
        was = old.control(control.name)
        if was is None:
            yield f"new control {control.name!r}"
        else:
            yield from (
                f"new label {label!r} of {control.name!r}" for label in control.labels if label not in was.labels
            )
    for control in old.controls:
        now = new.control(control.name)
        if now is None:
            yield f"unused control {control.name!r} goes"
        else:
            yield from (
                f"unused label {label!r} of {control.name!r} goes"
                for label in control.labels
                if label not in now.labels
            )
