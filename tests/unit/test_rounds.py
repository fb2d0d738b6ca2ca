"""What a worker does again and again."""

from recsys.errors import StoreError
from serving.rounds import Job, Rounds
from support.waiting import until


def test_a_job_that_fails_comes_again_and_stops_no_other():
    done = []

    def fail():
        done.append("failed")
        raise StoreError("It does not answer.")

    rounds = Rounds([Job("one", 0.0, fail), Job("two", 0.0, lambda: done.append("two"))])
    rounds.start()
    until(lambda: done.count("two") >= 2)
    rounds.stop()
    assert done[:4] == ["failed", "two", "failed", "two"]


def test_what_is_marked_is_done_once_more_at_the_end_and_the_rest_is_not():
    done = []
    jobs = [
        Job("tell", 3600.0, lambda: done.append("tell"), last=True),
        Job("plan", 3600.0, lambda: done.append("plan")),
    ]
    Rounds(jobs).stop()
    assert done == ["tell"]
