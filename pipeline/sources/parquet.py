"""Source ``parquet``: media inside of Parquet files, as Hugging Face datasets publish them.

The media column is an Image, Video or Pdf feature (a struct of ``bytes`` and ``path``) or plain binary. Every row
is an item. Rows are read in batches of about 32 MB; their bytes go to the spool, named by their sha256.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Literal

from schemas.errors import SampleError
from schemas.sample import Item, StatedReference

from ..filesystems import name_of, printable
from ._columns import REFERENCE, ComparedRowConfig, item_of_row, normalized, our_names
from .base import Container, Source, SourcePlace, identified_items, refused, spool

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["Config", "Parquet"]

Row = dict[str, Any] | SampleError
REMEDY = "mend this row, or write the file again"
BATCH_BYTES = 32_000_000
MAX_BATCH_ROWS = 256
MEDIA_COLUMNS = ("image", "video", "document", "pdf", "img", "media", "file", "bytes")


class Config(ComparedRowConfig):
    """Options of the parquet source."""

    kind: Literal["parquet"] = "parquet"
    column: str | None = None
    """The column that holds the media. None: the only column of structs with ``bytes`` or of binary values, or the
    first of image, video, document, pdf, img, media, file and bytes where there are several."""


class Parquet(Source):
    """Rows as items; takes ``.parquet``."""

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._names = our_names(config)

    def accepts(self, uri: str) -> bool:
        """By the ending of the name."""
        return uri.lower().endswith(".parquet")

    def items(self, place: SourcePlace) -> Iterator[Item]:
        """One item per row, ``file.parquet#row=0`` the first.

        Where a row group cannot be read, one item with an error stands for all of its remaining rows.
        """
        return identified_items(place, lambda container: self._items(container, place))

    def _items(self, container: Container, place: SourcePlace) -> Iterator[Item]:
        try:
            yield from (self._item(row, number, container, place) for number, row in self._rows(container))
        except _WholeFileError as error:
            message = f"{container.name}: {printable(error.message)[:500]}"
            yield refused(container.name, container.uri, message, error.remedy or REMEDY)

    def _rows(self, container: Container) -> Iterator[tuple[int, Row]]:
        """``(row number, row)``; a row group that cannot be read is one error in the place of its remaining rows."""
        import pyarrow.parquet as pq

        with ExitStack() as stack:
            with _clear_errors(_WholeFileError):
                file = stack.enter_context(container.open())
                parquet = stack.enter_context(pq.ParquetFile(file, buffer_size=2**20, pre_buffer=False))
                columns = self._columns(parquet.schema_arrow)
            start = 0
            for group in range(parquet.num_row_groups):
                yield from _group_rows(parquet, group, columns, start)
                start += parquet.metadata.row_group(group).num_rows

    def _columns(self, schema: pa.Schema) -> list[str]:
        """The media column first, then those that say something of it."""
        second = self.config.reference
        media = self.config.column or _media_column([field for field in schema if field.name != second])
        for wanted in filter(None, (media, second)):
            if wanted not in schema.names:
                raise SampleError(f"there is no column {wanted!r}", remedy=f"columns: {', '.join(schema.names)[:300]}")
        columns = [media, *(n for n in schema.names if n != media and n.strip().lower() in self._names)]
        twice = [name for name in columns if schema.names.count(name) > 1]
        if twice:
            raise SampleError(f"the column {twice[0]!r:.80} stands twice", remedy="give each column a name of its own")
        return columns

    def _item(self, row: Row, number: int, container: Container, place: SourcePlace) -> Item:
        item_id = f"{container.name}#row={number}"
        try:
            if isinstance(row, SampleError):
                raise row
            data, stated = _checked(row.pop(_MEDIUM), place)
            known = normalized(row, self._names)
            reference = self._reference(known.pop(REFERENCE, None), place)
            stated = stated or known.pop("path", None) or f"row-{number}"
            return item_of_row(
                self,
                {name: value for name, value in known.items() if name != "path"},
                place.limits.max_text_bytes,
                reference,
                item_id=item_id,
                uri=spool(place, data),
                file_name=name_of(stated) if isinstance(stated, str) else f"row-{number}",
            )
        except SampleError as error:
            return refused(item_id, container.uri, f"{item_id}: {error.message}", error.remedy or REMEDY)

    def _reference(self, value: Any, place: SourcePlace) -> StatedReference | None:
        """The second image of a row; none where its column is null or of no bytes and no path."""
        if value is None or (isinstance(value, Mapping) and not any(value.values())):
            return None
        try:
            data, stated = _checked(value, place)
        except SampleError as error:
            raise SampleError(f"its column {self.config.reference!r}: {error.message}", remedy=error.remedy) from error
        file_name = name_of(stated) if stated else "reference"
        return StatedReference(uri=spool(place, data), file_name=file_name, role=self.config.reference_role)


_MEDIUM = "\0medium"
"""Key of the media value in a row; no column can be called so by mistake."""


def _renamed(row: dict[str, Any], media: str) -> dict[str, Any]:
    return {_MEDIUM if name == media else name: value for name, value in row.items()}


def _checked(value: Any, place: SourcePlace) -> tuple[bytes, str | None]:
    """As ``_medium``; what is too large is refused before it goes to the spool."""
    data, stated = _medium(value)
    if len(data) > place.limits.max_file_bytes:
        raise SampleError(f"{len(data)} bytes, more than limits.max_file_bytes = {place.limits.max_file_bytes}")
    return data, stated


def _medium(value: Any) -> tuple[bytes, str | None]:
    """The bytes and the original name."""
    data, stated = (value.get("bytes"), value.get("path")) if isinstance(value, Mapping) else (value, None)
    if isinstance(data, bytes):
        return data, stated
    if stated:
        raise SampleError(
            f"the row holds no bytes, only the path {stated!r:.200}",
            remedy="embed the bytes (datasets: embed_external_files=True), or list the files in a manifest",
        )
    raise SampleError("the row holds no medium", remedy="drop the row, or name another column")


def _media_column(fields: Sequence[pa.Field]) -> str:
    found = [field.name for field in fields if _may_hold_media(field.type)]
    named = [name for name in MEDIA_COLUMNS if name in found]
    if not found or (len(found) > 1 and not named):
        what = "several columns may hold the media" if found else "no column holds media"
        raise SampleError(
            f"{what}: {', '.join(found or [field.name for field in fields])[:300]}", remedy="set 'column' of the source"
        )
    return named[0] if named else found[0]


class _WholeFileError(SampleError):
    """The file gives no row at all."""


@contextmanager
def _clear_errors(kind: type[SampleError]) -> Iterator[None]:
    """What a broken or hostile Parquet file raises; ValueError: text that is not UTF-8, dates beyond Python's."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise kind(f"no readable Parquet: {error}") from error
    except SampleError as error:
        raise kind(error.message, remedy=error.remedy) from error


