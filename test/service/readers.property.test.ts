/**
 * Readers beside a writer, each with a cache and a connection of its own, in every order that a seed can think of: a read
 * sees what was current at some instant between its beginning and its end. So none that starts after another ended, or
 * after a commit was answered, sees less. Reads are held before and after they touch the file, while others go on.
 */
import fc from "fast-check";
import pino from "pino";
import { expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import { defaultPolicy } from "../../src/policy/policy.ts";
import { PolicyInForce } from "../../src/service/policy-in-force.ts";
import type { TrustService } from "../../src/service/service.ts";
import { createTrustService } from "../../src/service/trust.ts";
import { absentSigner } from "../../src/signer/absent.ts";
import type { Eventually, Store } from "../../src/store/contract/store.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { propertyTimeout, runs } from "../support/properties.ts";
import { file, publication, removalOf } from "../support/publications.ts";

const names = ["a", "a/b"] as const;
type Name = (typeof names)[number];

/** Holds a reader's next look into the file, before or after it. */
class Gate {
  #armed: "before" | "after" | undefined;
  #open: (() => void) | undefined;

  arm(where: "before" | "after"): void {
    this.#armed = where;
  }

  release(): void {
    this.#armed = undefined;
    this.#open?.();
  }

  /** Of a look that nobody holds the answer is there at once, as the store gives it. */
  pass<T>(look: () => Eventually<T>): Eventually<T> {
    return this.#armed === undefined ? look() : this.#hold(look);
  }

  async #hold<T>(look: () => Eventually<T>): Promise<T> {
    const where = this.#armed;
    this.#armed = undefined;
    const held = () =>
      new Promise<void>((resolve) => {
        this.#open = resolve;
      });
    if (where === "before") await held();
    const seen = await look();
    if (where === "after") await held();
    return seen;
  }
}

interface Reader {
  readonly store: Store;
  readonly service: TrustService;
  readonly gate: Gate;
}

type Wrap = (store: Store) => Store;

async function openReader(directory: string, wrap: Wrap): Promise<Reader> {
  const store = await openSqlite({ directory, readOnly: true });
  const gate = new Gate();
  const gated: Store = {
    ...wrap(store),
    current: (name, role) => gate.pass(() => store.current(name, role)),
    byVersion: (name, role, version) => gate.pass(() => store.byVersion(name, role, version)),
  };
  const service = createTrustService({
    store: gated,
    signer: absentSigner,
    format: notary,
    clock: { now: () => 0 },
    logger: pino({ enabled: false }),
    policy: new PolicyInForce(defaultPolicy),
    keys: { algorithm: "ecdsa", mostPending: 1, pendingLifetime: 1 },
    roles: { timestampLifetime: 1, snapshotLifetime: 1, renewAfter: 0.5 },
    cacheBytes: 1_000_000,
    refreshInterval: 1_000,
    readOnly: true,
    behind: false,
    markLag: () => 0,
  });
  return { store, service, gate };
}

/** What was current after each change of one name; nothing after a removal. */
type History = (number | undefined)[];

class World {
  readonly #writer: Store;
  readonly #readers: readonly Reader[];
  readonly #histories = new Map<Name, History>(names.map((name) => [name, [undefined]]));
  readonly #held = new Map<Reader, Promise<void>>();
  #version = 0;

  constructor(writer: Store, readers: readonly Reader[]) {
    this.#writer = writer;
    this.#readers = readers;
  }

  async publish(name: Name, withTimestamp: boolean): Promise<void> {
    const { revision } = await this.#writer.state(name);
    const version = ++this.#version;
    const roles = withTimestamp ? ["targets", "timestamp"] : ["targets"];
    const metadata = roles.map((role) => file(role, version));
    await this.#writer.commit(publication(name, { expectedRevision: revision, metadata }));
    this.#history(name).push(version);
  }

