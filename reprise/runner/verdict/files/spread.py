"""How far apart the numbers of two files are, over all of them."""

from __future__ import annotations

import math
from decimal import Decimal

from reprise.runner.verdict.values import Agreement, Finding

_Number = int | float | Decimal


class Spread:
    """``count`` numbers differ, by up to ``largest``; infinite if one of two is not finite."""

    def __init__(self) -> None:
        self.count = 0
        self.largest = 0.0

    def add(self, a: _Number, b: _Number) -> None:
        """Count two numbers that differ."""
        self.count += 1
        try:
            distance = abs(float(a) - float(b)) or abs(float(Decimal(a) - Decimal(b)))
        except (OverflowError, ArithmeticError):
            distance = math.inf
        self.largest = max(self.largest, math.inf if distance != distance else distance)

    def noted(self, finding: Finding) -> Finding:
        """``finding`` with the spread, where numbers are what differs."""
        alone = finding.agreement is Agreement.DIVERGED and self.count == 1
        if not self.count or alone or finding.agreement is Agreement.IDENTICAL:
            return finding
        words = "number differs" if self.count == 1 else "numbers differ"
        said = f"{self.count:,} {words} by up to {self.largest:.3g}"
        return finding._replace(note="; ".join(filter(None, (finding.note, said))))
