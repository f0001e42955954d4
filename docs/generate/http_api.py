"""The read API of the board: its addresses, parameters and answers, from its OpenAPI description."""

import json
from typing import Any

from docs.generate.markdown import code, prose, table
from tradematrix_pipelines.board.app import make_app
from tradematrix_pipelines.settings import load_settings

_ANSWER = "application/json"


def http() -> str:
    """Return a section for each address, the errors, and a section for each object of the answers."""
    description = make_app(load_settings({})).api.openapi()
    addresses = [_address(path, operations["get"]) for path, operations in description["paths"].items()]
    answers = {
        (status, answer["description"])
        for operations in description["paths"].values()
        for status, answer in operations["get"]["responses"].items()
        if status != "200"
    }
    errors = table(("status", "when"), [(f"`{status}`", prose(when)) for status, when in sorted(answers)])
    objects = [_object(name, schema) for name, schema in sorted(description["components"]["schemas"].items())]
    return "\n\n".join(["## Addresses", *addresses, "## Errors", errors.strip(), "## Objects", *objects])


def _address(path: str, operation: dict[str, Any]) -> str:
    parameters = [
        (
            f"`{one['name']}`",
            "required" if one["required"] else _default(one["schema"]),
            prose(one.get("description", "")),
        )
        for one in operation.get("parameters", [])
    ]
    answer = operation["responses"]["200"]["content"].get(_ANSWER, {}).get("schema", {})
    parts = [
        f"### {path}",
        prose(f"{operation.get('description') or operation['summary']}".strip().removesuffix(".")) + ".",
        table(("parameter", "default", "is"), parameters).strip() if parameters else "",
        f"Answers {_type(answer)}.",
    ]
    return "\n\n".join(part for part in parts if part)


def _object(name: str, schema: dict[str, Any]) -> str:
    rows = [
        (f"`{field}`", _type(one), prose(" ".join(one.get("description", "").split())))
        for field, one in schema.get("properties", {}).items()
    ]
    about = prose(" ".join(schema.get("description", "").split()))
    parts = [f"### {name}", about, table(("field", "type", "is"), rows).strip()]
    return "\n\n".join(part for part in parts if part)


def _type(schema: dict[str, Any]) -> str:
    """Return a type in a few words; an object is a link to its section."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if "enum" in schema:
        return code(schema["enum"])
    formats = {"date": "date", "date-time": "instant"}
    return formats.get(schema.get("format", ""), str(schema.get("type", "JSON")))


def _default(schema: dict[str, Any]) -> str:
    return f"`{json.dumps(schema['default'])}`" if "default" in schema else ""
