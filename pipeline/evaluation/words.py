"""The bench as a plain table, and as a small drawing of cost and quality."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from schemas.base import Frozen

from .costs import Costs
from .measures import MEASURES
from .standings import Bench, Bencher, Difference

__all__ = ["Dot", "Pareto", "Step", "bench_lines", "pareto"]

SIGNIFICANT = 0.05


class Step(Frozen):
    """A corner of the frontier, in percent from the left and top."""

    x: float
    """To the right."""
    y: float
    """Downward."""


class Dot(Step):
    """One machine in the plot."""

    machine: str
    """Its name."""
    usd_per_sample: float
    """Its cost."""
    quality: float
    """Its figure."""
    is_on_frontier: bool
    """Whether nobody beats it."""


class Pareto(Frozen):
    """The plot of cost, to the right, and quality, upward."""

    quality: str
    """The measure."""
    dots: tuple[Dot, ...]
    """By cost, then machine."""
    steps: tuple[Step, ...]
    """The frontier as a line that only goes right and up."""
    most_usd: float
    """Cost per sample at the right edge, in US dollars."""


def bench_lines(bench: Bench) -> list[str]:
    """The bench as text: every machine's figures and costs, then who beats whom."""
    if not bench.machines:
        return []
    about = f"bench: {bench.samples} samples with known truth in {bench.groups} groups"
    left = f" ({bench.left_out} left out: not in every run)" if bench.left_out else ""
    text = [f"{about}{left}; 95 % intervals from {bench.draws} draws of groups"]
    for machine in bench.machines:
        text += ["", *_machine_lines(machine)]
    if bench.second_passes:
        text.append("")
    for tried in bench.second_passes:
        text.append(f"faithfulness and reliance by {tried.machine}, which tried {tried.answered} samples")
        text += _cost_lines(tried.costs)
    if bench.quality:
        best = [machine.machine for machine in bench.machines if machine.is_on_frontier]
        text += ["", f"cost against {bench.quality}: nobody beats {', '.join(best)}" if best else "no known costs"]
    return [*text, *_difference_lines(bench.differences)]


def pareto(bench: Bench) -> Pareto | None:
    """Where each machine with a known cost lies; None where there is nothing to set side by side."""
    if bench.quality is None:
        return None
    known = [
        (m.costs.usd_per_sample, figure.value, m)
        for m in bench.machines
        if m.costs.usd_per_sample is not None and (figure := m.figure(bench.quality))
    ]
    if len(known) < 2:
        return None
    most = max(usd for usd, _, _ in known)
    dots = [
        Dot(
            x=100 * (usd / most) if most else 0.0,
            y=100 * (1 - value),
            machine=machine.machine,
            usd_per_sample=usd,
            quality=value,
            is_on_frontier=machine.is_on_frontier,
        )
        for usd, value, machine in known
    ]
    dots.sort(key=lambda dot: (dot.usd_per_sample, dot.machine))
    return Pareto(quality=bench.quality, dots=tuple(dots), steps=tuple(_steps(dots)), most_usd=most)


def _steps(dots: Sequence[Dot]) -> Iterator[Step]:
    """Along the frontier: at the same quality to the next one's cost, then up to its quality."""
    before = None
    for dot in (dot for dot in dots if dot.is_on_frontier):
        if before is not None:
            yield Step(x=dot.x, y=before.y)
        yield Step(x=dot.x, y=dot.y)
        before = dot
    if before is not None:
        yield Step(x=100.0, y=before.y)


def _machine_lines(machine: Bencher) -> Iterator[str]:
    yield f"{machine.machine}: {machine.answered} samples answered"
    for figure in machine.figures:
        yield f"  {figure.name:<18}{figure.value:>7.3f}{_between(figure.low, figure.high)}"
    yield from _cost_lines(machine.costs)


def _cost_lines(costs: Costs) -> Iterator[str]:
    usd = "unknown" if costs.usd is None else f"${costs.usd:.4f}, ${costs.usd_per_sample or 0:.6f} per sample"
    yield f"  {'cost':<18}{usd}; {costs.input_tokens:,} tokens in, {costs.output_tokens:,} out"
    if costs.latency_s is not None:
        yield f"  {'latency':<18}{costs.latency_s:.3f} s median, {costs.latency_p95_s:.3f} s in 95 of 100"


def _difference_lines(differences: Sequence[Difference]) -> Iterator[str]:
    order = {name: i for i, name in enumerate(MEASURES)}
    for number, found in enumerate(sorted(differences, key=lambda d: (d.one, d.other, order[d.name]))):
        if not number:
            yield ""
            yield "differences (paired; p by permutation, not corrected for their number)"
        p = "" if found.p_value is None else f"  p {found.p_value:.3f}{' *' if found.p_value < SIGNIFICANT else ''}"
        yield f"  {found.one} - {found.other}: {found.name} {found.difference:+.3f}{_between(found.low, found.high)}{p}"


def _between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"  [{low:.3f}, {high:.3f}]"
