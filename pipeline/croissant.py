"""The dataset described in Croissant 1.1 (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html) with RAI.

Columns and their meaning are those of the card: structs become sub-fields, lists become arrays. Every file stands
with its hash, so that a reader can check what it loads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.published import Config, field_table
from schemas.record import Record

from .cards.facts import CardFacts
from .storage import FileFact
from .untrusted import visible

__all__ = ["croissant"]

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that version 1.1 prescribes."""
TYPES = {"string": "sc:Text", "int64": "cr:Int64", "float64": "cr:Float64", "bool": "sc:Boolean"}
MEDIA = {"Image": "sc:ImageObject", "Video": "sc:VideoObject", "Pdf": "sc:Text"}
LICENCES = {
    "cc0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "cc-by-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "cc-by-sa-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "cc-by-nc-4.0": "https://creativecommons.org/licenses/by-nc/4.0/",
    "cc-by-nc-sa-4.0": "https://creativecommons.org/licenses/by-nc-sa/4.0/",
    "apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "mit": "https://opensource.org/license/mit",
}
"""Addresses of the licences that datasets mostly have; any other stands there as the recipe spells it."""


def croissant(facts: CardFacts, files: Mapping[str, FileFact], *, version: str = "1.0.0") -> str:
    """The text of croissant.json; ``files`` are the shards, by path below the dataset. Equal facts give equal text."""
    described = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": facts.recipe,
        "alternateName": visible(facts.title),
        "description": visible(facts.description) or visible(facts.title),
        "conformsTo": [
            "http://mlcommons.org/croissant/1.1",
            "http://mlcommons.org/croissant/RAI/1.0",
        ],
        "license": LICENCES.get(facts.licence.lower(), facts.licence),
        "version": version,
        "keywords": ["witnessmark", visible(facts.taxonomy.name), *(visible(tag) for tag in facts.tags)],
        "isLiveDataset": False,
        **_responsible(facts),
        "distribution": [*_shards(files), *(_file_set(config.name) for config in facts.configs if config.splits)],
        "recordSet": [_record_set(config.name, config.features) for config in facts.configs if config.splits],
    }
    return json.dumps(described, indent=1, ensure_ascii=False) + "\n"


def _responsible(facts: CardFacts) -> dict[str, Any]:
    """What the RAI vocabulary asks, as far as the run knows it."""
    reviewed = sum(count.count for count in facts.review if count.name in ("reviewed", "adjudicated"))
    tools = [f"{m.name} ({m.kind}{f', {m.model}' if m.model else ''})" for m in facts.machines]
    sources = [f"{s.name}: {s.count:,} rows, licence {s.licence or 'not stated'}" for s in facts.sources]
    people = f"{reviewed:,} of {facts.num_rows:,} rows were reviewed by a person."
    return {
        "rai:dataCollection": "; ".join(map(visible, sources)) or "Files of one folder.",
        "rai:dataCollectionType": ["Existing datasets", "Others"],
        "rai:dataPreprocessingProtocol": [
            "The media's original bytes are published untouched; sizes, hashes and frame tables are measured from them."
        ],
        "rai:dataAnnotationProtocol": [
            f"Task {facts.task!r} with the taxonomy {visible(facts.taxonomy.id)}: machines propose regions and "
            f"explanations, people verify what is routed to them. {people}"
        ],
        "rai:dataAnnotationAnalysis": [people],
        "rai:machineAnnotationTools": [visible(tool) for tool in tools],
        "rai:dataLimitations": [
            "What no person reviewed is a machine's proposal. annotation_status and review say of each row who looked."
        ],
        "rai:personalSensitiveInformation": [
            "The media are published as they were found and may show people or carry metadata of their making."
        ],
    }


def _shards(files: Mapping[str, FileFact]) -> Iterator[dict[str, Any]]:
    for path, fact in sorted(files.items()):
        if path.endswith(".parquet"):
            yield {
                "@type": "cr:FileObject",
                "@id": path,
                "name": path,
                "contentUrl": path,
                "contentSize": f"{fact.bytes} B",
                "encodingFormat": "application/x-parquet",
                "sha256": fact.sha256,
            }


def _file_set(config: Config) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{config}-files",
        "name": f"{config}-files",
        "description": f"The shards of every split of {config}.",
        "encodingFormat": "application/x-parquet",
        "includes": f"data/{config}/*.parquet",
    }


def _record_set(config: Config, features: Mapping[str, Any]) -> dict[str, Any]:
    rows = field_table(Record, config=config, has_preview=True, has_reference=True)
    docs = {row.name.replace("[]", ""): row.doc for row in rows}
    return {
        "@type": "cr:RecordSet",
        "@id": config,
        "name": config,
        "description": f"One row per sample of {config}; the column 'split' says which split it is in.",
        "key": {"@id": f"{config}/sample_id"},
        "field": [_field(config, name, feature, docs) for name, feature in features.items()],
    }


def _field(config: Config, name: str, feature: Any, docs: Mapping[str, str]) -> dict[str, Any]:
    """A column: media by their bytes, a struct by its leaves, a list as an array."""
    kind, is_list = _kind(feature)
    field = _named(f"{config}/{name}", docs.get(name, ""))
    if is_list:
        field |= {"isArray": True, "arrayShape": "-1"}
    if not isinstance(kind, str):
        return {**field, "subField": list(_leaves(config, name, kind, [], docs))}
    if kind in MEDIA:
        return {**field, "dataType": MEDIA[kind], "source": _source(config, name, ["bytes"])}
    return {**field, "dataType": TYPES[kind], "source": _source(config, name, [])}


def _leaves(
    config: Config, column: str, members: Mapping[str, Any], path: list[str], docs: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """The scalar leaves of a struct. Lists of structs within one (polygons of a region) stand in Parquet only:
    Croissant's arrays nest once.
    """
    for name, feature in members.items():
        below = [*path, name]
        kind, is_list = _kind(feature)
        if isinstance(kind, str):
            dotted = ".".join((column, *below))
            leaf = _named(f"{config}/{dotted}", docs.get(dotted, ""))
            yield {**leaf, "dataType": TYPES[kind], "source": _source(config, column, below)}
        elif not is_list:
            yield from _leaves(config, column, kind, below, docs)


def _kind(feature: Any) -> tuple[str | Mapping[str, Any], bool]:
    """What a column holds (a dtype, a medium or the members of a struct), and whether it is a list of them."""
    if feature.get("_type") in ("List", "LargeList"):
        return _kind(feature["feature"])[0], True
    if "_type" not in feature:
        return feature, False
    return feature["dtype"] if feature["_type"] == "Value" else feature["_type"], False


def _named(identifier: str, doc: str) -> dict[str, Any]:
    described = {"description": doc} if doc else {}
    return {"@type": "cr:Field", "@id": identifier, "name": identifier, **described}


def _source(config: Config, column: str, path: list[str]) -> dict[str, Any]:
    source: dict[str, Any] = {"fileSet": {"@id": f"{config}-files"}, "extract": {"column": column}}
    return {**source, "transform": {"jsonPath": ".".join(path)}} if path else source
