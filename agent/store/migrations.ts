/** The tables, as steps from one `user_version` to the next. A step that shipped never changes. */

export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

  -- The words that whole runs of predictions share, so that a row carries one small integer for them.
  CREATE TABLE contexts (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL, slot TEXT NOT NULL, model TEXT NOT NULL, role INTEGER NOT NULL,
    UNIQUE (run, slot, model, role)
  );
  CREATE TABLE predictions (
    seq INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    context INTEGER NOT NULL,
    correlation_id TEXT,
    label INTEGER NOT NULL,
    score REAL NOT NULL,
    latency_us INTEGER NOT NULL,
    health INTEGER NOT NULL,
    pair_distance INTEGER NOT NULL,
    features BLOB
  );
  CREATE INDEX predictions_by_part ON predictions (correlation_id)
    WHERE correlation_id IS NOT NULL AND pair_distance = 0;

  CREATE TABLE feedback (
    seq INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    prediction_seq INTEGER NOT NULL,
    slot TEXT NOT NULL,
    explicit INTEGER NOT NULL,
    label INTEGER NOT NULL,
    weight REAL NOT NULL,
    rule TEXT NOT NULL,
    evidence TEXT NOT NULL
  );
  CREATE INDEX feedback_by_prediction ON feedback (prediction_seq);
  CREATE TABLE metrics (
    seq INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, name TEXT NOT NULL, slot TEXT, value REAL NOT NULL
  );
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, kind TEXT NOT NULL, severity TEXT NOT NULL,
    slot TEXT, message TEXT NOT NULL, data TEXT NOT NULL
  );

  -- Cursor of the uploader; records up to \`floor\` belong to an epoch before a restore and are never sent in this one.
  CREATE TABLE streams (
    stream TEXT PRIMARY KEY,
    acked INTEGER NOT NULL DEFAULT 0, floor INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  INSERT INTO streams (stream) VALUES ('predictions'), ('feedback'), ('metrics'), ('events');

  CREATE TABLE line_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice: the rules remember how far they have read
    received_ms INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    correlation_id TEXT,
    station TEXT
  );
  CREATE INDEX line_events_by_part ON line_events (correlation_id, kind) WHERE correlation_id IS NOT NULL;

  CREATE TABLE positions (
    slot TEXT NOT NULL, source TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (slot, source)
  ) WITHOUT ROWID;
  CREATE TABLE states (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

  -- Labels in force, counted by minute of the prediction, so that the online metric needs no walk over the records.
  CREATE TABLE confusion (
    context INTEGER NOT NULL, minute INTEGER NOT NULL,
    truth INTEGER NOT NULL, said INTEGER NOT NULL, weight REAL NOT NULL,
    count INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, labelled_ms INTEGER NOT NULL,
    PRIMARY KEY (context, minute, truth, said, weight)
  ) WITHOUT ROWID;
  `,
  `
  -- Circumstances of predictions. SQLite cannot widen a UNIQUE in place.
  CREATE TABLE contexts_2 (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL, slot TEXT NOT NULL, model TEXT NOT NULL, role INTEGER NOT NULL,
    tags TEXT NOT NULL, propensity REAL NOT NULL, explored INTEGER NOT NULL,
    UNIQUE (run, slot, model, role, tags, propensity, explored)
  );
  INSERT INTO contexts_2 SELECT id, run, slot, model, role, '{}', 1, 0 FROM contexts;
  DROP TABLE contexts;
  ALTER TABLE contexts_2 RENAME TO contexts;

  ALTER TABLE feedback ADD COLUMN precedence INTEGER NOT NULL DEFAULT 500;
  ALTER TABLE feedback ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE feedback ADD COLUMN observed_ms INTEGER;
  -- 1 for the evidence whose label stands, at most one a prediction: decided as it is written, so that reading needs no history.
  ALTER TABLE feedback ADD COLUMN stands INTEGER NOT NULL DEFAULT 0;
  UPDATE feedback SET stands = 1 WHERE seq IN (
    SELECT max(explicit * 9007199254740992 + seq) % 9007199254740992 FROM feedback GROUP BY prediction_seq);

  ALTER TABLE line_events ADD COLUMN duration_ms INTEGER;
  ALTER TABLE line_events ADD COLUMN prediction_seq INTEGER;
  CREATE INDEX line_events_by_station ON line_events (station, kind, time_ms)
    WHERE correlation_id IS NULL AND station IS NOT NULL;
  `,
  `
  -- By the day: read every second while a page is open, and tags make many more rows than there were.
  CREATE TABLE confusion_2 (
    context INTEGER NOT NULL, day INTEGER NOT NULL,
    truth INTEGER NOT NULL, said INTEGER NOT NULL, weight REAL NOT NULL,
    count INTEGER NOT NULL, labelled_ms INTEGER NOT NULL,
    PRIMARY KEY (context, day, truth, said, weight)
  ) WITHOUT ROWID;
  INSERT INTO confusion_2
  SELECT context, minute / 1440, truth, said, weight, sum(count), max(labelled_ms) FROM confusion GROUP BY 1, 2, 3, 4, 5;
  DROP TABLE confusion;
  ALTER TABLE confusion_2 RENAME TO confusion;
  `,
  `
  -- The share of such predictions that thinning kept.
  CREATE TABLE contexts_3 (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL, slot TEXT NOT NULL, model TEXT NOT NULL, role INTEGER NOT NULL,
    tags TEXT NOT NULL, propensity REAL NOT NULL, explored INTEGER NOT NULL, kept_share REAL NOT NULL,
    UNIQUE (run, slot, model, role, tags, propensity, explored, kept_share)
  );
  INSERT INTO contexts_3 SELECT id, run, slot, model, role, tags, propensity, explored, 1 FROM contexts;
  DROP TABLE contexts;
  ALTER TABLE contexts_3 RENAME TO contexts;
  -- From here on feedback.stands of a label that stands is the kept share under which it was counted.
  `,
  `
  -- Of the columns before it, by row-sum.ts. Rows of a stream up to unchecked_to were there before, and have none.
  ALTER TABLE predictions ADD COLUMN check_sum INTEGER;
  ALTER TABLE feedback ADD COLUMN check_sum INTEGER;
  ALTER TABLE metrics ADD COLUMN check_sum INTEGER;
  ALTER TABLE events ADD COLUMN check_sum INTEGER;
  ALTER TABLE streams ADD COLUMN unchecked_to INTEGER NOT NULL DEFAULT 0;
  UPDATE streams SET unchecked_to = (SELECT coalesce(max(seq), 0) FROM predictions) WHERE stream = 'predictions';
  UPDATE streams SET unchecked_to = (SELECT coalesce(max(seq), 0) FROM feedback) WHERE stream = 'feedback';
  UPDATE streams SET unchecked_to = (SELECT coalesce(max(seq), 0) FROM metrics) WHERE stream = 'metrics';
  UPDATE streams SET unchecked_to = (SELECT coalesce(max(seq), 0) FROM events) WHERE stream = 'events';

  ALTER TABLE streams ADD COLUMN check_sum INTEGER NOT NULL DEFAULT 0;
  UPDATE streams SET check_sum = row_sum(stream, acked, floor, dropped, unchecked_to);
  ALTER TABLE contexts ADD COLUMN check_sum INTEGER NOT NULL DEFAULT 0;
  UPDATE contexts SET check_sum = row_sum(id, run, slot, model, role, tags, propensity, explored, kept_share);
  ALTER TABLE positions ADD COLUMN check_sum INTEGER NOT NULL DEFAULT 0;
  UPDATE positions SET check_sum = row_sum(slot, source, position);
  ALTER TABLE meta ADD COLUMN check_sum INTEGER NOT NULL DEFAULT 0;
  UPDATE meta SET check_sum = row_sum(key, value);
  `,
];
