/**
 * Planted: an audit trail that was tampered with so that its own hashes are good is found out by what people were told, and one
 * that was not so well by its hashes. That an honest trail passes is what every other run says.
 */
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, expect, test } from "vitest";
import { entryHash, startOfTrail } from "../../src/core/audit-chain.ts";
import { World } from "./support/world.ts";

let world: World;
afterEach(async () => await world.dispose());

interface Row {
  readonly number: number;
  readonly at: number;
  readonly kind: string;
  readonly actor: string;
  readonly method: string;
  readonly address: string;
  readonly repository: string;
  readonly detail: string;
}

/** All hashes again, as whoever holds the database can make them. */
function makeAgain(database: Database.Database): void {
  const rows = database.prepare<[], Row>("SELECT * FROM audit ORDER BY number").all();
  const set = database.prepare<[string, number]>("UPDATE audit SET hash = ? WHERE number = ?");
  let hash = startOfTrail;
  for (const { number, actor, method, address, ...record } of rows) {
    hash = entryHash(hash, { ...record, actor: { name: actor, method, address } });
    set.run(hash, number);
  }
}

/** A publication that was acknowledged. */
const published = "(SELECT max(number) FROM audit WHERE kind = 'repository.published')";

const forgeries: readonly (readonly [
  name: string,
  code: string,
  forge: (database: Database.Database) => void,
])[] = [
  [
    "lacks the record of a publication, with all hashes made again",
    "UNTOLD",
    (database) => {
      database.exec(
        `UPDATE audit SET kind = 'user.added', repository = '', detail = '{}' WHERE number = ${published}`,
      );
      makeAgain(database);
    },
  ],
  [
    "has the record of a publication twice, with all hashes made again",
    "TOLD_FALSELY",
    (database) => {
      database.exec(
        `INSERT INTO audit SELECT (SELECT max(number) + 1 FROM audit), hash, at, kind, actor, method, address, repository, detail FROM audit WHERE number = ${published}`,
      );
      makeAgain(database);
    },
  ],
  [
    "tells of other versions than were published, with all hashes made again",
    "UNTOLD",
    (database) => {
      database.exec(
        `UPDATE audit SET detail = replace(detail, '"role":"targets","to":', '"role":"targets","to":9') WHERE number = ${published}`,
      );
      database.exec(
        `UPDATE audit SET detail = replace(detail, '"role":"targets/releases","to":', '"role":"targets/releases","to":9') WHERE number = ${published}`,
      );
      makeAgain(database);
    },
  ],
  [
    "names another actor",
    "TRAIL_BROKEN",
    (database) => database.exec(`UPDATE audit SET actor = 'mallory' WHERE number = ${published}`),
  ],
  ["lacks an entry", "TRAIL_BROKEN", (database) => database.exec("DELETE FROM audit WHERE number = 2")],
];

test.each(forgeries)("planted: a trail that %s is found out: %s", async (name, code, forge) => {
  world = new World(`trail ${name}`, 2);
  const server = await world.start();
  let left = 10;
  await world.work(server.line, () => left-- <= 0);
  expect(await world.verdict(server.line)).toEqual([]);
  expect(await server.stop()).toBe(0);

  const database = new Database(join(world.daemon.data, "vidimus.sqlite"));
  forge(database);
  database.close();
  const next = await world.start();
  const told = (await world.verdict(next.line)).map((each) => each.split(" ", 1)[0]);
  expect(told).toContain(code);
});
