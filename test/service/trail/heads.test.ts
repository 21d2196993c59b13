/** Heads of the audit trail: signed by a key of their own, sent once an hour, and found good by whoever has the line. */
import { pino } from "pino";
import { beforeEach, describe, expect, it } from "vitest";
import { headLine, isSigned, readHead } from "../../../src/core/audit-head.ts";
import { SignerError } from "../../../src/core/errors.ts";
import type { Announcement } from "../../../src/service/announce.ts";
import { AuditHeads, type HeadParts } from "../../../src/service/trail/heads.ts";
import { createSealedRecord, openSealed } from "../../../src/signer/sealed.ts";
import { keySecret } from "../../../src/signer/secret.ts";
import type { Signer } from "../../../src/signer/signer.ts";
import { refusalsInSummary } from "../../../src/store/contract/audit.ts";
import type { Store } from "../../../src/store/contract/store.ts";
import { openMemory } from "../../../src/store/memory.ts";
import { told } from "../../support/publications.ts";
import { codeOf } from "../../support/refusal.ts";
import { start, TestClock } from "../../support/server.ts";

const hour = 3_600_000;
let store: Store;
let signer: Signer;
let clock: TestClock;
let sent: Announcement[];
let lines: string[];

beforeEach(async () => {
  const secret = keySecret(Buffer.alloc(32, 7));
  store = openMemory();
  signer = await openSealed({ secret, record: await createSealedRecord(secret) });
  clock = new TestClock(start);
  sent = [];
  lines = [];
});

const heads = (changes: Partial<HeadParts> = {}) =>
  new AuditHeads({
    store,
    signer,
    clock,
    logger: pino({ enabled: false }),
    algorithm: "ed25519",
    announcer: { announce: async (each) => void sent.push(each) },
    append: (line) => lines.push(line),
    ...changes,
  });

describe("a head", () => {
  it.each(["ed25519", "ecdsa"] as const)(
    "is signed by the server's own %s key, and is read back",
    async (algorithm) => {
      await store.audit.append(told("a"));
      const head = await heads({ algorithm }).signed();
      expect(head).toMatchObject({ ...(await store.audit.head()), at: start });
      expect(readHead(headLine(head))).toEqual({ ...head, signature: Buffer.from(head.signature) });
      // Every process signs with the same key.
      expect((await heads({ algorithm }).signed()).publicKey).toBe(head.publicKey);
    },
  );

  it.each(["number", "hash", "at"] as const)("is not good with another %s", async (what) => {
    await store.audit.append(told("a"));
    const head = await heads().signed();
    const other = { ...head, [what]: what === "hash" ? "1".repeat(64) : head[what] + 1 };
    expect(isSigned(other)).toBe(false);
    expect(await codeOf(() => readHead(headLine(other)))).toBe("BAD_SIGNATURE");
  });

  it.each(["", "{}", "[]", "x", '{"head":{},"key":{},"sig":""}'])("is not %j", async (line) => {
    expect(["BAD_SHAPE", "NOT_JSON"]).toContain(await codeOf(() => readHead(line)));
  });

  it("is sent once an hour, with the trail as it is then, and to the file", async () => {
    const each = heads();
    await each.tend();
    expect(sent).toEqual([]);
    await store.audit.append(told("a"));
    await each.tend();
    clock.advance(hour - 1);
    await each.tend();
    expect(sent).toHaveLength(1);
    await store.audit.append(told("a"));
    clock.advance(1);
    await each.tend();
    expect(sent.map(({ type, data }) => [type, data.number])).toEqual([
      ["dev.vidimus.audit.head", 1],
      ["dev.vidimus.audit.head", 2],
    ]);
    expect(lines.map((line) => readHead(line).number)).toEqual([1, 2]);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(2);
  });

  it("covers what was refused in hours that are over", async () => {
    await store.audit.countRefusals([{ hour: start - hour, principal: "p", code: "FORBIDDEN", count: 2 }]);
    await store.audit.countRefusals([{ hour: start, principal: "p", code: "FORBIDDEN", count: 3 }]);
    await heads().tend();
    expect(sent[0]?.data.number).toBe(1);
    expect(await store.audit.refusals()).toMatchObject([{ hour: start, count: 3 }]);
  });

  it("comes after all that was refused, however many processes counted", async () => {
    const rows = Array.from({ length: 2_000 }, (_, i) => ({
      hour: start - hour,
      principal: `machine ${i}`,
      code: "FORBIDDEN",
      count: 1,
    }));
    await store.audit.countRefusals(rows.slice(0, 1_000));
    await store.audit.countRefusals(rows.slice(1_000));
    await heads().tend();
    expect(await store.audit.refusals()).toEqual([]);
    expect(sent[0]?.data.number).toBe(2_000 / refusalsInSummary);
  });

  it("that could not be signed or sent is sent at the next look", async () => {
    await store.audit.append(told("a"));
    let fails = true;
    const failing = async () => {
      throw new SignerError("SIGNER_UNAVAILABLE", "Not now.");
    };
    const sometimes: Signer = {
      generate: (algorithm, binding) => signer.generate(algorithm, binding),
      sign: (key, text) => (fails ? failing() : signer.sign(key, text)),
      adopt: (privateKey, binding) => signer.adopt(privateKey, binding),
      check: () => signer.check(),
      close: () => signer.close(),
    };
    const each = heads({ signer: sometimes });
    await each.tend();
    expect(sent).toEqual([]);
    fails = false;
    await each.tend();
    expect(sent).toHaveLength(1);
  });
});
