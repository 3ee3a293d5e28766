"""What hangs is asked by one at a time, and not at once again."""

from airra.lib.spared import Spared


class Watch:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def test_everybody_may_try_what_has_not_failed() -> None:
    spared = Spared(rest_s=5)
    assert spared.may_try()
    assert spared.may_try()


def test_nobody_tries_soon_after_a_failure() -> None:
    watch = Watch()
    spared = Spared(rest_s=5, now=watch)
    spared.failed()
    watch.at += 4.9
    assert not spared.may_try()


def test_after_its_rest_one_tries_for_all() -> None:
    watch = Watch()
    spared = Spared(rest_s=5, now=watch)
    spared.failed()
    watch.at += 5
    assert spared.may_try()
    assert not spared.may_try()


def test_one_who_tried_and_never_came_back_does_not_bar_it_for_ever() -> None:
    watch = Watch()
    spared = Spared(rest_s=5, now=watch)
    spared.failed()
    watch.at += 5
    assert spared.may_try()
    watch.at += 5
    assert spared.may_try()


def test_what_answers_is_open_to_everybody_again() -> None:
    watch = Watch()
    spared = Spared(rest_s=5, now=watch)
    spared.failed()
    watch.at += 5
    assert spared.may_try()
    spared.succeeded()
    assert spared.may_try()
    assert spared.may_try()
