"""What may lie in a broker's list beside our own messages, by name and by what it takes to see that it is no run."""

import base64
import json
import uuid
import zlib
from typing import Any

DEEP = 100_000


def message(payload: Any = None, *, headers: Any = None, properties: Any = None, **envelope: Any) -> dict[str, Any]:
    """A message of Celery's for a job that does nothing, under an id that is in no ledger, with these changes."""
    key = str(uuid.uuid4())
    written = {
        "body": encoded(json.dumps([[], {}, {}] if payload is None else payload).encode()),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": "NoOpJob", "id": key, "timelimit": [3_630, 3_600], "eta": None, "retries": 0},
        "properties": {
            "body_encoding": "base64", "delivery_tag": str(uuid.uuid4()), "priority": 4, "correlation_id": key,
            "delivery_info": {"exchange": "", "routing_key": "default"},
        },
    }  # fmt: skip
    written["headers"].update(headers or {})
    written["properties"].update(properties or {})
    return {**written, **envelope}


def raw(*arguments: Any, **changes: Any) -> bytes:
    return json.dumps(message(*arguments, **changes)).encode()


def without(*path: str) -> bytes:
    written = inner = message()
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return json.dumps(written).encode()


def encoded(body: bytes) -> str:
    return base64.b64encode(body).decode()


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def with_wrong(place: str, *kinds: str) -> dict[str, bytes]:
    """A message for each kind of value that may not stand at this place of it."""
    *path, last = place.split(".")
    made = {}
    for kind in kinds:
        written = inner = message()
        for step in path:
            inner = inner[step]
        inner[last] = KINDS[kind]
        made[f"{place} is {kind}"] = json.dumps(written).encode()
    return made


KINDS: dict[str, Any] = {
    "null": None,
    "number": 5,
    "text": "x",
    "list": [1],
    "empty list": [],
    "object": {"a": 1},
    "{}": {},
}
ANY_KIND = tuple(KINDS)
NO_TEXT = ("null", "number", "list", "object", "{}")

NO_MESSAGE = {
    "bytes": b"\xff\xfe\x00\x80", "text": b"hello", "nothing": b"", "cut short": raw()[:-40], "deep": deep(DEEP),
    "a number too long": b'{"a":' + b"9" * 10_000 + b"}", "10 MB": b"x" * 10_000_000, "true": b"true", "NaN": b"NaN",
    "half a letter": b'{"\\ud800": "\\udfff"}',
    **{f"a JSON {kind}": json.dumps(KINDS[kind]).encode() for kind in KINDS},
}  # fmt: skip
WRONG_ENVELOPE = {
    **{f"no {name}": without(name) for name in ("body", "content-type", "headers", "properties")},
    **{f"no {name}": without("properties", name) for name in ("delivery_info", "delivery_tag")},
    **with_wrong("headers", "null", "number", "text", "list", "empty list"),
    **with_wrong("properties", *ANY_KIND),
    **with_wrong("properties.delivery_info", *ANY_KIND),
    **with_wrong("properties.delivery_info.exchange", *NO_TEXT),
    **with_wrong("properties.delivery_info.routing_key", *NO_TEXT),
    **with_wrong("properties.delivery_tag", *NO_TEXT),
    **with_wrong("properties.body_encoding", "number", "text", "list", "object"),
    **with_wrong("body", *ANY_KIND),
    **with_wrong("content-type", *ANY_KIND),
    **with_wrong("content-encoding", "number", "list", "object"),
    **with_wrong("headers.compression", "number", "text", "list", "object"),
    "a body beyond ASCII": raw(body="é" * 8),
    "half a letter as body": raw(body="\ud800", properties={"body_encoding": "utf-8"}),
    "half a letter as tag": raw(properties={"delivery_tag": "\ud800"}),
    "pickle": raw(**{"content-type": "application/x-python-serialize", "content-encoding": "binary"}),
    "yaml": raw(**{"content-type": "application/x-yaml"}),
    "data": raw(**{"content-type": "application/data", "content-encoding": "binary"}),
    "small, and large when unpacked": raw(
        headers={"compression": "application/x-gzip"}, body=encoded(zlib.compress(b"x" * 10_000_000))
    ),
}  # fmt: skip
WRONG_TASK = {
    **{f"no {name}": without("headers", name) for name in ("id", "task")},
    **with_wrong("headers.id", *ANY_KIND),
    **with_wrong("headers.task", *NO_TEXT),
    **with_wrong("headers.eta", "number", "text", "list", "object", "{}"),
    **with_wrong("headers.expires", "number", "text", "list", "object", "{}"),
    **with_wrong("headers.timelimit", "number", "text", "list", "empty list", "object"),
    **with_wrong("headers.retries", "text", "list", "object"),
    **with_wrong("headers.stamped_headers", "number", "text", "list", "object"),
    **with_wrong("headers.stamps", "number", "text", "list"),
    **{
        f"a time limit of {limit}": raw(headers={"timelimit": limit})
        for limit in ([1], [1, 2, 3], ["a", "b"], [-5, -6], [{}, []], [True, True], [None, float("nan")], [0.1, 0.1])
    },
    "an id that is none of ours": raw(headers={"id": "somebody"}),
    "half a letter as task": raw(headers={"task": "\ud800"}),
    "a stamp of no kind": raw(headers={"stamped_headers": [["a"]], "stamps": {"a": 1}}),
    "a header nested": json.dumps(message(headers={"x": "@"})).encode().replace(b'"@"', deep(200)),
    "later": raw(headers={"eta": "2999-01-01T00:00:00"}),
    "expired": raw(headers={"expires": "2000-01-01T00:00:00"}),
    **{
        f"a payload of {payload}": raw(payload)
        for payload in (
            {}, 5, "abc", [[], {}], [[], {}, {}, {}], ["ab", {}, {}], [[], [1], {}], [[], None, {}], [None, {}, {}],
            [[], {}, "x"], [[], {}, 5], [[], {}, {"callbacks": "x"}], [[], {}, {"id": 5}], [[1], {}, {}],
            [[], {"a": 1}, {}], {"args": 5, "kwargs": 5}, {"task": "NoOpJob", "id": "x", "args": [], "kwargs": {}},
        )
    },
    "a body cut short": raw(body=encoded(b'[[], {}, {"callb')),
    "a body of bytes": raw(body=encoded(b"\xff\xfe\x80")),
    "a deep body": raw(body=encoded(deep(DEEP))),
    "an empty body": raw(body=""),
    "the protocol of old": raw({"task": "NoOpJob", "id": "x", "args": [], "kwargs": {}}, headers=None)
    .replace(b'"task": "NoOpJob"', b'"a": 1'),
}  # fmt: skip
UNREADABLE = {**NO_MESSAGE, **WRONG_ENVELOPE, **WRONG_TASK}
# Read and ignored: what they name is in no ledger, or no task.
HARMLESS = {
    "an id that is in no ledger": raw(),
    "a task that nobody knows": raw(headers={"task": "NoSuchJob"}),
    "further headers": raw(headers={"x": {"y": [1]}, "hostname": [], "args": 5, "delivery_info": 5, "is_eager": True}),
    "no priority": without("properties", "priority"),
    **with_wrong("properties.correlation_id", *ANY_KIND),
}
