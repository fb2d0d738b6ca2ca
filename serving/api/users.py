"""A user's own choices and rights: controls and erasure."""

import secrets
from typing import Any

from litestar import Request

from serving.api.actors import actor
from serving.api.blocking import delete, get, put
from serving.api.refusals import Refused
from serving.api.schemas import ControlsBody, ErasureResponse
from serving.maintenance import ERASE
from serving.receipts.keeping import forget_user
from serving.runtime import holder
from serving.stores.control import Controls

MAX_ID = 256


@get("/v1/users/{user_id:str}/controls", tags=["users"], summary="What a user has chosen")
def get_controls(user_id: str) -> ControlsBody:
    """The choices in force; the defaults for a user who has made none."""
    controls = holder.runtime().control.controls(_checked(user_id))
    return ControlsBody(
        personalised=controls.personalised,
        hidden=tuple(sorted(controls.hidden)),
        not_interested=tuple(sorted(controls.not_interested)),
    )


@put(
    "/v1/users/{user_id:str}/controls",
    status_code=200,
    tags=["users"],
    summary="Change what a user has chosen",
)
def put_controls(user_id: str, data: ControlsBody) -> ControlsBody:
    """Counts in the next request. With ``personalised`` off no history or profile is read any more."""
    chosen = Controls(data.personalised, frozenset(data.hidden), frozenset(data.not_interested))
    holder.runtime().control.put_controls(_checked(user_id), chosen)
    return data


@delete("/v1/users/{user_id:str}", status_code=200, tags=["users"], summary="Erase a user")
def erase(user_id: str, request: Request[Any, Any, Any]) -> ErasureResponse:
    """Gone from the state and control stores at once; from the lake within the maintenance interval."""
    runtime = holder.runtime()
    receipt = f"er_{secrets.token_hex(8)}"
    # The tombstone first: from here on nothing brings older events of this user back.
    runtime.control.erase_user(_checked(user_id))
    removed = runtime.state.erase(user_id)
    # What other workers still have in their queues, and other nodes in their logs, goes with their next round.
    runtime.decisions.flush()
    control = runtime.control
    forget_user(runtime.settings.decisions_folder(), control.pseudonym(user_id), control.erased_at(user_id) or 0.0)
    # Queued without a lake too: one that is made later from older files must not bring the user back.
    runtime.jobs.put(ERASE, {"user_id": user_id, "receipt": receipt, "actor": actor(request)})
    has_lake = runtime.settings.lake_location() is not None
    return ErasureResponse(user_id, removed, "queued" if has_lake else "no lake", receipt)


def _checked(user_id: str) -> str:
    if not 1 <= len(user_id) <= MAX_ID:
        raise Refused(400, f"user_id has {len(user_id)} characters; 1 to {MAX_ID} are read.", "user_id")
    return user_id
