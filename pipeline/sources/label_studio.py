"""Source ``label_studio``: the media of an export of Label Studio, with what people drew there as ground truth.

Takes JSON exports (a list of tasks, one task, or ``{"tasks": ...}``), one task per line, and JSON-MIN. Of a task's
annotations the one marked as ground truth counts, else the one changed last; skipped ones and predictions never do.
What is drawn is read when the medium is measured; choices and texts on the whole stay as findings. Media are looked
for by their name below one folder, since an export holds addresses of a server; nothing is fetched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar, Literal

from schemas.errors import SampleError
from schemas.media.limits import Limits
from schemas.sample import Finding, Item, Origin

from ..filesystems import has_glob, is_local, local_path, name_of, open_uri, printable, scan
from ._label_studio_media import MediaFolder, Stated, media_keys, stated_medium
from ._label_studio_results import Shown, choices_on_whole, results_of
from ._label_studio_tasks import LINES, SNIFFED_BYTES, Chosen, Task, chosen, is_export, tasks_of
from ._paths import resolved
from .base import Container, Source, SourceConfig, SourcePlace, identified_items, refused

__all__ = ["Config", "LabelStudio"]

MOST_LOOKED_INTO = 16
"""Files of a glob."""


class Config(SourceConfig):
    """Options of the label_studio source."""

    kind: Literal["label_studio"] = "label_studio"
    media: str | None = None
    """Folder below which the media lie, absolute or relative to the export. None: the export's own folder."""
    data_keys: tuple[str, ...] = ()
    """Keys of a task's ``data`` that name its media, each an item; those of one task stay in one split. None given: the
    only value that names a medium; a task with several is then refused."""
    objects: Mapping[str, str] = {}
    """For tasks with several media: by data key, the name of the tag that shows it (``to_name`` of the results). A tag
    that is named like the key needs none."""
    category_map: Mapping[str, str] = {}
    """Labels, theirs to the taxonomy's; the others stay as they are. Several labels of one region are joined by
    a comma."""
    origins: Mapping[str, Origin] = {}
    """Choices about a whole medium that say its origin, theirs to ours: ``{fake: generated, photo: real}``. Choices
    that contradict each other say nothing."""
    unannotated_is_clean: bool = False
    """Whether a medium on which an annotation draws nothing is known to hold nothing; it may be that nobody was
    asked to draw."""


