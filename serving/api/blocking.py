"""Routes that write to a store run in a thread: a store that is slow must not hold up the lists of everybody else.

A request whose time is up leaves its thread behind. What the thread was asked may still happen; nobody waits for it.
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import litestar
from anyio.to_thread import run_sync
from litestar.handlers import HTTPRouteHandler

Decorator = Callable[[Callable[..., Any]], HTTPRouteHandler]


def _in_a_thread(route: type[HTTPRouteHandler]) -> Callable[..., Decorator]:
    """The decorator ``route`` for handlers that block."""

    def at(path: str, **how: Any) -> Decorator:
        def decorated(handler: Callable[..., Any]) -> HTTPRouteHandler:
            @wraps(handler)
            async def waited(*given: Any, **named: Any) -> Any:
                return await run_sync(partial(handler, *given, **named), abandon_on_cancel=True)

            return route(path, **how)(waited)

        return decorated

    return at


delete, get, post, put = map(_in_a_thread, (litestar.delete, litestar.get, litestar.post, litestar.put))
