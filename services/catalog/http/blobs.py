"""`PUT /api/blobs/<sha256>`: attachment upload."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from services.catalog.actions.store_blob import store_blob
from services.catalog.http import openapi
from services.catalog.http.edge import DepartmentActor, Here, Now

router = APIRouter()


@router.put(
    "/api/blobs/{sha256}", summary="Upload an attachment", tags=["intake"], **openapi.PUT_BLOB
)
async def put_blob(
    request: Request, sha256: str, catalog: Here, department: DepartmentActor, now: Now
) -> JSONResponse:
    """Answer 201 after the file is safe; only this department can refer to it, unreferenced it goes after 7 days."""
    declared = request.headers.get("content-type", "").split(";")[0] or None
    stored = await store_blob(
        catalog.db.sessions,
        catalog.doors.blobs,
        request.stream(),
        department=department,
        sha256=sha256,
        media_type=declared,
        limit=catalog.settings.max_attachment_bytes,
        now=now,
    )
    return JSONResponse(stored, 201)
