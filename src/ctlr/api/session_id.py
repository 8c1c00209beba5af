"""The session that a start or stop is for: ``?uuid=``, or a body that says the same.

A start for which an id was meant but not seen would record under another, and the phone would
never find its session. So an id that stands anywhere else in the request is refused, never passed
over.
"""

import asyncio
import json
import re
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request

from ctlr.api.formats import SessionId
from ctlr.kernel.errors import Refusal
from ctlr.kernel.ids import parse_session_id

BODY_WITHIN_S = 2.0
NAME = "uuid"

_ANY_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


async def session_id(
    request: Request,
    uuid: SessionId | None = None,  # noqa: ARG001 - for the OpenAPI document
) -> str | None:
    """The id in its stored form; None where none is named. Raises ``Refusal`` ``invalid_uuid``."""
    body = await _read_body(request)
    named = [value for name, value in request.query_params.multi_items() if name == NAME]
    named += _named_in(body)
    if named:
        ids = {parse_session_id(value) for value in named}
        if len(ids) > 1:
            raise _refusal("names two sessions")
        return ids.pop()
    if _ANY_ID.search(f"{request.url.query} {body}"):
        raise _refusal("has an id that is not called uuid")
    return None


async def _read_body(request: Request) -> str:
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            return (await request.body()).decode("utf-8", "replace").strip()
    except TimeoutError as error:
        raise _refusal("did not arrive whole") from error


def _named_in(body: str) -> list[str]:
    """The ids that a JSON object, a form or a plain id in the body names."""
    if _ANY_ID.fullmatch(body.strip('"')):
        return [body.strip('"')]
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = dict(parse_qsl(body, keep_blank_values=True, max_num_fields=100)) if body else {}
    if not isinstance(fields, dict):
        return []
    found: list[Any] = [value for name, value in fields.items() if name.lower() == NAME]
    return [
        value if isinstance(value, str) else repr(value) for value in found if value is not None
    ]


def _refusal(fault: str) -> Refusal:
    return Refusal(
        "invalid_uuid",
        f"The request {fault}, so nothing was started or stopped. "
        "Name the session as ?uuid= in the address.",
    )
