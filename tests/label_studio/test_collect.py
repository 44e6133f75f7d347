"""Reading back from a real server: what people did, who they were, and what cannot be used."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from annotators.labelstudio.reviewed import pseudonym
from annotators.labelstudio_server.local import Login
from pipeline.collect import CollectedCounts, collect
from pipeline.storage import Manifest, RunFolder
from pipeline.submit import submit
from pipeline.tables import part_uris, read_rows
from schemas.candidate import Candidate
from schemas.errors import ConfigError, ServiceError
from schemas.geometry import Box, mask_area, mask_to_array
from schemas.ledger import SubmittedTask
from schemas.record import Rejection
from schemas.sample import Sample
from schemas.verification import Verification

KEY = b"a key for tests"
LINK = ("people.0.media=link", "people.0.link=http://127.0.0.1/{asset_id}")
Result = list[dict[str, Any]]


def quiet(_: str) -> None:
    """Progress that nobody reads."""


class Work(NamedTuple):
    """A submitted run and the server that it lies on."""

    run: RunFolder
    manifest: Manifest
    studio: httpx.Client

    def row(self, name: str) -> SubmittedTask:
        return next(row for row in read_rows(self.run, "tasks", SubmittedTask) if row.item_id == name)

    def shown(self, name: str) -> Result:
        (prediction,) = self.studio.get(f"/api/tasks/{self.row(name).task_id}/").json()["predictions"]
        return copy.deepcopy(prediction["result"])

    def answer(self, name: str, result: Result, by: httpx.Client | None = None, **fields: Any) -> int:
        row = self.row(name)
        body = {"result": result, "lead_time": 12.5, "parent_prediction": row.prediction_id, **fields}
        answer = (by or self.studio).post(f"/api/tasks/{row.task_id}/annotations/", json=body)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def collect(self, **options: Any) -> CollectedCounts:
        return collect(self.run, self.manifest, write=quiet, **options)

    @property
    def verifications(self) -> list[Verification]:
        return list(read_rows(self.run, "verifications", Verification))

    @property
    def only(self) -> Verification:
        (verification,) = self.verifications
        return verification

    @property
    def rejections(self) -> list[Rejection]:
        return list(read_rows(self.run, "rejections", Rejection))


@pytest.fixture
def work(
    studio: httpx.Client,
    make_sample: Callable[..., Sample],
    propose: Callable[..., Candidate],
    make_run: Callable[..., Any],
) -> Work:
    """Two pictures with a box and a mask each, handed out."""
    samples = [make_sample("a.png"), make_sample("b.png")]
    run, manifest = make_run(samples, [propose(sample) for sample in samples], *LINK)
    submit(run, manifest, write=quiet)
    return Work(run, manifest, studio)


def of(result: Result, kind: str) -> dict[str, Any]:
    (found,) = (entry for entry in result if entry["type"] == kind)
    return found


def changes(verification: Verification) -> dict[str, str]:
    return {change.region_id: change.change for change in verification.changes}


def test_nothing_is_there_before_anybody_answers(work: Work) -> None:
    counts = work.collect()

    assert (counts.tasks, counts.answered, counts.verifications, counts.rejected) == (2, 0, 0, 0)
    assert work.verifications == []


def test_what_stands_is_accepted(work: Work) -> None:
    number = work.answer("a.png", work.shown("a.png"))

    counts = work.collect()

    assert (counts.answered, counts.verdicts) == (1, {"accepted": 1})
    assert work.only.verdict == "accepted"
    assert work.only.origin_verdict == "edited"
    assert work.only.task_key == work.row("a.png").task_key
    assert work.only.candidate_id == work.row("a.png").candidate_id
    assert work.only.annotation == str(number)
    assert work.only.lead_time_s == 12.5
    assert work.only.reviewer == pseudonym("alice@example.com", KEY)
    assert work.only.signed_by == ""
    assert changes(work.only) == {"red": "kept", "blue": "kept"}


def test_a_moved_box_a_deleted_mask_and_new_words_come_back_as_that(work: Work) -> None:
    result = [entry for entry in work.shown("a.png") if entry["id"] != of(work.shown("a.png"), "brushlabels")["id"]]
    box = of(result, "rectanglelabels")
    for entry in result:
        if entry["id"] == box["id"]:
            entry["value"] |= {"x": 25.0, "y": 25.0}
    whole = next(entry for entry in result if entry["type"] == "textarea" and entry["id"] != box["id"])
    whole["value"]["text"] = ["Only one thing does not belong."]
    work.answer("a.png", result)

    work.collect()

    assert work.only.verdict == "fixed_and_accepted"
    assert work.only.explanation == "Only one thing does not belong."
    assert changes(work.only) == {"red": "moved", "blue": "removed"}
    (region,) = work.only.regions
    assert region.box == Box(x1=80, y1=60, x2=160, y2=120)
    assert region.explanation == "A red patch."


def test_an_edited_explanation_alone_is_seen(work: Work) -> None:
    result = work.shown("a.png")
    box = of(result, "rectanglelabels")
    words = next(e for e in result if e["type"] == "textarea" and e["id"] == box["id"])
    words["value"]["text"] = ["A red patch with a hard edge."]
    words["origin"] = "prediction"
    work.answer("a.png", result)

    work.collect()

    assert changes(work.only) == {"red": "reworded", "blue": "kept"}
    assert {r.region_id: r.explanation for r in work.only.regions}["red"] == "A red patch with a hard edge."


def test_a_kept_mask_is_the_machines_pixel_for_pixel(work: Work, propose: Callable[..., Candidate]) -> None:
    work.answer("a.png", work.shown("a.png"))

    work.collect()

    blue = next(region for region in work.only.regions if region.region_id == "blue")
    assert blue.mask is not None
    assert mask_area(blue.mask) == int(mask_to_array(blue.mask).sum()) == 5025


def test_a_skip_is_no_answer_although_it_carries_the_prediction(work: Work) -> None:
    work.answer("a.png", work.shown("a.png"), was_cancelled=True)

    counts = work.collect()

    assert counts.verdicts == {"skipped": 1}
    assert (work.only.verdict, work.only.regions, work.only.origin_verdict) == ("skipped", (), None)


def test_two_people_are_two_verifications(work: Work, bob: httpx.Client) -> None:
    work.answer("a.png", work.shown("a.png"))
    work.answer("a.png", [], by=bob, lead_time=3)

    counts = work.collect()

    assert (counts.answered, counts.verifications) == (1, 2)
    people = {v.reviewer: v.lead_time_s for v in work.verifications}
    assert people == {pseudonym("alice@example.com", KEY): 12.5, pseudonym(bob.headers["X-Email"], KEY): 3.0}
    assert all(re.fullmatch(r"person-[0-9a-f]{12}", name) for name in people)


def test_whoever_wrote_last_is_the_reviewer(work: Work, bob: httpx.Client) -> None:
    number = work.answer("a.png", work.shown("a.png"))
    assert bob.patch(f"/api/annotations/{number}/", json={"result": []}).status_code == 200

    work.collect()

    assert work.only.reviewer == pseudonym(bob.headers["X-Email"], KEY)
    assert work.only.signed_by == pseudonym("alice@example.com", KEY)


def test_an_answer_in_somebody_elses_name_says_who_wrote_it(work: Work, bob: httpx.Client) -> None:
    users = work.studio.get("/api/users/").json()
    (number,) = (user["id"] for user in users if user["email"] == bob.headers["X-Email"])
    work.answer("a.png", work.shown("a.png"), completed_by=number)

    work.collect()

    assert work.only.reviewer == pseudonym("alice@example.com", KEY)
    assert work.only.signed_by == pseudonym(bob.headers["X-Email"], KEY)


def test_only_what_changed_is_read_again_and_replaced(work: Work, seen_requests: list[httpx.Request]) -> None:
    first = work.answer("a.png", work.shown("a.png"))
    work.collect()
    old = work.only
    changed = work.shown("a.png")
    of(changed, "rectanglelabels")["value"]["x"] += 5
    assert work.studio.patch(f"/api/annotations/{first}/", json={"result": changed}).status_code == 200
    work.answer("b.png", work.shown("b.png"))
    del seen_requests[:]

    counts = work.collect()

    assert counts.withdrawn == 0
    assert sorted(v.verdict for v in work.verifications) == ["accepted", "fixed_and_accepted"]
    again = next(v for v in work.verifications if v.task_key == old.task_key)
    assert again.verification_id == old.verification_id
    assert again.updated_at > old.updated_at
    assert [r for r in seen_requests if "filter:tasks:updated_at" in str(r.url.params.get("query"))]


def test_collecting_twice_gives_the_same_bytes(work: Work) -> None:
    work.answer("a.png", work.shown("a.png"))
    work.collect()
    before = {uri: Path(uri).read_bytes() for uri in part_uris(work.run, "verifications")}

    work.collect()
    assert {uri: Path(uri).read_bytes() for uri in part_uris(work.run, "verifications")} == before
    work.collect(everything=True)

    assert {uri: Path(uri).read_bytes() for uri in part_uris(work.run, "verifications")} == before


def test_a_deleted_annotation_is_withdrawn(work: Work) -> None:
    number = work.answer("a.png", work.shown("a.png"))
    work.answer("b.png", work.shown("b.png"))
    work.collect()
    work.studio.delete(f"/api/annotations/{number}/")

    counts = work.collect()

    assert (counts.withdrawn, counts.answered) == (1, 1)
    assert work.only.task_key == work.row("b.png").task_key
    assert counts.lines()[1] == "collect: 1 decisions were deleted by people and are gone from verifications/"


def test_a_deleted_task_takes_its_verification_along(work: Work) -> None:
    work.answer("a.png", work.shown("a.png"))
    work.answer("b.png", work.shown("b.png"))
    work.collect()
    work.studio.delete(f"/api/tasks/{work.row('a.png').task_id}/")

    counts = work.collect()

    assert (counts.withdrawn, counts.verifications) == (1, 1)
    assert work.only.task_key == work.row("b.png").task_key


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda result: of(result, "rectanglelabels").update(from_name="nobody"), "nobody"),
        (lambda result: of(result, "rectanglelabels")["value"].update(rectanglelabels=["unicorn"]), "unicorn"),
        (lambda result: of(result, "rectanglelabels")["value"].update(x=140.0), "red|outside|140"),
        (lambda result: of(result, "brushlabels")["value"].update(rle=[1, 2, 3]), "mask|rle|brush"),
        (lambda result: of(result, "rectanglelabels").update(original_width=9999), "9999|size|width"),
        (lambda result: result.append({}), ""),
    ],
    ids=["unknown control", "unknown label", "outside", "broken mask", "another size", "empty region"],
)
def test_what_cannot_be_used_is_a_row_with_its_reason_until_it_is_mended(
    work: Work, spoil: Callable[[Result], Any], words: str
) -> None:
    result = work.shown("a.png")
    spoil(result)
    number = work.answer("a.png", result)
    work.answer("b.png", work.shown("b.png"))

    counts = work.collect()

    assert (counts.rejected, counts.verifications) == (1, 1)
    (rejection,) = work.rejections
    assert (rejection.stage, rejection.item_id, rejection.error) == ("collect", "a.png", "VerdictError")
    assert rejection.message.startswith(f"task {work.row('a.png').task_id}, annotation {number}: ")
    assert re.search(words, rejection.message)
    assert not rejection.is_final
    assert work.studio.patch(f"/api/annotations/{number}/", json={"result": work.shown("a.png")}).status_code == 200

    counts = work.collect()

    assert (counts.rejected, counts.verifications) == (0, 2)
    assert work.rejections == []


def test_a_task_whose_medium_was_swapped_is_refused(work: Work) -> None:
    task = work.studio.get(f"/api/tasks/{work.row('a.png').task_id}/").json()
    data = {**task["data"], "asset_sha256": ["0" * 64]}
    assert work.studio.patch(f"/api/tasks/{task['id']}/", json={"data": data}).status_code == 200
    work.answer("a.png", work.shown("a.png"))

    counts = work.collect()

    assert (counts.rejected, counts.verifications) == (1, 0)
    assert "shows another medium" in work.rejections[0].message


def test_tasks_that_are_not_ours_are_left_out(work: Work) -> None:
    number = work.row("a.png").project_id
    work.studio.post(f"/api/projects/{number}/import", json=[{"data": {"image": "http://127.0.0.1/other.png"}}])
    said: list[str] = []

    collect(work.run, work.manifest, write=said.append)

    assert said == [f"project {number}: 1 tasks are not of this run's ledger and are left out"]


def test_a_server_that_is_down_costs_nothing(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    work.answer("a.png", work.shown("a.png"))
    work.collect()
    before = work.verifications
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("annotators.labelstudio_server.connection.PAUSES_S", (0.0,))

    with pytest.raises(ServiceError, match="cannot be reached"):
        work.collect()

    assert work.verifications == before
    monkeypatch.setenv("LABEL_STUDIO_URL", str(work.studio.base_url))
    assert work.collect().verifications == 1


def test_a_revoked_token_is_said_without_showing_it(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    work.answer("a.png", work.shown("a.png"))
    made = work.studio.post("/api/token/").json()["token"]
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", made)
    assert work.collect().verifications == 1
    assert work.studio.post("/api/token/blacklist/", json={"refresh": made}).status_code == 204

    with pytest.raises(ConfigError, match="refuses the key") as caught:
        work.collect()

    assert made not in str(caught.value)
    assert len(work.verifications) == 1


def test_another_key_of_the_pseudonyms_is_refused(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    work.answer("a.png", work.shown("a.png"))
    work.collect()
    monkeypatch.setenv("WITNESSMARK_PSEUDONYM_KEY", "another key")

    with pytest.raises(ConfigError, match="not the one that this run began with"):
        work.collect()


def test_nothing_was_handed_out(studio: httpx.Client, make_run: Callable[..., Any]) -> None:
    run, manifest = make_run([], [])

    with pytest.raises(ConfigError, match="nothing was handed out"):
        collect(run, manifest, write=quiet)


@pytest.fixture
def seen_requests(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """Requests that were sent, in order."""
    sent: list[httpx.Request] = []
    send = httpx.Client.send

    def noting(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        sent.append(request)
        return send(client, request, **options)

    monkeypatch.setattr(httpx.Client, "send", noting)
    return sent


def test_a_server_that_is_gone_and_comes_back_elsewhere_is_gone_on_with(
    studio: httpx.Client,
    server: Login,
    losing: Callable[..., AbstractContextManager[str]],
    reach: Callable[[Login], None],
    make_sample: Callable[..., Sample],
    propose: Callable[..., Candidate],
    make_run: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("annotators.labelstudio_server.connection.PAUSES_S", (0.0,))
    samples = [make_sample("a.png"), make_sample("c.pdf")]
    run, manifest = make_run(samples, [propose(sample) for sample in samples])
    with losing(server.url, "", passes_on=True, times=0) as url:
        reach(server._replace(url=url))
        submit(run, manifest, write=quiet)
    with pytest.raises(ServiceError, match="cannot be reached"):
        collect(run, manifest, write=quiet)

    reach(server)
    work = Work(run, manifest, studio)
    work.answer("c.pdf", work.shown("c.pdf"))
    assert work.collect().verdicts == {"accepted": 1}
    assert submit(run, manifest, write=quiet).new == 0
