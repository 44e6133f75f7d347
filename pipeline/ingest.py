"""From an item and what was measured of it to a Sample: pure, and run where the file is decoded."""

from __future__ import annotations

from schemas.errors import SampleError
from schemas.media.measure import Measured, measure
from schemas.record import Rejection
from schemas.sample import (
    Asset,
    Finding,
    Generator,
    Item,
    Origin,
    OriginStatement,
    Sample,
    sample_id_of,
)

from .exported_truth import with_exported_truth
from .filesystems import open_uri
from .ground_truth import fitted
from .recipe import RecipeLimits

__all__ = ["measure_item", "rejection_of", "sample_of"]


def measure_item(item: Item, limits: RecipeLimits) -> Sample:
    """Open, measure and describe one item; for a decoder process. Raises MediaError."""
    measured = measure(open_uri, item.uri, file_name=item.file_name, limits=limits, password=item.password)
    return sample_of(item, measured)


def sample_of(item: Item, measured: Measured) -> Sample:
    """The sample of an item whose only asset was measured."""
    item = with_exported_truth(item, measured.media)
    asset = Asset(
        asset_id=measured.asset_id,
        uri=item.uri,
        file_name=item.file_name,
        byte_size=measured.byte_size,
        media=measured.media,
        perceptual_hashes=measured.perceptual_hashes,
        altered_hashes=measured.altered_hashes,
        provenance=measured.provenance,
    )
    statements = (*_stated(item), *measured.provenance.statements)
    truth = fitted(item, measured.media)
    return Sample(
        sample_id=sample_id_of((asset,), item.task_input),
        item_id=item.item_id,
        assets=(asset,),
        task_input=item.task_input,
        group_id=item.group_id,
        pair_id=item.pair_id,
        origin=_origin(statements),
        origin_statements=statements,
        generator=_joined(item.generator, measured.provenance.generator),
        source=item.source,
        findings=(*item.findings, *measured.findings, *truth.findings, *_disagreements(item, measured, statements)),
        ground_truth=tuple(r.evolve(asset_id=r.asset_id or asset.asset_id) for r in truth.regions),
        has_ground_truth=truth.is_complete,
    )


def rejection_of(item: Item, error: SampleError) -> Rejection:
    """The row of an item that could not be read."""
    return Rejection(
        item_id=item.item_id,
        uri=item.uri,
        stage="ingest",
        error=type(error).__name__,
        message=error.message,
        remedy=error.remedy,
    )


def _stated(item: Item) -> tuple[OriginStatement, ...]:
    return (OriginStatement(said_by="manifest", origin=item.origin),) if item.origin else ()


def _origin(statements: tuple[OriginStatement, ...]) -> Origin:
    """The first voice that knows: the manifest's stands before the file's."""
    return next((s.origin for s in statements if s.origin != "unknown"), "unknown")


def _joined(stated: Generator | None, found: Generator | None) -> Generator | None:
    """What the manifest states, completed by what the file says."""
    if stated is None or found is None:
        return stated or found
    return found.evolve(**{name: value for name, value in dict(stated).items() if value is not None})


def _disagreements(item: Item, measured: Measured, statements: tuple[OriginStatement, ...]) -> list[Finding]:
    voices = {s.origin for s in statements if s.origin != "unknown"}
    findings = _other_bytes(item, measured)
    if len(voices) > 1:
        said = "; ".join(f"{s.said_by} says {s.origin}{f' ({s.detail})' if s.detail else ''}" for s in statements)
        findings.append(Finding(code="origin_disagrees", message=said))
    return findings + _generator_disagreements(item.generator, measured.provenance.generator)


def _other_bytes(item: Item, measured: Measured) -> list[Finding]:
    """What the manifest says of a file may hold for another one, where its hash does."""
    stated = item.stated_sha256
    if stated is None or stated.strip().lower() == measured.asset_id:
        return []
    message = f"the manifest states the sha256 {stated!r:.80}, the file's is {measured.asset_id}"
    return [Finding(code="sha256_disagrees", message=message)]


def _generator_disagreements(stated: Generator | None, found: Generator | None) -> list[Finding]:
    """Every field that both voices fill, differently. Names are compared without case, as a part of each other."""
    if stated is None or found is None:
        return []
    findings = []
    for name in Generator.model_fields:
        ours, theirs = getattr(stated, name), getattr(found, name)
        if ours is not None and theirs is not None and not _agree(ours, theirs):
            message = f"generator {name}: the manifest says {ours!r:.200}, the file says {theirs!r:.200}"
            findings.append(Finding(code="generator_disagrees", message=message))
    return findings


def _agree(ours: object, theirs: object) -> bool:
    if isinstance(ours, str) and isinstance(theirs, str):
        left, right = ours.strip().lower(), theirs.strip().lower()
        return left in right or right in left
    return ours == theirs
