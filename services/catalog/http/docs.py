"""The contracts, and a page that shows them without loading anything from elsewhere."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import yaml
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse

from services.catalog.http import openapi as interface
from services.catalog.http.edge import Catalog, Here
from shared.events import asyncapi as streams

router = APIRouter()

_PAGE = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>数据与接口 · API</title><link rel="stylesheet" href="{prefix}/api/docs.css"><main><h1>数据与接口 · API</h1>
<p>机器可读：<a href="{prefix}/api/openapi.json">OpenAPI 3.1</a> · <a href="{prefix}/api/asyncapi.yaml">AsyncAPI 3.0</a>。
推送信息须用本单位的密钥 <code>Authorization: Bearer KEY</code>；读取公开信息不需要密钥，也不限次数。</p>{body}</main></html>"""

_CSS = """body{font:18px/1.7 "PingFang SC","Microsoft YaHei","Noto Sans CJK SC",system-ui,sans-serif;margin:0 auto;max-width:60rem;
padding:1rem;color:#1b1b1f;background:#fff}h2{font-size:1.2rem;border-top:1px solid #dcdde3;padding-top:1rem}code,pre{font-size:1rem;
background:#f5f5f2}code{overflow-wrap:anywhere}pre{overflow:auto;padding:.5rem}dt{font-weight:600}a{color:#134e8f}summary{min-height:44px;cursor:pointer}
@media(prefers-color-scheme:dark){body{background:#15161a;color:#ececf1}code,pre{background:#1e1f25}a{color:#8ab8ff}}"""


@router.get("/api/asyncapi.yaml", include_in_schema=False)
async def asyncapi() -> PlainTextResponse:
    """Answer the AsyncAPI 3 document of the streams."""
    content = yaml.safe_dump(streams.document(), allow_unicode=True, sort_keys=False)
    return PlainTextResponse(content, media_type="application/yaml")


@router.get("/api/docs.css", include_in_schema=False)
async def css() -> PlainTextResponse:
    """Answer the style of the page."""
    return PlainTextResponse(_CSS, media_type="text/css")


@router.get("/api/openapi.json", include_in_schema=False)
async def openapi(request: Request, catalog: Here) -> JSONResponse:
    """Answer the OpenAPI document: this service's routes, and what others answer under the same address."""
    return JSONResponse(interface.document(request.app, _prefix(catalog)))


@router.get("/api/docs", include_in_schema=False)
async def docs(request: Request, catalog: Here) -> HTMLResponse:
    """Answer one page with every operation and every event, from the same documents."""
    prefix = _prefix(catalog)
    paths = interface.document(request.app, prefix)["paths"]
    operations = "".join(
        _operation(path, verb, op) for path, ops in paths.items() for verb, op in ops.items()
    )
    channels = "".join(
        _channel(name, channel) for name, channel in streams.document()["channels"].items()
    )
    schemas = "".join(_schema(name, schema) for name, schema in interface.schemas().items())
    body = f"<h2>HTTP</h2>{operations}<h2>NATS</h2>{channels}<h2>JSON Schema</h2>{schemas}"
    return HTMLResponse(_PAGE.format(body=body, prefix=escape(prefix)))


def _prefix(catalog: Catalog) -> str:
    """Return the path below which the site lies, without a slash at its end."""
    return catalog.settings.path_prefix.rstrip("/")


def _operation(path: str, verb: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<dt><code>{escape(p['name'])}</code> ({escape(p['in'])})</dt><dd>{escape(p.get('description', ''))}</dd>"
        for p in operation.get("parameters", [])
    )
    return (
        f"<h3><code>{verb.upper()} {escape(path)}</code></h3>"
        f"<p>{escape(operation.get('description', operation['summary']))}</p>"
        f"{f'<dl>{parameters}</dl>' if parameters else ''}"
    )


def _channel(name: str, channel: dict[str, Any]) -> str:
    messages = ", ".join(f"<code>{escape(m)}</code>" for m in channel["messages"])
    return f"<h3><code>{escape(channel['address'])}</code></h3><p>{escape(channel['description'])}</p><p>{name}: {messages}</p>"


def _schema(name: str, schema: dict[str, Any]) -> str:
    text = json.dumps(schema, ensure_ascii=False, indent=2)
    return f"<details><summary>{escape(name)}</summary><pre>{escape(text)}</pre></details>"
