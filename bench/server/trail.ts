/**
 * What the audit trail costs a publish: beside the server as it is, one whose trail keeps nothing. In the store of that one the
 * table of entries is a view that takes every entry and has none, so that both run the same program.
 *
 * Making a record and its hash is in both, and measured apart: records that were kept are made again.
 */
import { join } from "node:path";
import Database from "better-sqlite3";
import { entryHash } from "../../src/core/audit-chain.ts";
import { canonicalText } from "../../src/core/canonical.ts";
import type { Json } from "../../src/core/json.ts";
import { type Entrant, interleaved, type Sample, timed } from "../measure.ts";
import type { Findings } from "../results.ts";
import { Collection } from "./collection.ts";
import type { Competitor } from "./competitor.ts";
import { ratioGoal, row } from "./goals.ts";
import { Sender } from "./sender.ts";
import type { Stand } from "./stand.ts";
import { lanes, publishes } from "./writing.ts";

const writers = 8;
/** Publishes of each writer in one measurement, for each second that it is to take. */
const uploads = 40;
const remade = 2_000;

export async function trail(stand: Stand, rounds: number, seconds: number): Promise<Findings> {
  const [kept, empty] = [stand.fresh(), stand.fresh()];
  await (await stand.start(empty)).stop();
  keepNothing(storeOf(empty));
  const started: Competitor[] = [];
  try {
    const entrants: Record<string, Entrant> = {};
    for (const [name, directory] of [
      [names.kept, kept],
      [names.empty, empty],
    ] as const) {
      const server = await stand.start(directory);
      started.push(server);
      entrants[name] = await publishing(server, uploads * seconds);
    }
    const samples = await interleaved(rounds, { ...entrants, [names.made]: () => makeAgain(storeOf(kept)) });
    return {
      title: "The audit trail, CPU of a publish",
      judgedBy: "CPU",
      measurements: Object.entries(samples).map(([what, all]) => row(what, all)),
      goals: ratioGoal(
        `${writers} writers, a repository each: with its entry as without`,
        samples[names.kept],
        samples[names.empty],
        { atMost: 1.1 },
      ),
      notes: [
        `In both of them: ${names.made}, and comparing a publication with what was there before.`,
        `Entries that were kept: ${count(storeOf(kept))}; by the other: ${count(storeOf(empty))}.`,
      ],
    };
  } finally {
    for (const server of started) await server.stop();
  }
}

const names = {
  kept: "a publish with its entry",
  empty: "a publish whose entry is not kept",
  made: "making a record's text and hash",
};

function storeOf(directory: string): string {
  return join(directory, "data", "vidimus.sqlite");
}

/** Of a store that no server has open. */
function keepNothing(path: string): void {
  const database = new Database(path);
  database.exec(`
    ALTER TABLE audit RENAME TO audit_kept;
    DELETE FROM audit_kept;
    CREATE VIEW audit AS SELECT * FROM audit_kept WHERE false;
    CREATE TRIGGER keeps_nothing INSTEAD OF INSERT ON audit BEGIN SELECT 1; END;
  `);
  database.close();
}

async function publishing(server: Competitor, each: number): Promise<Entrant> {
  const sender = new Sender(server);
  const collections: Collection[] = [];
  try {
    for (let index = 0; index < writers; index++) {
      collections.push(await Collection.publish(sender, `bench.example.test/trail/${index}`, 1));
    }
  } finally {
    sender.close();
  }
  return async (round) => {
    const all = await lanes(collections, round === 0 ? Math.ceil(each / 4) : each);
    return await publishes(
      server,
      all.map((lane) => [lane]),
      () => false,
    );
  };
}

interface Row {
  readonly at: number;
  readonly kind: string;
  readonly repository: string;
  readonly detail: string;
}

async function makeAgain(path: string): Promise<Sample> {
  const database = new Database(path, { readonly: true });
  const rows = database
    .prepare<[number], Row>(
      "SELECT at, kind, repository, detail FROM audit WHERE kind = 'repository.published' ORDER BY number DESC LIMIT ?",
    )
    .all(remade);
  database.close();
  const records = rows.map((each) => ({ ...each, parsed: JSON.parse(each.detail) as Json }));
  const actor = { name: "anonymous", method: "none", address: "127.0.0.1" };
  let hash = "0".repeat(64);
  const { wall, cpu } = await timed(async () => {
    for (const { parsed, ...record } of records) {
      hash = entryHash(hash, { ...record, actor, detail: canonicalText(parsed) });
    }
  });
  return { wall: wall / records.length, cpu: cpu / records.length };
}

function count(path: string): number {
  const database = new Database(path, { readonly: true });
  const found = database.prepare<[], number>("SELECT count(*) FROM audit").pluck().get() ?? 0;
  database.close();
  return found;
}
