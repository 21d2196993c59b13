/**
 * People who propose, sign, publish past each other, reject and cancel, while time passes: on two services over one store,
 * every call of the store at a turn that chance gives. What they were told and what the store has afterwards is judged.
 */

import fc, { type Scheduler } from "fast-check";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { VidimusError } from "../../src/core/errors.ts";
import { notary } from "../../src/core/format/notary.ts";
import { defaultPolicy } from "../../src/policy/policy.ts";
import { PolicyInForce } from "../../src/service/policy-in-force.ts";
import { ownPrincipal } from "../../src/service/principal.ts";
import type { ProposalView } from "../../src/service/proposals/proposal-service.ts";
import type { Proposals } from "../../src/service/proposals.ts";
import { createTrustService } from "../../src/service/trust.ts";
import { createSealedRecord, openSealed } from "../../src/signer/sealed.ts";
import { keySecret } from "../../src/signer/secret.ts";
import type { Proposal, ProposalState } from "../../src/store/contract/proposals.ts";
import type { Publication, Store } from "../../src/store/contract/store.ts";
import { openMemory } from "../../src/store/memory.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import type { PublisherKey } from "../support/bare/keys.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { propertyTimeout, runs } from "../support/properties.ts";
import { openRequest, rejectionBy, signaturesBy, signedBytes } from "../support/proposing.ts";
import { day, type Files, listed, newKey, Owner } from "../support/publisher.ts";
import { TestClock } from "../support/server.ts";

const clock = new TestClock(Date.UTC(2030, 0, 1));
const who = { name: "tester", method: "none", address: "" } as const;
/** Three who can sign targets, of whom two must, and one who cannot. */
const keys = Array.from({ length: 4 }, () => newKey());
const stranger = 3;
const [lifetime, wait] = [2 * day, 2 * day];

let scheduler: Scheduler | undefined;
/** What was really committed. */
let committed: Publication[] = [];

type Twist = (store: Store) => Store;
const honest: Twist = (store) => store;
const open = {
  memory: async (twist: Twist) => pair(openMemory(), undefined, twist),
  SQLite: async (twist: Twist) => {
    const directory = temporaryDirectory();
    const [one, other] = [
      await openSqlite({ directory, lock: false }),
      await openSqlite({ directory, lock: false }),
    ];
    return await pair(one, other, twist);
  },
};
type Service = Awaited<ReturnType<typeof service>>;
interface Pair {
  readonly store: Store;
  readonly services: readonly [Service, Service];
}

async function turn<T>(label: string, call: () => Promise<T>): Promise<T> {
  const given = scheduler;
  if (given === undefined) return await call();
  await given.schedule(Promise.resolve(), `${label} begins`);
  // A refusal is an answer like any other: the scheduler is not to see it as a failure.
  const answer = call().then(
    (value) => () => value,
    (error: unknown) => () => {
      throw error;
    },
  );
  return (await given.schedule(answer, `${label} ends`))();
}

function scheduled(store: Store): Store {
  const { proposals } = store;
  return {
    ...store,
    state: (name) => turn("state", () => store.state(name)),
    async commit(publication) {
      return await turn("commit", async () => {
        const done = await store.commit(publication);
        committed.push(publication);
        return done;
      });
    },
    proposals: {
      ...proposals,
      get: (name, id) => turn("get", () => proposals.get(name, id)),
      open: (proposal, limits) => turn("open", () => proposals.open(proposal, limits)),
      change: (change) => turn("change", () => proposals.change(change)),
    },
  };
}

async function service(store: Store) {
  const secret = Buffer.alloc(32, 7);
  const record = await store.createKeyring(await createSealedRecord(keySecret(secret)));
  return createTrustService({
    store: scheduled(store),
    signer: await openSealed({ secret: keySecret(secret), record }),
    format: notary,
    clock,
    logger: pino({ level: "silent" }),
    policy: new PolicyInForce(defaultPolicy),
    keys: { algorithm: "ed25519", mostPending: 100_000, pendingLifetime: 700 * day },
    roles: { timestampLifetime: 100 * day, snapshotLifetime: 1_095 * day, renewAfter: 0.9 },
    cacheBytes: 16 * 1024 * 1024,
    behind: false,
    markLag: () => 0,
    refreshInterval: 3_600_000,
    readOnly: false,
    proposals: { openInAll: 100_000, settled: 100_000 },
  });
}

async function pair(one: Store, other: Store | undefined, twist: Twist): Promise<Pair> {
  const second = other ?? one;
  return { store: one, services: [await service(twist(one)), await service(twist(second))] };
}

