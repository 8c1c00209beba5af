"""One route around ``PhoneUploads``, served by uvicorn: ``upload_server.py FOLDER PORT MAX_BYTES``."""

import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ctlr.gate import Gate
from ctlr.ingest.phone_uploads import PhoneUploads, read_away
from ctlr.kernel.errors import Refusal
from ctlr.layout.raw import LoggingLayout

STATUS = {"upload_too_large": 413, "storage_full": 507, "storage_unavailable": 503}


def build(folder: Path, max_bytes: int) -> Starlette:
    uploads = PhoneUploads(LoggingLayout(folder), max_bytes, Gate())

    async def receive(request: Request) -> Response:
        declared = request.headers.get("content-length")
        body = request.stream()
        try:
            upload = await uploads.receive(
                body,
                request.headers.get("content-type", ""),
                int(declared) if declared else None,
            )
        except Refusal as refusal:
            return refuse(refusal, body)
        return JSONResponse({"uuid": upload.uuid, "sizes": [file.size for file in upload.stored]})

    def refuse(refusal: Refusal, body: AsyncGenerator[bytes]) -> Response:
        answer = json.dumps({"code": refusal.code}).encode()

        async def answer_then_read_away() -> AsyncIterator[bytes]:
            yield answer
            await read_away(body)

        return StreamingResponse(
            answer_then_read_away(),
            STATUS.get(refusal.code, 422),
            {"content-length": str(len(answer)), "connection": "close"},
            media_type="application/problem+json",
        )

    return Starlette(routes=[Route("/api/sync/phone", receive, methods=["POST"])])


if __name__ == "__main__":
    app = build(Path(sys.argv[1]), int(sys.argv[3]))
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
