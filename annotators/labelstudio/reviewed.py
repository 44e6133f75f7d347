"""A person's annotation as a Verification: compared with what was shown, region by region."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from schemas.base import content_id
from schemas.candidate import Answer, Attribute, Candidate, Verdict
from schemas.errors import VerdictError
from schemas.sample import Sample
from schemas.verification import Verification, Vote

from ..base import RELAY
from . import controls
from .controls import VOTES
from .geometry import is_number
from .groups import Group, Grouping
from .label_config import LabelConfig
from .predictions import prediction
from .region_changes import Comparison
from .results import Said, entries_of, text_of
from .tasks import Picture, layout_of, pictures

__all__ = ["pseudonym", "reviewed"]


def reviewed(
    annotation: Mapping[str, Any],
    data: Mapping[str, Any],
    sample: Sample,
    candidate: Candidate | None,
    config: LabelConfig,
    *,
    reviewer: str,
    tool: str = "label_studio",
    pass_number: int = 1,
) -> Verification:
    """What the person decided; ``annotation`` and the task's ``data`` as the server or an export gives them.

    Compared by (region id, from_name), never by ``origin``, which stays ``prediction`` where only a text was
    edited. A cancelled annotation is ``skipped`` and its result, which still carries the whole prediction, is not
    read. Raises VerdictError for anything that does not fit: another medium or size, an unknown control, label or
    category, geometry outside, masks that do not decode.
    """
    if data.get("sample_id", sample.sample_id) != sample.sample_id:
        raise VerdictError(f"the task is of another sample than {sample.sample_id[:12]}", remedy="submit it again")
    common = _identity(annotation, data, sample, candidate, tool) | {"reviewer": reviewer, "pass_number": pass_number}
    if annotation.get("was_cancelled") is True:
        return Verification(verdict="skipped", **common)
    shown = pictures(sample, data, config.layout or layout_of(sample))
    try:
        said = _Review(sample, candidate, config, data, shown).read(annotation.get("result"))
    except VerdictError as error:
        raise VerdictError(f"annotation {common['annotation']}: {error.message}", remedy=error.remedy) from error
    return Verification(**common, **said)


def pseudonym(identity: str, key: bytes) -> str:
    """``person-`` and 12 hex digits of the HMAC-SHA256 of who it is: stable under one key, not reversible without."""
    return "person-" + hmac.digest(key, identity.encode("utf-8", "surrogatepass"), "sha256").hex()[:12]


def _identity(
    annotation: Mapping[str, Any], data: Mapping[str, Any], sample: Sample, candidate: Candidate | None, tool: str
) -> dict[str, Any]:
    """What names the decision; unique_id is the server's own UUID, the pair of numbers serves older exports."""
    key = str(data.get("sample_key", ""))
    own = annotation.get("unique_id") or [annotation.get("task"), annotation.get("id"), annotation.get("created_at")]
    lead_time = annotation.get("lead_time")
    return {
        "verification_id": content_id("verification", tool, key, own),
        "sample_id": sample.sample_id,
        "candidate_id": candidate.candidate_id if candidate else None,
        "is_relayed": candidate is not None and candidate.kind == RELAY,
        "lead_time_s": max(float(lead_time), 0.0) if is_number(lead_time) else None,  # type: ignore[arg-type]
        "task_key": key,
        "tool": tool,
        "annotation": str(annotation.get("id", "")),
        "updated_at": str(annotation.get("updated_at") or annotation.get("created_at") or ""),
    }


