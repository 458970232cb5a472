"""How large the page may become, and what is told of that which has no room in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Budget:
    """Characters that some part of the page may take. left_out: how many pieces had no room."""

    most: int
    used: int = 0
    left_out: int = 0

    def take(self, characters: int) -> bool:
        """Whether there is room for so many more; where there is, they are taken."""
        if self.used + characters > self.most:
            self.left_out += 1
            return False
        self.used += characters
        return True
