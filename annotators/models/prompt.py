"""The words around the pictures: one prompt per task and modality (``wording``), the same for all its samples.

What is the same for all samples goes into the system message, so that servers can keep its prefix;
what belongs to one sample goes before its pictures. Words from a sample are quoted as data.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from typing import Any

from schemas.errors import ConfigError
from schemas.media.types import Modality
from schemas.sample import Role, TaskInput
from schemas.task import Task
from schemas.taxonomy import Taxonomy

from .conventions import Convention
from .wanted import schema_text

__all__ = ["check_prompt", "render_prompt", "sample_words"]

_MEDIA: dict[Modality, str] = {
    "image": "an image",
    "video": "frames of a video, each with its number and time",
    "document": "pages of a document, each with its number and, where it has one, its text",
}
_PLACES = ("medium", "categories", "instructions", "language", "boxes", "asked", "claims")
_CLAIMS = """\
Say in 'claims' what each stretch of the explanation rests on: copy the stretch exactly, and name the numbers of the
regions{more} that show it. Every region is cited by a claim; a claim that is about the whole sets 'is_global'."""
_GRADED = "Grade each of these attributes, too, with a reason that a person can check:"
_MORE: dict[Modality, str] = {"image": "", "video": ", the times", "document": ", the pages or the exact quotes"}


def check_prompt(text: str) -> None:
    """Raises ConfigError where a prompt has an unknown ``{{place}}`` or nowhere puts the categories."""
    for name in re.findall(r"\{\{\s*(\w+)\s*\}\}", text):
        if name not in _PLACES:
            near = difflib.get_close_matches(name, _PLACES, n=1)
            raise ConfigError(
                f"the prompt has the unknown place {{{{{name}}}}}",
                remedy=f"did you mean {{{{{near[0]}}}}}?" if near else f"there are: {', '.join(_PLACES)}",
            )
    if "categories" not in re.findall(r"\{\{\s*(\w+)\s*\}\}", text):
        raise ConfigError("the prompt nowhere lists the categories", remedy="put {{categories}} on a line of its own")


def render_prompt(
    text: str,
    *,
    modality: Modality,
    taxonomy: Taxonomy,
    task: Task,
    convention: Convention,
    schema: dict[str, Any] | None,
) -> str:
    """The system message. With ``schema``, for servers that take none beside the prompt, it says the answer's form.

    Places are filled in one pass: what is put in is never looked at again. The convention of boxes is always said,
    by a prompt without ``{{boxes}}`` at its end; so are attributes that are graded beside artifacts.
    """
    values = {
        "medium": _MEDIA[modality],
        "categories": "\n".join(f"- {line}" for line in taxonomy.prompt_lines(modality)),
        "instructions": task.instructions.strip(),
        "language": task.language,
        "boxes": convention.words,
        "asked": "\n".join(_asked(task, modality)),
        "claims": _CLAIMS.format(more=_MORE[modality]) if task.claims == "cited" else "",
    }
    text = text if re.search(r"\{\{\s*boxes\s*\}\}", text) else f"{text.rstrip()}\n\nA box is {{{{boxes}}}}."
    if task.kind == "artifacts" and values["asked"] and not re.search(r"\{\{\s*asked\s*\}\}", text):
        text = f"{text.rstrip()}\n\n{_GRADED}\n{{{{asked}}}}"
    rendered = re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda place: values[place[1]], text)
    rendered = re.sub(r"\n{3,}", "\n\n", rendered).strip()
    if schema is None:
        return rendered
    form = "Answer with one JSON object and nothing else, in the form of this JSON schema:"
    return f"{rendered}\n\n{form}\n{schema_text(schema)}"


def _asked(task: Task, modality: Modality) -> Iterator[str]:
    """One line per option, attribute or criterion."""
    yield from (f"- {option}" for option in task.options)
    for attribute in task.graded(modality):
        values = f" One of: {', '.join(attribute.values)}." if attribute.values else ""
        has_scale = attribute.scale_min is not None
        scale = f" Score from {attribute.scale_min:g} to {attribute.scale_max:g}." if has_scale else ""
        yield f"- {attribute.name}: {' '.join(attribute.definition.split())}{values}{scale}"
    yield from (f"- {criterion.name}: {' '.join(criterion.definition.split())}" for criterion in task.criteria)


def sample_words(task_input: TaskInput, compared: Role | None = None) -> str:
    """What is asked of this sample, for the user message; the sample's own words stand as JSON strings.

    ``compared`` is the role of the second image of a pair.
    """
    lines = [_COMPARED[compared]] if compared in _COMPARED else []
    if task_input.question is not None:
        lines.append(f"The question: {_quoted(task_input.question)}")
    if task_input.prompt is not None:
        lines.append(f"The instruction that the medium was made or edited by: {_quoted(task_input.prompt)}")
    if task_input.label_given is not None:
        lines.append(f"The label that the medium already has: {_quoted(task_input.label_given)}")
    return "\n".join(lines)


_COMPARED: dict[Role | None, str] = {
    "reference": "Two images follow. Judge the first one. The second one is its reference, such as the original that "
    "it was made from: compare them, and draw boxes in the first one only.",
    "target": "Two images follow. Judge the first one. The second one is the target that it should come to: compare "
    "them, and draw boxes in the first one only.",
}


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
