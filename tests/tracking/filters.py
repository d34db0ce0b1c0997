"""Filters and orders, good and bad, for every entity that can be searched."""

from __future__ import annotations

RUN_FILTERS = """
metrics.acc > 0.5
metrics.acc >= 0.5
metrics.acc < 0.5
metrics.acc <= 0.5
metrics.acc = 0.5
metrics.acc != 0.5
metric.acc > 0.5
METRICS.acc > 0.5
metrics.acc > .5
metrics.acc > 5e-1
metrics.acc > 5E-1
metrics.acc > -1
metrics.acc > +0.5
metrics.acc > 1.
metrics.acc>0.5
metrics.acc   >    0.5
metrics.acc > 0
metrics.acc = 0
metrics.acc = -0.0
metrics.acc > 99999999999999999999999
metrics.acc < 1e400
metrics.acc > 0.5 AND metrics.acc < 0.9
metrics.acc > 0.5 and metrics.loss < 1
metrics.acc > 0.5 And metrics.loss < 1
metrics.acc > 0.5 AND metrics.acc > 0.6 AND metrics.acc > 0.7
metrics.nope > 0
metrics.nope != 0
metrics.acc IS NULL
metrics.acc IS NOT NULL
metrics.acc is null
metrics.nope IS NULL
metrics.acc LIKE '0.5'
metrics.acc IN (0.5, 0.9)
metrics.acc = '0.5'
metrics.acc = "0.5"
metrics.acc = nan
metrics.acc > 'nan'
metrics.acc = inf
metrics.acc == 0.5
metrics.acc <> 0.5
metrics.acc
metrics.acc >
metrics.acc > 0.5 AND
metrics.acc > 0.5 OR metrics.acc < 0.1
metrics.acc > 0.5 metrics.loss < 1
NOT metrics.acc > 0.5
(metrics.acc > 0.5)
metrics.acc BETWEEN 0 AND 1
metrics.`val acc` > 0
metrics."val acc" > 0
metrics.'val acc' > 0
metrics.val/acc > 0
metrics.val acc > 0
metrics.`nope > 0
metrics."val acc > 0
metrics. acc > 0
metrics .acc > 0
metrics > 0
.acc > 0
acc > 0.5
0.5 < metrics.acc
params.depth = '3'
params.depth = "3"
params.depth != '3'
params.depth = 3
params.depth > '3'
params.depth < '3'
params.depth >= '3'
params.depth = depth
params.depth = ''
params.empty = ''
params.depth LIKE '%'
params.depth LIKE '3'
params.depth like '3'
params.name LIKE 'Al%'
params.name LIKE 'al%'
params.name ILIKE 'al%'
params.name ilike 'AL%'
params.name LIKE '%p%'
params.name LIKE '_lpha'
params.name LIKE '%\\%%'
params.name LIKE '*'
params.name LIKE '[A]lpha'
params.name NOT LIKE 'Al%'
params.depth IN ('1', '3')
params.depth in ('1','3')
params.depth IN ('1')
params.depth IN ("1", "3")
params.depth IN (1, 3)
params.depth IN ()
params.depth IN '1'
params.depth IN ('1' '3')
params.depth IN ('1',)
params.depth NOT IN ('1', '3')
params.depth not in ('1', '3')
params.depth IS NULL
params.depth IS NOT NULL
params.depth IS '3'
params.depth IS NOT '3'
params.nope IS NULL
params.nope = 'x'
params.nope != 'x'
parameters.depth = '3'
parameter.depth = '3'
param.depth = '3'
params.`max depth` = '7'
params."max depth" = '7'
params.'max depth' = '7'
params.it's = 'x'
params.quote = 'it''s'
params.quote = "it's"
params.quote = 'it\\'s'
params.quote = 'it's'
params.text = 'a AND b'
params.text = "a AND b"
params.text = 'a  AND  b'
params.text = '  '
params.depth = '3' AND params.name = 'Alpha'
params.depth = '3' AND AND params.name = 'Alpha'
AND params.depth = '3'
params.depth = '3';
params.depth = '3'; DROP TABLE runs
params.depth = '3' -- comment
params.depth = '3' /* comment */
params.depth = '3' # comment
params.unicode = 'żółć'
params.unicode LIKE 'ż%'
params.żółć = 'x'
params.a.b.c = 'dots'
params.`a.b.c` = 'dots'
params.a-b = 'dash'
params.1a = 'digit'
params._a = 'under'
tags.team = 'vision'
tag.team = 'vision'
tags.team != 'vision'
tags.team LIKE 'v%'
tags.team ILIKE 'V%'
tags.team IN ('vision', 'nlp')
tags.team NOT IN ('vision')
tags.team IS NULL
tags.team IS NOT NULL
tags.team > 'a'
tags.team = 5
tags.team = 'vision' AND tags.kind = 'x'
tags.mlflow.runName = 'r1'
tags.`mlflow.runName` = 'r1'
tags."mlflow.runName" = 'r1'
tags.mlflow.source.name = 'train.py'
tags.`odd one` = 'x'
tags.'team' = 'vision'
tags. = 'x'
tags.`` = 'x'
attributes.status = 'FINISHED'
attribute.status = 'FINISHED'
attr.status = 'FINISHED'
run.status = 'FINISHED'
status = 'FINISHED'
Status = 'FINISHED'
STATUS = 'FINISHED'
attributes.status != 'FINISHED'
attributes.status = 'finished'
attributes.status LIKE 'FIN%'
attributes.status ILIKE 'fin%'
attributes.status IN ('FINISHED', 'FAILED')
attributes.status NOT IN ('FINISHED')
attributes.status IS NULL
attributes.status IS NOT NULL
attributes.status > 'A'
attributes.status = 3
attributes.run_name = 'r1'
attributes.run_name LIKE 'r%'
attributes.run_name != 'r1'
run_name = 'r1'
attributes.`Run name` = 'r1'
attributes."Run name" = 'r1'
attributes.`run name` = 'r1'
attributes."Run Name" = 'r1'
`Run name` = 'r1'
attributes.run_id = 'nope'
attributes.run_id IN ('a', 'b')
run_id NOT IN ('a')
attributes.run_id LIKE '%'
attributes.run_id IS NULL
attributes.user_id = 'ada'
attributes.user_id != 'ada'
user_id ILIKE 'ADA'
attributes.artifact_uri LIKE '%artifacts'
attributes.artifact_uri = 'x'
attributes.start_time > 1000
attributes.start_time >= 1000
attributes.start_time = 1001
attributes.start_time != 1001
attributes.start_time < 1002.5
attributes.start_time > '1000'
attributes.start_time IN (1001, 1002)
attributes.start_time LIKE '1%'
start_time > 1000
created > 1000
Created > 1000
attributes.created > 1000
attributes.Created > 1000
attributes.end_time > 0
attributes.end_time IS NULL
attributes.end_time IS NOT NULL
end_time < 5000
attributes.experiment_id = '0'
experiment_id = '0'
attributes.lifecycle_stage = 'active'
lifecycle_stage = 'active'
attributes.nope = 'x'
nope = 'x'
attributes. = 'x'
attributes = 'x'
foo.bar = 'x'
datasets.name = 'iris'
dataset.name = 'iris'
datasets.name != 'iris'
datasets.name LIKE 'ir%'
datasets.name ILIKE 'IR%'
datasets.name IN ('iris', 'mnist')
datasets.name NOT IN ('iris')
datasets.name IS NULL
datasets.digest = 'd1'
datasets.digest IN ('d1')
datasets.context = 'train'
datasets.context LIKE 'tr%'
datasets.name = 'iris' AND datasets.context = 'train'
datasets.name > 'a'
datasets.name = 5
datasets.source = 'x'
datasets.nope = 'x'
datasets = 'x'
metrics.acc > 0.5 AND params.depth = '3' AND tags.team = 'vision'
metrics.acc > 0.5 AND attributes.status = 'FINISHED' AND datasets.name = 'iris'
metrics.acc > 0.1, params.depth = '3'
metrics.acc > 0.1 && params.depth = '3'
SELECT * FROM runs
'
"
`
=
AND
IS NULL
'a' = 'a'
1 = 1
metrics.acc > (0.5)
metrics.acc > 0.5)
(metrics.acc > 0.5
metrics.acc > 0.5 AND (params.depth = '3')
metrics.acc > 0,5
metrics.acc > 1_000
metrics.acc > 0x10
metrics.acc > - 1
metrics.acc >= = 1
metrics.acc ! = 1
params.depth = '3'AND params.name = 'Alpha'
params.depth='3' AND params.name='Alpha'
params.depth = 'x
params.depth = x'
params.depth = `3`
tags.team = vision
tags.team = True
metrics.acc > TRUE
metrics.acc > NULL
params.depth = NULL
params.depth != NULL
"""

