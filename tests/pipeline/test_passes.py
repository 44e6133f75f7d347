"""Machines that read other machines: the order, what becomes of failures, and whole runs with a consensus."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image as Picture

from annotators.base import Annotator, MachineConfig
from annotators.machines import consensus, forensic, vlm
from pipeline.cli import main
from pipeline.passes import check_passes, check_readers, in_passes, seen_by, taking_part, with_repeats
from pipeline.recipe import load_recipe
from pipeline.storage import RunFolder, sha256_of
from pipeline.verify import verify_run
from schemas.errors import ConfigError
from schemas.sample import Sample, TaskInput
from schemas.taxonomy import Taxonomy

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "annotators" / "machines"))
from thinking import Asked, ThinkingServer


def machine(name: str, *after: str, **fields: Any) -> MachineConfig:
    return MachineConfig(kind="x", name=name, after=after, **fields)


def titles(configs: Any) -> list[str]:
    return [config.title for config in configs]


def test_each_machine_stands_after_those_that_it_waits_for() -> None:
    machines = [machine("judge", "two", "one"), machine("one"), machine("last", "judge"), machine("two", "one")]
    assert titles(in_passes(machines)) == ["one", "two", "judge", "last"]
    check_passes(machines)


@pytest.mark.parametrize(
    ("machines", "problem"),
    [
        ([machine("a", "bee"), machine("be")], "'a' comes after the unknown machine 'bee'; did you mean 'be'?"),
        ([machine("a", "a")], "each of 'a' waits for another of them"),
        ([machine("free"), machine("a", "b"), machine("b", "a")], "each of 'a', 'b' waits for another of them"),
    ],
)
def test_what_cannot_be_ordered_is_refused(machines: list[MachineConfig], problem: str) -> None:
    with pytest.raises(ValueError, match=problem.replace("?", r"\?")):
        check_passes(machines)


def test_repeats_are_machines_with_seeds_and_names_of_their_own() -> None:
    told = vlm.Config(name="told", repeats=3, temperature=0.7, seed=5, after=())
    voices = with_repeats((told, vlm.Config(), consensus.Config(after=("told", "vlm"))))
    assert [(v.title, getattr(v, "seed", None), v.repeats) for v in voices] == [
        ("told-1", 5, 1), ("told-2", 6, 1), ("told-3", 7, 1), ("vlm", None, 1), ("consensus", None, 1),
    ]  # fmt: skip
    assert voices[-1].after == ("told-1", "told-2", "told-3", "vlm")
    assert with_repeats(voices) == voices
    with pytest.raises(ValueError, match="temperature 0"):
        with_repeats((vlm.Config(repeats=2),))
    with pytest.raises(ValueError, match="no seed"):
        with_repeats((forensic.Config(repeats=2),))


def test_who_cannot_read_or_has_nothing_to_read_is_refused() -> None:
    with pytest.raises(ConfigError, match="'forensic' comes after vlm, but a forensic reads no candidates"):
        check_readers([forensic.Forensic(forensic.Config(after=("vlm",)))])
    with pytest.raises(ConfigError, match="'consensus' needs the candidates of other machines"):
        check_readers([consensus.Fusion(consensus.Config())])
    check_readers([forensic.Forensic(forensic.Config()), consensus.Fusion(consensus.Config(after=("forensic",)))])


class Picky(Annotator):
    """Accepts a modality or nothing."""

    async def propose(self, sample: Sample) -> Any:
        raise NotImplementedError


def test_nobody_takes_part_who_has_nobody_before(make_sample: Callable[..., Sample], taxonomy: Taxonomy) -> None:
    machines = [
        Picky(machine("all", "films")),
        Picky(machine("films", modalities=("video",))),
        Picky(machine("some", "films", "pictures")),
        Picky(machine("pictures", modalities=("image",))),
    ]
    assert titles(m.config for m in taking_part(machines, make_sample(), taxonomy)) == ["pictures", "some"]


def test_a_medium_without_categories_is_left_to_machines_that_ask_no_model(
    make_sample: Callable[..., Sample], taxonomy: Taxonomy
) -> None:
    of_documents = [category.evolve(modalities=("document",)) for category in taxonomy.categories]
    machines = [Picky(machine("looks")), vlm.VisionModel(vlm.Config(name="asks"))]

    parts = [taking_part(machines, make_sample(), t) for t in (taxonomy, taxonomy.evolve(categories=of_documents))]

    assert [titles(m.config for m in part) for part in parts] == [["looks", "asks"], ["looks"]]


def test_a_blind_machine_is_not_shown_the_label(make_sample: Callable[..., Sample]) -> None:
    told = make_sample(task=TaskInput(label_given="generated", question="Why?"))
    blind = seen_by(machine("a", conditioning="blind"), told)
    assert (blind.task_input.label_given, blind.task_input.question) == (None, "Why?")
    assert blind.sample_id == told.sample_id
    assert seen_by(machine("a"), told) is told
    plain = make_sample()
    assert seen_by(machine("a", conditioning="blind"), plain) is plain


def test_a_known_origin_serves_as_the_label_where_a_machine_wants_it(make_sample: Callable[..., Sample]) -> None:
    machine_of = partial(machine, "a", conditioning="origin_given")
    known, told = make_sample(origin="generated"), make_sample(origin="real", task=TaskInput(label_given="fake"))
    assert seen_by(machine_of(), known).task_input.label_given == "generated"
    assert seen_by(machine_of(), known).sample_id == known.sample_id
    assert seen_by(machine_of(), told) is told
    assert seen_by(machine_of(), make_sample(origin="unknown")).task_input.label_given is None
    assert seen_by(machine("a", conditioning="blind"), known) is known
    assert seen_by(machine("a"), known) is known


RECIPE = """
name: passes
taxonomy: artifacts
sources: [{kind: manifest}]
machines:
  - {kind: consensus, after: [one, two], min_iou: 0.5}
  - {kind: replay, name: one, path: ONE}
  - {kind: replay, name: two, path: TWO, conditioning: blind}
  - {kind: consensus, name: unanimous, after: [one, consensus], min_share: 1}
