"""Questions that may never be answered: each is asked in a thread of its own, and waited for only so long."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from django.db import connection

# From then on a question counts as lost: who asks next begins anew, and need not wait for what may never come.
LOST_AFTER_SECONDS = 10.0

_asked: dict[str, tuple[float, Future[Any]]] = {}
_asking = threading.Lock()


def ask(name: str, question: Callable[[], Any]) -> Future[Any]:
    """Begin to ask; whoever asks by the same name meanwhile gets the same answer.

    So a part that hangs holds few threads, however often somebody looks. A thread's database connection ends with it.
    """
    with _asking:
        asked_at, answer = _asked.get(name, (0.0, None))
        if answer is None or answer.done() or time.monotonic() - asked_at > LOST_AFTER_SECONDS:
            answer = Future()
            _asked[name] = time.monotonic(), answer
            threading.Thread(target=_answer, args=(question, answer), name=f"ask-{name}", daemon=True).start()
    return answer


def within(seconds: float, answer: Future[Any]) -> Any:
    """The answer. Raises what the question raised, and TimeoutError, without words, when it takes longer."""
    return answer.result(timeout=max(0.0, seconds))


def _answer(question: Callable[[], Any], answer: Future[Any]) -> None:
    try:
        answer.set_result(question())
    except BaseException as fault:  # it is raised where somebody waits for it
        answer.set_exception(fault)
    finally:
        connection.close()
