"""The committed API description is that of the code, and says what the contract says."""

import json
from pathlib import Path
from typing import Any

import pytest

from ctlr.api.errors import STATUS_OF_CODE
from ctlr.api.openapi import document
from ctlr.sessions.model import SessionState

COMMITTED = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
PROMISED = {
    ("get", "/health"): 200,
    ("get", "/api/status"): 200,
    ("post", "/api/record/start"): 200,
    ("post", "/api/record/stop"): 200,
    ("post", "/api/sync/report"): 200,
    ("get", "/api/sync/status"): 200,
    ("post", "/api/sync/phone"): 200,
    ("get", "/api/time"): 200,
    ("post", "/api/time"): 200,
    ("get", "/api/sessions"): 200,
    ("get", "/api/sessions/{uuid}"): 200,
    ("patch", "/api/sessions/{uuid}"): 200,
    ("post", "/api/sessions/{uuid}/process"): 202,
    ("post", "/api/log"): 200,
    ("get", "/api/logs"): 200,
    ("get", "/api/nodes"): 200,
    ("post", "/api/nodes"): 200,
    ("delete", "/api/nodes/{name}"): 200,
}
REFUSALS = {
    ("post", "/api/record/start"): {"409", "422", "503"},
    ("post", "/api/record/stop"): {"409", "422"},
    ("post", "/api/sync/report"): {"422", "503", "507"},
    ("post", "/api/sync/phone"): {"413", "422", "503", "507"},
    ("post", "/api/time"): {"404", "422"},
    ("get", "/api/sessions/{uuid}"): {"404", "409", "422"},
    ("patch", "/api/sessions/{uuid}"): {"404", "409", "422"},
    ("post", "/api/sessions/{uuid}/process"): {"404", "409", "422"},
    ("post", "/api/log"): {"422", "429"},
    ("get", "/api/logs"): {"404", "422", "503"},
    ("post", "/api/nodes"): {"404", "409", "422", "503"},
    ("delete", "/api/nodes/{name}"): {"404", "409"},
}


@pytest.fixture(scope="module")
def committed() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(COMMITTED.read_text("utf-8"))
    return loaded


def sorted_text(value: object) -> str:
    """The same id in every process: the order of a set differs between them."""
    return str(sorted(value)) if isinstance(value, set) else str(value)


def test_the_committed_document_is_that_of_the_code() -> None:
    assert document() == COMMITTED.read_text("utf-8"), (
        "the API has changed; is that what other programs expect? Then: "
        "python -m ctlr.api.openapi > docs/reference/openapi.json"
    )


@pytest.mark.parametrize(("operation", "status"), PROMISED.items(), ids=str)
def test_an_endpoint_is_there_and_shows_its_answer(
    committed: dict[str, Any], operation: tuple[str, str], status: int
) -> None:
    method, path = operation
    answer = committed["paths"][path][method]["responses"][str(status)]
    assert answer["content"]["application/json"]["schema"]


@pytest.mark.parametrize(("operation", "statuses"), REFUSALS.items(), ids=map(str, REFUSALS))
def test_an_endpoint_declares_its_refusals(
    committed: dict[str, Any], operation: tuple[str, str], statuses: set[str]
) -> None:
    method, path = operation
    responses = committed["paths"][path][method]["responses"]
    assert statuses <= responses.keys()
    for status in statuses:
        assert list(responses[status]["content"]) == ["application/problem+json"]


def test_every_error_is_a_problem_document(committed: dict[str, Any]) -> None:
    for path, operations in committed["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    media_types = list(answer["content"])
                    assert media_types == ["application/problem+json"], (method, path, status)


def test_the_contracts_codes_have_their_status() -> None:
    contract = {
        "already_recording": 409,
        "invalid_uuid": 422,
        "uuid_already_used": 409,
        "no_camera_ready": 503,
        "not_recording": 409,
        "other_session_recording": 409,
        "storage_full": 507,
        "storage_unavailable": 503,
        "invalid_filename": 422,
        "upload_too_large": 413,
        "unknown_session": 404,
        "recording_in_progress": 409,
        "invalid_log": 422,
    }
    assert contract.items() <= STATUS_OF_CODE.items()


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    paths = json.loads(document())["paths"]
    return {(method, path): of for path, ops in paths.items() for method, of in ops.items()}


def test_every_operation_has_a_short_name_of_its_own() -> None:
    names = [operation["operationId"] for operation in operations().values()]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 20 for name in names), names
    assert {"start", "stop", "status", "sync_status", "storage_status", "session"} <= set(names)


def test_what_is_known_of_a_string_is_said() -> None:
    schemas = json.loads(document())["components"]["schemas"]
    uuid = {"type": "string", "format": "uuid", "title": "Uuid"}
    assert schemas["SessionSummary"]["properties"]["uuid"] == uuid
    assert schemas["SessionSummary"]["properties"]["state"]["enum"] == [
        s.value for s in SessionState
    ]
    for command in ("start", "stop"):
        parameters = operations()["post", f"/api/record/{command}"]["parameters"]
        schemas_of = {parameter["name"]: parameter["schema"] for parameter in parameters}
        assert {"type": "string", "format": "uuid"} in schemas_of["uuid"]["anyOf"]
    mount = operations()["post", "/api/storage/unmount"]["parameters"][0]["schema"]
    assert mount["enum"] == ["logging", "sync"]
