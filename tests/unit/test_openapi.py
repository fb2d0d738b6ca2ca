"""The API's description: the one that is checked in, exact shapes, every refusal."""

import json
from pathlib import Path

import pytest

from serving.commands.openapi import document

FILE = Path(__file__).parents[2] / "docs" / "openapi.json"


@pytest.fixture(scope="module")
def described():
    return json.loads(document())


def operations(described):
    for path, item in described["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def test_what_is_checked_in_is_what_the_service_says():
    assert FILE.read_text() == document(), "Run: recsys openapi --out docs/openapi.json, and look at the difference."


def test_every_refusal_is_a_problem_document(described):
    for name, operation in operations(described):
        refusals = {int(code) for code in operation["responses"] if int(code) >= 400}
        assert {408, 413, 414, 431, 503} <= refusals, name
        assert all("$ref" in operation["responses"][str(code)] for code in refusals), name
    for response in described["components"]["responses"].values():
        assert list(response["content"]) == ["application/problem+json"]


def test_only_public_routes_need_no_key(described):
    public = {name for name, operation in operations(described) if operation.get("security") == []}
    assert public == {"GET /v1/about"}
    keyed = [operation for name, operation in operations(described) if name not in public]
    assert all({"401", "403", "429"} <= set(operation["responses"]) for operation in keyed)


def test_bounds_of_list_entries_and_of_zero_are_said(described):
    shapes = described["components"]["schemas"]
    assert shapes["RecommendRequest"]["properties"]["session"]["items"]["maxLength"] == 256
    assert {"maximum": 130, "minimum": 0, "type": "integer"} in shapes["RecommendRequest"]["properties"]["age"]["anyOf"]


def test_operations_have_names_of_their_own(described):
    names = [operation["operationId"] for _, operation in operations(described)]
    assert len(set(names)) == len(names)
    assert {"post_recommend", "put_users_controls", "delete_users_one"} <= set(names)
