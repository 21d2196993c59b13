-- Publications that took a repository over from elsewhere. In `publication` they stand as kind `publish`.
CREATE TABLE imported (
  repository  INTEGER NOT NULL REFERENCES repository (id),
  revision    INTEGER NOT NULL,
  incarnation INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  origin      TEXT    NOT NULL,
  PRIMARY KEY (repository, revision)
) STRICT, WITHOUT ROWID;
