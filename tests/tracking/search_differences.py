"""What our searches answer otherwise than MLflow's: by kind and "filter" or "order", and why."""

from __future__ import annotations

from tests.tracking.filters import lines

WIDER = {
    ("runs", "filter"): """
METRICS.acc > 0.5
metrics.acc > +0.5
metrics.acc IS NULL
metrics.acc IS NOT NULL
metrics.acc is null
metrics.nope IS NULL
metrics.val/acc > 0
params.depth IN ('1', '3')
params.depth in ('1','3')
params.depth IN ('1')
params.depth IN ("1", "3")
params.depth NOT IN ('1', '3')
params.depth not in ('1', '3')
params.a-b = 'dash'
tags.team IN ('vision', 'nlp')
tags.team NOT IN ('vision')
attributes.status IN ('FINISHED', 'FAILED')
attributes.status NOT IN ('FINISHED')
attributes.status IS NULL
attributes.status IS NOT NULL
attributes.run_id IS NULL
attributes.end_time IS NULL
attributes.end_time IS NOT NULL
attributes.experiment_id = '0'
experiment_id = '0'
datasets.name IS NULL
""",
    ("runs", "order"): """
`Run name`
attributes.`Run Name`
attributes."run name" DESC
""",
    ("experiments", "filter"): """
name IN ('alpha')
name IS NULL
attributes.name = 'alpha'
attr.name = 'alpha'
experiment_id LIKE '%'
tags.team IN ('vision')
""",
    ("experiments", "order"): """
attributes.name DESC
tags.team
""",
    ("registered-models", "filter"): """
tags.team IS NULL
tags.team IN ('vision')
attributes.name = 'alpha'
creation_timestamp > 0
last_updated_timestamp > 0
""",
    ("registered-models", "order"): """
creation_timestamp
attributes.name
tags.team
""",
    ("model-versions", "filter"): """
source_path IN ('s3://bucket/a')
version = 1
creation_timestamp > 0
last_updated_timestamp > 0
last_updated_timestamp <= 0
tags.team IS NULL
attributes.name = 'alpha'
""",
    ("model-versions", "order"): """
run_id
attributes.name
tags.team
""",
    ("logged-models", "filter"): """
attribute.name = 'alpha'
metrics.acc IS NULL
tags.team IS NULL
""",
}
"""MLflow refuses them, or breaks down; here they mean what they say."""

STRICTER = {
    ("runs", "filter"): """
metrics.acc > 0.5 AND
metrics.acc > 0.5 metrics.loss < 1
metrics. acc > 0
params.quote = 'it\\'s'
params.depth = '3' AND AND params.name = 'Alpha'
AND params.depth = '3'
tags. = 'x'
AND
""",
    ("runs", "order"): """
metrics.
""",
    ("model-versions", "filter"): """
version_number = '1'
""",
    ("logged-models", "filter"): """
params.depth = 3
nope = 'x'
""",
}
"""MLflow guesses what a broken filter means, takes text for a number or breaks down; here it is refused."""

OTHERWISE = {
    ("runs", "filter"): """
metrics.acc < 1e400
params.quote = 'it''s'
""",  # infinity is stored as the largest float there; two quotes are two quotes there
    ("logged-models", "filter"): """
status = 'READY'
status = 'PENDING'
status != 'READY'
""",  # no status is found there by its word
}


def differing(table: dict[tuple[str, str], str]) -> set[tuple[str, str, str]]:
    """(kind, filter or order, text) of all entries."""
    return {(kind, what, text) for (kind, what), texts in table.items() for text in lines(texts)}
