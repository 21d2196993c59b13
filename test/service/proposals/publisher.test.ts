/** Who has taken part in a proposal, and what becomes of one that nothing is missing from (docs/adr/0028). */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SignerError, StoreError } from "../../../src/core/errors.ts";
import type { Proposals } from "../../../src/service/proposals.ts";
import type { Signer } from "../../../src/signer/signer.ts";
import type { Store } from "../../../src/store/contract/store.ts";
import type { PublisherKey } from "../../support/bare/keys.ts";
import { openRequest, signaturesBy } from "../../support/proposing.ts";
import { type Files, newKey, type Owner } from "../../support/publisher.ts";
import { backEnds, startServer, type TestServer } from "../../support/server.ts";
import { check } from "../../support/stored.ts";

const repository = "example.org/taking-part";
const job = { name: "job", method: "none", address: "" } as const;
const publisher = { name: "publisher", method: "none", address: "" } as const;

describe.each(backEnds)("a proposal of who may not publish on %s", (backEnd) => {
  let server: TestServer;
  let owner: Owner;
  let second: PublisherKey;
  let files: Files;
  /** Thrown by commits of proposals. */
  let fault: StoreError | undefined;
  let isSignerAway: boolean;
  let commits: number;

  beforeEach(async () => {
    [fault, isSignerAway, commits] = [undefined, false, 0];
    const wrapStore = (store: Store): Store => ({
      ...store,
      async commit(publication) {
        if (publication.proposal !== undefined) {
          commits += 1;
          if (fault !== undefined) throw fault;
        }
        return await store.commit(publication);
      },
    });
    const wrapSigner = (signer: Signer): Signer => ({
      generate: (algorithm, binding) => signer.generate(algorithm, binding),
      adopt: (key, binding) => signer.adopt(key, binding),
      async sign(key, message) {
        if (isSignerAway) throw new SignerError("SIGNER_UNAVAILABLE", "Try again.");
        return await signer.sign(key, message);
      },
      check: () => signer.check(),
      close: () => signer.close(),
    });
    server = await startServer({ backEnd, wrapStore, wrapSigner });
    owner = await server.owner(repository);
    second = newKey("ecdsa");
    owner.root.keys.targets.push(second.listed);
    owner.root.thresholds.targets = 2;
    owner.targets.signers = [owner.targetsKey, second];
    expect((await server.publish(repository, owner.first())).status).toBe(200);
    owner.addTarget("app");
    files = owner.next("targets");
  });
  afterEach(() => server.close());

  const proposals = () => server.service.proposals as Proposals;
  const open = (keys: readonly PublisherKey[], mayPublish = false) =>
    proposals().open(
      repository,
      openRequest(files, new Map([["targets", keys]])),
      mayPublish ? publisher : job,
      mayPublish,
    );
  const sign = (id: string, key: PublisherKey, mayPublish = false) =>
    proposals().sign(
      repository,
      id,
      signaturesBy(key, files, "targets"),
      mayPublish ? publisher : job,
      mayPublish,
    );
  const touch = (id: string, mayPublish = false) =>
    proposals().sign(repository, id, [], mayPublish ? publisher : job, mayPublish);
  const get = (id: string) => proposals().get(repository, id);
  const kinds = async (id: string) => (await get(id)).events.map(({ kind }) => kind);
  /** What fsck finds; without a file there is nothing to examine. */
  async function damages(): Promise<readonly string[]> {
    if (backEnd !== "sqlite") return [];
    const found = await check(server.directory ?? "", server.secret, server.clock.now());
    return found.damages.map(({ code }) => code);
  }

  it("that a publisher brings up while the signer is away is published by the next look", async () => {
    const { id } = await open([owner.targetsKey, second]);
    isSignerAway = true;
    const answer = await touch(id, true);
    expect(answer).toMatchObject({ state: "open", complete: true });
    expect(answer.reason).toMatch(/^SIGNER_UNAVAILABLE: /);
    expect(await kinds(id)).toEqual(["proposed", "backed"]);
    expect(await damages()).toEqual([]);
    isSignerAway = false;
    await proposals().tend();
    expect(await get(id)).toMatchObject({ state: "published", reason: "" });
    expect(await damages()).toEqual([]);
  });

  it("that was refused and is tried again while the store is away is published by the next look", async () => {
    const { id } = await open([owner.targetsKey]);
    fault = new StoreError("STORE_CORRUPT", "Restore a backup.");
    expect(await sign(id, second, true)).toMatchObject({ state: "open", complete: false });
    fault = new StoreError("STORE_UNAVAILABLE", "Try again.");
    const answer = await touch(id);
    expect(answer).toMatchObject({ state: "open", complete: true });
    expect(answer.reason).toMatch(/^STORE_UNAVAILABLE: /);
    expect(await kinds(id)).toEqual(["proposed", "backed", "failed", "signed"]);
    expect(await damages()).toEqual([]);
    fault = undefined;
    await proposals().tend();
    expect((await get(id)).state).toBe("published");
  });

  it("that damage keeps from being published says so, and is not tried again at each look", async () => {
    const { id } = await open([owner.targetsKey, second]);
    fault = new StoreError("STORE_CORRUPT", "Restore a backup.");
    const refused = await touch(id, true);
    expect(refused).toMatchObject({ state: "open", complete: false });
    expect(refused.reason).toMatch(/^STORE_CORRUPT: /);
    expect(await damages()).toEqual([]);
    for (let look = 0; look < 3; look++) await proposals().tend();
    expect([commits, (await get(id)).revision]).toEqual([1, refused.revision]);
    fault = undefined;
    expect((await touch(id)).state).toBe("published");
  });

  it("that a publisher opens once more has been opened by one who may publish", async () => {
    const { id } = await open([owner.targetsKey]);
    expect(await open([], true)).toMatchObject({ id, state: "open", complete: false });
    expect(await kinds(id)).toEqual(["proposed", "backed"]);
    expect(await damages()).toEqual([]);
    expect((await sign(id, second)).state).toBe("published");
  });

  it("to which a publisher brings a signature that is there already may be published", async () => {
    const { id } = await open([owner.targetsKey]);
    expect(await sign(id, owner.targetsKey, true)).toMatchObject({ state: "open", complete: false });
    expect(await kinds(id)).toEqual(["proposed", "backed"]);
    expect(await damages()).toEqual([]);
    expect((await sign(id, second)).state).toBe("published");
  });

  it("stays unpublished where a publisher only asks for it before all have signed", async () => {
    const { id, revision } = await open([owner.targetsKey]);
    expect(await touch(id, true)).toMatchObject({ state: "open", revision });
    const all = await sign(id, second);
    expect(all).toMatchObject({ state: "open", complete: false });
    expect(all.reason).toMatch(/^FORBIDDEN: /);
    expect((await touch(id, true)).state).toBe("published");
  });

  it("is published by nothing that those bring who may not publish", async () => {
    const { id } = await open([owner.targetsKey, second]);
    const before = await get(id);
    expect(before).toMatchObject({ state: "open", complete: false });
    for (const again of [() => open([owner.targetsKey, second]), () => sign(id, second), () => touch(id)]) {
      expect(await again()).toMatchObject({ id, state: "open", complete: false });
    }
    await proposals().tend();
    expect([(await get(id)).revision, commits]).toEqual([before.revision, 0]);
    expect(await damages()).toEqual([]);
  });
});
