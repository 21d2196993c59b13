/** Files of a wrong shape before a client, honestly signed and not (docs/threats.md: V26, V27, V37, J1 to J10, N9). */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TrustError } from "../../src/client/index.ts";
import { malformedCodes, unauthenticCodes } from "../../src/core/errors.ts";
import type { Json } from "../../src/core/json.ts";
import { places, replaced, shapes } from "../support/shapes.ts";
import { type Simulator, someTarget } from "../support/simulator.ts";
import { codeOf, startVisit, type Visit } from "../support/visits.ts";

let visit: Visit;
let sim: Simulator;

beforeEach(async () => {
  visit = await startVisit({ rule: { lookup: ["targets/releases", "targets"] } });
  sim = visit.sim;
  sim.delegate("targets/releases").names.set("released", someTarget("released"));
  sim.publish();
});
afterEach(async () => await visit.close());

const roles = ["root", "timestamp", "snapshot", "targets", "targets/releases"];
const known: ReadonlySet<string> = new Set([
  ...malformedCodes,
  ...unauthenticCodes,
  ...["ANSWER_TOO_LARGE", "FILE_WITHHELD", "ROLE_UNAVAILABLE", "NOT_SIGNED", "NOT_SIGNED_IN_ROLE"],
]);

/** What stands above the role is made to fit what is served. */
function vouch(role: string): void {
  if (role === "root") sim.roots.set(1, sim.served.get("root") as Buffer);
  if (role === "snapshot") sim.break.stamp();
  else if (role !== "timestamp") sim.break.vouch();
}

/** What a client that never was there says: a code, `accepted`, or what should never be thrown. */
async function verdict(number: number): Promise<string> {
  const client = await visit.open({ cacheDir: `${visit.cacheDir}/${number}` });
  try {
    await visit.ask(client);
    return "accepted";
  } catch (error) {
    return error instanceof TrustError && known.has(error.code) ? "refused" : String(error);
  } finally {
    await client.close();
  }
}

describe.each(roles)("V26: every field of %s", (role) => {
  test.each(shapes)(
    "V26: replaced by %s before a client: a refusal by code, or a file that holds",
    async (what, value) => {
      const depth = what === "a megabyte" ? 2 : 32;
      const file = JSON.parse((sim.served.get(role) as Buffer).toString("utf8")) as { signed: Json };
      const verdicts = new Set<string>();
      let number = 0;
      for (const path of places(file.signed)) {
        if (path.length > depth) continue;
        sim.repair();
        sim.break.rewrite(role, (signed) => {
          const other = replaced({ ...signed }, path, value) as Record<string, Json>;
          for (const [name, member] of Object.entries(other)) signed[name] = member;
        });
        vouch(role);
        verdicts.add(await verdict(number++));
      }
      for (const path of places(file as Json)) {
        if (path.length > Math.min(depth, 3)) continue;
        sim.repair();
        sim.break.serve(role, Buffer.from(JSON.stringify(replaced(file as Json, path, value))));
        vouch(role);
        verdicts.add(await verdict(number++));
      }
      expect([...verdicts].filter((each) => each !== "accepted" && each !== "refused")).toEqual([]);
      expect(verdicts.has("refused")).toBe(true);
    },
  );
});

/** The text of a role's file changed after it was signed, as far as that leaves the signature good or not. */
const texts: Record<string, { edit: (text: string) => string | Buffer; code: string }> = {
  "J2: a member twice": {
    edit: (text) => text.replace('"version":', '"version":9,"version":'),
    code: "DUPLICATE_MEMBER",
  },
  "J2: a member in two cases": {
    edit: (text) => text.replace('"version":', '"Version":9,"version":'),
    code: "DUPLICATE_MEMBER",
  },
  "J3: a version with a fraction": {
    edit: (text) => text.replace(/"version":(\d+)/, '"version":$1.0'),
    code: "BAD_NUMBER",
  },
  "J3, V27: a number of five thousand digits": {
    edit: (text) => text.replace(/"version":\d+/, `"version":${"9".repeat(5_000)}`),
    code: "BAD_NUMBER",
  },
  "J4: depth": { edit: () => "[".repeat(100_000), code: "TOO_DEEP" },
  "J5: a byte that is no text": {
    edit: (text) =>
      Buffer.concat([Buffer.from(text.slice(0, 20)), Buffer.of(0xff), Buffer.from(text.slice(20))]),
    code: "NOT_UTF8",
  },
  "J5: a byte order mark": { edit: (text) => `\ufeff${text}`, code: "NOT_JSON" },
  "J7: a second document": { edit: (text) => `${text}{}`, code: "NOT_JSON" },
  "J8: a signature in lax base64": {
    edit: (text) => text.replace(/"sig":"..../, '"sig":"*&^%'),
    code: "BAD_ENCODING",
  },
  "J9: a day that is none": {
    edit: (text) => text.replace(/"expires":"[^"]+"/, '"expires":"2030-02-31T00:00:00Z"'),
    code: "BAD_DATE",
  },
  "J10: a member beside the signed part": {
    edit: (text) => text.replace(/^\{/, '{"note":1,'),
    code: "UNSIGNED_MEMBER",
  },
};

describe.each(["timestamp", "targets", "targets/releases"])("before a client, in %s", (role) => {
  test.each(Object.keys(texts))("%s is refused", async (what) => {
    const { edit, code } = texts[what] as (typeof texts)[string];
    sim.break.serve(role, Buffer.from(edit((sim.served.get(role) as Buffer).toString("utf8"))));
    vouch(role);
    expect(await codeOf(visit.ask(await visit.open()))).toBe(code);
    await visit.recovers(await visit.open());
  });
});

test("J1: a client takes a file that is written otherwise for what it is, byte for byte", async () => {
  const text = (sim.served.get("targets") as Buffer).toString("utf8");
  sim.break.serve("targets", Buffer.from(`\n${text.replace('"signatures":', ' "signatures" : ')}`));
  expect(["HASH_MISMATCH", "ANSWER_TOO_LARGE"]).toContain(await codeOf(visit.ask(await visit.open())));
  vouch("targets");
  expect((await visit.ask(await visit.open())).role).toBe("targets");
});

test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
  "N9: to a client a target called %s is one if it is signed, and only then",
  async (name) => {
    const client = await visit.open();
    const question = { repository: sim.repository, target: name };
    expect(await codeOf(client.lookUp(question))).toBe("NOT_SIGNED");
    sim.targetsOf("targets").names.set(name, someTarget(name));
    sim.publish();
    expect((await client.lookUp(question)).hashes.sha256).toBe(someTarget(name).sha256);
  },
);
