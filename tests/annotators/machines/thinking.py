"""A chat completions server in the process whose answers a test writes as a function of the question."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from tests.servers.quirky import Call, QuirkyServer, Said, completion

__all__ = ["Asked", "ThinkingServer"]


class Asked:
    """One request: the system message, all words of the user message, and its form."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.messages = body["messages"]
        self.system = str(self.messages[0]["content"])
        self.words = "\n".join(part["text"] for part in self.messages[1]["content"] if part["type"] == "text")
        urls = [part["image_url"]["url"] for part in self.messages[1]["content"] if part["type"] == "image_url"]
        self.pictures = [base64.b64decode(url.partition(",")[2]) for url in urls]
        self.number_of_turns = len(self.messages)
        self.last_words = str(self.messages[-1]["content"])
        self.seed = body.get("seed")

    def proposals(self, name: str = "Proposal") -> list[dict[str, Any]]:
        """What stands behind ``Proposal 1:``, ``Proposal 2:``, ... in order."""
        lines = [line for line in self.words.splitlines() if line.startswith(f"{name} ")]
        return [json.loads(line.partition(": ")[2]) for line in lines]


class ThinkingServer(QuirkyServer):
    """Answers each request with what ``think`` gives: an object, words, or an HTTP status."""

    def __init__(self, think: Callable[[Asked], Any]) -> None:
        self.asked: list[Asked] = []
        self._think = think
        super().__init__(self._reply)

    def _reply(self, call: Call) -> Said:
        asked = Asked(call.body)
        self.asked.append(asked)
        answer = self._think(asked)
        if isinstance(answer, int):
            return Said({"error": {"message": "no", "code": "x"}}, status=answer)
        return completion(answer, model=call.body["model"])
