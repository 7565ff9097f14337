"""Whether the service's processes are ready for work: asked of themselves, over the road their users take."""

import http.client

from celery import Celery
from celery.utils.nodenames import default_nodename
from kombu.exceptions import KombuError

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
    with Celery(set_as_current=False) as client:
        # These two names: CELERY_BROKER_URL of the environment has precedence over an application's own broker.
        client.conf.update(broker_read_url=broker_url, broker_write_url=broker_url)
        try:
            return bool(client.control.ping([default_nodename("")], timeout=ASK_WORKER_SECONDS))
        except (OSError, KombuError):
            return False
