"""Texts of two runs: what is of one run alone, and what else counts."""
