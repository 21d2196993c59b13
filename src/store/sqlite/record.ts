/** The record of changes as it is read: an import stands in it as a publication, and beside it as what it was. */
export const recordColumns =
  "p.revision, p.incarnation, p.at, CASE WHEN i.revision IS NULL THEN p.kind ELSE 'import' END AS kind, p.principal";
export const fromRecord =
  "FROM publication AS p LEFT JOIN imported AS i ON i.repository = p.repository AND i.revision = p.revision";
