-- Who may do what. A name of a user is no reference: whoever is verified elsewhere has no row, and may be a member.

CREATE TABLE access_user (
  name       TEXT    PRIMARY KEY,
  password   TEXT    NOT NULL,
  disabled   INTEGER NOT NULL CHECK (disabled IN (0, 1)),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE access_team (
  name       TEXT    PRIMARY KEY,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE access_member (
  team   TEXT NOT NULL REFERENCES access_team (name) ON DELETE CASCADE,
  member TEXT NOT NULL,
  PRIMARY KEY (team, member)
) STRICT, WITHOUT ROWID;

CREATE INDEX access_member_name ON access_member (member, team);

-- Actions between single spaces; of anyone the name is empty.
CREATE TABLE access_permission (
  kind    TEXT NOT NULL CHECK (kind IN ('user', 'team', 'anyone')),
  name    TEXT NOT NULL CHECK ((name = '') = (kind = 'anyone')),
  pattern TEXT NOT NULL,
  actions TEXT NOT NULL,
  PRIMARY KEY (kind, name, pattern)
) STRICT, WITHOUT ROWID;

-- Scopes as JSON: a list of objects with a pattern and a list of actions.
CREATE TABLE access_machine_token (
  name       TEXT    PRIMARY KEY,
  digest     TEXT    NOT NULL UNIQUE,
  owner      TEXT    NOT NULL,
  scopes     TEXT    NOT NULL CHECK (json_valid(scopes)),
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX access_machine_token_owner ON access_machine_token (owner, name);
-- When each ends, by its time or by hand: the first gives way where there is no room.
CREATE INDEX access_machine_token_end ON access_machine_token (min(expires_at, coalesce(revoked_at, expires_at)), name);

CREATE TABLE access_session (
  digest     TEXT    PRIMARY KEY,
  name       TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX access_session_name ON access_session (name, created_at);
CREATE INDEX access_session_end ON access_session (expires_at);
