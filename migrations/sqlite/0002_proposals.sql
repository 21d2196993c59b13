-- Files that wait for signatures. A proposal carries the name itself: it may be there before its repository is.
-- Once settled, a proposal is only ever removed.

CREATE TABLE proposal (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  id         TEXT    NOT NULL UNIQUE,
  repository TEXT    NOT NULL,
  state      TEXT    NOT NULL CHECK (state IN ('open', 'published', 'rejected', 'cancelled', 'expired', 'superseded')),
  revision   INTEGER NOT NULL CHECK (revision > 0),
  opened_at  INTEGER NOT NULL,
  opened_by  TEXT    NOT NULL,
  expires_at INTEGER NOT NULL,
  settled_at INTEGER CHECK ((settled_at IS NULL) = (state = 'open')),
  note       TEXT    NOT NULL,
  label      TEXT    NOT NULL,
  digest     TEXT    NOT NULL,
  complete   INTEGER NOT NULL CHECK (complete IN (0, 1)),
  reason     TEXT    NOT NULL,
  bytes      INTEGER NOT NULL
) STRICT;

CREATE INDEX proposal_repository ON proposal (repository, seq);
CREATE INDEX proposal_label ON proposal (label, seq) WHERE label <> '';
CREATE INDEX proposal_open ON proposal (repository, seq) WHERE state = 'open';
CREATE INDEX proposal_settled ON proposal (settled_at, seq) WHERE settled_at IS NOT NULL;
-- Whose turn it is: open ones in their order, with what decides that.
CREATE INDEX proposal_turn ON proposal (seq, complete, expires_at) WHERE state = 'open';
-- All that the limits count, without the rows. The state comes last, so that nobody looks states up in it.
CREATE INDEX proposal_room ON proposal (bytes, state);

CREATE TABLE proposal_base (
  proposal INTEGER NOT NULL REFERENCES proposal (seq) ON DELETE CASCADE,
  role     TEXT    NOT NULL,
  version  INTEGER NOT NULL,
  PRIMARY KEY (proposal, role)
) STRICT, WITHOUT ROWID;

-- The bytes come last, so that everything else is read without touching their pages.
CREATE TABLE proposal_file (
  id       INTEGER PRIMARY KEY,
  proposal INTEGER NOT NULL REFERENCES proposal (seq) ON DELETE CASCADE,
  role     TEXT    NOT NULL,
  version  INTEGER NOT NULL,
  signed   BLOB    NOT NULL,
  UNIQUE (proposal, role)
) STRICT;

CREATE TABLE proposal_signature (
  id        INTEGER PRIMARY KEY,
  proposal  INTEGER NOT NULL REFERENCES proposal (seq) ON DELETE CASCADE,
  role      TEXT    NOT NULL,
  key_id    TEXT    NOT NULL,
  method    TEXT    NOT NULL,
  signature BLOB    NOT NULL,
  UNIQUE (proposal, role, key_id)
) STRICT;

CREATE TABLE proposal_event (
  id        INTEGER PRIMARY KEY,
  proposal  INTEGER NOT NULL REFERENCES proposal (seq) ON DELETE CASCADE,
  at        INTEGER NOT NULL,
  kind      TEXT    NOT NULL,
  principal TEXT    NOT NULL,
  detail    TEXT    NOT NULL
) STRICT;

CREATE INDEX proposal_event_order ON proposal_event (proposal, id);
