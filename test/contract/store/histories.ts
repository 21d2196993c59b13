/** Random histories against a model that is as plain as possible. The seed stands in the test's name. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Store } from "../../../src/store/contract/store.ts";
import { file, publication, removalOf } from "../../support/publications.ts";
import { codeOf } from "../../support/refusal.ts";
import type { OpenedStore } from "./bench.ts";

const repositories = ["a/b", "A/b", "__proto__"];
const roles = ["root", "timestamp", "targets/x"];

type Step =
  | {
      readonly kind: "commit";
      readonly name: string;
      readonly behind: number;
      readonly up: Record<string, number>;
    }
  | { readonly kind: "remove"; readonly name: string };

const name = fc.constantFrom(...repositories);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("commit" as const),
      name,
      /** How far the expected revision lags behind the true one. */
      behind: fc.oneof(
        { weight: 6, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.integer({ min: -1, max: 2 }) },
      ),
      /** How far each role's version is above its current one. */
      up: fc.dictionary(fc.constantFrom(...roles), fc.integer({ min: 0, max: 3 }), {
        minKeys: 1,
        noNullPrototype: true,
      }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), name }) },
);

/** One life of a name is the list of its publications; the whole is the list of lives. */
class Model {
  readonly lives: Map<string, number>[][] = [];
  alive = false;
  revision = 0;

  version(role: string): number {
    const life = this.alive ? (this.lives.at(-1) ?? []) : [];
    return life.findLast((each) => each.has(role))?.get(role) ?? 0;
  }

  floor(): Map<string, number> {
    const ended = this.alive ? this.lives.slice(0, -1) : this.lives;
    const floor = new Map<string, number>();
    for (const each of ended.flat()) {
      for (const [role, version] of each) floor.set(role, Math.max(version, floor.get(role) ?? 0));
    }
    return floor;
  }

  commit(files: Map<string, number>): void {
    if (!this.alive) this.lives.push([]);
    this.alive = true;
    this.revision += 1;
    this.lives.at(-1)?.push(files);
  }

  remove(): void {
    this.alive = false;
    this.revision += 1;
  }
}

async function play(store: Store, steps: readonly Step[]): Promise<void> {
  const models = new Map(repositories.map((each) => [each, new Model()]));
  const feed: string[] = [];
  for (const each of steps) {
    const model = models.get(each.name) ?? new Model();
    if (each.kind === "remove") {
      const happened = await store.remove(removalOf(each.name, 1));
      expect(happened).toBe(model.alive);
      if (!model.alive) continue;
      model.remove();
      feed.push(`${each.name} deletion 0`);
    } else {
      await playCommit(store, model, each, feed);
    }
    await compare(store, each.name, model);
  }
  const rows = await store.changes({ direction: "forwards", limit: 1_000 });
  expect(rows.map((row) => `${row.repository} ${row.category} ${row.version}`)).toEqual(feed);
}

async function playCommit(store: Store, model: Model, each: Step & { kind: "commit" }, feed: string[]) {
  const files = new Map(Object.entries(each.up).map(([role, up]) => [role, model.version(role) + up]));
  if ([...files.values()].includes(0)) return;
  const metadata = [...files].map(([role, version]) => file(role, version));
  const expectedRevision = Math.max(0, model.revision - each.behind);
  const attempt = store.commit(publication(each.name, { expectedRevision, metadata }));
  const rises = [...files].every(([role, version]) => version > model.version(role));
  if (expectedRevision !== model.revision || !rises) {
    expect(await codeOf(attempt)).toBe("CONFLICT");
    return;
  }
  model.commit(files);
  expect(await attempt).toEqual({ revision: model.revision, incarnation: model.lives.length });
  if (files.has("timestamp")) feed.push(`${each.name} update ${files.get("timestamp")}`);
}

async function compare(store: Store, repository: string, model: Model): Promise<void> {
  const state = await store.state(repository);
  expect(state.exists).toBe(model.alive);
  expect(state.revision).toBe(model.revision);
  expect(state.incarnation).toBe(model.lives.length);
  expect(state.floor).toEqual(model.floor());
  for (const role of roles) {
    const version = model.version(role);
    expect(state.current.get(role)?.version ?? 0).toBe(version);
    expect((await store.current(repository, role))?.version ?? 0).toBe(version);
    for (let each = 1; each <= version; each += 1) {
      const stored = (model.lives.at(-1) ?? []).some((files) => files.get(role) === each);
      expect((await store.byVersion(repository, role, each)) !== undefined).toBe(stored);
    }
  }
}

export function histories(open: () => Promise<OpenedStore>): void {
  const seed = Number(process.env.VIDIMUS_SEED ?? Math.floor(Math.random() * 2 ** 31));

  describe("random histories", () => {
    it(`agree with the model (VIDIMUS_SEED=${seed})`, async () => {
      const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const opened = await open();
        try {
          await play(opened.store, steps);
        } finally {
          await opened.dispose();
        }
      });
      await fc.assert(property, { numRuns: 40, seed });
    });
  });
}
