-- The first schema. Names are TEXT with the BINARY collation: compared byte for byte.
-- A row of a name is made by its first publication and stays for ever, so that the tombstone has a home.
-- No metadata row is ever changed; a removal deletes it.

CREATE TABLE repository (
  id            INTEGER PRIMARY KEY,
  name          TEXT    NOT NULL UNIQUE,
  alive         INTEGER NOT NULL CHECK (alive IN (0, 1)),
  format        TEXT    NOT NULL CHECK (format IN ('notary', 'tuf')),
  revision      INTEGER NOT NULL CHECK (revision > 0),
  incarnation   INTEGER NOT NULL CHECK (incarnation > 0),
  renew_at      INTEGER,
  claimed_until INTEGER
) STRICT;

CREATE INDEX repository_renewal ON repository (renew_at, name) WHERE renew_at IS NOT NULL;
CREATE INDEX repository_alive ON repository (name) WHERE alive = 1;

-- The bytes come last, so that everything else is read without touching their pages.
CREATE TABLE metadata (
  id         INTEGER PRIMARY KEY,
  repository INTEGER NOT NULL REFERENCES repository (id),
  role       TEXT    NOT NULL,
  version    INTEGER NOT NULL CHECK (version BETWEEN 1 AND 2147483647),
  sha256     TEXT    NOT NULL CHECK (length(sha256) = 64),
  length     INTEGER NOT NULL,
  stored_at  INTEGER NOT NULL,
  expires    INTEGER NOT NULL,
  revision   INTEGER NOT NULL,
  bytes      BLOB    NOT NULL,
  UNIQUE (repository, role, version)
) STRICT;

CREATE INDEX metadata_digest ON metadata (repository, role, sha256, version);

CREATE TABLE current_metadata (
  repository INTEGER NOT NULL REFERENCES repository (id),
  role       TEXT    NOT NULL,
  metadata   INTEGER NOT NULL REFERENCES metadata (id),
  PRIMARY KEY (repository, role)
) STRICT, WITHOUT ROWID;

-- For the foreign key above: without it every deletion of metadata would read the whole table.
CREATE INDEX current_metadata_file ON current_metadata (metadata);

CREATE TABLE tombstone (
  repository INTEGER NOT NULL REFERENCES repository (id),
  role       TEXT    NOT NULL,
  version    INTEGER NOT NULL CHECK (version BETWEEN 1 AND 2147483647),
  PRIMARY KEY (repository, role)
) STRICT, WITHOUT ROWID;

-- Who changed what, one row a revision.
CREATE TABLE publication (
  repository  INTEGER NOT NULL REFERENCES repository (id),
  revision    INTEGER NOT NULL,
  incarnation INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  kind        TEXT    NOT NULL CHECK (kind IN ('publish', 'refresh', 'removal')),
  principal   TEXT    NOT NULL,
  PRIMARY KEY (repository, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE change (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  at         INTEGER NOT NULL,
  repository INTEGER NOT NULL REFERENCES repository (id),
  version    INTEGER NOT NULL,
  sha256     TEXT    NOT NULL,
  category   TEXT    NOT NULL CHECK (category IN ('update', 'deletion'))
) STRICT;

CREATE INDEX change_repository ON change (repository, id);

-- Keys carry the name itself: a pending key exists before its repository does.
CREATE TABLE online_key (
  id         INTEGER PRIMARY KEY,
  repository TEXT    NOT NULL,
  key_id     TEXT    NOT NULL,
  role       TEXT    NOT NULL CHECK (role IN ('timestamp', 'snapshot')),
  keytype    TEXT    NOT NULL,
  public_key TEXT    NOT NULL,
  reference  BLOB    NOT NULL,
  created_at INTEGER NOT NULL,
  pending    INTEGER NOT NULL CHECK (pending IN (0, 1)),
  UNIQUE (repository, key_id)
) STRICT;

CREATE UNIQUE INDEX online_key_pending ON online_key (repository, role) WHERE pending = 1;
CREATE INDEX online_key_age ON online_key (created_at, id) WHERE pending = 1;

CREATE TABLE key_use (
  material   TEXT    NOT NULL,
  repository INTEGER NOT NULL REFERENCES repository (id),
  role       TEXT    NOT NULL,
  PRIMARY KEY (material, repository, role)
) STRICT, WITHOUT ROWID;

CREATE INDEX key_use_repository ON key_use (repository);

CREATE TABLE keyring (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  record BLOB    NOT NULL
) STRICT;

-- Written after a commit whose fate is unknown, to settle it; see src/store/sqlite/writer.ts.
CREATE TABLE settling (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  number INTEGER NOT NULL
) STRICT;

INSERT INTO settling (id, number) VALUES (1, 0);
