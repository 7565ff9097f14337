"""Whether the service's processes are ready for work: asked of themselves, over the road their users take."""

import http.client

from celery import Celery
from celery.utils.nodenames import default_nodename

from scheduler_project.local.ports import LOCALHOST

ASK_SECONDS = 2.0
ASK_WORKER_SECONDS = 0.3


def answers(port: int, path: str) -> bool:
    """Whether GET gives 200 there."""
    connection = http.client.HTTPConnection(LOCALHOST, port, timeout=ASK_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def worker_answers(broker_url: str) -> bool:
    """Whether this machine's worker consumes: it answers Celery's ping."""
    # An explicit connection: an application takes CELERY_BROKER_URL from the environment before its own argument.
    with Celery(set_as_current=False) as client, client.connection_for_write(broker_url) as connection:
        try:
            return bool(client.control.ping([default_nodename("")], timeout=ASK_WORKER_SECONDS, connection=connection))
        except OSError:
            return False
