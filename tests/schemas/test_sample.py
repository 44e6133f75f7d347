from __future__ import annotations

import pytest
from pydantic import ValidationError

from schemas.media.types import Image
from schemas.sample import Asset, Generator, Item, Role, Sample, TaskInput, sample_id_of

IMAGE = Image(format="PNG", mode="RGB", width=4, height=2, stored_width=4, stored_height=2)


def asset(letter: str, role: Role = "primary", name: str = "a.png") -> Asset:
    return Asset(asset_id=letter * 64, role=role, uri=f"/in/{name}", file_name=name, byte_size=1, media=IMAGE)


def test_one_page_with_two_questions_is_two_samples() -> None:
    one, two = (sample_id_of((asset("a"),), TaskInput(question=text)) for text in ("Who?", "When?"))

    assert one != two


def test_one_image_found_twice_is_one_sample() -> None:
    assert sample_id_of((asset("a", name="x.png"),), TaskInput()) == sample_id_of((asset("a"),), TaskInput())


def test_order_and_roles_count() -> None:
    pairs = [
        (asset("a"), asset("b", "reference")),
        (asset("b"), asset("a", "reference")),
        (asset("a"), asset("b", "target")),
        (asset("a"),),
    ]

    assert len({sample_id_of(assets, TaskInput()) for assets in pairs}) == 4


def test_sample_ids_are_pinned_because_they_are_published() -> None:
    assert sample_id_of((asset("a"),), TaskInput(question="Who?")) == (
        "e7957f173a996ec47cf4c10f3ec9d49b8330e4325b99501c551f727bf9c91f3c"
    )


def test_the_first_asset_is_judged() -> None:
    sample = Sample(sample_id="s", item_id="i", assets=(asset("a"), asset("b", "reference")))

    assert sample.primary.asset_id == "a" * 64
    assert sample.modality == "image"


def test_a_sample_has_a_medium() -> None:
    with pytest.raises(ValidationError, match="at least 1"):
        Sample(sample_id="s", item_id="i", assets=())


def test_a_password_is_not_shown() -> None:
    assert "hunter2" not in repr(Item(item_id="i", uri="u", file_name="f", password="hunter2"))  # noqa: S106 - nobody's


def test_a_seed_fits_a_column() -> None:
    assert Generator(seed=2**63 - 1).seed == 2**63 - 1
    with pytest.raises(ValidationError, match="less than or equal"):
        Generator(seed=2**63)