splits: {train: 1}
dataset: {annotation: consensus}
"""


def line(name: str, verdict: str, *boxes: list[int]) -> str:
    regions = [{"category": "low-level-texture", "box": box, "explanation": "It repeats."} for box in boxes]
    answer = {"verdict": verdict, "explanation": "It repeats.", "regions": regions}
    return json.dumps({"file_name": name, "answer": answer}) + "\n"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three labelled pictures; the first machine knows two of them, the second one; run once as it stands."""
    root = tmp_path_factory.mktemp("passes")
    labelled(root, 3)
    (root / "one.jsonl").write_text(
        line("0.png", "generated", [0, 0, 500, 500], [600, 600, 900, 900]) + line("1.png", "real")
    )
    (root / "two.jsonl").write_text(line("0.png", "generated", [0, 0, 500, 400]))
    text = RECIPE.replace("ONE", f"{root}/one.jsonl").replace("TWO", f"{root}/two.jsonl")
    (root / "passes.yaml").write_text(text)
    assert run(root) == 0
    return root


def labelled(root: Path, count: int) -> None:
    """Pictures of noise under ``in/`` and a manifest that calls them generated."""
    (root / "in").mkdir()
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (32, 48, 3), dtype=np.uint8)
        Picture.fromarray(pixels).save(root / "in" / f"{number}.png")
    rows = [json.dumps({"file_name": f"{number}.png", "label_given": "generated"}) for number in range(count)]
    (root / "in" / "manifest.jsonl").write_text("\n".join(rows))


def run(root: Path, *settings: str, inputs: Path | None = None) -> int:
    extra = [word for setting in settings for word in ("--set", setting)]
    manifest = (inputs or root) / "in" / "manifest.jsonl"
    with pytest.raises(SystemExit) as ended:
        main(["run", f"{root}/passes.yaml", "-i", str(manifest), "-r", f"{root}/r", "--accept-recipe-change", *extra])
    return int(ended.value.code or 0)


