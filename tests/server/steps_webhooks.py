"""The part of the talk that is about webhooks; none of them is ever told of anything."""

from __future__ import annotations

from tests.server.conversation import Step

GET, POST, PATCH, DELETE = "GET", "POST", "PATCH", "DELETE"

# The checks of the two servers differ: MLflow resolves the name when a webhook is made, we when it is due.
_NOWHERE = "ftp://example.com/hook"
_EVENT = {"entity": "MODEL_VERSION", "action": "CREATED"}

STEPS = [
    Step("list no webhooks", GET, "webhooks"),
    Step("webhook of no scheme", POST, "webhooks", {"name": "h", "url": _NOWHERE, "events": [_EVENT]}),
    Step("get unknown webhook", GET, "webhooks/none"),
    Step("update unknown webhook", PATCH, "webhooks/none", {"name": "other"}),
    Step("delete unknown webhook", DELETE, "webhooks/none"),
    Step("test unknown webhook", POST, "webhooks/none/test", {}),
]
