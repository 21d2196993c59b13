/** Proposals from their opening to their end, on both stores. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StoreError } from "../../src/core/errors.ts";
import type { Store } from "../../src/store/contract/store.ts";
import type { PublisherKey } from "../support/bare/keys.ts";
import { openRequest, rejectionBy, signaturesBy } from "../support/proposing.ts";
import { day, type Files, newKey, newRootKey, type Owner } from "../support/publisher.ts";
import { codeOf, refusalOf } from "../support/refusal.ts";
import { backEnds, type ServerOptions, startServer, type TestServer } from "../support/server.ts";

const repository = "example.org/quorum";
const alice = { name: "alice", method: "none", address: "" } as const;
const bob = { name: "bob", method: "none", address: "" } as const;

describe.each(backEnds)("proposals on %s", (backEnd) => {
  let server: TestServer;
  let others: TestServer[];
  let owner: Owner;
  /** The second key of targets. */
  let second: PublisherKey;

  async function begin(options: ServerOptions = {}): Promise<void> {
    server = await startServer({ backEnd, ...options });
    owner = await server.owner(repository);
    second = newKey("ecdsa");
    owner.root.keys.targets.push(second.listed);
    owner.root.thresholds.targets = 2;
    owner.targets.signers = [owner.targetsKey, second];
    expect((await server.publish(repository, owner.first())).status).toBe(200);
  }
  beforeEach(() => {
    others = [];
  });
  afterEach(async () => {
    for (const each of others) await each.close();
    await server.close();
  });

  const proposals = (of = server) => of.service.proposals;
  const open = (files: Files, ...rest: unknown[]) =>
    proposals().open(repository, openRequest(files, ...(rest as [])), alice, true);
  const sign = (id: string, key: PublisherKey, files: Files, ...roles: string[]) =>
    proposals().sign(repository, id, signaturesBy(key, files, ...roles), bob, true);
  const state = () => server.store.state(repository);
  const get = (id: string) => proposals().get(repository, id);
  async function beside(options: ServerOptions = {}): Promise<TestServer> {
    const other = await startServer({ beside: server, ...options });
    others.push(other);
    return other;
  }

  it("is published when the second person has signed, with the very bytes that both signed", async () => {
    await begin();
    owner.addTarget("app");
    const files = owner.next("targets");
    const opened = await open(files);
    expect(opened).toMatchObject({ state: "open", openedBy: "alice", complete: false, revision: 1 });
    expect(opened.files[0]?.needs).toEqual([
      {
        by: "current",
        threshold: 2,
        signed: [],
        missing: [owner.targetsKey.listed.id, second.listed.id],
        met: false,
      },
    ]);
    const before = (await state()).revision;
    const half = await sign(opened.id, owner.targetsKey, files, "targets");
    expect(half).toMatchObject({ state: "open", complete: false });
    expect(half.files[0]?.needs[0]).toMatchObject({
      signed: [owner.targetsKey.listed.id],
      missing: [second.listed.id],
    });
    const done = await sign(opened.id, second, files, "targets");
    expect(done).toMatchObject({ state: "published", reason: "" });
    expect(done.events.map(({ kind, principal }) => [kind, principal])).toEqual([
      ["opened", "alice"],
      ["signed", "bob"],
      ["signed", "bob"],
      ["published", "bob"],
    ]);
    expect((await state()).revision).toBe(before + 1);
    const served = JSON.parse((await server.file(repository, "targets.json")).body.toString("utf8"));
    expect(served.signed).toEqual(JSON.parse(files.get("targets")?.toString("utf8") ?? "").signed);
    expect(served.signatures.map(({ keyid }: { keyid: string }) => keyid)).toEqual([
      owner.targetsKey.listed.id,
      second.listed.id,
    ]);
    await server.chainCheck(repository);
    expect(server.log.filter((line) => line.includes('"proposal published"'))).toHaveLength(1);
  });

  it("begins a repository whose root and targets need two people each", async () => {
    server = await startServer({ backEnd });
    owner = await server.owner(repository);
    const [secondRoot, secondTargets] = [await newRootKey(repository, server.clock.now()), newKey()];
    owner.root.keys.root.push(secondRoot.listed);
    owner.root.keys.targets.push(secondTargets.listed);
    owner.root.thresholds.root = 2;
    owner.root.thresholds.targets = 2;
    const files = owner.first();
    const signers = new Map([
      ["root", [owner.rootKey]],
      ["targets", [owner.targetsKey]],
    ]);
    const { id, base } = await open(files, signers);
    expect(base).toEqual(
      new Map([
        ["root", 0],
        ["targets", 0],
      ]),
    );
    expect((await state()).exists).toBe(false);
    expect(await sign(id, secondRoot, files, "root")).toMatchObject({ state: "open" });
    expect(await sign(id, secondTargets, files, "targets")).toMatchObject({ state: "published" });
    await server.chainCheck(repository);
  });

  it("of a root needs the old keys and the new", async () => {
    await begin();
    const successor = await newRootKey(repository, server.clock.now());
    owner.root.keys.root = [successor.listed];
    const files = owner.next("root");
    const { id } = await open(files);
    expect(await sign(id, successor, files, "root")).toMatchObject({ state: "open", complete: false });
    expect(await sign(id, owner.rootKey, files, "root")).toMatchObject({ state: "published" });
    expect((await state()).current.get("root")?.version).toBe(2);
  });

  it("is published at once where its opener brings every signature", async () => {
    await begin();
    const files = owner.next("targets");
    const all = new Map([["targets", [owner.targetsKey, second]]]);
    expect(await open(files, all)).toMatchObject({ state: "published" });
  });

  it("counts two who sign at once, in two processes, and is published once", async () => {
    await begin();
    const other = await beside();
    const files = owner.next("targets");
    const { id } = await open(files);
    const before = (await state()).revision;
    const answers = await Promise.all([
      sign(id, owner.targetsKey, files, "targets"),
      proposals(other).sign(repository, id, signaturesBy(second, files, "targets"), bob, true),
    ]);
    expect(answers.map((answer) => answer.state)).toContain("published");
    const end = await get(id);
    expect(end.state).toBe("published");
    expect(end.files[0]?.signatures).toHaveLength(2);
    expect((await state()).revision).toBe(before + 1);
    // What one service keeps at hand another over the same store does not hear of: a third one looks.
    await (await beside()).chainCheck(repository);
  });

  describe("between the last signature and the publication", () => {
    let fault: (() => Promise<unknown>) | undefined;
    const wrapStore = (store: Store): Store => ({
      ...store,
      async commit(publication) {
        if (publication.proposal !== undefined && fault !== undefined) await fault();
        return await store.commit(publication);
      },
    });
    const failing = (code: "STORE_UNAVAILABLE" | "COMMIT_UNKNOWN") => async () => {
      throw new StoreError(code, "Try again.");
    };
    let files: Files;
    let id: string;
    async function untilComplete(): Promise<void> {
      await begin({ wrapStore });
      files = owner.next("targets");
      ({ id } = await open(files));
      await sign(id, owner.targetsKey, files, "targets");
    }
    afterEach(() => {
      fault = undefined;
    });

    it.each(["STORE_UNAVAILABLE", "COMMIT_UNKNOWN"] as const)(
      "%s: the signatures are kept, the answer says why, and the next touch publishes",
      async (code) => {
        await untilComplete();
        fault = failing(code);
        const answer = await sign(id, second, files, "targets");
        expect(answer).toMatchObject({ state: "open", complete: true });
        expect(answer.reason).toContain(code);
        fault = undefined;
        expect(await proposals().sign(repository, id, [], alice, true)).toMatchObject({ state: "published" });
      },
    );

    it("a start publishes what another process left", async () => {
      await untilComplete();
      fault = failing("STORE_UNAVAILABLE");
      await sign(id, second, files, "targets");
      // The time of the proposal does not run out on signatures that were all acknowledged.
      server.clock.advance(31 * day);
      expect(await get(id)).toMatchObject({ state: "open", complete: true });
      const next = await beside();
      await next.service.start();
      await expect.poll(async () => (await get(id)).state).toBe("published");
      expect((await state()).current.get("targets")?.version).toBe(2);
    });

    it("a commit of which nobody heard is known to have happened", async () => {
      await untilComplete();
      const { commit } = server.store;
      const before = (await state()).revision;
      const store = server.store as { commit: Store["commit"] };
      fault = async () => {
        store.commit = async (publication) => {
          await commit(publication);
          store.commit = commit;
          throw new StoreError("COMMIT_UNKNOWN", "Read again.");
        };
      };
      expect(await sign(id, second, files, "targets")).toMatchObject({ state: "published" });
      expect((await state()).revision).toBe(before + 1);
    });
  });

  it("that cannot be published any more keeps its signatures and says why", async () => {
    await begin();
    owner.targets.expires = server.clock.now() + day;
    const files = owner.next("targets");
    const { id } = await open(files);
    await sign(id, owner.targetsKey, files, "targets");
    server.clock.advance(2 * day);
    const answer = await sign(id, second, files, "targets");
    expect(answer).toMatchObject({ state: "open", complete: false });
    expect(answer.reason).toMatch(/^EXPIRED: /);
    expect(answer.events.at(-1)?.kind).toBe("failed");
    expect(answer.files[0]?.needs[0]?.met).toBe(true);
    expect((await state()).current.get("targets")?.version).toBe(1);
  });

  it("is superseded when its base is published by others, and not by what it does not rest on", async () => {
    await begin();
    owner.delegate("targets/a", [second]);
    owner.delegate("targets/b", [second]);
    await server.publish(repository, owner.next("targets"));
    await server.publish(repository, owner.files("targets/a", "targets/b"));
    const files = owner.next("targets/a");
    const { id, base } = await open(files);
    expect([...base.keys()]).toEqual(["root", "targets", "targets/a"]);
    await server.publish(repository, owner.next("targets/b"));
    expect((await get(id)).state).toBe("open");
    await server.publish(repository, owner.next("targets"));
    expect(await get(id)).toMatchObject({ state: "superseded", reason: "targets 3" });
    const refusal = await refusalOf(sign(id, second, files, "targets/a"));
    expect([refusal.code, refusal.detail?.state]).toEqual(["PROPOSAL_CLOSED", "superseded"]);
  });

  it("stays open while online roles are renewed", async () => {
    await begin();
    const files = owner.next("targets");
    const { id } = await open(files);
    server.clock.advance(15 * day);
    await server.file(repository, "timestamp.json");
    expect((await state()).current.get("timestamp")?.version).toBe(2);
    await sign(id, owner.targetsKey, files, "targets");
    expect(await sign(id, second, files, "targets")).toMatchObject({ state: "published" });
  });

  it("is over when its time is, for whoever looks, and that is written down later", async () => {
    await begin();
    const files = owner.next("targets");
    const { id } = await open(files, new Map(), { lifetime: day });
    server.clock.advance(day);
    expect((await get(id)).state).toBe("expired");
    expect(await codeOf(sign(id, second, files, "targets"))).toBe("PROPOSAL_CLOSED");
    expect(await codeOf(proposals().cancel(repository, id, alice))).toBe("PROPOSAL_CLOSED");
    const list = (which: "open" | "expired") => proposals().list({ repository, state: which, limit: 10 });
    expect([(await list("open")).length, (await list("expired")).length]).toEqual([0, 1]);
    expect((await server.store.proposals.get(repository, id))?.state).toBe("open");
    await server.service.start();
    await expect.poll(async () => (await server.store.proposals.get(repository, id))?.state).toBe("expired");
    expect(await proposals().facts()).toEqual({ open: 0, published: 0, rejected: 0, expired: 1 });
  });

  it("says in the log that its time is running out, once", async () => {
    await begin();
    await open(owner.next("targets"), new Map(), { lifetime: day / 2 });
    await server.service.start();
    const told = () => server.log.filter((line) => line.includes('"proposal expiring"'));
    await expect.poll(() => told().length).toBe(1);
  });

  it("is rejected by the signed statement of one who could sign it, and by nobody else's", async () => {
    await begin();
    const files = owner.next("targets");
    const opened = await open(files);
    for (const key of [newKey(), owner.rootKey]) {
      expect(
        await codeOf(proposals().reject(repository, opened.id, rejectionBy(key, "targets", opened), bob)),
      ).toBe("BAD_REJECTION");
    }
    const elsewhere = rejectionBy(second, "targets", { ...opened, id: "0000000000000000" });
    expect(await codeOf(proposals().reject(repository, opened.id, elsewhere, bob))).toBe("BAD_REJECTION");
    const unknown = rejectionBy(second, "targets/none", opened);
    expect(await codeOf(proposals().reject(repository, opened.id, unknown, bob))).toBe("BAD_REJECTION");
    expect((await get(opened.id)).state).toBe("open");
    const rejection = rejectionBy(second, "targets", opened, "wrong digest");
    const ended = await proposals().reject(repository, opened.id, rejection, bob);
    expect(ended).toMatchObject({ state: "rejected", reason: "wrong digest" });
    expect(ended.events.at(-1)).toMatchObject({ principal: "bob", detail: `targets: ${second.listed.id}` });
    expect(await codeOf(sign(opened.id, second, files, "targets"))).toBe("PROPOSAL_CLOSED");
  });

  it("is cancelled once", async () => {
    await begin();
    const { id } = await open(owner.next("targets"));
    expect(await proposals().cancel(repository, id, alice)).toMatchObject({ state: "cancelled" });
    expect(await codeOf(proposals().cancel(repository, id, alice))).toBe("PROPOSAL_CLOSED");
  });

  it("of the same bytes is the one that is open, and gets the signatures", async () => {
    await begin();
    const files = owner.next("targets");
    const one = await open(files, new Map([["targets", [owner.targetsKey]]]));
    const again = await open(files, new Map([["targets", [second]]]));
    expect(again).toMatchObject({ id: one.id, state: "published" });
    expect(await proposals().list({ repository, limit: 10 })).toHaveLength(1);
  });

  it("of the same bytes for another role is another one", async () => {
    await begin();
    for (const role of ["targets/a", "targets/b"]) owner.delegate(role, [second]);
    await server.publish(repository, owner.next("targets"));
    const bytes = owner.targetsFile("targets/a");
    const one = await open(new Map([["targets/a", bytes]]));
    const other = await open(new Map([["targets/b", bytes]]));
    expect(other.id).not.toBe(one.id);
    expect(other).toMatchObject({ digest: one.digest, files: [{ role: "targets/b" }] });
  });

  it.each<readonly [string, () => Files]>([
    ["ROLLBACK", () => owner.files("targets")],
    ["EMPTY_UPLOAD", () => new Map()],
    ["TOO_MANY", () => new Map(["a", "b", "c"].map((name) => [`targets/${name}`, owner.targetsFile()]))],
    [
      "UPLOAD_TOO_LARGE",
      () => {
        owner.addTarget("x".repeat(4_000));
        return owner.next("targets");
      },
    ],
    [
      "KEY_SEPARATION",
      () => {
        owner.root.keys.targets.push(owner.rootKey.listed);
        return owner.next("root", "targets");
      },
    ],
  ])("is refused with %s before it is kept", async (code, files) => {
    await begin({ proposals: { files: 2, bytes: 4_000 } });
    expect(await codeOf(open(files()))).toBe(code);
    expect(await proposals().list({ limit: 10 })).toEqual([]);
  });

  it.each([
    { note: "x".repeat(4_001) },
    { release: "x".repeat(201) },
    { lifetime: 59_999 },
    { lifetime: 90 * day + 1 },
    { lifetime: Number.NaN },
  ])("with %o is refused", async (change) => {
    await begin();
    expect(await codeOf(open(owner.next("targets"), new Map(), change))).toBe("BAD_PARAMETER");
  });

  it("with one bad signature among good ones is refused whole, when it is opened and when it is signed", async () => {
    await begin();
    const files = owner.next("targets");
    const bad = new Map([["targets", [owner.targetsKey, newKey()]]]);
    expect(await codeOf(open(files, bad))).toBe("UNKNOWN_SIGNER");
    const { id } = await open(files);
    const [good] = signaturesBy(owner.targetsKey, files, "targets");
    const wrong = { ...good?.signatures[0], keyId: second.listed.id };
    const both = [{ role: "targets", signatures: [...(good?.signatures ?? []), wrong as never] }];
    expect(await codeOf(proposals().sign(repository, id, both, bob, true))).toBe("BAD_SIGNATURE");
    expect((await get(id)).files[0]?.signatures).toEqual([]);
    const foreign = [{ role: "targets/none", signatures: [] }];
    expect(await codeOf(proposals().sign(repository, id, foreign, bob, true))).toBe("NOT_FOUND");
    expect(await codeOf(sign("0000000000000000", second, files, "targets"))).toBe("NOT_FOUND");
  });

  it("is one of a bounded number, of which those that are over do not keep others out", async () => {
    await begin({ proposals: { openHere: 2 } });
    const next = (name: string) => {
      owner.addTarget(name);
      owner.targets.version = 2;
      return owner.files("targets");
    };
    await open(next("a"), new Map(), { lifetime: day });
    await open(next("b"));
    expect(await codeOf(open(next("c")))).toBe("TOO_MANY_PROPOSALS");
    server.clock.advance(day);
    expect((await open(next("d"))).state).toBe("open");
    expect(await proposals().facts()).toMatchObject({ open: 2, expired: 1 });
  });

  it("of a repository that is deleted ends with it", async () => {
    await begin();
    const { id } = await open(owner.next("targets"));
    await server.service.remove(repository, alice);
    expect(await get(id)).toMatchObject({ state: "superseded", reason: "the repository was deleted" });
  });

  it("is waited for until it changes", async () => {
    await begin();
    const files = owner.next("targets");
    const { id } = await open(files);
    let over = false;
    const waiting = proposals()
      .wait(repository, id, { since: undefined, milliseconds: 60_000, isOver: () => false })
      .then(() => {
        over = true;
      });
    const other = await beside();
    expect(over).toBe(false);
    await proposals(other).sign(repository, id, signaturesBy(second, files, "targets"), bob, true);
    await waiting;
    await proposals().wait(repository, id, { since: 1, milliseconds: 60_000, isOver: () => false });
    await proposals().wait(repository, id, { since: 2, milliseconds: 60_000, isOver: () => true });
    await proposals().wait(repository, id, { since: 2, milliseconds: 1, isOver: () => false });
  });

  it("is waited for by a bounded number", async () => {
    await begin();
    const { id } = await open(owner.next("targets"));
    let isOver = false;
    const wait = () =>
      proposals().wait(repository, id, { since: undefined, milliseconds: 60_000, isOver: () => isOver });
    const waiting = Array.from({ length: 64 }, wait);
    expect(await codeOf(wait())).toBe("OVERLOADED");
    isOver = true;
    await Promise.all(waiting);
    await wait();
  });
});
