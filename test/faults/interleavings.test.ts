/**
 * Two publishers, a rotator, a refresher, a deleter and a reader on one name of a store, in every order that chance
 * gives: when a call begins and when its caller hears of it are both chosen. What they heard must be what a store would
 * say that does one thing at a time.
 */

import fc, { type Scheduler } from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { StoreError } from "../../src/core/errors.ts";
import type { RepositoryState, Store } from "../../src/store/contract/store.ts";
import { openMemory } from "../../src/store/memory.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { file, publication, removalOf } from "../support/publications.ts";
import { seed, times } from "./support/chance.ts";
import { isLinearizable, type Operation } from "./support/linear.ts";
import { commits, lists, type Model, removes, shows, textOf, unused } from "./support/store-model.ts";

/** One caller's view of a store. Writes down what it asked and heard. */
class Caller {
  readonly #store: Store;
  readonly #name: string;
  readonly #scheduler: Scheduler;
  readonly #notes: Operation<Model>[];
  readonly #tick: () => number;

  constructor(run: Run, store: Store) {
    this.#store = store;
    this.#name = run.name;
    this.#scheduler = run.scheduler;
    this.#notes = run.notes;
    this.#tick = run.tick;
  }

  async state(): Promise<RepositoryState> {
    return await this.#ask("state", () => this.#store.state(this.#name), shows);
  }

  async remove(): Promise<boolean> {
    const request = removalOf(this.#name, 1, "deleter");
    return await this.#ask("remove", () => this.#store.remove(request), removes);
  }

  async changes(): Promise<void> {
    const query = { repository: this.#name, direction: "forwards", limit: 1_000 } as const;
    await this.#ask("changes", () => this.#store.changes(query), lists);
  }

  async claim(): Promise<boolean> {
    await this.#turn("claim begins");
    const claim = this.#store.claimDue({ now: 10, leaseUntil: 20, limit: 1_000 });
    const names = await this.#scheduler.schedule(claim, "claim ends");
    return names.includes(this.#name);
  }

  /** The next versions of these roles, made against a state. */
  async commit(state: RepositoryState, ...roles: string[]): Promise<void> {
    const next = (role: string) =>
      Math.max(state.current.get(role)?.version ?? 0, state.floor.get(role) ?? 0) + 1;
    const files = Object.fromEntries(roles.map((role) => [role, next(role)]));
    const metadata = roles.map((role) => file(role, next(role), this.#name));
    const { revision: expectedRevision } = state;
    const change = publication(this.#name, { expectedRevision, metadata, renewAt: 5 });
    await this.#ask(
      `commit ${JSON.stringify(files)}`,
      async () => {
        try {
          return await this.#store.commit(change);
        } catch (error) {
          if (error instanceof StoreError && error.code === "CONFLICT") return undefined;
          throw error;
        }
      },
      (model, given) => commits(model, expectedRevision, files, given),
    );
  }

  async #turn(label: string): Promise<void> {
    await this.#scheduler.schedule(Promise.resolve(), label);
  }

  async #ask<T>(
    name: string,
    ask: () => Promise<T>,
    next: (model: Model, given: T) => readonly Model[],
  ): Promise<T> {
    await this.#turn(`${name} begins`);
    const began = this.#tick();
    // The scheduler waits for the store's answer when it is that answer's turn: then chance decides what comes in between.
    const given = await this.#scheduler.schedule(ask(), `${name} ends`);
    this.#notes.push({ name, began, ended: this.#tick(), next: (model) => next(model, given) });
    return given;
  }
}

interface Run {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly notes: Operation<Model>[];
  readonly tick: () => number;
}

let handles: readonly [Store, Store];
let runs = 0;

/** Everybody at work on a new name; whether what they heard can be. */
async function play(scheduler: Scheduler, stores: readonly [Store, Store]): Promise<boolean> {
  let now = 0;
  const run: Run = { name: `run-${runs++}`, scheduler, notes: [], tick: () => ++now };
  const [one, other] = stores;
  const publisher = async (store: Store) => {
    const caller = new Caller(run, store);
    for (let i = 0; i < 2; i++) await caller.commit(await caller.state(), "root", "targets", "timestamp");
  };
  const rotator = async () => {
    const caller = new Caller(run, other);
    await caller.commit(await caller.state(), "root", "timestamp");
  };
  const refresher = async () => {
    const caller = new Caller(run, one);
    await caller.claim();
    const state = await caller.state();
    if (state.exists) await caller.commit(state, "timestamp");
  };
  const deleter = async () => {
    await new Caller(run, other).remove();
  };
  const reader = async () => {
    const caller = new Caller(run, one);
    await caller.changes();
    await caller.state();
    await caller.changes();
  };
  await scheduler.waitFor(
    Promise.all([publisher(one), publisher(other), rotator(), refresher(), deleter(), reader()]),
  );
  return isLinearizable(run.notes, unused, textOf);
}

const property = (stores: () => readonly [Store, Store]) =>
  fc.asyncProperty(fc.scheduler(), async (scheduler) => {
    expect(await play(scheduler, stores())).toBe(true);
  });

describe.each(["memory", "sqlite"] as const)("interleavings on %s", (backEnd) => {
  beforeEach(async () => {
    const directory = temporaryDirectory();
    const open = async () => await openSqlite({ directory, lock: false });
    const memory = openMemory();
    handles = backEnd === "memory" ? [memory, memory] : [await open(), await open()];
  });
  afterEach(async () => {
    for (const store of new Set(handles)) await store.close();
  });

  test("are linearizable", async () => {
    await fc.assert(
      property(() => handles),
      { seed, numRuns: times(300) },
    );
  });

  /** Stores that lie, each in one way. */
  const liars: Readonly<Record<string, (store: Store) => Store>> = {
    "answers state from memory": (store) => {
      const kept = new Map<string, RepositoryState>();
      return {
        ...store,
        async state(name) {
          const known = kept.get(name) ?? (await store.state(name));
          kept.set(name, known);
          return known;
        },
      };
    },
    "commits against whatever there is": (store) => ({
      ...store,
      async commit(change) {
        const { revision, current } = await store.state(change.repository);
        const metadata = change.metadata.map((each) =>
          file(each.role, Math.max(each.version, (current.get(each.role)?.version ?? 0) + 1)),
        );
        return await store.commit({ ...change, expectedRevision: revision, metadata });
      },
    }),
    "says that it has removed and has not": (store) => ({
      ...store,
      async remove(request) {
        return (await store.state(request.repository)).exists;
      },
    }),
    "forgets a row of the changefeed": (store) => ({
      ...store,
      async changes(query) {
        return (await store.changes(query)).slice(0, 2);
      },
    }),
  };

  test.each(Object.entries(liars))("planted: a store that %s is found out", async (_name, lie) => {
    const lying = () => handles.map(lie) as unknown as readonly [Store, Store];
    const { failed } = await fc.check(property(lying), { seed, numRuns: 300, endOnFailure: true });
    expect(failed).toBe(true);
  });
});
