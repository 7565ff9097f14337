"""What the command line says to a benchmark."""

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """Sizes and rounds are a benchmark's own unless given; `only`: some of its cases by name, empty: all."""

    sizes: tuple[int, ...] = ()
    rounds: int | None = None
    only: tuple[str, ...] = ()
    began: float = field(default_factory=time.monotonic)

    def tell(self, text: str) -> None:
        """One line for who looks on."""
        print(f"{time.monotonic() - self.began:7.1f} s  {text}", flush=True)
