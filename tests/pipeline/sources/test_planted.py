from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from pydantic import ValidationError

from pipeline.filesystems import open_uri
from pipeline.planting.photos import jpeg, png
from pipeline.recipe import CONFIG_FOLDER
from pipeline.sources.base import SourcePlace, items_of
from pipeline.sources.planted import Config, Planted
from schemas.checks import check_region
from schemas.geometry import box_from_mask, mask_from_polygons, mask_to_array
from schemas.media.limits import DEFAULT_LIMITS
from schemas.media.measure import measure
from schemas.sample import Item
from schemas.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy((CONFIG_FOLDER / "taxonomies" / "planted.yaml").read_text(encoding="utf-8"), where="planted")


def made(folder: Path, *inputs: Path, **options: object) -> list[Item]:
    place = SourcePlace(inputs=tuple(map(str, inputs)), spool_uri=str(folder), limits=DEFAULT_LIMITS)
    return list(Planted(Config.model_validate(options)).items(place))


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    """All variants of one small photo."""
    return made(tmp_path_factory.mktemp("spool"), photos=("chelsea",), size=320)


def pixels_of(item: Item) -> np.ndarray:
    with open_uri(item.uri) as file:
        return np.asarray(Image.open(file))


def test_every_kind_is_made_once_beside_the_clean_ones(items: list[Item]) -> None:
    pictures = ["clean", "blur", "smoothing", "noise", "color_shift", "splice", "copy_move", "glyphs", "mixed"]
    names = [f"chelsea__{variant}.png" for variant in pictures]
    names += [f"chelsea__{variant}.mp4" for variant in ("clean", "frozen_frames", "flicker")]
    names += ["chelsea__clean.pdf", "chelsea__pasted_region.pdf"]
    assert [item.file_name for item in items] == names
    assert [item.item_id for item in items] == [f"planted/{name}" for name in names]
    assert [item.origin for item in items] == ["real", *["edited"] * 8, None, "edited", "edited", None, "edited"]


def test_all_variants_of_a_photo_stay_together_and_pairs_share_a_medium(items: list[Item]) -> None:
    assert {item.group_id for item in items} == {"chelsea"}
    assert Counter(item.pair_id for item in items) == {"chelsea.png": 9, "chelsea.mp4": 3, "chelsea.pdf": 2}


def test_the_truth_is_complete_and_names_what_was_planted(items: list[Item]) -> None:
    artifacts = [
        [region.category for region in item.ground_truth if region.category not in ("text_block", "table", "figure")]
        for item in items
    ]
    assert all(item.has_ground_truth for item in items)
    assert artifacts == [
        [], ["blur"], ["smoothing"], ["noise"], ["color_shift"], ["splice"], ["copy_move"] * 2, ["glyphs"],
        ["smoothing", "noise", "copy_move", "copy_move"],
        [], ["frozen_frames"], ["flicker"],
        [], ["pasted_region"] * 2,
    ]  # fmt: skip


def test_masks_boxes_and_polygons_say_the_same_and_hold_every_change(items: list[Item]) -> None:
    clean = pixels_of(items[0])
    for item in items[1:9]:
        changed = (pixels_of(item) != clean).any(axis=2)
        for region in item.ground_truth:
            assert region.mask == mask_from_polygons(region.polygons, 320, 213)
            assert region.box == box_from_mask(region.mask)
            changed &= ~mask_to_array(region.mask)
        assert not changed.any()


def test_every_region_is_true_to_its_measured_medium_and_to_the_taxonomy(items: list[Item]) -> None:
    for item in items:
        measured = measure(open_uri, item.uri, file_name=item.file_name, limits=DEFAULT_LIMITS)
        assert measured.findings == ()
        for region in item.ground_truth:
            assert check_region(region, measured.media, TAXONOMY) == ()


def test_licences_and_origins_of_photo_and_patch_are_stated(items: list[Item]) -> None:
    by_name = {item.file_name: item.source for item in items}
    assert by_name["chelsea__clean.png"].name == "scikit-image data: chelsea"
    assert by_name["chelsea__splice.png"].name is not None
    assert by_name["chelsea__splice.png"].name.startswith("scikit-image data: chelsea + scikit-image data: ")
    assert {source.licence for source in by_name.values()} == {"CC0-1.0"}


def test_spliced_public_domain_photos_carry_both_licences(tmp_path: Path) -> None:
    (_, splice) = made(tmp_path, photos=("rocket",), size=256, kinds=("splice",))
    assert splice.source.licence == "LicenseRef-Public-Domain AND CC0-1.0"


