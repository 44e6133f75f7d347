"""Limits per minute are a model's, not a machine's."""

from __future__ import annotations

from typing import Any

import pytest

from annotators.machines import forensic, judge, vlm
from annotators.models.options import ModelOptions, with_shared_minutes

AT = "http://127.0.0.1:8000/v1"


def limits(*machines: Any) -> list[tuple[float | None, float | None]]:
    found = [one for one in with_shared_minutes(machines) if isinstance(one, ModelOptions)]
    return [(one.requests_per_minute, one.tokens_per_minute) for one in found]


def test_machines_of_one_model_have_the_lowest_limits_that_one_of_them_states() -> None:
    drafts = vlm.Config(name="drafts", model="m", base_url=AT, requests_per_minute=60)
    judging = judge.Config(model="m", base_url=f"{AT}/", requests_per_minute=90, tokens_per_minute=1000)
    assert limits(drafts, forensic.Config(), judging) == [(60, 1000), (60, 1000)]
    assert with_shared_minutes((drafts, judging))[0] == drafts.evolve(tokens_per_minute=1000)


@pytest.mark.parametrize(
    "other",
    [
        {"model": "another"},
        {"base_url": "http://127.0.0.1:8001/v1"},
        {"base_urls": (AT, "http://127.0.0.1:8001/v1")},
        {"api_key_env": "ANOTHER_ACCOUNT"},
    ],
)
def test_another_model_address_or_account_has_limits_of_its_own(other: dict[str, Any]) -> None:
    stated = vlm.Config(name="stated", model="m", base_url=AT, requests_per_minute=60)
    apart = vlm.Config(**{"name": "apart", "model": "m", "base_url": AT, **other})
    assert limits(stated, apart) == [(60, None), (None, None)]


def test_the_environments_address_is_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", AT)
    stated, unstated = vlm.Config(model="m", base_url=AT, requests_per_minute=60), vlm.Config(name="two", model="m")
    assert limits(stated, unstated) == [(60, None), (60, None)]
