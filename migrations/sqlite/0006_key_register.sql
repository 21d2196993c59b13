-- Whose key it is, and which keys may not sign any more. Keys are known by the ID of the bare key.

CREATE TABLE registered_key (
  key_id        TEXT    NOT NULL CHECK (length(key_id) = 64),
  since         INTEGER NOT NULL,
  until         INTEGER CHECK (until > since),
  owner         TEXT    NOT NULL,
  custody       TEXT    NOT NULL,
  registered_at INTEGER NOT NULL,
  registered_by TEXT    NOT NULL,
  PRIMARY KEY (key_id, since)
) STRICT, WITHOUT ROWID;

CREATE INDEX registered_key_owner ON registered_key (owner, key_id, since);

-- A denial that was lifted stays, so that it can be said what was denied when.
CREATE TABLE denied_key (
  key_id    TEXT    NOT NULL CHECK (length(key_id) = 64),
  denied_at INTEGER NOT NULL,
  denied_by TEXT    NOT NULL,
  reason    TEXT    NOT NULL,
  lifted_at INTEGER,
  lifted_by TEXT,
  PRIMARY KEY (key_id, denied_at)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX denied_key_now ON denied_key (key_id) WHERE lifted_at IS NULL;