  async remove(name: Name): Promise<void> {
    if (await this.#writer.remove(removalOf(name, 1))) this.#history(name).push(undefined);
  }

  /** Begins a read; one that is held stays so until `release`. */
  async read(index: number, name: Name, hold?: "before" | "after"): Promise<void> {
    const reader = this.#readers[index % this.#readers.length] as Reader;
    await this.release(index);
    if (hold !== undefined) reader.gate.arm(hold);
    const reading = this.#look(reader, name);
    if (hold === undefined) return await reading;
    this.#held.set(reader, reading);
    // Its failure is told where it is released; a run that fails elsewhere first does not get there.
    reading.catch(() => {});
  }

  /** A file by its version: there, or gone with its incarnation. */
  async readVersion(index: number, name: Name, back: number): Promise<void> {
    const { service } = this.#readers[index % this.#readers.length] as Reader;
    await this.release(index);
    const history = this.#history(name);
    const life = history.slice(history.lastIndexOf(undefined) + 1);
    const version = history.findLast((each) => each !== undefined && each <= this.#version - back);
    if (version === undefined) return;
    const seen = (await service.byVersion(name, "targets", version))?.version;
    if (seen !== (life.includes(version) ? version : undefined)) {
      throw new Error(`version ${version} of ${name} was ${seen === undefined ? "not " : ""}there`);
    }
  }

  async release(index: number): Promise<void> {
    const reader = this.#readers[index % this.#readers.length] as Reader;
    reader.gate.release();
    await this.#held.get(reader);
    this.#held.delete(reader);
  }

  async close(): Promise<void> {
    for (const index of this.#readers.keys()) await this.release(index);
  }

  async #look({ service }: Reader, name: Name): Promise<void> {
    const history = this.#history(name);
    const began = history.length - 1;
    const seen = (await service.current(name, "targets"))?.version;
    if (!history.slice(began).includes(seen)) {
      throw new Error(`${name}: ${seen} was seen, of ${history.join()} from ${began} on`);
    }
  }

  #history(name: Name): History {
    return this.#histories.get(name) as History;
  }
}

type Step = (world: World) => Promise<void>;

const anyName = fc.constantFrom(...names);
const anyReader = fc.nat(1);
const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(anyName, fc.boolean()).map(
        ([name, stamped]): Step =>
          (world) =>
            world.publish(name, stamped),
      ),
    },
    {
      weight: 1,
      arbitrary: anyName.map(
        (name): Step =>
          (world) =>
            world.remove(name),
      ),
    },
    {
      weight: 6,
      arbitrary: fc.tuple(anyReader, anyName).map(
        ([reader, name]): Step =>
          (world) =>
            world.read(reader, name),
      ),
    },
    {
      weight: 3,
      arbitrary: fc.tuple(anyReader, anyName, fc.constantFrom("before" as const, "after" as const)).map(
        ([reader, name, where]): Step =>
          (world) =>
            world.read(reader, name, where),
      ),
    },
    {
      weight: 2,
      arbitrary: anyReader.map(
        (reader): Step =>
          (world) =>
            world.release(reader),
      ),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(anyReader, anyName, fc.nat(3)).map(
        ([reader, name, back]): Step =>
          (world) =>
            world.readVersion(reader, name, back),
      ),
    },
  ),
  { minLength: 5, maxLength: 40 },
);

const property = (wrap: Wrap) =>
  fc.asyncProperty(steps, async (chosen) => {
    const directory = temporaryDirectory();
    const writer = await openSqlite({ directory });
    const readers = [await openReader(directory, wrap), await openReader(directory, wrap)];
    const world = new World(writer, readers);
    try {
      for (const step of chosen) await step(world);
      await world.close();
    } finally {
      for (const { store, gate } of readers) {
        gate.release();
        await store.close();
      }
      await writer.close();
    }
  });

it(
  "no read sees less than what was current when it began",
  async () => {
    await fc.assert(
      property((store) => store),
      runs(60),
    );
  },
  propertyTimeout,
);

it.each<[string, Wrap]>([
  ["does not hear of others", (store) => ({ ...store, changesElsewhere: () => 0 })],
  ["believes that everything still stands", (store) => ({ ...store, standing: always(store) })],
])(
  "a reader that %s is found out",
  async (_, wrap) => {
    const { failed } = await fc.check(property(wrap), { ...runs(2_000), endOnFailure: true });
    expect(failed).toBe(true);
  },
  propertyTimeout,
);

/** The first standing that was asked for, for ever. */
function always(store: Store): Store["standing"] {
  const first = new Map<string, ReturnType<Store["standing"]>>();
  return (name) => {
    const standing = first.get(name) ?? store.standing(name);
    first.set(name, standing);
    return standing;
  };
}
