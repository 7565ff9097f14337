"""What somebody did, said upward for the audit trail. A receiver that fails undoes it: both are one transaction."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.dispatch import Signal

acted = Signal()  # deed: Deed


@dataclass(frozen=True)
class Deed:
    """`action` in one word, as `RunRequested`; `kind`, `id` and `name`: of what it was done to.

    `before` None: it was not there; `after`: what became of it. Their names are in snake_case, and those that did not
    change may be among them. `by` None: whoever asks at this moment. `at`: the database's time; None: now.
    """

    action: str
    kind: str
    id: object
    name: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    by: uuid.UUID | None = None
    at: datetime | None = None

    def tell(self) -> None:
        """Within the transaction of the deed itself."""
        acted.send(Deed, deed=self)
