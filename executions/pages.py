"""Pages of the history: by number like every list, and by `cursor`, whose cost does not grow with the depth."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from jobs.pages import MOST_ON_A_PAGE, PageQuery, Pages

# A cursor names the row that a page begins behind, and in which direction. To a caller it is opaque.
OLDER, NEWER = "older-", "newer-"


class HistoryPages(Pages):
    """Newest first, by id. A page by cursor is found by its key: nothing is counted and nothing skipped over."""

    has_next = False
    has_previous = False
    is_by_cursor = False
    items: list[Any]

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        queryset = queryset.order_by("-id")
        cursor = request.query_params.get("cursor")
        self.is_by_cursor = cursor is not None
        if cursor is None:
            self.items = super().paginate_queryset(queryset, request, view)
        else:
            self.size = min(PageQuery.of(request)["page_size"], MOST_ON_A_PAGE)
            self.items = self._page_at(queryset, cursor)
        return self.items

    def position(self) -> dict[str, Any]:
        if not self.is_by_cursor:
            counted = super().position()
            self.has_next, self.has_previous = counted["hasNextPage"], counted["hasPreviousPage"]
        else:
            counted = {"totalCount": None, "page": None, "pageSize": self.size, "totalPages": None}
        return {
            **counted,
            "hasNextPage": self.has_next,
            "hasPreviousPage": self.has_previous,
            "nextCursor": f"{OLDER}{self.items[-1].id}" if self.items and self.has_next else None,
            "previousCursor": f"{NEWER}{self.items[0].id}" if self.items and self.has_previous else None,
        }

    def _page_at(self, queryset: Any, cursor: str) -> list[Any]:
        if not cursor:
            rows = list(queryset[: self.size + 1])
            self.has_next = len(rows) > self.size
            return rows[: self.size]
        key = _key_of(cursor)
        if cursor.startswith(OLDER):
            rows = list(queryset.filter(id__lt=key)[: self.size + 1])
            self.has_next, self.has_previous = len(rows) > self.size, True
            return rows[: self.size]
        rows = list(queryset.filter(id__gt=key).order_by("id")[: self.size + 1])
        self.has_next, self.has_previous = True, len(rows) > self.size
        return rows[: self.size][::-1]

    # --- OpenAPI -----------------------------------------------------------------------------------------------------
    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        cursor = {
            "name": "cursor", "in": "query", "required": False, "schema": {"type": "string"}, "allowEmptyValue": True,
            "description": "`nextCursor` or `previousCursor` of a reply; empty begins with the newest. `page` is then"
            " ignored, and nothing is counted.",
        }  # fmt: skip
        return [*super().get_schema_operation_parameters(view), cursor]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described = super().get_paginated_response_schema(schema)
        text = {"type": ["string", "null"]}
        uncounted = {name: {"type": ["integer", "null"]} for name in ("totalCount", "page", "totalPages")}
        described["properties"] |= {**uncounted, "nextCursor": text, "previousCursor": text}
        described["required"] = list(described["properties"])
        return described


def _key_of(cursor: str) -> UUID:
    try:
        if cursor.startswith((OLDER, NEWER)):
            return UUID(cursor[len(OLDER) :])
    except ValueError:
        pass
    raise ValidationError({"cursor": _("This is no cursor of ours. Take nextCursor or previousCursor of a reply.")})