def test_equal_options_give_equal_items_and_bytes_and_another_seed_others(tmp_path: Path, items: list[Item]) -> None:
    again = made(tmp_path / "again", photos=("chelsea",), size=320)
    other = made(tmp_path / "other", photos=("chelsea",), size=320, seed=1, clips=0, reports=0)

    def digests(given: list[Item]) -> list[str]:
        return [item.uri.rpartition("/")[2] for item in given]

    assert digests(again) == digests(items)
    assert [i.evolve(uri="") for i in again] == [i.evolve(uri="") for i in items]
    assert [one == two for one, two in zip(digests(other), digests(items), strict=False)] == [True, *[False] * 8]


def test_kinds_clips_and_reports_choose_what_is_made(tmp_path: Path) -> None:
    options = {"photos": ("chelsea", "coffee"), "size": 256, "kinds": ("noise", "flicker", "pasted_region")}
    names = [item.file_name for item in made(tmp_path, **options)]
    assert names == [
        "chelsea__clean.png", "chelsea__noise.png", "chelsea__clean.mp4", "chelsea__flicker.mp4",
        "coffee__clean.png", "coffee__noise.png", "coffee__clean.pdf", "coffee__pasted_region.pdf",
    ]  # fmt: skip
    assert [item.file_name for item in made(tmp_path, photos=("camera",), size=128, kinds=())] == ["camera__clean.png"]


def test_own_photos_replace_the_shipped_ones_and_what_is_none_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (140, 150, 3), dtype=np.uint8)
    (folder / "a b.png").write_bytes(png(noise))
    (folder / "deep" / "a b.jpg").write_bytes(jpeg(noise, 80))
    (folder / "notes.txt").write_text("no picture")
    (folder / "tiny.png").write_bytes(png(noise[:20]))

    options = {"kinds": ("blur",), "clips": 0, "reports": 0, "licence": "CC-BY-4.0", "name": "ours"}
    found = made(tmp_path / "spool", folder, **options)

    assert [(item.item_id, item.error is None) for item in found] == [
        ("planted/a_b__clean.png", True),
        ("planted/a_b__blur.png", True),
        ("planted/a_b-2__clean.png", True),
        ("planted/a_b-2__blur.png", True),
        ("notes.txt", False),
        ("tiny.png", False),
    ]
    assert found[4].error == "no photo: it looks like a text file"
    assert found[5].error == "150 x 20 pixels leave no room to plant in"
    assert found[4].remedy == "give photos only"
    assert {(item.source.name, item.source.licence) for item in found} == {("ours", "CC-BY-4.0")}
    assert np.array_equal(pixels_of(found[0]), noise)


def test_it_needs_no_input_and_takes_only_what_others_leave(tmp_path: Path) -> None:
    source = Planted(Config(photos=("camera",), size=128, kinds=()))
    assert (source.needs_input, source.is_fallback, source.accepts("/any/folder")) == (False, True, True)
    assert [item.item_id for item in items_of([source], (), str(tmp_path), DEFAULT_LIMITS)] == [
        "planted/camera__clean.png"
    ]


@pytest.mark.parametrize(
    "options", [{"photos": ["lena"]}, {"kinds": ["magic"]}, {"size": 100}, {"clips": -1}, {"sed": 1}]
)
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate(options)


def test_the_recipe_maps_every_category_that_the_baseline_measures_to_itself() -> None:
    recipe = yaml.safe_load((CONFIG_FOLDER / "recipes" / "planted.yaml").read_text(encoding="utf-8"))
    (machine,) = recipe["machines"]
    measured = [name for name in TAXONOMY.names() if name != "glyphs"]
    assert machine == {"kind": "forensic", "category_map": {name: name for name in measured}}
    assert recipe["taxonomy"] == TAXONOMY.name
    (source,) = recipe["sources"]
    assert Config.model_validate(source) == Config()


def test_the_taxonomy_says_where_each_category_can_occur(items: list[Item]) -> None:
    occurs = {(region.category, item.file_name.rpartition(".")[2]) for item in items for region in item.ground_truth}
    suffixes = {"image": "png", "video": "mp4", "document": "pdf"}
    allowed = {(c.name, suffixes[modality]) for c in TAXONOMY.categories for modality in c.modalities}
    assert occurs == allowed
    assert [level.name for level in TAXONOMY.levels] == ["pixel", "temporal", "page", "layout"]