RUN_ORDERS = """
metrics.acc
metrics.acc ASC
metrics.acc DESC
metrics.acc desc
metrics.acc Asc
metrics.loss
metrics.nope
metrics.`val acc` DESC
metrics."val acc" DESC
params.depth
params.depth DESC
params.nope
params.`max depth`
tags.team
tags.team DESC
tags.`mlflow.runName`
tags.mlflow.runName DESC
attributes.start_time
attributes.start_time DESC
start_time
start_time ASC
attributes.end_time
attributes.end_time DESC
end_time
attributes.status
status DESC
attributes.run_name
run_name DESC
`Run name`
attributes.`Run Name`
attributes."run name" DESC
Created
attributes.Created DESC
user_id
attributes.nope
nope
metrics
metrics.
datasets.name
metrics.acc DESC NULLS LAST
metrics.acc, start_time
metrics.acc ASCENDING
metrics acc
'metrics.acc'
5
1 DESC
metrics.acc;
metrics.acc DESC DESC
DESC
foo.bar
"""

EXPERIMENT_FILTERS = """
name = 'alpha'
name != 'alpha'
name LIKE 'al%'
name ILIKE 'AL%'
name IN ('alpha')
name IS NULL
name > 'a'
name = 5
attribute.name = 'alpha'
attributes.name = 'alpha'
attr.name = 'alpha'
creation_time > 0
creation_time > '0'
creation_time LIKE '1%'
last_update_time > 0
last_update_time < 0
experiment_id = '1'
experiment_id = 1
experiment_id != '1'
experiment_id IN ('1', '2')
experiment_id NOT IN ('1')
experiment_id > '1'
experiment_id > 1
experiment_id LIKE '%'
lifecycle_stage = 'active'
tags.team = 'vision'
tags.team != 'vision'
tags.team LIKE 'v%'
tags.team ILIKE 'V%'
tags.`odd one` = 'x'
tags."odd one" = 'x'
tags.team IS NULL
tags.team IS NOT NULL
tags.team IN ('vision')
tag.team = 'vision'
params.x = 'y'
metrics.x > 1
name = 'alpha' AND tags.team = 'vision'
name = 'alpha' OR name = 'beta'
name LIKE 'a%' AND name LIKE '%b%'
nope = 'x'
name
name =
'alpha' = name
"""

