"""Requests that nobody thought of, drawn from the API's own description: no 500, and no answer that it does not allow.

``RECSYS_FUZZ_EXAMPLES`` sets how many requests an operation gets; the default keeps this within a minute.
"""

import json
import os
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.python import asgi

from serving.roles import ROLES, allowed, is_public
from support.inside import inside

EXAMPLES = int(os.environ.get("RECSYS_FUZZ_EXAMPLES", "12"))
DOCUMENT = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())
load_all_checks()
CHECKED = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "unsupported_method",
    ]
)
schema = schemathesis.openapi.from_dict(DOCUMENT)
schema.config.update(base_url="http://test")
bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    # Bodies may be large, so that the schema and not their size decides.
    given = {"rates": {}, "log_requests": "none", "max_body_bytes": 20_000_000}
    with inside(tmp_path_factory.mktemp("var"), **given) as running, asgi.get_client(running.app) as client:
        yield running, {"app": running.app, "session": client}


@schema.parametrize()
@bounded
def test_an_admin_gets_no_fault_and_no_undocumented_answer(case, here):
    running, transport = here
    response = case.call_and_validate(headers={"X-API-Key": running.keys["admin"]}, checks=CHECKED, **transport)
    assert response.status_code not in {401, 403}  # an admin may call everything


@pytest.mark.parametrize("role", [role for role in ROLES if role != "admin"])
@schema.parametrize()
@settings(bounded, max_examples=max(2, EXAMPLES // 6), phases=[Phase.generate])
def test_every_role_gets_what_it_may_have_or_403(case, here, role):
    running, transport = here
    response = case.call(headers={"X-API-Key": running.keys[role]}, **transport)
    path = case.operation.path.replace("{", "").replace("}", "")
    may = allowed(role, case.method, path) or is_public(case.method, path)
    assert (response.status_code != 403) == may
    assert response.status_code < 500
