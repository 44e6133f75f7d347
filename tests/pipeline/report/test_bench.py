"""The report's section on machines side by side: complete, and nothing in a name can script it."""

from __future__ import annotations

from pipeline.evaluation.costs import Costs
from pipeline.evaluation.standings import Bench, Bencher, Difference, Figure
from pipeline.evaluation.words import pareto
from pipeline.report import ReportFacts, render_report
from schemas.taxonomy import Category, Level, Taxonomy

TAXONOMY = Taxonomy(
    name="t",
    version="1",
    levels=(Level(name="l"),),
    categories=(Category(name="blur", level="l", definition="Soft."),),
)
HOSTILE = "<script>alert(1)</script>\"'"


def machine(name: str, value: float, usd: float | None, *, is_best: bool = False) -> Bencher:
    return Bencher(
        machine=name,
        answered=3,
        figures=(Figure(name="region_f1", value=value, low=value - 0.1, high=value + 0.1),),
        costs=Costs(usd=usd, usd_per_sample=usd, latency_s=1.5, latency_p95_s=2),
        is_on_frontier=is_best,
    )


def rendered(*machines: Bencher, differences: tuple[Difference, ...] = ()) -> str:
    bench = Bench(samples=3, left_out=0, groups=2, quality="region_f1", machines=machines, differences=differences)
    return render_report(ReportFacts(title="t", recipe="r", taxonomy=TAXONOMY, bench=bench, pareto=pareto(bench)))


def test_figures_costs_plot_and_differences_are_shown() -> None:
    cheap, dear = machine("cheap", 0.5, 0.0, is_best=True), machine("dear", 0.8, 0.02, is_best=True)
    found = Difference(name="region_f1", one="cheap", other="dear", difference=-0.3, low=-0.4, high=-0.2, p_value=0.012)
    text = rendered(cheap, dear, machine("unpriced", 0.9, None), differences=(found,))
    assert "0.800" in text
    assert "[0.70, 0.90]" in text
    assert 'd="M60.00 170.00L800.00 170.00L800.00 80.00L800.00 80.00"' in text
    assert text.count("<circle") == 2
    assert '<text x="68.00" y="163.00">cheap' in text  # above the frontier, which goes on to the right
    assert "[-0.400, -0.200]" in text
    assert "0.012" in text


def test_a_name_is_only_ever_text() -> None:
    text = rendered(machine(HOSTILE, 0.5, 0.0), machine("b", 0.8, 0.02))
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_without_truth_there_is_no_section_and_for_one_machine_no_plot() -> None:
    assert "side by side" not in render_report(ReportFacts(title="t", recipe="r", taxonomy=TAXONOMY))
    assert "side by side" not in rendered()
    assert 'class="pareto"' not in rendered(machine("a", 0.5, 0.1))
