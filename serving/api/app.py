"""The HTTP API as one Litestar application; the guard in front of it is the outer middleware."""

from typing import Any

from litestar import Litestar, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, Reference, SecurityScheme

from serving.about import about as about_document
from serving.api.bodies import StrictRequest
from serving.api.campaigning import (
    approve_campaign,
    campaign_findings,
    campaign_history,
    create_campaign,
    get_campaign,
    list_campaigns,
    pause_campaign,
    preview_list,
    reject_campaign,
    resume_campaign,
    revoke_campaign,
    submit_campaign,
    update_campaign,
    validate_campaign,
)
from serving.api.decisions import get_decision
from serving.api.editing import list_overrides, put_override, revoke_override
from serving.api.intake import events, items
from serving.api.labelling import item_labels, put_labels
from serving.api.lists import recommend, similar
from serving.api.metrics import metrics
from serving.api.openapi import describe
from serving.api.page import Page
from serving.api.publishing import (
    approve_policy,
    check_policy,
    decline_policy,
    diff_policy,
    get_policy_trial,
    list_policies,
    list_policy_keys,
    promote_policy,
    publish_policy,
    rollback_policy,
    stop_policy_trial,
    try_policy,
)
from serving.api.refusals import refused
from serving.api.reviewing import (
    appeal,
    claim_review,
    decide_review,
    get_review,
    get_statement,
    list_reviews,
    list_statements,
    report,
)
from serving.api.safety import approve_restore, audit, list_takedowns, report_takedown, request_restore, take_down
from serving.api.stopping import (
    add_webhook,
    approve_release,
    exposure,
    list_halts,
    list_webhooks,
    remove_webhook,
    request_release,
    throw_halt,
)
from serving.api.users import erase, get_controls, put_controls
from serving.runtime import holder

DESCRIPTION = """Recommendations for cultural content under a content-safety layer.

Send the API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`. Every refusal is an RFC 9457 problem document.
"""

SCHEMES: dict[str, SecurityScheme | Reference] = {
    "bearer": SecurityScheme(type="http", scheme="bearer"),
    "header": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
}


@get("/v1/about", tags=["about"], summary="Purpose, main parameters, live versions; in Chinese and English")
async def about() -> dict[str, Any]:
    """Public."""
    runtime = holder.runtime()
    return about_document(None if runtime.engine is None else runtime.engine.live.view(), runtime.clock())


HANDLERS = [
    recommend,
    similar,
    events,
    items,
    get_controls,
    put_controls,
    erase,
    put_override,
    list_overrides,
    revoke_override,
    create_campaign,
    list_campaigns,
    get_campaign,
    campaign_history,
    campaign_findings,
    update_campaign,
    validate_campaign,
    submit_campaign,
    approve_campaign,
    reject_campaign,
    pause_campaign,
    resume_campaign,
    revoke_campaign,
    preview_list,
    throw_halt,
    list_halts,
    request_release,
    approve_release,
    exposure,
    add_webhook,
    list_webhooks,
    remove_webhook,
    take_down,
    list_takedowns,
    request_restore,
    approve_restore,
    report_takedown,
    get_decision,
    put_labels,
    item_labels,
    report,
    list_reviews,
    get_review,
    claim_review,
    decide_review,
    get_statement,
    list_statements,
    appeal,
    check_policy,
    diff_policy,
    publish_policy,
    approve_policy,
    decline_policy,
    rollback_policy,
    list_policies,
    list_policy_keys,
    try_policy,
    get_policy_trial,
    stop_policy_trial,
    promote_policy,
    audit,
    about,
    metrics,
]


def create_app() -> Litestar:
    """The application; the worker's runtime is found when a request comes, not at import."""
    app = Litestar(
        HANDLERS,
        openapi_config=OpenAPIConfig(
            title="recsys",
            version="1",
            description=DESCRIPTION,
            components=Components(security_schemes=SCHEMES),
            security=[{name: []} for name in SCHEMES],
            render_plugins=[Page()],
        ),
        request_class=StrictRequest,
        exception_handlers={Exception: refused},
        logging_config=None,
        request_max_body_size=None,  # the guard has already bounded it
    )
    describe(app, HANDLERS)
    return app
