"""What both clients can do, once: a call as a method, which one of them answers and the other awaits."""

from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from serving.client import calls, editing
from serving.client.calls import Call

if TYPE_CHECKING:
    from serving.client.asynchronous import AsyncClient
    from serving.client.synchronous import Client

P = ParamSpec("P")
T = TypeVar("T")


class Method(Generic[P, T]):
    """``client.NAME(…)`` sends the call of that name; its parameters, answer and description are the call's own."""

    def __init__(self, call: Callable[P, Call[T]]) -> None:
        self._call = call
        self.__doc__ = call.__doc__

    @overload
    def __get__(self, client: "Client", kind: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: "AsyncClient", kind: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, client: None, kind: type) -> "Method[P, T]": ...
    def __get__(self, client: Any, kind: type) -> Any:
        if client is None:
            return self

        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.send(self._call(*args, **kwargs))

        return update_wrapper(method, self._call)


class Methods:
    """Every call of the API that the clients know."""

    recommend = Method(calls.recommend)
    similar = Method(calls.similar)
    events = Method(calls.events)
    items = Method(calls.items)
    controls = Method(calls.controls)
    choose = Method(calls.choose)
    erase = Method(calls.erase)

    override = Method(calls.override)
    overrides = Method(calls.overrides)
    revoke = Method(calls.revoke)
    take_down = Method(calls.take_down)
    takedowns = Method(calls.takedowns)
    request_restore = Method(calls.request_restore)
    approve_restore = Method(calls.approve_restore)

    create_campaign = Method(editing.create_campaign)
    campaigns = Method(editing.campaigns)
    campaign = Method(editing.campaign)
    campaign_history = Method(editing.campaign_history)
    campaign_findings = Method(editing.campaign_findings)
    update_campaign = Method(editing.update_campaign)
    validate_campaign = Method(editing.validate_campaign)
    submit_campaign = Method(editing.submit_campaign)
    approve_campaign = Method(editing.approve_campaign)
    reject_campaign = Method(editing.reject_campaign)
    pause_campaign = Method(editing.pause_campaign)
    resume_campaign = Method(editing.resume_campaign)
    revoke_campaign = Method(editing.revoke_campaign)
    preview = Method(editing.preview)
    halt = Method(editing.halt)
    halts = Method(editing.halts)
    request_release = Method(editing.request_release)
    approve_release = Method(editing.approve_release)
    exposure = Method(editing.exposure)
    audit = Method(editing.audit)