def rows(root: Path, table: str) -> list[dict[str, Any]]:
    return pq.read_table(root / "r" / table).to_pylist()


def shards(root: Path) -> dict[str, str]:
    return {p.name: sha256_of(str(p)).sha256 for p in sorted((root / "r" / "dataset").rglob("*.parquet"))}


def test_a_consensus_is_published_with_how_far_the_machines_agree(told: Path) -> None:
    found = {row["file_name"]: row for row in rows(told, "dataset/data/images")}

    first = found["0.png"]
    assert first["annotation_status"] == "annotated"
    assert [(r["region_id"], r["source"], round(r["score"], 3)) for r in first["regions"]] == [
        ("consensus-1", "derived", 1.0),
        ("consensus-2", "derived", 0.5),
    ]
    agreement = first["machine_agreement"]
    assert (agreement["machines"], agreement["verdict_share"]) == (["one", "two"], 1.0)
    assert [(r["share"], r["machines"]) for r in agreement["regions"]] == [(1.0, ["one", "two"]), (0.5, ["one"])]
    assert [(line["machine"], line["is_published"], line["conditioning"]) for line in first["lineage"]] == [
        ("consensus", True, "label_given"),
        ("one", False, "label_given"),
        ("two", False, "blind"),
        ("unanimous", False, "label_given"),
    ]
    ids = {line["machine"]: line["candidate_id"] for line in first["lineage"]}
    assert first["lineage"][0]["parent_ids"] == [ids["one"], ids["two"]]
    unanimous = next(c for c in rows(told, "candidates") if c["candidate_id"] == ids["unanimous"])
    assert len(unanimous["regions"]) == 2  # the second consensus agrees with the first machine on both
    assert found["1.png"]["verdict"] == "real"
    folder = RunFolder(str(told / "r"))
    manifest = folder.read_manifest()
    assert manifest is not None
    assert verify_run(folder, manifest) == []


def test_a_pass_goes_on_without_those_that_failed_and_not_without_all(told: Path) -> None:
    rejected = {(row["item_id"].rpartition("/")[2], row["machine"]): row for row in rows(told, "rejections")}
    assert sorted(rejected) == [
        ("1.png", "two"), ("2.png", "consensus"), ("2.png", "one"), ("2.png", "two"), ("2.png", "unanimous"),
    ]  # fmt: skip
    assert [key for key, row in sorted(rejected.items()) if not row["is_final"]] == [("1.png", "two")]
    assert rejected["2.png", "consensus"]["message"] == (
        "consensus comes after one, two, and none of them proposed anything for this sample"
    )
    manifest = json.loads((told / "r" / "manifest.json").read_text())
    counts = manifest["stages"]["propose"]
    assert (counts["found"], counts["kept"], counts["rejected"], counts["candidates"]) == (3, 2, 1, 7)


def test_a_rerun_yields_the_same_bytes(told: Path) -> None:
    before = shards(told)
    assert run(told) == 0
    assert shards(told) == before


def test_whose_annotation_is_published_is_the_recipes_choice(told: Path, tmp_path: Path) -> None:
    shutil.copytree(told / "r", tmp_path / "r")
    shutil.copy(told / "passes.yaml", tmp_path)
    assert run(tmp_path, "dataset.annotation=two", inputs=told) == 0
    found = {row["file_name"]: row for row in rows(tmp_path, "dataset/data/images")}
    assert [r["region_id"] for r in found["0.png"]["regions"]] == ["two-1"]
    assert (found["1.png"]["annotation_status"], found["1.png"]["regions"]) == ("not_annotated", [])
    assert found["0.png"]["machine_agreement"] is None


