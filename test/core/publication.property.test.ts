/**
 * The server's rules against the client's: whatever `examine` accepts, a client that trusted the previous generation
 * accepts as well, and so does one that comes for the first time. Publishers in random histories send parts of their
 * work, forget files, hold the snapshot key or not; and whoever sends all of it honestly is accepted.
 */
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import type { Metadata } from "../../src/core/model.ts";
import { kindOf } from "../../src/core/model.ts";
import { parentRole } from "../../src/core/names.ts";
import { factsOf, type Plan } from "../../src/core/publication.ts";
import type { TrustedSet } from "../../src/core/trusted-set.ts";
import { facts } from "../../src/publisher/files.ts";
import type { PublisherKey } from "../support/bare/keys.ts";
import { sealWith } from "../support/bare/seal.ts";
import { propertyTimeout, runs } from "../support/properties.ts";
import { Published } from "../support/published.ts";
import { newClient, type Source, update } from "../support/reader.ts";
import { outcome } from "../support/refusals.ts";
import { newKey, Simulator, someTarget } from "../support/simulator.ts";

const repository = "example.org/team/app";
const delegations = ["targets/a", "targets/a/b", "targets/c"];

type Step =
  | { readonly do: "release" | "sign anew" | "delegate" | "give up"; readonly role: string }
  | { readonly do: "rotate"; readonly role: string; readonly resigned: boolean }
  | { readonly do: "take the snapshot key" | "hand in the snapshot key" }
  | {
      readonly do: "spoil";
      readonly way: "tamper" | "unsign" | "expire" | "signWith";
      readonly role: string;
    };

interface Turn {
  readonly steps: readonly Step[];
  /** Files by place in the list of those that could be sent; the others are forgotten. */
  readonly send: readonly boolean[];
  /** A role that a snapshot made by the client leaves out. */
  readonly leaveOut: string | undefined;
}

const targetsRole = fc.constantFrom("targets", ...delegations);
const turn: fc.Arbitrary<Turn> = fc.record({
  steps: fc.array(
    fc.oneof(
      fc.record({
        do: fc.constantFrom(
          "release" as const,
          "sign anew" as const,
          "delegate" as const,
          "give up" as const,
        ),
        role: targetsRole,
      }),
      fc.record({
        do: fc.constant("rotate" as const),
        role: fc.constantFrom("root", "timestamp", "snapshot", "targets", ...delegations),
        resigned: fc.boolean(),
      }),
      fc.record({
        do: fc.constantFrom("take the snapshot key" as const, "hand in the snapshot key" as const),
      }),
      fc.record({
        do: fc.constant("spoil" as const),
        way: fc.constantFrom("tamper" as const, "unsign" as const, "expire" as const, "signWith" as const),
        role: targetsRole,
      }),
    ),
    { minLength: 1, maxLength: 4 },
  ),
  send: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
  leaveOut: fc.option(fc.constantFrom(...delegations, "targets", "root"), { nil: undefined, freq: 3 }),
});

let rootKeys: PublisherKey[] = [];
beforeAll(async () => {
  const sim = await Simulator.create(repository);
  rootKeys = await Promise.all(Array.from({ length: 8 }, () => sim.rootKey()));
});

const seen = { accepted: 0, refused: 0, clientSnapshots: 0 };

/** A publisher with all keys, a server, and a client that reads after every publication. */
class History {
  readonly sim: Simulator;
  readonly #server = new Published(repository);
  readonly #source: Source & { readonly served: Map<string, Buffer>; readonly roots: Map<number, Buffer> };
  readonly #client: TrustedSet;
  readonly #versions = new Map<string, number>();
  #serverHoldsSnapshot = true;
  #rotations = 0;

  constructor(sim: Simulator) {
    this.sim = sim;
    this.#source = { served: new Map(), roots: new Map(), now: sim.now, repository };
    for (const role of delegations) sim.delegate(role);
    this.#publish();
    this.#send(new Map(this.#unsent()), undefined);
    this.#client = newClient(this.#source);
    this.#read();
  }

