"""Kombu's Redis transport for a broker in which anything may lie: what cannot be read is parked, the worker goes on.

Kombu takes a message from its list and then reads it. What is raised meanwhile ends the worker, or makes it connect
anew with the message put back, for ever.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import loads
from redis.exceptions import ConnectionError as RedisConnectionError

from executions import envelope, parked

stock: Any = kombu_redis  # its stubs know too little

MOST_BYTES = 8 * 1_024 * 1_024
# What is wrong with the broker is for the caller, who tries again. To kombu a KeyError is that too, but a message may
# lack a key.
BROKER_ERRORS = tuple({*stock.Transport.connection_errors, *stock.Transport.channel_errors} - {KeyError})


def install() -> None:
    """Make it the transport of redis://, rediss:// and redis+socket://. Before the first connection is made.

    The setting `broker_transport` would not do: with it kombu forgets TLS for rediss://, and ignores it for a socket.
    """
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:Transport"))


class QoS(stock.QoS):  # type: ignore[misc]
    """The hash of messages that were taken and not acknowledged yet: there too, anything may lie."""

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        with self.channel.conn_or_acquire(client) as connection:
            raw = connection.hget(self.unacked_key, tag)
            try:
                if raw is not None:
                    envelope.check_unacked(loads(bytes_to_str(raw)))
            except Exception as fault:
                parked.park(self.unacked_key, fault, raw)
                self._remove_from_indices(tag, connection.pipeline()).execute()
            else:
                super().restore_by_tag(tag, connection, leftmost)


class Channel(stock.Channel):  # type: ignore[misc]
    QoS = QoS

    def put_aside_wrong_keys(self, queues: Iterable[str], exchanges: Iterable[str]) -> None:
        """Rename what stands under a name of ours and is of another type: no command on it would ever succeed."""
        expected = self._types_of_keys(queues, exchanges)
        with self.conn_or_acquire() as client, client.pipeline() as pipeline:
            for key in expected:
                pipeline.type(key)
            for (key, type_), found in zip(expected.items(), map(bytes_to_str, pipeline.execute()), strict=True):
                if found not in (type_, "none"):
                    client.rename(key, f"parked:{key}")
                    parked.park(key, f"The key was a {found}, not a {type_}. It is called parked:{key} now", b"")

    def _types_of_keys(self, queues: Iterable[str], exchanges: Iterable[str]) -> dict[str, str]:
        lists = [self._q_for_pri(queue, priority) for queue in queues for priority in self.priority_steps]
        tables = [
            prefix % name for name in exchanges for prefix in (self.keyprefix_queue, self.keyprefix_binding_permanent)
        ]
        return {
            **dict.fromkeys(lists, "list"),
            **dict.fromkeys(tables, "set"),
            self.keyprefix_binding_deadlines: "zset",
            self.unacked_key: "hash",
            self.unacked_index_key: "zset",
            self.unacked_mutex_key: "string",
        }

    def _create_client(self, asynchronous: bool = False) -> Any:
        client = super()._create_client(asynchronous)
        client.set_response_callback("BRPOP", _readable)
        return client

    def _handle_message(self, client: Any, r: Any) -> Any:
        """The same for a broadcast or an event; kombu passes over one without content."""
        payload = super()._handle_message(client, r)
        if payload["data"] and bytes_to_str(payload["type"]).endswith("message"):
            is_readable = _is_readable(bytes_to_str(payload["channel"]), payload["data"])
            payload["data"] = payload["data"] if is_readable else None
        return payload

    def _connparams(self, asynchronous: bool = False) -> Any:
        if getattr(self.connection, "client", None) is None:
            # Kombu 5.7.0 raises AttributeError, which ends a worker that still holds a message when the broker dies.
            raise RedisConnectionError("The channel's connection is closed")
        return super()._connparams(asynchronous)


class Transport(stock.Transport):  # type: ignore[misc]
    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        try:
            envelope.check(message)
            super()._deliver(message, queue)
        except BROKER_ERRORS:
            raise
        except Exception as fault:
            parked.park(queue, fault, message)
            self._forget(message)

    def _forget(self, message: Any) -> None:
        """Acknowledge it if it was noted as taken: it would come back."""
        with suppress(LookupError, TypeError):
            tag = message["properties"]["delivery_tag"]
            for channel in self.channels:
                with suppress(KeyError):
                    channel.qos.get(tag)
                    channel.basic_ack(tag)


def _readable(reply: Any, **_options: Any) -> tuple[bytes, bytes] | None:
    """What BRPOP gave, or None, as when its time is over without a message."""
    if not reply:
        return None
    key, raw = reply
    return (key, raw) if _is_readable(bytes_to_str(key).rsplit(Channel.sep, 1)[0], raw) else None


def _is_readable(place: str, raw: bytes) -> bool:
    """Whether kombu's reading of it raises nothing. If it would, it is parked."""
    try:
        if len(raw) > MOST_BYTES:
            raise envelope.Unreadable(f"Larger than {MOST_BYTES} bytes")
        loads(bytes_to_str(raw))
    except Exception as fault:
        parked.park(place, fault, raw)
        return False
    return True