EXPERIMENT_ORDERS = """
name
name ASC
name DESC
creation_time DESC
last_update_time
last_update_time DESC
experiment_id
experiment_id DESC
attributes.name DESC
attribute.name
tags.team
nope
name desc nulls
"""

MODEL_FILTERS = """
name = 'alpha'
name != 'alpha'
name LIKE 'al%'
name ILIKE 'AL%'
name IN ('alpha')
name > 'a'
name = 5
tags.team = 'vision'
tag.team = 'vision'
tags.team != 'vision'
tags.team LIKE 'v%'
tags.`odd one` = 'x'
tags.team IS NULL
tags.team IN ('vision')
attributes.name = 'alpha'
creation_timestamp > 0
last_updated_timestamp > 0
nope = 'x'
name = 'alpha' AND tags.team = 'vision'
name = 'alpha' OR name = 'beta'
name
run_id = 'x'
"""

MODEL_ORDERS = """
name
name DESC
timestamp
timestamp DESC
last_updated_timestamp DESC
creation_timestamp
attributes.name
tags.team
nope
name ASC DESC
"""

VERSION_FILTERS = """
name = 'alpha'
name != 'alpha'
name LIKE 'al%'
name ILIKE 'AL%'
name IN ('alpha')
name = 5
run_id = 'r'
run_id IN ('r', 's')
run_id NOT IN ('r')
run_id != 'r'
run_id LIKE 'r'
source_path = 's3://bucket/a'
source_path IN ('s3://bucket/a')
source = 's3://bucket/a'
version_number = 1
version_number > 1
version_number <= 1
version_number = '1'
version_number IN (1)
version = 1
creation_timestamp > 0
creation_timestamp > '0'
last_updated_timestamp > 0
last_updated_timestamp <= 0
current_stage = 'None'
status = 'READY'
tags.team = 'vision'
tag.team != 'vision'
tags.team LIKE 'v%'
tags.`odd one` = 'x'
tags.team IS NULL
attributes.name = 'alpha'
attribute.run_id = 'r'
nope = 'x'
name = 'alpha' AND version_number = 1
name = 'alpha' AND tags.team = 'vision'
name = 'alpha' OR name = 'beta'
name
"""

VERSION_ORDERS = """
name
name DESC
version_number
version_number DESC
creation_timestamp
last_updated_timestamp DESC
run_id
attributes.name
tags.team
nope
"""

LOGGED_MODEL_FILTERS = """
name = 'alpha'
name != 'alpha'
name LIKE 'al%'
name ILIKE 'AL%'
name IN ('alpha')
attributes.name = 'alpha'
attribute.name = 'alpha'
status = 'READY'
status = 'PENDING'
status != 'READY'
model_type = 'agent'
model_type LIKE 'ag%'
source_run_id = 'nope'
model_id = 'nope'
model_id != 'nope'
creation_time > 0
creation_timestamp > 0
creation_timestamp_ms > 0
last_updated_timestamp > 0
metrics.acc > 0.5
metrics.acc <= 0.5
metrics.acc = 0.9
metrics.acc IS NULL
metrics.nope > 0
params.depth = '3'
params.depth != '3'
params.depth LIKE '3'
params.depth IN ('3')
params.depth > '3'
params.depth = 3
tags.team = 'vision'
tags.team != 'vision'
tags.team IN ('vision')
tags.`odd one` = 'x'
tags.team IS NULL
nope = 'x'
datasets.name = 'iris'
metrics.acc > 0.5 AND params.depth = '3'
metrics.acc > 0.5 AND tags.team = 'vision' AND name = 'alpha'
name = 'alpha' OR name = 'beta'
name
"""


def lines(text: str) -> list[str]:
    return text.strip("\n").split("\n")
