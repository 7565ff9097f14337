"""Celery's consumer for a broker in which anything may lie: what is no task is parked, what is no command refused."""

import logging
from collections.abc import Callable
from typing import Any

from celery.worker import consumer as celery_consumer

from executions import envelope, parked
from executions.remote_control import Node
from executions.tasks import JobTask

stock: Any = celery_consumer  # its stubs know too little

logger = logging.getLogger(__name__)


class Consumer(stock.Consumer):  # type: ignore[misc]
    """Chosen by CELERY_WORKER_CONSUMER."""

    def __init__(self, *arguments: Any, app: Any, **options: Any) -> None:
        app.control.mailbox.node_cls = Node
        super().__init__(*arguments, app=app, **options)

    def connection_for_read(self, heartbeat: Any = None) -> Any:
        connection = super().connection_for_read(heartbeat)
        queues, mailbox = self.app.amqp.queues.consume_from, self.app.control.mailbox
        exchanges = {queue.exchange.name for queue in queues.values()}
        exchanges |= {mailbox.exchange.name, mailbox.reply_exchange.name, self.app.conf.event_exchange}
        connection.default_channel.put_aside_wrong_keys(queues, exchanges)
        return connection

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Any], Any]:
        handle = super().create_task_handler(*arguments, **options)

        def check_and_handle(message: Any) -> Any:
            try:
                is_job = isinstance(self.app.tasks.get(message.headers.get("task")), JobTask)
                envelope.check_task(message.headers, message.payload, is_job=is_job)
            except Exception as fault:
                return self.on_decode_error(message, fault)
            return handle(message)

        return check_and_handle

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        parked.park(message.delivery_info.get("routing_key", ""), exc, message._raw)
        message.reject_log_error(logger, self.connection_errors)

    def on_unknown_message(self, body: Any, message: Any) -> None:
        self.on_decode_error(message, envelope.Unreadable("Not a task"))

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        self.on_decode_error(message, exc)

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Not parked: its row is rung again, and the worker of another deploy may know it."""
        task, key = message.headers["task"], message.headers["id"]
        logger.error("This worker knows no task %r; the message of %s is left to one that does", task, key)
        message.reject_log_error(logger, self.connection_errors)
