"""Questions that may never be answered: each is asked in a thread of its own, and waited for only so long."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from django.db import connection

_asked: dict[str, Future[Any]] = {}
_asking = threading.Lock()


def ask(name: str, question: Callable[[], Any]) -> Future[Any]:
    """Begin to ask; whoever asks by the same name meanwhile gets the same answer.

    So a part that hangs holds one thread, however often somebody looks. The thread's database connection ends with it.
    """
    with _asking:
        answer = _asked.get(name)
        if answer is None or answer.done():
            answer = _asked[name] = Future()
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
