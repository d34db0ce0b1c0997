"""Attributes of other instrumentations with the same meaning as MLflow's: the conventions of OpenTelemetry
for generative models (``gen_ai.*``), and of OpenInference (``llm.*``, ``input.value``).

They are kept, together with the attributes that MLflow's clients read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprise.schemas.json_text import read_json

INPUTS = "mlflow.spanInputs"
OUTPUTS = "mlflow.spanOutputs"
USAGE = "mlflow.chat.tokenUsage"
COST = "mlflow.llm.cost"
_TYPE = "mlflow.spanType"

SESSION = ("session.id", "gen_ai.conversation.id")
"""The attributes that name the conversation of a trace, and ``USER`` who speaks in it."""
USER = ("user.id",)

_SAME = {
    INPUTS: ("input.value", "gen_ai.input.messages", "gen_ai.prompt", "gen_ai.tool.call.arguments"),
    OUTPUTS: ("output.value", "gen_ai.output.messages", "gen_ai.completion", "gen_ai.tool.call.result"),
    "mlflow.llm.model": ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name"),
    "mlflow.llm.provider": ("gen_ai.provider.name", "gen_ai.system", "llm.provider"),
}
_TOKENS = {
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"),
    "output_tokens": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
    ),
    "total_tokens": ("gen_ai.usage.total_tokens", "llm.token_count.total"),
}
_TYPES = {
    "chat": "CHAT_MODEL",
    "text_completion": "LLM",
    "generate_content": "LLM",
    "embeddings": "EMBEDDING",
    "execute_tool": "TOOL",
    "create_agent": "AGENT",
    "invoke_agent": "AGENT",
}
_KINDS = {"LLM", "CHAIN", "AGENT", "TOOL", "RETRIEVER", "RERANKER", "EMBEDDING", "GUARDRAIL", "EVALUATOR"}


def translate_attributes(given: Mapping[str, Any]) -> dict[str, Any]:
    """``given``, and what it says in MLflow's words where those are missing."""
    attributes = dict(given)
    for name, others in _SAME.items():
        if name not in attributes and (value := first_of(given, others)) is not None:
            attributes[name] = _as_value(value)
    if attributes.get(_TYPE) in (None, "UNKNOWN") and (kind := _type_of(given)):
        attributes[_TYPE] = kind
    if USAGE not in attributes and (usage := _usage_of(given)):
        attributes[USAGE] = usage
    return attributes


def first_of(attributes: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The value of the first of ``names`` that has one, or None."""
    return next((attributes[name] for name in names if attributes.get(name) is not None), None)


def _type_of(given: Mapping[str, Any]) -> str | None:
    kind = str(given.get("openinference.span.kind") or "").upper()
    return kind if kind in _KINDS else _TYPES.get(str(given.get("gen_ai.operation.name") or ""))


def _usage_of(given: Mapping[str, Any]) -> dict[str, int] | None:
    counts = {name: _read_count(first_of(given, others)) for name, others in _TOKENS.items()}
    said, answered, total = counts["input_tokens"], counts["output_tokens"], counts["total_tokens"]
    if said is None and answered is None:
        return None
    said, answered = said or 0, answered or 0
    return {"input_tokens": said, "output_tokens": answered, "total_tokens": total or said + answered}


def _read_count(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        return None


def _as_value(value: Any) -> Any:
    """Messages and objects come as JSON in a text."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return read_json(value)
        except ValueError:
            return value
    return value