def test_an_unknown_voice_is_refused_before_any_work(told: Path) -> None:
    with pytest.raises(ConfigError, match=r"'consensu' is no machine of the recipe; did you mean 'consensus'\?"):
        load_recipe(told / "passes.yaml", ("dataset.annotation=consensu",))
    with pytest.raises(ConfigError, match="comes after the unknown machine 'ones'"):
        load_recipe(told / "passes.yaml", ("machines.0.after=[ones]",))


MODELS = """
name: models
taxonomy: artifacts
sources: [{kind: manifest}]
machines:
  - {kind: vlm, name: draft, BASE, temperature: 0.7, repeats: 2, conditioning: blind}
  - {kind: judge, after: [draft], BASE}
  - {kind: vlm, name: final, after: [judge], BASE}
splits: {train: 1}
dataset: {annotation: final}
"""


def think(asked: Asked) -> Any:
    """Drafts by seed; a judge that likes the second; a last word that repeats what it was given."""
    if "fair judge" in asked.system:
        factors = [line[2:].partition(":")[0] for line in asked.system.splitlines() if line.startswith("- ")]
        return {
            "scores": [
                {"proposal": n, "factor": f, "reason": "Seen.", "score": 5 if p["explanation"] == "Draft 1." else 2}
                for n, p in enumerate(asked.proposals(), 1)
                for f in factors
            ]
        }
    given = asked.proposals("Candidate")
    words = f"Final of {given[0]['explanation']}" if given else f"Draft {asked.seed}."
    return {"verdict": "generated", "explanation": words, "regions": []}


def test_drafts_are_judged_and_rewritten_and_nothing_is_paid_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none-needed")
    labelled(tmp_path, 2)
    with ThinkingServer(think) as server:
        base = f"model: gpt-4o-mini, base_url: '{server.base_url}', convention: thousandths_xyxy"
        (tmp_path / "passes.yaml").write_text(MODELS.replace("BASE", base))
        assert run(tmp_path) == 0
        asked, before = list(server.asked), shards(tmp_path)
        assert run(tmp_path) == 0
        assert len(server.asked) == len(asked) == 2 * (2 + 2 + 1)

    assert shards(tmp_path) == before
    found = rows(tmp_path, "dataset/data/images")
    assert [(row["explanation"], row["verdict"]) for row in found] == [("Final of Draft 1.", "generated")] * 2
    for row in found:
        assert [(x["machine"], x["conditioning"], len(x["parent_ids"])) for x in row["lineage"]] == [
            ("draft-1", "blind", 0),
            ("draft-2", "blind", 0),
            ("judge", "label_given", 2),
            ("final", "label_given", 1),
        ]
    drafts = [one for one in asked if not one.proposals() and not one.proposals("Candidate")]
    assert len(drafts) == 4
    assert not any("The label that the medium already has" in one.words for one in drafts)
    assert all("The label that the medium already has" in one.words for one in asked if one not in drafts)
    judges = [row for row in rows(tmp_path, "candidates") if row["machine"] == "judge"]
    assert [(row["is_consistent"], row["explanation"]) for row in judges] == [(True, "Draft 1.")] * 2
    spend = json.loads((tmp_path / "r" / "manifest.json").read_text())["spend"]
    assert (spend["calls"], spend["input_tokens"]) == (10, 1000)


@pytest.mark.slow
def test_a_limit_per_minute_is_one_for_all_machines_of_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none-needed")
    labelled(tmp_path, 2)
    times: list[float] = []

    def timed(asked: Asked) -> Any:
        times.append(time.monotonic())
        return think(asked)

    with ThinkingServer(timed) as server:
        base = f"model: gpt-4o-mini, base_url: '{server.base_url}', convention: thousandths_xyxy"
        recipe = MODELS.replace("{kind: judge,", "{kind: judge, requests_per_minute: 180,").replace("BASE", base)
        (tmp_path / "passes.yaml").write_text(recipe)
        assert run(tmp_path) == 0

    assert len(times) == 10
    assert max(times) - min(times) > (10 - 3) / 3 - 0.1  # three at once, then three per second
