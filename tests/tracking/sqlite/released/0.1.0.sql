BEGIN TRANSACTION;
CREATE TABLE dataset (
    id INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES experiment ON DELETE CASCADE,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    source_type TEXT NOT NULL,
    source TEXT NOT NULL,
    schema TEXT,
    profile TEXT,
    UNIQUE (experiment, name, digest)
);
CREATE TABLE experiment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    artifact_location TEXT NOT NULL,
    lifecycle_stage TEXT NOT NULL,
    creation_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL
);
INSERT INTO "experiment" VALUES(0,'Default','mlflow-artifacts:/0','active',1795266928523,1795266928523);
INSERT INTO "experiment" VALUES(1,'old','mlflow-artifacts:/1','active',1795266928535,1795266928535);
CREATE TABLE experiment_tag (
    owner INTEGER NOT NULL REFERENCES experiment ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
INSERT INTO "experiment_tag" VALUES(1,'a','b');
CREATE TABLE logged_model (
    id INTEGER PRIMARY KEY,
    model_id TEXT NOT NULL UNIQUE,
    experiment INTEGER NOT NULL REFERENCES experiment,
    name TEXT NOT NULL,
    artifact_uri TEXT NOT NULL,
    status TEXT NOT NULL,
    creation_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    model_type TEXT,
    source_run_id TEXT,
    status_message TEXT,
    lifecycle_stage TEXT NOT NULL
);
CREATE TABLE logged_model_metric (
    owner INTEGER NOT NULL REFERENCES logged_model ON DELETE CASCADE,
    key TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    step INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    value NOT NULL,
    dataset_name TEXT NOT NULL,
    dataset_digest TEXT NOT NULL,
    PRIMARY KEY (owner, key, timestamp, step, run_id, dataset_name, dataset_digest, value)
) WITHOUT ROWID;
CREATE TABLE logged_model_param (
    owner INTEGER NOT NULL REFERENCES logged_model ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE logged_model_tag (
    owner INTEGER NOT NULL REFERENCES logged_model ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO "migration" VALUES(1,'first_tables');
INSERT INTO "migration" VALUES(2,'default_experiment');
CREATE TABLE model_version (
    id INTEGER PRIMARY KEY,
    model INTEGER NOT NULL REFERENCES registered_model ON DELETE CASCADE,
    version INTEGER NOT NULL,
    creation_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    description TEXT NOT NULL,
    user_id TEXT NOT NULL,
    current_stage TEXT NOT NULL,
    source TEXT NOT NULL,
    storage_location TEXT NOT NULL,
    run_id TEXT NOT NULL,
    run_link TEXT NOT NULL,
    status TEXT NOT NULL,
    status_message TEXT NOT NULL,
    model_id TEXT,
    UNIQUE (model, version)
);
INSERT INTO "model_version" VALUES(1,1,1,1795266928607,1795266928607,'','','None','mlflow-artifacts:/1/x','mlflow-artifacts:/1/x','','','READY','',NULL);
CREATE TABLE model_version_tag (
    owner INTEGER NOT NULL REFERENCES model_version ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE point (
    series INTEGER NOT NULL REFERENCES series ON DELETE CASCADE,
    timestamp INTEGER NOT NULL,
    step INTEGER NOT NULL,
    value NOT NULL,
    model_id TEXT,
    dataset_name TEXT,
    dataset_digest TEXT,
    PRIMARY KEY (series, timestamp, step, value)
) WITHOUT ROWID;
INSERT INTO "point" VALUES(1,1,0,0.5,NULL,NULL,NULL);
INSERT INTO "point" VALUES(1,2,1,0.25,NULL,NULL,NULL);
INSERT INTO "point" VALUES(2,1,0,'nan',NULL,NULL,NULL);
INSERT INTO "point" VALUES(2,2,1,'nan',NULL,NULL,NULL);
INSERT INTO "point" VALUES(3,1,0,9e999,NULL,NULL,NULL);
INSERT INTO "point" VALUES(3,2,1,9e999,NULL,NULL,NULL);
INSERT INTO "point" VALUES(4,1,0,0.9,NULL,NULL,NULL);
INSERT INTO "point" VALUES(4,2,1,0.75,NULL,NULL,NULL);
INSERT INTO "point" VALUES(5,1,0,0.0,NULL,NULL,NULL);
INSERT INTO "point" VALUES(5,2,1,0.0,NULL,NULL,NULL);
CREATE TABLE registered_model (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    creation_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    last_version INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "registered_model" VALUES(1,'m','',1795266928603,1795266928607,1);
CREATE TABLE registered_model_alias (
    model INTEGER NOT NULL REFERENCES registered_model ON DELETE CASCADE,
    alias TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (model, alias),
    FOREIGN KEY (model, version) REFERENCES model_version (model, version) ON DELETE CASCADE
) WITHOUT ROWID
;
CREATE TABLE registered_model_tag (
    owner INTEGER NOT NULL REFERENCES registered_model ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    experiment INTEGER NOT NULL REFERENCES experiment,
    name TEXT NOT NULL,
    user_id TEXT NOT NULL,
    status TEXT NOT NULL,
    start_time INTEGER NOT NULL,
    end_time INTEGER,
    artifact_uri TEXT NOT NULL,
    lifecycle_stage TEXT NOT NULL,
    deleted_time INTEGER,
    deleted_along INTEGER NOT NULL DEFAULT 0  -- with its experiment, and restored with it
);
INSERT INTO "run" VALUES(1,'dbcf348197c4d7ff9cb607d196230ad8',1,'r0','ada','RUNNING',100,NULL,'mlflow-artifacts:/1/dbcf348197c4d7ff9cb607d196230ad8/artifacts','active',NULL,0);
INSERT INTO "run" VALUES(2,'8b11886ff1893b86b237ba779417eb85',1,'r1','ada','FINISHED',101,199,'mlflow-artifacts:/1/8b11886ff1893b86b237ba779417eb85/artifacts','active',NULL,0);
INSERT INTO "run" VALUES(3,'bd4014a57b2cc95d6b3d15bc3d3c7f17',1,'r2','ada','RUNNING',102,NULL,'mlflow-artifacts:/1/bd4014a57b2cc95d6b3d15bc3d3c7f17/artifacts','active',NULL,0);
INSERT INTO "run" VALUES(4,'d88bad00f17642cfaef8910ea3f08aff',1,'r3','ada','FINISHED',103,197,'mlflow-artifacts:/1/d88bad00f17642cfaef8910ea3f08aff/artifacts','active',NULL,0);
INSERT INTO "run" VALUES(5,'c2b950ba0b3d93ee611b3be9f000c5f5',1,'r4','ada','RUNNING',104,NULL,'mlflow-artifacts:/1/c2b950ba0b3d93ee611b3be9f000c5f5/artifacts','deleted',1795266928599,0);
CREATE TABLE run_dataset (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    dataset INTEGER NOT NULL REFERENCES dataset ON DELETE CASCADE,
    UNIQUE (run, dataset)
);
CREATE TABLE run_dataset_tag (
    owner INTEGER NOT NULL REFERENCES run_dataset ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE run_model (
    run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    direction TEXT NOT NULL,
    model_id TEXT NOT NULL,
    step INTEGER,
    PRIMARY KEY (run, direction, model_id)
) WITHOUT ROWID;
CREATE TABLE run_param (
    owner INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
INSERT INTO "run_param" VALUES(1,'depth','0');
INSERT INTO "run_param" VALUES(2,'depth','1');
INSERT INTO "run_param" VALUES(3,'depth','2');
INSERT INTO "run_param" VALUES(4,'depth','0');
INSERT INTO "run_param" VALUES(5,'depth','1');
CREATE TABLE run_tag (
    owner INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
INSERT INTO "run_tag" VALUES(1,'mlflow.runName','r0');
INSERT INTO "run_tag" VALUES(1,'note','nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn');
INSERT INTO "run_tag" VALUES(1,'team','a');
INSERT INTO "run_tag" VALUES(2,'mlflow.runName','r1');
INSERT INTO "run_tag" VALUES(2,'note','nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn');
INSERT INTO "run_tag" VALUES(2,'team','b');
INSERT INTO "run_tag" VALUES(3,'mlflow.runName','r2');
INSERT INTO "run_tag" VALUES(3,'note','nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn');
INSERT INTO "run_tag" VALUES(3,'team','a');
INSERT INTO "run_tag" VALUES(4,'mlflow.runName','r3');
INSERT INTO "run_tag" VALUES(4,'note','nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn');
INSERT INTO "run_tag" VALUES(4,'team','b');
INSERT INTO "run_tag" VALUES(5,'mlflow.runName','r4');
INSERT INTO "run_tag" VALUES(5,'note','nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn');
INSERT INTO "run_tag" VALUES(5,'team','a');
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    key TEXT NOT NULL,
    value NOT NULL,
    timestamp INTEGER NOT NULL,
    step INTEGER NOT NULL,
    model_id TEXT,
    dataset_name TEXT,
    dataset_digest TEXT,
    UNIQUE (run, key)
);
INSERT INTO "series" VALUES(1,1,'acc',0.25,2,1,NULL,NULL,NULL);
INSERT INTO "series" VALUES(2,2,'acc','nan',2,1,NULL,NULL,NULL);
INSERT INTO "series" VALUES(3,3,'acc',9e999,2,1,NULL,NULL,NULL);
INSERT INTO "series" VALUES(4,4,'acc',0.75,2,1,NULL,NULL,NULL);
INSERT INTO "series" VALUES(5,5,'acc',0.0,2,1,NULL,NULL,NULL);
CREATE INDEX run_newest ON run (experiment, lifecycle_stage, start_time DESC, run_id);
CREATE INDEX run_dataset_dataset ON run_dataset (dataset);
CREATE INDEX logged_model_newest ON logged_model (experiment, creation_time DESC, model_id);
CREATE INDEX model_version_run ON model_version (run_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('experiment',1);
COMMIT;
