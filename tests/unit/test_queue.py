"""What is queued is answered together, and nobody waits to be joined."""

import asyncio

import pytest

from serving.queue import MOST, Queue


def run(calls):
    return asyncio.run(calls())


def test_requests_that_come_together_are_answered_by_one_call():
    batches = []

    async def calls():
        queue = Queue()
        return await asyncio.gather(*(queue.put(n, lambda asked: batches.append(asked) or asked) for n in range(3)))

    assert run(calls) == [0, 1, 2]
    assert batches == [[0, 1, 2]]


def test_a_lone_request_goes_straight_through():
    batches = []

    async def calls():
        queue = Queue()
        for n in range(2):
            await queue.put(n, lambda asked: batches.append(asked) or asked)

    run(calls)
    assert batches == [[0], [1]]


def test_a_batch_has_an_end():
    sizes = []

    async def calls():
        queue = Queue()
        put = [queue.put(n, lambda asked: sizes.append(len(asked)) or asked) for n in range(MOST + 5)]
        return await asyncio.gather(*put)

    assert run(calls) == list(range(MOST + 5))
    assert sizes == [MOST, 5]


def test_what_fails_is_told_to_everybody_of_the_batch_and_to_nobody_else():
    async def calls():
        queue = Queue()
        failed = await asyncio.gather(*(queue.put(n, lambda asked: 1 / 0) for n in range(2)), return_exceptions=True)
        assert [type(error) for error in failed] == [ZeroDivisionError] * 2
        return await queue.put(7, lambda asked: asked)

    assert run(calls) == 7


def test_who_hung_up_is_left_out():
    batches = []

    async def calls():
        queue = Queue()
        gone = asyncio.ensure_future(queue.put(1, lambda asked: batches.append(asked) or asked))
        kept = asyncio.ensure_future(queue.put(2, lambda asked: batches.append(asked) or asked))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        return await kept

    assert run(calls) == 2
    assert batches == [[2]]


def test_a_request_that_comes_with_the_next_turn_of_the_loop_is_answered_with_those_before():
    batches = []

    async def calls():
        queue = Queue()

        async def late():
            await asyncio.sleep(0)
            return await queue.put(2, lambda asked: batches.append(asked) or asked)

        return await asyncio.gather(queue.put(1, lambda asked: batches.append(asked) or asked), late())

    assert run(calls) == [1, 2]
    assert batches == [[1, 2]]
