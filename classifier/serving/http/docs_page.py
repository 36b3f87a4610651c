"""The OpenAPI document as a page of plain HTML, which loads nothing from other hosts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

__all__ = ["STYLE", "docs_page"]

STYLE = """\
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 50rem; margin: 0 auto; padding: 1rem; }
h2 { border-top: 1px solid; padding-top: 1rem; margin-top: 2.5rem; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: .75rem; }
pre { border: 1px solid #8888; border-radius: .3rem; }
code { font-family: ui-monospace, monospace; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .15rem 1rem .15rem 0; }
"""


def docs_page(document: Mapping[str, Any]) -> bytes:
    """Return the page: every address with its fields, an example to run, and its answers."""
    parts = [
        _operation(document, path, method, each)
        for path, methods in document["paths"].items()
        for method, each in methods.items()
    ]
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: addresses</title>
<link rel="stylesheet" href="docs.css">
</head>
<body>
<main>
<h1>{title}</h1>
<p>{escape(document["info"]["description"])}
For programs: <a href="openapi.json">openapi.json</a>.</p>
{"".join(parts)}</main>
</body>
</html>
""".encode()


def _operation(
    document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> str:
    text = operation.get("description", "").replace("\n\n", "</p>\n<p>")
    return (
        f"<section>\n<h2><code>{method.upper()} {escape(path)}</code></h2>\n"
        f"<p><strong>{escape(operation.get('summary', ''))}.</strong> {_ticked(text)}</p>\n"
        f"{''.join(_examples(document, path, method, operation))}"
        f"{_table(_parameters(operation), 'Query')}"
        f"{_table(_answers(operation), 'Answers')}</section>\n"
    )


def _ticked(text: str) -> str:
    """Return `text` with what stands between backticks as code; paragraphs stay as they are."""
    parts = text.split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def _examples(
    document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> Iterator[str]:
    bodies = operation.get("requestBody", {}).get("content", {})
    for kind, content in bodies.items():
        for value in _values(document, content):
            yield _shown(_command(path, kind, value))
    if not bodies and method == "get":
        yield _shown(f"curl -s http://127.0.0.1:8000{path}")
    for content in operation["responses"].get("200", {}).get("content", {}).values():
        for value in _values(document, content):
            yield f"<p>Answer:</p>\n{_shown(json.dumps(value, indent=1, ensure_ascii=False))}"


def _command(path: str, kind: str, value: object) -> str:
    body = value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False)
    return (
        f"curl -s http://127.0.0.1:8000{path} -H 'Content-Type: {kind}' "
        f"--data-binary @- <<'END'\n{body.rstrip()}\nEND"
    )


def _values(document: Mapping[str, Any], content: Mapping[str, Any]) -> list[object]:
    if "examples" in content:
        return [each["value"] for each in content["examples"].values()]
    if "example" in content:
        return [content["example"]]
    schema = content.get("schema", {})
    first = (schema.get("anyOf") or [schema])[0]
    found = document["components"]["schemas"].get(first.get("$ref", "").rpartition("/")[2], {})
    return [found["example"]] if "example" in found else []


def _shown(code: str) -> str:
    return f"<pre><code>{escape(code)}</code></pre>\n"


def _table(rows: Mapping[str, str], title: str) -> str:
    if not rows:
        return ""
    cells = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td>{escape(text)}</td></tr>\n"
        for name, text in rows.items()
    )
    return f"<table>\n<caption>{title}</caption>\n{cells}</table>\n"


def _parameters(operation: Mapping[str, Any]) -> dict[str, str]:
    return {each["name"]: each.get("description", "") for each in operation.get("parameters", ())}


def _answers(operation: Mapping[str, Any]) -> dict[str, str]:
    return {code: each.get("description", "") for code, each in operation["responses"].items()}
