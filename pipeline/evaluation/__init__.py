"""Machines held against what is known: planted truth, or what people decided.

``scores`` counts one run, category by category. ``bench`` compares machines, of one run or of several, with intervals,
paired tests, and what each costs.
"""

from .scores import Evaluation, MachineScores, Pair, Score, evaluate, evaluate_run, lines

__all__ = ["Evaluation", "MachineScores", "Pair", "Score", "evaluate", "evaluate_run", "lines"]
