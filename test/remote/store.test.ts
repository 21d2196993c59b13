import { describe, expect, it } from "vitest";
import type { Answer } from "../../src/remote/answer.ts";
import { remoteStore } from "../../src/remote/store.ts";
import type { Store } from "../../src/store/contract/store.ts";
import { openMemory } from "../../src/store/memory.ts";
import { storeContract } from "../contract/store.ts";
import { otherProcess } from "../support/other-process.ts";
import { limits, onlineKey, publication, removalOf, tester, told } from "../support/publications.ts";
import { codeOf } from "../support/refusal.ts";

describe("with a writer in another process", () => {
  const other = otherProcess();

  storeContract("a reader's store", async () => {
    const desk = await other.open();
    return { store: await desk.store(), another: () => desk.store(), dispose: () => desk.close() };
  });
});

describe("a writer that is killed", () => {
  const other = otherProcess();

  it("makes every change COMMIT_UNKNOWN that was on its way, and STORE_UNAVAILABLE that was not; reads go on", async () => {
    const desk = await other.open();
    const store = await desk.store();
    await store.commit(publication("a/b"));
    await other.kill("SIGSTOP");
    const underWay = Array.from({ length: 20 }, (_, i) => codeOf(store.commit(publication(`a/${i}`))));
    await other.kill("SIGKILL");
    expect(new Set(await Promise.all(underWay))).toEqual(new Set(["COMMIT_UNKNOWN"]));
    expect(await codeOf(store.commit(publication("a/c")))).toBe("STORE_UNAVAILABLE");
    expect(await codeOf(store.check())).toBe("STORE_UNAVAILABLE");
    expect(await codeOf(desk.signer().check())).toBe("SIGNER_UNAVAILABLE");
    expect((await store.state("a/b")).revision).toBe(1);
    // None of them had happened, and the caller reads that.
    expect(store.standing("a/0").exists).toBe(false);
    await store.close();
  });
});

const entry = { id: "one", type: "dev.vidimus.test", subject: "a", at: 1, data: "{}" };

describe("what comes back", () => {
  const changes: readonly (readonly [string, (store: Store) => Promise<unknown>])[] = [
    ["commit", (store) => store.commit(publication("a"))],
    ["remove", (store) => store.remove(removalOf("a", 1))],
    ["claimDue", (store) => store.claimDue({ now: 1, leaseUntil: 2, limit: 1 })],
    ["postpone", (store) => store.postpone({ repository: "a", revision: 1, renewAt: 1 })],
    ["outbox.add", (store) => store.outbox.add(entry, ["log"], { waiting: 9, settled: 9 })],
    ["outbox.claim", (store) => store.outbox.claim({ now: 1, leaseUntil: 2, limit: 1 })],
    [
      "outbox.settle",
      (store) => store.outbox.settle({ number: 1, receiver: "log", attempts: 1, at: 1, outcome: "dead" }),
    ],
    ["outbox.forget", (store) => store.outbox.forget({ settledBefore: 1, limit: 1 })],
    [
      "retention.remove",
      (store) =>
        store.retention.remove({
          repository: "a",
          incarnation: 1,
          at: 1,
          actor: tester,
          files: [{ role: "timestamp", version: 1 }],
        }),
    ],
    ["addPendingKey", (store) => store.addPendingKey(onlineKey("a"), limits(), told("a"))],
    ["createKeyring", (store) => store.createKeyring(Buffer.from("record"))],
  ];
  const answering = (answer: Answer) => remoteStore(openMemory(), async () => answer);

  it.each(changes)("of %s is COMMIT_UNKNOWN when it is lost", async (_, change) => {
    expect(await codeOf(change(answering({ kind: "lost" })))).toBe("COMMIT_UNKNOWN");
  });

  it.each(changes)("of %s is STORE_UNAVAILABLE when it was not sent", async (_, change) => {
    expect(await codeOf(change(answering({ kind: "unsent" })))).toBe("STORE_UNAVAILABLE");
  });

  it.each(changes)("of %s is the writer's own refusal", async (_, change) => {
    const refused: Answer = { kind: "refused", code: "STORE_CORRUPT", message: "Restore.", role: "root" };
    await expect(change(answering(refused))).rejects.toMatchObject({
      family: "store",
      code: "STORE_CORRUPT",
      message: "Restore.",
      role: "root",
    });
  });

  it.each(changes)("of %s is COMMIT_UNKNOWN when it is no refusal of a store", async (_, change) => {
    const odd: Answer = { kind: "refused", code: "NOT_A_CODE", message: "" };
    expect(await codeOf(change(answering(odd)))).toBe("COMMIT_UNKNOWN");
  });

  it("of check says nothing of a change", async () => {
    expect(await codeOf(answering({ kind: "lost" }).check())).toBe("STORE_UNAVAILABLE");
  });
});