const action = fc.oneof(
  { weight: 3, arbitrary: fc.record({ does: fc.constant("open" as const) }) },
  {
    weight: 8,
    arbitrary: fc.record({ does: fc.constant("sign" as const), key: fc.nat(stranger), on: fc.nat(2) }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("publish" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ does: fc.constant("reject" as const), key: fc.nat(stranger), on: fc.nat(2) }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("cancel" as const), on: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("wait" as const) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("tend" as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

interface Known {
  readonly files: Files;
  readonly view: ProposalView;
  /** Keys whose signature was acknowledged. */
  readonly signed: Set<number>;
  readonly asked: Set<string>;
  readonly seen: Set<ProposalState>;
}

class Play {
  readonly #pair: Pair;
  readonly #repository: string;
  readonly #owner: Owner;
  readonly #known: Known[] = [];
  readonly #findings: string[] = [];
  #names = 0;
  #published = 0;

  private constructor(on: Pair, owner: Owner) {
    this.#pair = on;
    this.#repository = owner.repository;
    this.#owner = owner;
  }

  static async begin(on: Pair, repository: string): Promise<Play> {
    const [one] = on.services;
    const key = async (role: "timestamp" | "snapshot") => {
      const { keytype, public: text } = await one.onlineKey(repository, role, ownPrincipal);
      return listed(keytype, text);
    };
    const [timestamp, snapshot] = [await key("timestamp"), await key("snapshot")];
    const owner = await Owner.make(repository, { at: clock.now(), timestamp, snapshot });
    owner.root.keys.targets = keys.slice(0, stranger).map((each) => each.listed);
    owner.root.thresholds.targets = 2;
    owner.targets.signers = keys.slice(0, 2);
    const play = new Play(on, owner);
    await one.publish(repository, uploaded(owner.first()), who);
    await play.act(one, { does: "open" });
    committed = [];
    return play;
  }

  async act(at: Service, what: Action): Promise<void> {
    const { proposals } = at;
    const repository = this.#repository;
    const known = "on" in what ? this.#known[what.on % this.#known.length] : undefined;
    if (known !== undefined && "key" in what) known.asked.add(`${what.does} ${what.key < stranger}`);
    else known?.asked.add(what.does);
    switch (what.does) {
      case "open": {
        const files = await this.#nextFiles();
        const view = await this.#heard(() =>
          proposals.open(repository, openRequest(files, new Map(), { lifetime }), who, true),
        );
        if (view !== undefined) {
          this.#known.push({ files, view, signed: new Set(), asked: new Set(), seen: new Set([view.state]) });
        }
        return;
      }
      case "sign": {
        if (known === undefined) return;
        const signatures = signaturesBy(keys[what.key] as PublisherKey, known.files, "targets");
        const view = await this.#heard(() =>
          proposals.sign(repository, known.view.id, signatures, who, true),
        );
        if (view === undefined) return;
        if (what.key === stranger) this.#findings.push("a stranger signed");
        known.signed.add(what.key);
        known.seen.add(view.state);
        return;
      }
      case "publish": {
        const files = await this.#nextFiles();
        await this.#heard(async () => {
          await at.publish(repository, uploaded(files), who);
          this.#published += 1;
        });
        return;
      }
      case "reject": {
        if (known === undefined) return;
        const rejection = rejectionBy(keys[what.key] as PublisherKey, "targets", known.view);
        const view = await this.#heard(() => proposals.reject(repository, known.view.id, rejection, who));
        if (view !== undefined) known.seen.add(view.state);
        return;
      }
      case "cancel": {
        if (known === undefined) return;
        const view = await this.#heard(() => proposals.cancel(repository, known.view.id, who));
        if (view !== undefined) known.seen.add(view.state);
        return;
      }
      case "wait":
        clock.advance(wait);
        return;
      case "tend":
        await (proposals as Proposals).tend();
    }
  }

  /** What does not hold, once all is quiet. */
  async verdict(): Promise<readonly string[]> {
    await (this.#pair.services[0].proposals as Proposals).tend();
    const { store } = this.#pair;
    const current = (await store.state(this.#repository)).current.get("targets")?.version ?? 0;
    let ofProposals = 0;
    for (const known of this.#known) {
      const end = await store.proposals.get(this.#repository, known.view.id);
      if (end === undefined) {
        this.#findings.push("a proposal is gone");
        continue;
      }
      ofProposals += this.#judge(known, end, current);
    }
    const own = committed.filter(({ kind }) => kind === "publish").length;
    if (own !== ofProposals + this.#published) {
      this.#findings.push(`${own} commits for ${ofProposals} proposals and ${this.#published} publications`);
    }
    return this.#findings;
  }

  /** How often it was published. */
  #judge(known: Known, end: Proposal, current: number): number {
    const say = (what: string) => this.#findings.push(`${end.state}: ${what}`);
    const signed = signedBytes("targets", known.files.get("targets") as Buffer);
    const times = committed.filter(({ metadata }) =>
      metadata.some(
        ({ role, bytes }) => role === "targets" && signedBytes(role, Buffer.from(bytes)).equals(signed),
      ),
    ).length;
    const kept = new Set(end.files[0]?.signatures.map(({ keyId }) => keyId));
    const isKept = (key: number) => kept.has((keys[key] as PublisherKey).listed.id);
    const base = end.base.get("targets") ?? 0;

    if (times !== (end.state === "published" ? 1 : 0)) say(`published ${times} times`);
    if (![...known.signed].every(isKept)) say("an acknowledged signature is lost");
    if (isKept(stranger)) say("a stranger's signature is kept");
    if (end.state === "published" && kept.size < 2) say("published with too few");
    // Nobody's clock stands still: what was on its way in time may arrive after others saw that the time was over.
    const wasInTime = (end.events.at(-1)?.at ?? 0) < end.expiresAt;
    for (const seen of known.seen) {
      if (seen !== "open" && seen !== end.state && !(seen === "expired" && wasInTime))
        say(`was seen ${seen}`);
    }
    if (end.state === "open" && (known.signed.size >= 2 || base !== current)) say("should have ended");
    if (end.state === "superseded" && base === current) say("its base is current");
    if (end.state === "expired" && clock.now() < end.expiresAt) say("its time is not over");
    if (end.state === "rejected" && !known.asked.has("reject true")) say("nobody who may has rejected it");
    if (end.state === "cancelled" && !known.asked.has("cancel")) say("nobody has cancelled it");
    told.set(end.state, (told.get(end.state) ?? 0) + 1);
    return times;
  }

  /** The files of the next version that somebody finds now, like no others. */
  async #nextFiles(): Promise<Files> {
    const version = (await this.#pair.store.state(this.#repository)).current.get("targets")?.version ?? 0;
    this.#owner.targets.version = version + 1;
    this.#owner.addTarget(`name-${this.#names++}`);
    return this.#owner.files("targets");
  }

  async #heard<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof VidimusError)) throw error;
      refusals.add(error.code);
      return undefined;
    }
  }
}

function uploaded(files: Files) {
  return [...files].map(([role, bytes]) => ({ role, bytes }));
}

const told = new Map<ProposalState, number>();
const refusals = new Set<string>();
let plays = 0;

const property = (on: () => Pair) =>
  fc.asyncProperty(
    fc.scheduler(),
    fc.array(fc.array(action, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 }),
    async (given, actors) => {
      const play = await Play.begin(on(), `example.org/play-${plays++}`);
      scheduler = given;
      try {
        await given.waitFor(
          Promise.all(
            actors.map(async (actions, i) => {
              for (const each of actions) await play.act(on().services[(i % 2) as 0 | 1], each);
            }),
          ),
        );
      } finally {
        scheduler = undefined;
      }
      expect(await play.verdict()).toEqual([]);
    },
  );

const pairs = new Map<string, Pair>();
/** A commit that does not know of proposals. */
const forgetful: Twist = (store) => ({
  ...store,
  commit: ({ proposal: _, ...publication }) => store.commit(publication),
});
/** A store that takes signatures and does not keep them. */
const careless: Twist = (store) => ({
  ...store,
  proposals: {
    ...store.proposals,
    change: (change) => store.proposals.change({ ...change, signatures: [] }),
  },
});

beforeAll(async () => {
  for (const [name, make] of Object.entries(open)) pairs.set(name, await make(honest));
  pairs.set("forgetful", await open.memory(forgetful));
  pairs.set("careless", await open.memory(careless));
});
afterAll(async () => {
  for (const { services } of pairs.values()) for (const each of services) await each.close();
});

test.each(Object.keys(open))(
  "on %s what was acknowledged holds, and each ends once",
  async (name) => {
    told.clear();
    refusals.clear();
    await fc.assert(
      property(() => pairs.get(name) as Pair),
      { ...runs(150), endOnFailure: true },
    );
    // Every way to end has been taken, and so have the refusals that people meet.
    expect([...told.keys()].sort()).toEqual([
      "cancelled",
      "expired",
      "open",
      "published",
      "rejected",
      "superseded",
    ]);
    expect([...refusals]).toEqual(
      expect.arrayContaining(["BAD_REJECTION", "PROPOSAL_CLOSED", "UNKNOWN_SIGNER"]),
    );
  },
  propertyTimeout,
);

test.each(["forgetful", "careless"])(
  "a %s store is found out",
  async (name) => {
    const { failed } = await fc.check(
      property(() => pairs.get(name) as Pair),
      { ...runs(100), endOnFailure: true },
    );
    expect(failed).toBe(true);
  },
  propertyTimeout,
);
