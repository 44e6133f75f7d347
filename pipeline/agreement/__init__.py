"""How far people agree: with each other, with known truth, and over time."""
