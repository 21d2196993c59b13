-- What is to be told to the outside, and to whom it was told; and what retention has taken away.

-- One that was told keeps its ID, so that it is not told again, and loses its data.
CREATE TABLE announcement (
  number     INTEGER PRIMARY KEY AUTOINCREMENT,
  id         TEXT    NOT NULL UNIQUE,
  type       TEXT    NOT NULL,
  subject    TEXT    NOT NULL,
  at         INTEGER NOT NULL,
  data       TEXT    NOT NULL,
  settled_at INTEGER
) STRICT;

CREATE INDEX announcement_settled ON announcement (settled_at, number) WHERE settled_at IS NOT NULL;

CREATE TABLE delivery (
  announcement  INTEGER NOT NULL REFERENCES announcement (number) ON DELETE CASCADE,
  receiver      TEXT    NOT NULL,
  state         TEXT    NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
  attempts      INTEGER NOT NULL,
  due           INTEGER NOT NULL,
  claimed_until INTEGER,
  PRIMARY KEY (announcement, receiver)
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_due ON delivery (due, announcement) WHERE state = 'waiting';
CREATE INDEX delivery_waiting ON delivery (announcement) WHERE state = 'waiting';
CREATE INDEX delivery_dead ON delivery (announcement) WHERE state = 'dead';

-- The row of a file whose bytes are gone. Its digest stays, so that whatever names it can still be told from damage.
CREATE TABLE removed_metadata (
  repository INTEGER NOT NULL REFERENCES repository (id),
  role       TEXT    NOT NULL,
  version    INTEGER NOT NULL CHECK (version BETWEEN 1 AND 2147483647),
  sha256     TEXT    NOT NULL CHECK (length(sha256) = 64),
  length     INTEGER NOT NULL,
  stored_at  INTEGER NOT NULL,
  expires    INTEGER NOT NULL,
  revision   INTEGER NOT NULL,
  removed_at INTEGER NOT NULL,
  PRIMARY KEY (repository, role, version)
) STRICT, WITHOUT ROWID;

CREATE INDEX removed_metadata_digest ON removed_metadata (repository, role, sha256);
