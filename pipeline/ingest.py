"""From an item and what was measured of it to a Sample: pure, and run where the file is decoded."""

from __future__ import annotations

from schemas.errors import MediaError, SampleError
from schemas.media.measure import Measured, measure
from schemas.record import Rejection
from schemas.sample import (
    Asset,
    Finding,
    Generator,
    Item,
    Origin,
    OriginStatement,
    Role,
    Sample,
    StatedReference,
    sample_id_of,
)

from .exported_truth import with_exported_truth
from .filesystems import open_uri, printable
from .ground_truth import fitted
from .recipe import RecipeLimits

__all__ = ["measure_item", "rejection_of", "sample_of"]


def measure_item(item: Item, limits: RecipeLimits) -> Sample:
    """Open, measure and describe one item; for a decoder process. Raises MediaError."""
    measured = measure(open_uri, item.uri, file_name=item.file_name, limits=limits, password=item.password)
    return sample_of(item, measured, _second_image(item, measured, limits))


def sample_of(item: Item, measured: Measured, second: Measured | None = None) -> Sample:
    """The sample of an item that was measured, with its reference where it has one."""
    item = with_exported_truth(item, measured.media)
    asset, findings = _asset(item, measured), measured.findings
    assets: tuple[Asset, ...] = (asset,)
    if item.reference and second:
        assets += (_asset(item.reference, second, item.reference.role),)
        findings += tuple(_of_second(finding, item.reference) for finding in second.findings)
    statements = (*_stated(item), *measured.provenance.statements)
    truth = fitted(item, measured.media)
    return Sample(
        sample_id=sample_id_of(assets, item.task_input),
        item_id=item.item_id,
        assets=assets,
        task_input=item.task_input,
        group_id=item.group_id,
        pair_id=item.pair_id,
        origin=_origin(statements),
        origin_statements=statements,
        generator=_joined(item.generator, measured.provenance.generator),
        source=item.source,
        findings=(*item.findings, *findings, *truth.findings, *_disagreements(item, measured, statements)),
        ground_truth=tuple(r.evolve(asset_id=r.asset_id or asset.asset_id) for r in truth.regions),
        has_ground_truth=truth.is_complete,
    )


def _asset(stated: Item | StatedReference, measured: Measured, role: Role = "primary") -> Asset:
    return Asset(
        asset_id=measured.asset_id,
        role=role,
        uri=stated.uri,
        file_name=stated.file_name,
        byte_size=measured.byte_size,
        media=measured.media,
        perceptual_hashes=measured.perceptual_hashes,
        altered_hashes=measured.altered_hashes,
        provenance=measured.provenance,
    )


def _second_image(item: Item, first: Measured, limits: RecipeLimits) -> Measured | None:
    """The reference of an item, measured like the first one. Raises MediaError, which names it."""
    if item.reference is None:
        return None
    name = printable(item.reference.file_name)
    try:
        second = measure(open_uri, item.reference.uri, file_name=item.reference.file_name, limits=limits)
    except MediaError as error:
        raise MediaError(f"its {item.reference.role} {name!r:.200}: {error.message}", remedy=error.remedy) from error
    if first.media.kind != "image" or second.media.kind != "image":
        raise MediaError(
            f"its {item.reference.role} {name!r:.200}: two images can be compared, not {first.media.kind} and "
            f"{second.media.kind}",
            remedy="leave the second path of this row empty",
        )
    if first.asset_id == second.asset_id:
        raise MediaError(
            f"its {item.reference.role} {name!r:.200} holds the same bytes: there is nothing to compare",
            remedy="name the other image, or leave the second path of this row empty",
        )
    return second


def _of_second(finding: Finding, reference: StatedReference) -> Finding:
    name = printable(reference.file_name)
    return finding.evolve(message=f"{reference.role} {name}: {finding.message}")


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
