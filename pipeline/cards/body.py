"""The Markdown of the card, section by section; every word that is not ours is escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence

from schemas.taxonomy import Category

from ..storage import StageCounts
from ..untrusted import as_code, as_markdown
from .facts import CardFacts
from .fields import field_tables
from .markdown import table
from .people import people_section
from .shortcuts import shortcuts_section
from .splits import splits_section

__all__ = ["card_body"]

_STATUS_MEANS = {
    "not_annotated": "nobody has judged the sample; its empty lists say nothing",
    "annotated_clean": "a person, or complete ground truth, says that there is nothing to find",
    "annotated": "there are regions or an explanation",
}


def card_body(facts: CardFacts) -> str:
    """All sections that have something to say."""
    sections = (
        _about,
        _loading,
        _building,
        _status,
        people_section,
        _categories,
        _geometry,
        _origins,
        splits_section,
        shortcuts_section,
        _limits,
        _fields,
    )
    return "\n\n".join(text for text in (section(facts) for section in sections) if text)


def _about(facts: CardFacts) -> str:
    paragraphs = [as_markdown(text) for text in re.split(r"\n\s*\n", facts.description) if text.strip()]
    built = (
        f"{_rows(facts.num_rows)} built by Witnessmark with the recipe {as_code(facts.recipe)} "
        f"(task {as_code(facts.task)}, taxonomy {as_code(facts.taxonomy.id)})."
    )
    return "\n\n".join([f"# {as_markdown(facts.title)}", *paragraphs, built, _splits_table(facts)])


def _splits_table(facts: CardFacts) -> str:
    rows = [
        (as_code(config.name), as_code(split.name), split.num_rows, split.num_files, split.num_bytes / 1e6)
        for config in facts.configs
        for split in config.splits
    ]
    files = sum(split.num_files for config in facts.configs for split in config.splits)
    size = sum(split.num_bytes for config in facts.configs for split in config.splits)
    total = ("**all**", "", facts.num_rows, files, size / 1e6)
    return table(("Config", "Split", "Rows", "Files", "MB"), [*rows, total])


def _loading(facts: CardFacts) -> str:
    configs = [config for config in facts.configs if config.splits]
    if not configs:
        return ""
    first = configs[0]
    return f"""## Loading

```python
from datasets import load_dataset

rows = load_dataset("FOLDER_OR_REPOSITORY", "{first.name}", split="{first.splits[0].name}")
```

Media are embedded as the original bytes, never encoded again: a file's forensic traces, metadata and hash
(`asset_id`) survive. `load_dataset` decodes them on access, for which videos need `torchcodec` and documents
`pdfplumber`; for the bytes themselves cast the column with `decode=False`. Every config also reads as plain Parquet."""


def _building(facts: CardFacts) -> str:
    stages = [(as_code(name), s.found, s.kept, s.duplicate, s.rejected, s.excluded) for name, s in facts.stages.items()]
    machines = [
        (as_markdown(m.name), as_code(m.kind), as_code(m.model), as_code(m.prompt_sha256[:12]), m.candidates)
        for m in facts.machines
    ]
    parts = ["## How it was built", _what_counts_mean(facts.stages)]
    if stages:
        parts.append(table(("Stage", "In", "Kept", "Duplicate", "Rejected", "Excluded"), stages))
    if machines:
        parts.append("Machines whose answers are behind the rows (each row names its own in `lineage`):")
        parts.append(table(("Machine", "Kind", "Model", "Prompt hash", "Candidates"), machines))
    return "\n\n".join(part for part in parts if part)


def _what_counts_mean(stages: dict[str, StageCounts]) -> str:
    if not stages:
        return ""
    return (
        "Nothing vanished: in every stage, in = kept + duplicate + rejected + excluded. Ingest counts the items that "
        "the sources found, propose and finalize count samples; a file found twice with the same bytes is one sample."
    )


def _status(facts: CardFacts) -> str:
    status = [(as_code(c.name), c.count, _STATUS_MEANS.get(c.name, "")) for c in facts.annotation_status]
    review = [(as_code(c.name), c.count) for c in facts.review]
    if not status and not review:
        return ""
    parts = ["## Annotation status", "An empty list of regions never carries meaning alone; `annotation_status` does."]
    if status:
        parts.append(table(("`annotation_status`", "Rows", "Meaning"), status))
    if review:
        parts.append(table(("`review`", "Rows"), review))
    return "\n\n".join(parts)


def _categories(facts: CardFacts) -> str:
    counts = {count.name: count.count for count in facts.categories}
    parts = [f"## Categories of {as_markdown(facts.taxonomy.id)}", as_markdown(facts.taxonomy.description)]
    for level in facts.taxonomy.levels:
        members = [category for category in facts.taxonomy.categories if category.level == level.name]
        if members:
            heading = f"### {as_markdown(level.name)}"
            parts += [heading, as_markdown(level.definition), _category_table(members, counts)]
    return "\n\n".join(part for part in parts if part)


def _category_table(members: Sequence[Category], counts: dict[str, int]) -> str:
    rows = [
        (as_code(c.name), as_markdown(c.definition), ", ".join(c.modalities), counts.get(c.name, 0)) for c in members
    ]
    return table(("Category", "Definition", "Occurs in", "Regions"), rows)


def _geometry(facts: CardFacts) -> str:
    return """## Geometry

