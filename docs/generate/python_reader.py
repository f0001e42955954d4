"""The functions of ``import tradematrix_pipelines as tm``: signatures and docstrings."""

import importlib
import inspect
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import tradematrix_pipelines as tm
from docs.generate.markdown import prose
from tradematrix_pipelines import errors

_HEADS = ("Args", "Raises", "Attributes")


def functions() -> str:
    """Return a section for each function, and for each error and warning that a program may catch."""
    parts = [_function(f"tm.{name}", _implementation(name)) for name in tm.__all__]
    parts += [
        f"### {name}\n\n{_docstring(found)}"
        for name, found in vars(errors).items()
        if inspect.isclass(found) and found.__module__ == errors.__name__
    ]
    return "\n\n".join(parts)


def _implementation(name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(tm, name)
    if isinstance(function, ModuleType):
        # `tm.candles` and `tm.levels` are packages that can be called: the function has the signature.
        function = getattr(importlib.import_module(f"tradematrix_pipelines.reader.{name}"), name)
    return function


def _function(name: str, function: Callable[..., Any]) -> str:
    parameters = list(inspect.signature(function).parameters.values())
    lines, star = [], False
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            lines.append("*")
            star = True
        lines.append(_parameter(parameter))
    signature = "".join(f"    {line},\n" for line in lines)
    return f"### {name}\n\n```text\n{name}(\n{signature})\n```\n\n{_docstring(function)}"


def _parameter(parameter: inspect.Parameter) -> str:
    annotation = inspect.formatannotation(parameter.annotation)
    annotation = re.sub(
        r"\b(?:datetime|collections\.abc|typing|tradematrix_pipelines(?:\.\w+)+)\.(\w)", r"\1", annotation
    )
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{parameter.name}: {annotation}{default}"


def _docstring(documented: Any) -> str:
    """Return a docstring as Markdown; its sections of arguments and errors become lists."""
    parts = []
    for paragraph in re.split(r"\n{2,}", inspect.getdoc(documented) or ""):
        head, colon, rest = paragraph.partition(":\n")
        if colon and head in _HEADS:
            items = re.split(r"\n    (?=\S)", "\n" + rest)[1:]
            title = "Raises:\n\n" if head == "Raises" else ""
            parts.append(title + "\n".join(_item(item) for item in items))
        else:
            parts.append(prose(" ".join(paragraph.split())))
    return "\n\n".join(parts)


def _item(item: str) -> str:
    name, _, text = " ".join(item.split()).partition(": ")
    return f"- `{name}`: {prose(text)}"