class LabelStudio(Source):
    """Media of exported tasks as items; takes ``.json``, ``.jsonl`` and ``.ndjson`` that hold such tasks."""

    config: Config
    reads_content: ClassVar[bool] = True

    def accepts(self, uri: str) -> bool:
        """By the keys at the beginning of a file; the first files of a glob must all be exports."""
        if not uri.lower().endswith((".json", *LINES)):
            return False
        try:
            if is_local(uri) and has_glob(uri):
                found = [file.uri for file in islice(scan(uri), MOST_LOOKED_INTO)]
                return bool(found) and all(map(_looks_like_export, found))
            return _looks_like_export(uri)
        except SampleError:
            return False

    def items(self, place: SourcePlace) -> Iterator[Item]:
        """One item per medium of a task, in the order of the file; what is no task is one item with an error."""
        return identified_items(place, lambda container: self._items(container, place.limits))

    def _items(self, container: Container, limits: Limits) -> Iterator[Item]:
        try:
            tasks = list(tasks_of(container, limits))
            folder = MediaFolder(self._folder(container), self._stated(tasks))
        except SampleError as error:
            remedy = error.remedy or "mend the file, or exclude it from the input"
            yield refused(container.name, container.uri, f"{container.name}: {error.message}", remedy)
            return
        for where, task in tasks:
            if isinstance(task, SampleError):
                yield _refused(where, container, task)
            else:
                yield from self._items_of_task(task, container, folder)

    def _items_of_task(self, task: Task, container: Container, folder: MediaFolder) -> Iterator[Item]:
        try:
            media = self._media(task)
        except SampleError as error:
            yield _refused(task.where, container, error)
            return
        for medium in media:
            try:
                yield self._item(task, medium, media, container, folder)
            except SampleError as error:
                at = f" ({printable(medium.name)})" if len(media) > 1 else ""
                yield _refused(task.where + at, container, error)

    def _item(
        self, task: Task, shown: Shown, media: Sequence[Shown], container: Container, folder: MediaFolder
    ) -> Item:
        stated = stated_medium(shown.value)
        found = folder.find(stated)
        taken = chosen(task)
        item = Item(
            item_id=container.prefix + printable(found.relative),
            uri=found.uri,
            file_name=name_of(found.uri),
            origin=self.config.origin,
            source=self.stated(url=stated.url),
            group_id=f"label_studio:{printable(task.where)}" if len(media) > 1 else None,
        )
        return self._annotated(item, taken, shown) if taken else item

    def _annotated(self, item: Item, taken: Chosen, shown: Shown) -> Item:
        read = results_of(taken.annotation, shown, self.config.category_map)
        findings = [("annotation_choice", taken.others)] if taken.others else []
        findings += [("annotation_defect", defect) for defect in read.defects]
        findings += [("annotation_elsewhere", read.elsewhere)] if read.elsewhere else []
        findings += _bare_answers(taken, shown)
        said = {*choices_on_whole(read.entries), *_bare_words(taken, shown)}
        origins = {self.config.origins[word] for word in said if word in self.config.origins}
        if len(origins) > 1:
            findings.append(("origin_disagrees", f"its choices say several origins: {', '.join(sorted(origins))}"))
        return item.evolve(
            origin=origins.pop() if len(origins) == 1 else item.origin,
            exported_result=_as_json(read.entries),
            has_ground_truth=not read.defects and (read.is_drawn or self.config.unannotated_is_clean),
            findings=tuple(Finding(code=code, message=message) for code, message in findings),
        )

    def _media(self, task: Task) -> tuple[Shown, ...]:
        """What a task shows and this source takes. Raises SampleError where nothing or too much may be meant."""
        data = task.records[0].data
        all_keys = media_keys(data)
        keys = self.config.data_keys or all_keys
        if not self.config.data_keys and len(keys) > 1:
            raise SampleError(
                f"its data names several media: {', '.join(map(printable, keys))[:300]}",
                remedy="say which to take: sources.N.data_keys",
            )
        if not keys:
            known = ", ".join(printable(str(key)) for key in islice(data, 8)) or "nothing"
            raise SampleError(
                f"its data names no image, video or document (it has {known[:300]})",
                remedy="name the key of the medium: sources.N.data_keys; or leave the task out",
            )
        others = dict.fromkeys((*keys, *all_keys))
        return tuple(shown for key in keys for shown in self._shown(data, key, tuple(others)))

    def _shown(self, data: Mapping[str, Any], key: str, keys: tuple[str, ...]) -> Iterator[Shown]:
        """The medium under a key, or each page of a list."""
        if key not in data:
            raise SampleError(f"its data has no {key!r:.100}", remedy="mend sources.N.data_keys, or leave the task out")
        objects = {other: self.config.objects.get(other, other) for other in keys}
        if isinstance(data[key], list):
            for index, value in enumerate(data[key]):
                yield Shown(f"{key}[{index}]", key, value, objects, index)
        else:
            yield Shown(key, key, data[key], objects, None)

    def _stated(self, tasks: Sequence[tuple[str, Task | SampleError]]) -> Iterator[Stated]:
        """Every medium of the file that can be read; what cannot be is said where its item is made."""
        for _, task in tasks:
            try:
                yield from () if isinstance(task, SampleError) else map(_value_stated, self._media(task))
            except SampleError:
                continue

    def _folder(self, container: Container) -> str:
        here = container.folder
        return here if self.config.media is None else resolved(self.config.media, here, allow_outside=True)


def _bare_words(taken: Chosen, shown: Shown) -> Iterator[str]:
    return (value for key, value in taken.record.answers.items() if key != shown.key and isinstance(value, str))


def _as_json(entries: list[Any]) -> str:
    """Text that every encoder takes: lone surrogates, which no table does, are looked for only where one may be."""
    text = json.dumps(entries)
    return json.dumps(_printable(entries)) if "\\ud" in text else text


def _printable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {printable(key): _printable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_printable(each) for each in value]
    return printable(value) if isinstance(value, str) else value


def _value_stated(shown: Shown) -> Stated:
    return stated_medium(shown.value)


def _bare_answers(taken: Chosen, shown: Shown) -> list[tuple[str, str]]:
    """JSON-MIN writes single choices and texts like fields of the task: they are kept, as what they may be."""
    media = (shown.key, *media_keys(taken.record.data))
    answers = {key: value for key, value in taken.record.answers.items() if key not in media}
    if not answers:
        return []
    words = json.dumps(answers, ensure_ascii=False)
    return [("annotation_said", printable(f"answers or fields of the task, JSON-MIN does not tell: {words}")[:2000])]


def _looks_like_export(uri: str) -> bool:
    with open_uri(uri) as file:
        return is_export(file.read(SNIFFED_BYTES), is_lines=local_path(uri).lower().endswith(LINES))


def _refused(where: str, container: Container, error: SampleError) -> Item:
    remedy = error.remedy or "mend this task, or leave it out"
    return refused(where, container.uri, f"{where}: {error.message}", remedy)