def _group_rows(parquet: pq.ParquetFile, group: int, columns: list[str], start: int) -> Iterator[tuple[int, Row]]:
    batches = parquet.iter_batches(_batch_rows(parquet), row_groups=[group], columns=columns, use_threads=False)
    number, end = start, start + parquet.metadata.row_group(group).num_rows
    while True:
        try:
            with _clear_errors(SampleError):
                rows = next(batches).to_pylist()
        except StopIteration:
            return
        except SampleError as error:
            yield number, SampleError(f"rows {number} to {end - 1} are lost: {printable(error.message)[:500]}")
            return
        yield from enumerate((_renamed(row, columns[0]) for row in rows), number)
        number += len(rows)


def _may_hold_media(kind: pa.DataType) -> bool:
    import pyarrow.types as types

    if types.is_struct(kind):
        return any(field.name == "bytes" and _may_hold_media(field.type) for field in kind)
    if types.is_dictionary(kind):
        return _may_hold_media(kind.value_type)
    binary = (types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary)
    return any(is_it(kind) for is_it in binary)


def _batch_rows(parquet: pq.ParquetFile) -> int:
    """Rows of about BATCH_BYTES together, by the fullest row group that the file's own footer states."""
    groups = (parquet.metadata.row_group(i) for i in range(parquet.metadata.num_row_groups))
    bytes_per_row = max((group.total_byte_size / max(group.num_rows, 1) for group in groups), default=1.0)
    return max(1, min(MAX_BATCH_ROWS, int(BATCH_BYTES / max(bytes_per_row, 1.0))))
