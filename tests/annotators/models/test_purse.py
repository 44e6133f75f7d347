"""The books: every payment once, through kills, and a budget that many processes keep together."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from annotators.models.purse import BudgetReached, Purse
from schemas.candidate import Usage
from schemas.payment import Payment

PAY = """
import asyncio, sys
from pathlib import Path
from annotators.models.purse import BudgetReached, Purse
from schemas.candidate import Usage
from schemas.payment import Payment

async def main():
    purse, paid = Purse(Path(sys.argv[1]), "run", 1.0), 0
    try:
        while True:
            held = await purse.reserve(0.01)
            usage = Usage(input_tokens=1, usd=0.01)
            purse.pay(Payment(payment_id=f"{sys.argv[2]}-{paid}", answer_key="k", machine="m", usage=usage), held)
            paid += 1
    except BudgetReached:
        print(paid)

asyncio.run(main())
"""


def payment(number: int, usd: float | None = 0.25, expected: float | None = None) -> Payment:
    usage = Usage(input_tokens=0 if usd is None else 10, usd=usd)
    return Payment(payment_id=str(number), answer_key=f"{number:064x}", machine="m", usage=usage, expected_usd=expected)


def test_the_books_are_what_was_paid_also_after_a_kill_in_the_middle_of_a_line(tmp_path: Path) -> None:
    purse = Purse(tmp_path / "p", "run")
    assert purse.books.calls == 0
    for number in (1, 2, 2):
        purse.pay(payment(number))
    with (tmp_path / "p" / "run.jsonl").open("a") as journal:
        journal.write('{"payment_id": "3", "answer_k')
    again = Purse(tmp_path / "p", "run").opened()
    assert [one.payment_id for one in again] == ["1", "2"]
    assert (again.books.calls, again.books.usd) == (2, 0.5)
    again.pay(payment(4))
    assert [one.payment_id for one in again] == ["1", "2", "4"]
    assert list(Purse(tmp_path / "p", "another")) == []


def test_a_call_waits_while_others_may_turn_out_cheaper(tmp_path: Path) -> None:
    async def main() -> float:
        purse = Purse(tmp_path, "run", 1.0)
        first = await purse.reserve(0.9)
        second = asyncio.ensure_future(purse.reserve(0.5))
        await asyncio.sleep(0)
        assert not second.done()
        purse.pay(payment(1, usd=0.1), first)
        return await second

    assert asyncio.run(main()) == 0.5
    assert Purse(tmp_path, "run", 1.0).left == 0.9


def test_what_is_left_says_the_error_and_a_larger_budget_goes_on(tmp_path: Path) -> None:
    purse = Purse(tmp_path, "run", 1.0)
    purse.pay(payment(1, usd=0.9))
    with pytest.raises(
        BudgetReached, match=r"budget of \$1 is reached: \$0.900000 paid for 1 answers, \$0.100000 left"
    ):
        asyncio.run(purse.reserve(0.2))
    larger = Purse(tmp_path, "run", 2.0).opened()
    assert asyncio.run(larger.reserve(0.2)) == 0.2


def test_where_the_server_counts_nothing_the_budget_is_charged_what_was_expected(tmp_path: Path) -> None:
    purse = Purse(tmp_path, "run", 1.0)
    purse.pay(payment(1, usd=None, expected=0.4), asyncio.run(purse.reserve(0.4)))
    assert purse.left == pytest.approx(0.6)
    assert Purse(tmp_path, "run", 1.0).opened().left == pytest.approx(0.6)  # nor does the next run forget it


def test_without_a_budget_nothing_is_set_aside(tmp_path: Path) -> None:
    assert asyncio.run(Purse(tmp_path, "run").reserve(5.0)) == 0.0
    assert not (tmp_path / "run.sum").exists()


def test_processes_keep_one_budget(tmp_path: Path) -> None:
    Purse(tmp_path, "run", 1.0).opened()
    command = [sys.executable, "-c", PAY, str(tmp_path)]
    workers = [subprocess.Popen([*command, str(i)], stdout=subprocess.PIPE, text=True) for i in range(3)]
    paid = [int(worker.communicate()[0]) for worker in workers]
    assert sum(paid) == len(list(Purse(tmp_path, "run"))) == 100
