"""What an answer cost: tokens as the server counted them, times the list price that genai-prices ships."""

from __future__ import annotations

from functools import lru_cache

from pydantic import NonNegativeFloat

from schemas.base import Frozen
from schemas.candidate import Usage

from .reading import Completion

__all__ = ["TokenPrice", "usage_of", "usd"]


class TokenPrice(Frozen):
    """A price of your own, e.g. 0 for a server of yours."""

    input: NonNegativeFloat
    """US dollars per million input tokens."""
    output: NonNegativeFloat
    """US dollars per million output tokens."""


@lru_cache(maxsize=4096)
def usd(model: str, input_tokens: int, output_tokens: int, own: TokenPrice | None = None) -> float | None:
    """US dollars at ``own`` price, else at the model's list price; None where the model has none.

    The list is part of the installed package: nothing is looked up over the network.
    """
    if own is not None:
        return (input_tokens * own.input + output_tokens * own.output) / 1e6
    if not _is_listed(model):
        return None
    from genai_prices import Usage, calc_price

    return float(calc_price(Usage(input_tokens=input_tokens, output_tokens=output_tokens), model).total_price)


def usage_of(completion: Completion, model: str, own: TokenPrice | None, factor: float = 1.0) -> Usage:
    """What an answer cost, at ``factor`` times the price of the snapshot that the server names, or of the model asked
    for where no list knows that name. Nobody knows where the server counted no tokens, unless the model is free."""
    tokens = (completion.input_tokens, completion.output_tokens)
    if not any(tokens) and not completion.is_unasked:
        return Usage(usd=0.0 if usd(model, 1, 1, own) == 0 else None)
    price = usd(completion.model or model, *tokens, own)
    price = usd(model, *tokens, own) if price is None else price
    return Usage(input_tokens=tokens[0], output_tokens=tokens[1], usd=None if price is None else price * factor)


@lru_cache(maxsize=256)
def _is_listed(model: str) -> bool:
    from genai_prices import Usage, calc_price

    try:
        calc_price(Usage(input_tokens=0, output_tokens=0), model)
    except LookupError:
        return False
    return True