@dataclass
class _Review:
    """One annotation against one candidate."""

    sample: Sample
    candidate: Candidate | None
    config: LabelConfig
    data: Mapping[str, Any]
    shown: tuple[Picture, ...]

    def read(self, result: Any) -> dict[str, Any]:
        """The fields of a Verification that the result decides."""
        grouping = Grouping(self.config, self.shown)
        before, _ = grouping.groups(entries_of(self._predicted()))
        after, said = grouping.groups(entries_of(result))
        changes, regions = Comparison(self.candidate, self.data).regions(before, after)
        ids = {key: region.region_id for key, region in regions.items()}
        answers = self._answers(said, after, ids)
        verdict, explanation, attributes = self._verdict(said), self._explanation(said), self._attributes(said)
        is_changed = any(change.change != "kept" for change in changes)
        if self.candidate is not None:
            was = self.candidate
            proposed = was.verdict or verdict  # the page asks for one: where the machine gave none, nobody corrects it
            is_changed |= (verdict, explanation, attributes, answers) != (
                proposed, was.explanation, was.attributes, was.answers,
            )  # fmt: skip
        else:
            is_changed |= bool(verdict or explanation or attributes or answers)
        return {
            "verdict": self._decision(said, is_changed),
            "origin_verdict": verdict,
            "explanation": explanation,
            "regions": tuple(regions.values()),
            "changes": tuple(changes),
            "attributes": attributes,
            "answers": answers,
            "votes": tuple(self._votes(after, ids)),
        }

    def _predicted(self) -> list[Any]:
        if self.candidate is None:
            return []
        result: list[Any] = prediction(self.candidate, self.sample, self.config, self.data)["result"]
        return result

    # What is said of the whole

    def _verdict(self, said: Mapping[str, Said]) -> Verdict | None:
        if not self.config.control(controls.VERDICT):
            return self.candidate.verdict if self.candidate else None
        values = self._chosen(said, controls.VERDICT)
        return next((verdict for verdict in get_args(Verdict) if verdict in values), None)

    def _chosen(self, said: Mapping[str, Said], name: str) -> tuple[str, ...]:
        control, values = self.config.control(name), said.get(name, Said(())).values
        for value in values:
            if control is None or value not in control.labels:
                raise VerdictError(f"control {name!r} has no choice {value!r}", remedy="check the config")
        return values

    def _explanation(self, said: Mapping[str, Said]) -> str:
        return _kept(
            text_of(said.get(controls.EXPLANATION, Said(()))), self.candidate.explanation if self.candidate else ""
        )

    def _decision(
        self, said: Mapping[str, Said], is_changed: bool
    ) -> Literal["accepted", "fixed_and_accepted", "rejected"]:
        if controls.LEAVE_OUT in self._chosen(said, controls.DECISION):
            return "rejected"
        return "fixed_and_accepted" if is_changed else "accepted"

    def _answers(
        self, said: Mapping[str, Said], after: Mapping[str, Group], ids: Mapping[str, str]
    ) -> tuple[Answer, ...]:
        was = self.candidate.answers if self.candidate else ()
        is_asked = self.config.control(controls.ANSWER)
        if not is_asked and not self.config.control(controls.CHOICE):
            return was
        words = (
            text_of(said.get(controls.ANSWER, Said(()))) if is_asked else "".join(self._chosen(said, controls.CHOICE))
        )
        evidence = tuple(ids[key] for key, group in after.items() if controls.EVIDENCE in group.said)
        first = was[0] if was else None
        if first and is_asked is None:
            evidence = tuple(each for each in first.region_ids if each in ids.values())
        if first and sorted(evidence) == sorted(first.region_ids):
            evidence = first.region_ids
        words = _kept(words, first.answer if first else "")
        if not words and not evidence and not first:
            return ()
        question = first.question if first else self.sample.task_input.question or ""
        return (Answer(question=question, answer=words, region_ids=evidence), *was[1:])

    def _attributes(self, said: Mapping[str, Said]) -> tuple[Attribute, ...]:
        was = {attribute.name: attribute for attribute in self.candidate.attributes} if self.candidate else {}
        asked = dict.fromkeys(
            control.name.partition(".")[2]
            for control in self.config.controls
            if control.name.startswith((controls.ATTRIBUTE, controls.SCORE))
        )
        left = [attribute for name, attribute in was.items() if name not in asked]
        graded = (self._attribute(name, said, was.get(name)) for name in {**was, **asked} if name in asked)
        return (*(each for each in graded if each), *left) if asked else tuple(was.values())

    def _attribute(self, name: str, said: Mapping[str, Said], was: Attribute | None) -> Attribute | None:
        """None where nothing is said of it."""
        fields: dict[str, Any] = {}
        if self.config.control(controls.ATTRIBUTE + name):
            fields["value"] = next(iter(self._chosen(said, controls.ATTRIBUTE + name)), None)
        if self.config.control(controls.SCORE + name):
            fields["score"] = _score(said.get(controls.SCORE + name))
        if self.config.control(controls.REASON + name):
            fields["reason"] = _kept(text_of(said.get(controls.REASON + name, Said(()))), was.reason if was else "")
        if not any(fields.values()) and not was:
            return None
        return was.evolve(**fields) if was else Attribute(name=name, **fields)

    def _votes(self, after: Mapping[str, Group], ids: Mapping[str, str]) -> Iterator[Vote]:
        for key, group in after.items():
            for value in group.said.get(controls.VOTE, Said(())).values:
                yield Vote(region_id=ids[key], confidence=VOTES[value])


def _kept(words: str, was: str) -> str:
    """The machine's own text where the page changed nothing but blanks at line ends."""
    return was if words == text_of(Said((was,))) else words


def _score(said: Said | None) -> float | None:
    try:
        return float(said.values[0]) if said and said.values else None
    except ValueError as error:
        raise VerdictError(f"a score of {said.values[0]!r}" if said else "", remedy="grade it again") from error
