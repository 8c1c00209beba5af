"""The catalogue as one page that searches itself: no server, no network, opened from the disk. Pure."""

import json
from collections.abc import Iterable, Mapping
from string import Template
from typing import Any
from urllib.parse import quote

_SHOWN = {
    "start_time": "recorded",
    "label": "called",
    "duration_s": "length",
    "cameras": "cameras",
    "complete": "whole",
    "step": "in step",
    "verified_at": "verified",
    "verdict": "take",
    "gaps": "gaps",
    "bytes": "size",
}


def make_page(rows: Iterable[Mapping[str, Any]], search: Iterable[str], root: str = ".") -> str:
    """``search`` is what each row is found by; links lead below ``root``, relative to the page."""
    data = [
        {
            "cells": [_cell(name, row[name]) for name in _SHOWN],
            "link": quote(f"{root}/{row['path']}/"),
            "search": words,
            "bad": bool(row["problem"] or row["damaged"] or row["complete"] is False),
        }
        for row, words in zip(rows, search, strict=True)
    ]
    # "<" is written so that nothing in a name can end the script that holds it.
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    heads = "".join(f"<th scope=col>{title}</th>" for title in _SHOWN.values())
    return _PAGE.substitute(data=text, heads=heads, count=len(data))


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name == "bytes":
        return f"{value / 2**30:.1f} GiB"
    if name == "duration_s":
        return f"{int(value) // 3600}:{int(value) // 60 % 60:02d}:{int(value) % 60:02d}"
    if name == "start_time":
        return str(value)[:16].replace("T", " ")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "yes" if name == "verified_at" else str(value)


_PAGE = Template("""<!doctype html>
<html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>Sessions</title>
<style>
body{font:16px/1.4 system-ui,sans-serif;margin:1rem;color:#111;background:#fff}
input{font:inherit;padding:.6rem;width:min(40rem,100%);box-sizing:border-box}
table{border-collapse:collapse;margin-top:1rem;width:100%}
th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #ccc;vertical-align:top}
tr.bad td:first-child::before{content:"! ";font-weight:bold}
@media(prefers-color-scheme:dark){body{color:#eee;background:#111}a{color:#9cf}}
</style>
<h1>Sessions</h1>
<label>Find <input id=find type=search autofocus placeholder="name, camera, mark, 2026-04, bad"></label>
<p id=said role=status>$count sessions</p>
<table><thead><tr>$heads</tr></thead><tbody id=rows></tbody></table>
<script id=data type="application/json">$data</script>
<script>
const data = JSON.parse(document.getElementById("data").textContent);
const rows = document.getElementById("rows"), said = document.getElementById("said");
const MOST = 500;
function show(text) {
  const words = text.toLowerCase().split(/\\s+/).filter(Boolean);
  const found = data.filter(one => words.every(word => one.search.includes(word)));
  rows.replaceChildren(...found.slice(0, MOST).map(one => {
    const row = document.createElement("tr");
    row.className = one.bad ? "bad" : "";
    one.cells.forEach((text, number) => {
      const cell = row.insertCell();
      if (number) { cell.textContent = text; return; }
      const link = document.createElement("a");
      link.href = one.link; link.textContent = text; cell.append(link);
    });
    return row;
  }));
  said.textContent = found.length + " of " + data.length + " sessions"
    + (found.length > MOST ? ", the newest " + MOST + " shown" : "");
}
document.getElementById("find").addEventListener("input", event => show(event.target.value));
show("");
</script>
</html>
""")
