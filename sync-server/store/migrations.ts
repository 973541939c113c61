/** The schema, one step an entry: `user_version` counts the steps a file has had. Never change a step that was released. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE devices (
    id TEXT PRIMARY KEY,
    agent_version TEXT NOT NULL DEFAULT '',
    store_epoch TEXT NOT NULL DEFAULT '',
    labels TEXT NOT NULL DEFAULT '{}',
    status_url TEXT,
    gone INTEGER NOT NULL DEFAULT 0,
    last_seen_ms INTEGER NOT NULL DEFAULT 0,
    reported TEXT
  ) WITHOUT ROWID;

  -- Which device database a record comes from: a new or restored one is a new epoch.
  CREATE TABLE epochs (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    epoch TEXT NOT NULL,
    UNIQUE (device, epoch)
  );
  -- Every record up to and with committed_seq is here, less the dropped ones that the device declared as gaps.
  CREATE TABLE cursors (
    epoch_id INTEGER NOT NULL REFERENCES epochs (id),
    stream TEXT NOT NULL,
    committed_seq INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    PRIMARY KEY (epoch_id, stream)
  ) WITHOUT ROWID;

  -- What is equal for very many predictions stands once.
  CREATE TABLE contexts (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    slot TEXT NOT NULL,
    model TEXT NOT NULL,
    role TEXT NOT NULL,
    UNIQUE (slot, model, role, run)
  );
  CREATE TABLE predictions (
    epoch_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    context_id INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    correlation_id TEXT,
    label INTEGER NOT NULL,
    score REAL NOT NULL,
    latency_us INTEGER NOT NULL,
    health INTEGER NOT NULL,
    pair_of INTEGER NOT NULL,
    features BLOB,
    PRIMARY KEY (epoch_id, seq)
  ) WITHOUT ROWID;
  -- Shadows alone, for evidence: a deciding prediction costs nothing here.
  CREATE INDEX shadows ON predictions (context_id, time_ms, pair_of, label) WHERE pair_of > 0;

  -- Predictions a minute of device time, so that counting them never scans them.
  CREATE TABLE prediction_counts (
    context_id INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (context_id, minute)
  ) WITHOUT ROWID;

  CREATE TABLE feedback (
    epoch_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    prediction_seq INTEGER NOT NULL,
    slot TEXT NOT NULL,
    kind TEXT NOT NULL,
    label INTEGER NOT NULL,
    weight REAL NOT NULL,
    rule TEXT NOT NULL,
    evidence TEXT NOT NULL,
    PRIMARY KEY (epoch_id, seq)
  ) WITHOUT ROWID;
  -- The label in force for a prediction: explicit before implicit, then the later one.
  CREATE TABLE labels (
    epoch_id INTEGER NOT NULL,
    prediction_seq INTEGER NOT NULL,
    label INTEGER NOT NULL,
    weight REAL NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (epoch_id, prediction_seq)
  ) WITHOUT ROWID;

  CREATE TABLE metrics (
    epoch_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    name TEXT NOT NULL,
    slot TEXT,
    value REAL NOT NULL,
    PRIMARY KEY (epoch_id, seq)
  ) WITHOUT ROWID;
  CREATE TABLE events (
    epoch_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    slot TEXT,
    message TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (epoch_id, seq)
  ) WITHOUT ROWID;
  CREATE INDEX events_by_time ON events (time_ms);

  CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    topic TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    head BLOB NOT NULL
  );

  CREATE TABLE models (
    manifest_sha256 TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    index_sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    manifest TEXT NOT NULL,
    notes TEXT NOT NULL,
    published_at_ms INTEGER NOT NULL,
    UNIQUE (name, version)
  ) WITHOUT ROWID;
  -- The bytes stand in dataDir/chunks/<sha256>.
  CREATE TABLE package_chunks (
    manifest_sha256 TEXT NOT NULL REFERENCES models (manifest_sha256),
    chunk_sha256 TEXT NOT NULL,
    PRIMARY KEY (manifest_sha256, chunk_sha256)
  ) WITHOUT ROWID;
  CREATE INDEX package_chunks_by_chunk ON package_chunks (chunk_sha256);
  -- Chunks that the broker may hold as retained, so that they can be taken back after a restart.
  CREATE TABLE retained_chunks (sha256 TEXT PRIMARY KEY) WITHOUT ROWID;

  CREATE TABLE desired_states (
    device TEXT PRIMARY KEY,
    generation INTEGER NOT NULL,
    issued_at_ms INTEGER NOT NULL,
    slots TEXT NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE rollouts (
    id TEXT PRIMARY KEY,
    started_at_ms INTEGER NOT NULL,
    rollout TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE rollout_decisions (
    id INTEGER PRIMARY KEY,
    rollout_id TEXT NOT NULL,
    decision TEXT NOT NULL
  );
  CREATE INDEX rollout_decisions_by_rollout ON rollout_decisions (rollout_id, id);

  -- Who changed what by the admin API: published, rollout started, paused, resumed, aborted.
  CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL
  );
  `,
  `
  -- How far each stream had come on each day of the server's clock: what retention goes by, since a device's clock may be wrong.
  CREATE TABLE arrivals (
    epoch_id INTEGER NOT NULL,
    stream TEXT NOT NULL,
    day INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    PRIMARY KEY (epoch_id, stream, day)
  ) WITHOUT ROWID;
  CREATE INDEX arrivals_by_day ON arrivals (day);
  INSERT INTO arrivals SELECT epoch_id, stream, unixepoch() / 86400, committed_seq FROM cursors;
  CREATE INDEX prediction_counts_by_minute ON prediction_counts (minute);

  -- When the label was concluded, by the device's clock.
  ALTER TABLE labels ADD COLUMN time_ms INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- Named pointers to one version of a model, and what people say of a version. Packages themselves never change.
  CREATE TABLE model_aliases (
    name TEXT NOT NULL,
    alias TEXT NOT NULL,
    manifest_sha256 TEXT NOT NULL REFERENCES models (manifest_sha256),
    set_at_ms INTEGER NOT NULL,
    PRIMARY KEY (name, alias)
  ) WITHOUT ROWID;
  CREATE TABLE model_marks (
    manifest_sha256 TEXT PRIMARY KEY REFERENCES models (manifest_sha256),
    stage TEXT NOT NULL DEFAULT 'none',
    note TEXT,
    note_by TEXT,
    note_at_ms INTEGER
  ) WITHOUT ROWID;

  -- What was last done about an alias of MLflow: written as 'starting' before a rollout is started.
  CREATE TABLE mlflow_aliases (
    model TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    time_ms INTEGER NOT NULL
  ) WITHOUT ROWID;
  -- What MLflow has yet to be told, in order, and how far it was gathered.
  CREATE TABLE mlflow_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message TEXT NOT NULL
  );
  CREATE TABLE mlflow_cursors (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL
  ) WITHOUT ROWID;
  `,
  `
  -- From a label to the feedback that it comes from.
  CREATE INDEX feedback_by_prediction ON feedback (epoch_id, prediction_seq);
  `,
  `
  -- Circumstances of predictions. SQLite cannot widen a UNIQUE in place.
  CREATE TABLE contexts_2 (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    slot TEXT NOT NULL,
    model TEXT NOT NULL,
    role TEXT NOT NULL,
    tags TEXT NOT NULL,
    propensity REAL NOT NULL,
    explored INTEGER NOT NULL,
    UNIQUE (slot, model, role, run, tags, propensity, explored)
  );
  INSERT INTO contexts_2 SELECT id, run, slot, model, role, '{}', 1, 0 FROM contexts;
  DROP TABLE contexts;
  ALTER TABLE contexts_2 RENAME TO contexts;

  ALTER TABLE feedback ADD COLUMN precedence INTEGER NOT NULL DEFAULT 500;
  ALTER TABLE feedback ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE feedback ADD COLUMN observed_ms INTEGER;
  -- The feedback record whose label stands.
  ALTER TABLE labels ADD COLUMN feedback_seq INTEGER;
  UPDATE labels AS l SET feedback_seq = (
    SELECT max(seq) FROM feedback AS told INDEXED BY feedback_by_prediction
    WHERE told.epoch_id = l.epoch_id AND told.prediction_seq = l.prediction_seq AND told.label = l.label
      AND told.kind = l.kind AND told.weight = l.weight AND told.time_ms = l.time_ms);
  `,
  `
  -- What devices said of drift, without the other events.
  CREATE INDEX drift_by_time ON events (time_ms) WHERE kind = 'drift';
  `,
  `
  -- Labels that stand, by minute and by hour of device time, so that a metric never scans records. Never more rows than labels.
  CREATE TABLE outcomes_by_minute (
    context_id INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    truth INTEGER NOT NULL,
    said INTEGER NOT NULL,
    weight REAL NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (context_id, minute, truth, said, weight)
  ) WITHOUT ROWID;
  CREATE INDEX outcomes_by_minute_only ON outcomes_by_minute (minute);
  INSERT INTO outcomes_by_minute
  SELECT p.context_id, p.time_ms / 60000, l.label, p.label, l.weight, count(*)
  FROM labels AS l CROSS JOIN predictions AS p ON p.epoch_id = l.epoch_id
    AND p.seq IN (l.prediction_seq, l.prediction_seq + 1)
    AND l.prediction_seq = CASE p.pair_of WHEN 0 THEN p.seq ELSE p.pair_of END
  GROUP BY 1, 2, 3, 4, 5;
  CREATE TABLE outcomes_by_hour (
    context_id INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    truth INTEGER NOT NULL,
    said INTEGER NOT NULL,
    weight REAL NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (context_id, hour, truth, said, weight)
  ) WITHOUT ROWID;
  CREATE INDEX outcomes_by_hour_only ON outcomes_by_hour (hour);
  INSERT INTO outcomes_by_hour
  SELECT context_id, minute / 60, truth, said, weight, sum(count) FROM outcomes_by_minute GROUP BY 1, 2, 3, 4, 5;
  `,
  `
  -- The newest profile of each device and slot; older ones are events like others.
  CREATE TABLE input_profiles (
    epoch_id INTEGER NOT NULL,
    slot TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (epoch_id, slot)
  ) WITHOUT ROWID;
  `,
  `
  -- The audit log as a chain: hash is over the row before and this one. Only ever added to.
  ALTER TABLE audit ADD COLUMN who TEXT NOT NULL DEFAULT 'unknown';
  ALTER TABLE audit ADD COLUMN hash TEXT;
  CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit WHEN old.hash IS NOT NULL
  BEGIN SELECT raise(ABORT, 'the audit log is only added to'); END;
  CREATE TRIGGER audit_kept BEFORE DELETE ON audit
  BEGIN SELECT raise(ABORT, 'the audit log is only added to'); END;

  -- Who may call the admin API. hash: sha256 of the secret. Revoked ones stay, so that a server that had tokens is never open again.
  CREATE TABLE tokens (
    hash BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,
    revoked_at_ms INTEGER
  ) WITHOUT ROWID;
  CREATE UNIQUE INDEX tokens_in_force ON tokens (name) WHERE revoked_at_ms IS NULL;
  `,
  `
  -- Certificates of devices. serial_number: hex, upper case; public_key: SPKI DER.
  CREATE TABLE device_certificates (
    serial_number TEXT PRIMARY KEY,
    device TEXT NOT NULL,
    public_key BLOB NOT NULL,
    not_after_ms INTEGER NOT NULL,
    revoked_at_ms INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX device_certificates_by_device ON device_certificates (device);
  -- One-time codes. key: sha256 of the code's secret.
  CREATE TABLE enrolment_codes (
    device TEXT PRIMARY KEY,
    key BLOB NOT NULL,
    expires_at_ms INTEGER NOT NULL
  ) WITHOUT ROWID;
  `,
  `
  -- A message that comes again and again is kept once, with how often and when last. An id is never given to another one.
  CREATE TABLE dead_letters_2 (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    times INTEGER NOT NULL DEFAULT 1,
    topic TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    head BLOB NOT NULL
  );
  INSERT INTO dead_letters_2 SELECT id, time_ms, time_ms, 1, topic, code, reason, size_bytes, head FROM dead_letters;
  DROP TABLE dead_letters;
  ALTER TABLE dead_letters_2 RENAME TO dead_letters;
  CREATE INDEX dead_letters_by_topic ON dead_letters (topic, code);
  `,
  `
  -- The share of such predictions that a full device kept: each stands for 1 / kept_share.
  CREATE TABLE contexts_3 (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    slot TEXT NOT NULL,
    model TEXT NOT NULL,
    role TEXT NOT NULL,
    tags TEXT NOT NULL,
    propensity REAL NOT NULL,
    explored INTEGER NOT NULL,
    kept_share REAL NOT NULL,
    UNIQUE (slot, model, role, run, tags, propensity, explored, kept_share)
  );
  INSERT INTO contexts_3 SELECT id, run, slot, model, role, tags, propensity, explored, 1 FROM contexts;
  DROP TABLE contexts;
  ALTER TABLE contexts_3 RENAME TO contexts;
  `,
  `
  -- A database that goes on from another: records up to and with head lie under from_epoch_id, or where that has them from.
  CREATE TABLE epoch_origins (
    epoch_id INTEGER NOT NULL REFERENCES epochs (id),
    stream TEXT NOT NULL,
    from_epoch_id INTEGER NOT NULL REFERENCES epochs (id),
    head INTEGER NOT NULL,
    PRIMARY KEY (epoch_id, stream)
  ) WITHOUT ROWID;
  CREATE INDEX epoch_origins_by_origin ON epoch_origins (from_epoch_id);
  -- Of feedback_seq, where that is another one than of the prediction.
  ALTER TABLE labels ADD COLUMN feedback_epoch_id INTEGER;
  `,
];
