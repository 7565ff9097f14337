"""Questions that hang: they cost one thread, however many ask, and nobody waits for longer than he wants to."""

import threading

import pytest

from dashboard import asking


def test_who_asks_meanwhile_gets_the_same_answer_and_who_asks_later_a_new_one() -> None:
    may_answer, asked = threading.Event(), []

    def question() -> int:
        asked.append(threading.current_thread())
        may_answer.wait(60)
        return len(asked)

    first, second = asking.ask("meanwhile", question), asking.ask("meanwhile", question)
    with pytest.raises(TimeoutError):
        asking.within(0.01, first)
    may_answer.set()
    assert asking.within(60, first) == asking.within(60, second) == 1
    assert asking.within(60, asking.ask("meanwhile", question)) == 2


def test_a_question_that_is_lost_is_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "LOST_AFTER_SECONDS", 0.0)
    may_answer = threading.Event()
    lost = asking.ask("lost", lambda: may_answer.wait(60))
    assert asking.within(60, asking.ask("lost", lambda: "heard")) == "heard"
    assert not lost.done()
    may_answer.set()
    assert asking.within(60, lost) is True


def test_what_goes_wrong_is_raised_where_somebody_waits() -> None:
    with pytest.raises(ZeroDivisionError):
        asking.within(60, asking.ask("wrong", lambda: 1 / 0))