  take({ steps, send, leaveOut }: Turn): void {
    const { sim } = this;
    for (const step of steps) if (step.do !== "spoil") this.#edit(step);
    sim.publish();
    for (const [role, bytes] of sim.served)
      this.#versions.set(role, notary.parse(role, bytes).signed.version);
    for (const step of steps) {
      if (step.do === "spoil" && sim.served.has(step.role)) sim.break[step.way](step.role);
    }
    const unsent = this.#unsent();
    const part = unsent.filter(([role], i) => role === "root" || send[i] === true);
    const verdict = outcome(() => this.#send(new Map(part), leaveOut));
    seen[verdict === "accepted" ? "accepted" : "refused"]++;
    this.#read();

    sim.repair();
    for (const state of sim.targets.values()) state.signers = undefined;
    this.#publish();
    const rest = this.#unsent();
    if (rest.length === 0) return;
    expect(outcome(() => this.#send(new Map(rest), undefined))).toBe("accepted");
    this.#read();
  }

  #publish(): void {
    this.sim.publish();
    for (const [role, bytes] of this.sim.served) {
      this.#versions.set(role, notary.parse(role, bytes).signed.version);
    }
  }

  /** Files of the publisher that the server does not have. */
  #unsent(): [string, Buffer][] {
    return [...this.sim.served].filter(
      ([role, bytes]) =>
        kindOf(role) !== "snapshot" &&
        kindOf(role) !== "timestamp" &&
        this.#server.files.get(role)?.bytes.equals(bytes) !== true,
    );
  }

  /** Publishes the files; throws what the server refuses. */
  #send(files: ReadonlyMap<string, Buffer>, leaveOut: string | undefined): void {
    const { sim } = this;
    const upload = new Map(files);
    if (!this.#serverHoldsSnapshot) upload.set("snapshot", this.#clientSnapshot(files, leaveOut));
    const online = sim.onlineKeys("timestamp", ...(this.#serverHoldsSnapshot ? (["snapshot"] as const) : []));
    const plan = this.#server.examine(upload, online, sim.now);
    if (plan.snapshot !== undefined) seen.clientSnapshots++;
    const snapshot = plan.snapshot ?? this.#serverSnapshot(plan);
    const timestamp = notary.encodeTimestamp({
      version: this.#next("timestamp"),
      expires: sim.timestamp.expires,
      snapshot: factsOf(snapshot),
    });
    const signed = notary.parse(
      "timestamp",
      sealWith(notary, timestamp, signers(sim.timestamp.keys, plan.timestampKeys)),
    );
    this.#server.apply(plan, [snapshot, signed]);
    for (const [role, file] of this.#server.files) this.#source.served.set(role, file.bytes);
    this.#source.roots.set(plan.root.signed.version, plan.root.bytes);
  }

  /** As the stock client makes it: all files it knows of, without what it gave up. */
  #clientSnapshot(files: ReadonlyMap<string, Buffer>, leaveOut: string | undefined): Buffer {
    const { sim } = this;
    const stored = [...this.#server.files].map(([role, { bytes }]) => [role, bytes] as const);
    const listed = [...new Map([...stored, ...files])].filter(
      ([role]) =>
        role !== leaveOut &&
        (role === "root" || sim.targets.has(role)) &&
        (parentRole(role) === undefined || sim.targets.has(parentRole(role) ?? "")),
    );
    const canonical = notary.encodeSnapshot({
      version: this.#next("snapshot"),
      expires: sim.snapshot.expires,
      meta: new Map(listed.map(([role, bytes]) => [role, facts(bytes)])),
    });
    return sealWith(notary, canonical, sim.snapshot.keys);
  }

  #serverSnapshot(plan: Plan): Metadata {
    const { sim } = this;
    const uploaded = plan.files.map((file) => [file.role, factsOf(file)] as const);
    const canonical = notary.encodeSnapshot({
      version: this.#next("snapshot"),
      expires: sim.snapshot.expires,
      meta: new Map([...uploaded, ...plan.meta]),
    });
    return notary.parse(
      "snapshot",
      sealWith(notary, canonical, signers(sim.snapshot.keys, plan.snapshotKeys)),
    );
  }

  #next(role: "snapshot" | "timestamp"): number {
    return (this.#server.files.get(role)?.signed.version ?? 0) + 1;
  }

  /** Both clients accept what is served, and it is what the server has. */
  #read(): void {
    for (const client of [this.#client, newClient(this.#source)]) {
      const unavailable = update(client, this.#source);
      expect(client.targets.get("targets")?.sha256).toBe(this.#server.files.get("targets")?.sha256);
      for (const role of unavailable) expect(client.targets.has(role)).toBe(false);
    }
  }

  #edit(step: Exclude<Step, { do: "spoil" }>): void {
    const { sim } = this;
    switch (step.do) {
      case "release":
        sim.targets.get(step.role)?.names.set(`n${sim.generations.length}`, someTarget("x"));
        return;
      case "sign anew": {
        const state = sim.targets.get(step.role);
        if (state !== undefined) state.expires -= 1_000;
        return;
      }
      case "delegate":
        if (sim.targets.has(step.role) || !sim.targets.has(parentRole(step.role) ?? "")) return;
        sim.delegate(step.role).version = (this.#versions.get(step.role) ?? 0) + 1;
        return;
      case "give up":
        for (const role of [...sim.targets.keys()]) {
          if (role !== "targets" && (role === step.role || role.startsWith(`${step.role}/`)))
            sim.targets.delete(role);
        }
        return;
      case "rotate":
        this.#rotate(step.role, step.resigned);
        return;
      case "take the snapshot key":
      case "hand in the snapshot key":
        this.#serverHoldsSnapshot = step.do === "hand in the snapshot key";
        sim.snapshot.keys = [newKey()];
    }
  }

  #rotate(role: string, resigned: boolean): void {
    const { sim } = this;
    if (role === "root") {
      const key = rootKeys[this.#rotations++ % rootKeys.length];
      if (key !== undefined) sim.root.keys = [key];
    } else if (role === "snapshot" || role === "timestamp") sim[role].keys = [newKey("ed25519")];
    else {
      const state = sim.targets.get(role);
      if (state === undefined) return;
      state.signers = resigned ? undefined : state.keys;
      state.keys = [newKey()];
    }
  }
}

function signers(keys: readonly PublisherKey[], ids: readonly string[]): PublisherKey[] {
  return keys.filter(({ listed }) => ids.includes(listed.id));
}

it(
  "what a server accepts, every client accepts",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 12, size: "max" }), async (turns) => {
        const history = new History(await Simulator.create(repository));
        for (const each of turns) history.take(each);
      }),
      runs(25),
    );
    expect(Math.min(seen.accepted, seen.refused, seen.clientSnapshots)).toBeGreaterThan(0);
  },
  propertyTimeout,
);
