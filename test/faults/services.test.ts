/**
 * The same people on two services over one SQLite store, as two processes would be: every call of the store waits for a
 * turn that chance gives. What everybody saw and was told is judged by the checker.
 */
import fc, { type Scheduler } from "fast-check";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { VidimusError } from "../../src/core/errors.ts";
import { notary } from "../../src/core/format/notary.ts";
import { defaultPolicy } from "../../src/policy/policy.ts";
import { PolicyInForce } from "../../src/service/policy-in-force.ts";
import type { OnlineRole, TrustService } from "../../src/service/service.ts";
import { createTrustService } from "../../src/service/trust.ts";
import { createSealedRecord, openSealed } from "../../src/signer/sealed.ts";
import { keySecret } from "../../src/signer/secret.ts";
import type { Eventually, Store } from "../../src/store/contract/store.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { day, type Files, listed, Owner } from "../support/publisher.ts";
import { TestClock } from "../support/server.ts";
import { seed, times } from "./support/chance.ts";
import { check } from "./support/checker.ts";
import { directLine } from "./support/direct-line.ts";
import { History, type Outcome } from "./support/history.ts";
import { factOf, type Line, Watcher } from "./support/watcher.ts";

const clock = new TestClock(Date.UTC(2030, 0, 1));
const principal = { name: "tester", method: "none", address: "" } as const;
let scheduler: Scheduler | undefined;
type Pair = readonly [TrustService, TrustService];
let services: Pair;
let deaf: Pair;

/** Every call waits for its turn, and its answer for another one. */
function scheduled(store: Store): Store {
  const turn = async <T>(label: string, call: () => Eventually<T>): Promise<T> => {
    const given = scheduler;
    if (given === undefined) return await call();
    await given.schedule(Promise.resolve(), `${label} begins`);
    // A refusal is an answer like any other: the scheduler is not to see it as a failure.
    const answer = (async () => await call())().then(
      (value) => () => value,
      (error: unknown) => () => {
        throw error;
      },
    );
    return (await given.schedule(answer, `${label} ends`))();
  };
  return {
    ...store,
    state: (name) => turn("state", () => store.state(name)),
    current: (name, role) => turn(`current ${role}`, () => store.current(name, role)),
    byDigest: (name, role, sha256) => turn(`digest ${role}`, () => store.byDigest(name, role, sha256)),
    commit: (change) => turn(`commit ${change.kind}`, () => store.commit(change)),
    remove: (request) => turn("remove", () => store.remove(request)),
    onlineKeys: (name, ids) => turn("keys", () => store.onlineKeys(name, ids)),
    addPendingKey: (key, limits, audit) => turn("pending", () => store.addPendingKey(key, limits, audit)),
  };
}

/** @param isDeaf it does not hear what others commit */
async function open(directory: string, isDeaf: boolean): Promise<TrustService> {
  const secret = Buffer.alloc(32, 7);
  const store = await openSqlite({ directory, lock: false });
  const record = await store.createKeyring(await createSealedRecord(keySecret(secret)));
  return createTrustService({
    store: { ...scheduled(store), ...(isDeaf && { changesElsewhere: () => 0 }) },
    signer: await openSealed({ secret: keySecret(secret), record }),
    format: notary,
    clock,
    logger: pino({ level: "silent" }),
    policy: new PolicyInForce(defaultPolicy),
    keys: { algorithm: "ed25519", mostPending: 10_000, pendingLifetime: 7 * day },
    roles: { timestampLifetime: 14 * day, snapshotLifetime: 1_095 * day, renewAfter: 0.5 },
    cacheBytes: 16 * 1024 * 1024,
    behind: false,
    markLag: () => 0,
    refreshInterval: 3_600_000,
    readOnly: false,
  });
}

beforeAll(async () => {
  const [directory, other] = [temporaryDirectory(), temporaryDirectory()];
  services = [await open(directory, false), await open(directory, false)];
  deaf = [await open(other, true), await open(other, true)];
});
afterAll(async () => {
  for (const service of [...services, ...deaf]) await service.close();
});

function lineTo(service: TrustService): Line {
  return directLine(
    service,
    () => clock.now(),
    (query) => service.trail.trail(query),
  );
}

class Play {
  readonly repository: string;
  readonly history = new History();
  readonly #watcher = new Watcher(this.history);
  #owner: Owner | undefined;
  #life = 0;
  #since: { readonly number: number; readonly hash: string } | undefined;

  constructor(repository: string) {
    this.repository = repository;
  }

