"""Pages of a list: `page` and `pageSize` in, the items and where they stand out."""

from typing import Any

from rest_framework import serializers
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.wire import Query

DEFAULT_SIZE = 20
MOST_ON_A_PAGE = 200
# So that page times size stays a number that PostgreSQL can count.
LAST_PAGE = 1_000_000_000


class PageQuery(Query):
    page = serializers.IntegerField(default=1, min_value=1, max_value=LAST_PAGE)
    page_size = serializers.IntegerField(default=DEFAULT_SIZE, min_value=1, help_text="More than 200 counts as 200.")


class Pages(BasePagination):
    """A page beyond the last one is empty, not an error."""

    page: int
    size: int
    total: int

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        query = PageQuery.of(request)
        self.page, self.size = query["page"], min(query["page_size"], MOST_ON_A_PAGE)
        self.total = queryset.count()
        first = (self.page - 1) * self.size
        return list(queryset[first : first + self.size]) if first < self.total else []

    def position(self) -> dict[str, Any]:
        """Where the page stands in the whole."""
        pages = -(-self.total // self.size)
        return {
            "totalCount": self.total,
            "page": self.page,
            "pageSize": self.size,
            "totalPages": pages,
            "hasNextPage": self.page < pages,
            "hasPreviousPage": 1 < self.page <= pages + 1,
        }

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"items": data, **self.position()})

    # --- OpenAPI -----------------------------------------------------------------------------------------------------
    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            _parameter("page", {"type": "integer", "minimum": 1, "maximum": LAST_PAGE, "default": 1}),
            _parameter("pageSize", {"type": "integer", "minimum": 1, "default": DEFAULT_SIZE}),
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        number, flag = {"type": "integer"}, {"type": "boolean"}
        properties = {
            "items": schema, "totalCount": number, "page": number, "pageSize": number, "totalPages": number,
            "hasNextPage": flag, "hasPreviousPage": flag,
        }  # fmt: skip
        return {"type": "object", "properties": properties, "required": list(properties)}


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}
