-- The audit trail: one chain over the whole store. No row is ever changed or removed.
-- The detail comes last, so that everything else is read without touching its pages.

CREATE TABLE audit (
  number     INTEGER PRIMARY KEY CHECK (number > 0),
  hash       TEXT    NOT NULL CHECK (length(hash) = 64),
  at         INTEGER NOT NULL,
  kind       TEXT    NOT NULL,
  actor      TEXT    NOT NULL,
  method     TEXT    NOT NULL,
  address    TEXT    NOT NULL,
  repository TEXT    NOT NULL,
  detail     TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_repository ON audit (repository) WHERE repository <> '';

-- The entry that tells of a revision, and of a proposal's end; 0: it is older than the trail.
ALTER TABLE publication ADD COLUMN audit INTEGER NOT NULL DEFAULT 0;
ALTER TABLE proposal ADD COLUMN audit INTEGER;
UPDATE proposal SET audit = 0 WHERE state <> 'open';

-- What was refused, until its hour is over and its summary is in the trail.
CREATE TABLE refusal (
  hour      INTEGER NOT NULL,
  principal TEXT    NOT NULL,
  code      TEXT    NOT NULL,
  count     INTEGER NOT NULL CHECK (count > 0),
  PRIMARY KEY (hour, principal, code)
) STRICT, WITHOUT ROWID;

-- The key that signs heads of the trail.
CREATE TABLE audit_key (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  keytype    TEXT    NOT NULL,
  public_key TEXT    NOT NULL,
  reference  BLOB    NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