  async begin(service: TrustService): Promise<void> {
    // The trail is of the whole store: what was there before is of other plays.
    this.#since ??= await service.trail.head();
    const key = async (role: OnlineRole) => {
      const { keytype, public: text } = await service.onlineKey(this.repository, role, principal);
      return listed(keytype, text);
    };
    const [timestamp, snapshot] = [await key("timestamp"), await key("snapshot")];
    this.#owner = await Owner.make(this.repository, { at: clock.now(), timestamp, snapshot });
    this.#life += 1;
    await this.#publish(service, this.#owner.first());
  }

  async read(service: TrustService) {
    return await this.#watcher.view(lineTo(service), this.repository);
  }

  /** New targets, one version above those that it finds. */
  async edit(service: TrustService): Promise<void> {
    const version = (await this.read(service))?.files.get("targets")?.version ?? 0;
    const owner = this.#owner as Owner;
    owner.targets.version = version + 1;
    owner.addTarget(String(this.history.tick()));
    await this.#publish(service, owner.files("targets"));
  }

  async rotate(service: TrustService): Promise<void> {
    const { keytype, public: text } = await service.rotateOnlineKey(this.repository, "timestamp", principal);
    const { root } = this.#owner as Owner;
    root.version += 1;
    root.keys.timestamp = [listed(keytype, text)];
    await this.#publish(service, (this.#owner as Owner).files("root"));
  }

  async renew(service: TrustService): Promise<void> {
    clock.advance(14 * day);
    await this.read(service);
  }

  async remove(service: TrustService): Promise<void> {
    const life = this.#life;
    await this.#note(
      (span) => this.history.add({ kind: "remove", life, ...span }),
      () => service.remove(this.repository, principal),
    );
  }

  async verdict(pair: Pair): Promise<string[]> {
    for (const service of pair) await this.read(service);
    expect(await this.#watcher.trail(lineTo(pair[0]), this.#since)).toBe(true);
    await this.#watcher.feed(lineTo(pair[0]));
    return check(this.history.happenings).map(({ code, sentence }) => `${code} ${sentence}`);
  }

  async #publish(service: TrustService, files: Files): Promise<void> {
    const facts = new Map([...files].map(([role, bytes]) => [role, factOf(bytes)]));
    const life = this.#life;
    await this.#note(
      (span) => this.history.add({ kind: "publish", life, files: facts, ...span }),
      () =>
        service.publish(
          this.repository,
          [...files].map(([role, bytes]) => ({ role, bytes })),
          principal,
        ),
    );
  }

  async #note(
    add: (span: { repository: string; outcome: Outcome; began: number; ended: number }) => void,
    work: () => Promise<void>,
  ): Promise<void> {
    const began = this.history.tick();
    let outcome: Outcome = "acknowledged";
    try {
      await work();
    } catch (error) {
      if (!(error instanceof VidimusError)) throw error;
      outcome = error.code === "COMMIT_UNKNOWN" ? "unknown" : "refused";
    }
    add({ repository: this.repository, outcome, began, ended: this.history.tick() });
  }
}

let plays = 0;
const told = { acknowledged: 0, refused: 0 };

const property = (pair: () => Pair) =>
  fc.asyncProperty(fc.scheduler(), fc.boolean(), async (given, removes) => {
    const [one, other] = pair();
    const play = new Play(`example.org/play-${plays++}`);
    await play.begin(one);
    scheduler = given;
    const publisher = async (service: TrustService) => {
      for (let i = 0; i < 2; i++) await play.edit(service);
    };
    const reader = async (service: TrustService) => {
      for (let i = 0; i < 3; i++) await play.read(service);
    };
    const deleter = async () => {
      if (!removes) return;
      await play.remove(one);
      await play.begin(other);
    };
    try {
      await given.waitFor(
        Promise.all([
          publisher(one),
          publisher(other),
          play.rotate(other),
          play.renew(one),
          deleter(),
          reader(one),
          reader(other),
        ]),
      );
    } finally {
      scheduler = undefined;
    }
    expect(await play.verdict(pair())).toEqual([]);
    for (const each of play.history.happenings) {
      if (each.kind === "publish" && each.outcome !== "unknown") told[each.outcome] += 1;
    }
  });

test("what two services say of one store is true, whoever comes first", async () => {
  await fc.assert(
    property(() => services),
    { seed, numRuns: times(40), endOnFailure: true },
  );
  console.info(`${plays} plays, publications ${JSON.stringify(told)}`);
  expect(Math.min(told.acknowledged, told.refused)).toBeGreaterThan(plays);
});

test("planted: services that do not hear of each other are found out", async () => {
  const { failed } = await fc.check(
    property(() => deaf),
    { seed, numRuns: 40, endOnFailure: true },
  );
  expect(failed).toBe(true);
});