Absolute pixels of the *upright* medium (after EXIF orientation, display rotation, page rotation), `xyxy`, origin
top-left, `x2`/`y2` exclusive, floats. PDF pages are measured in points (72 per inch). Times are seconds from the
start of the clip, frames count from 0 in presentation order. Polygons are the source of truth where they exist;
`mask` is COCO run-length encoding, and `rasterizer` names what made its pixels:

```python
from pycocotools import mask

pixels = mask.decode({"size": [m["height"], m["width"]], "counts": m["counts"]})  # (H, W), 0 or 1
```"""


def _origins(facts: CardFacts) -> str:
    origins = [(as_code(count.name), count.count) for count in facts.origins]
    sources = [
        (as_markdown(s.name) or "not stated", as_markdown(s.licence) or "not stated", s.count) for s in facts.sources
    ]
    if not origins and not sources:
        return ""
    parts = ["## Origin, sources and licences"]
    if origins:
        parts += ["Who says so stands in `origin_statements` of every row.", table(("`origin`", "Rows"), origins)]
    parts.append(f"Licence of the annotations: {as_markdown(facts.licence)}. The media keep their own:")
    if sources:
        parts.append(table(("Source", "Licence of the media", "Rows"), sources))
    links = sum(count.count for count in facts.storage if count.name == "link_only")
    if links:
        parts.append(
            f"Of {_rows(links)} only a link is published (`storage` is `link_only`): `source.url` says where the "
            "medium was found, and its bytes must hash to `asset_id` (sha256)."
        )
    return "\n\n".join(parts)


def _limits(facts: CardFacts) -> str:
    kinds = {machine.kind for machine in facts.machines}
    reviewed = sum(count.count for count in facts.review if count.name in ("reviewed", "adjudicated"))
    lines = [
        "The origin of a medium is what its source or its file states; it was not verified otherwise.",
        "A person looked at "
        + (
            f"{reviewed:,} of {facts.num_rows:,} rows; the others are as the machines left them."
            if reviewed
            else "none of the rows: every annotation is as the machines left it."
        ),
    ]
    if "forensic" in kinds:
        lines.append(
            "`forensic` is a baseline of classical image statistics: it finds some manipulations of pixels, does not "
            "know what a generated picture looks like, and its silence proves nothing."
        )
    if kinds - {"forensic"}:
        lines.append("Models overlook artifacts and invent some; scores are the models' own and are not calibrated.")
    if facts.language:
        lines.append(f"Explanations are written in {as_markdown(facts.language)}.")
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _fields(facts: CardFacts) -> str:
    features = {name for config in facts.configs for name in config.features}
    shown = {"has_preview": "preview" in features, "has_reference": "reference" in features}
    return "## Fields\n\n" + "\n\n".join(
        f"### {title}\n\n{table(('Field', 'Type', 'Meaning'), rows)}"
        for title, rows in field_tables([config.name for config in facts.configs], **shown)
    )


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"
