/**
 * Clients of a simulated repository, in the three states in which an attack may find one, and what they leave on disk.
 *
 *     const visit = await startVisit();                        // a simulator, a site, an empty cache
 *     const client = await visit.client("a restarted client"); // has been there before
 *     visit.sim.break.flipSignature("targets");
 *     expect(await codeOf(visit.ask(client))).toBe("THRESHOLD");
 *     await visit.recovers(client);                            // and the next honest update succeeds
 */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import {
  openTrust,
  type ResolvedImage,
  type Trust,
  TrustError,
  type TrustOptions,
} from "../../src/client/index.ts";
import { temporaryDirectory } from "./directory.ts";
import { Simulator, someTarget } from "./simulator.ts";
import { startSite, type TrustSite } from "./trust-site.ts";

/** One that was never there; a new process with the cache of an earlier one; a process that goes on. */
export const stances = ["a fresh client", "a restarted client", "a running client"] as const;
export type Stance = (typeof stances)[number];

/** A cached state as far as tests look at it. */
export interface StoredState {
  readonly rootVersion: number;
  readonly timestampVersion: number;
  readonly roots: readonly string[];
  readonly timestamp: string | null;
  readonly snapshot: string | null;
  readonly targets: readonly { readonly role: string; readonly version: number; readonly sha256: string }[];
}

export interface VisitOptions extends Omit<TrustOptions, "policy" | "cacheDir" | "server" | "now"> {
  /** Members of the one rule, beside `match` and `tofu`. */
  readonly rule?: object;
}

/** The error of this library that a promise was refused with; anything else fails the test. */
export async function refusalOf(work: Promise<unknown>): Promise<TrustError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof TrustError) return error;
    throw error;
  }
  throw new Error("It was not refused.");
}

export async function codeOf(work: Promise<unknown>): Promise<string> {
  return (await refusalOf(work)).code;
}

export class Visit {
  readonly sim: Simulator;
  readonly site: TrustSite;
  readonly cacheDir = temporaryDirectory();
  readonly #open: Trust[] = [];
  readonly #options: VisitOptions;
  /** Where clients are sent: the site, unless a proxy stands before it. */
  server: string;

  constructor(sim: Simulator, site: TrustSite, options: VisitOptions) {
    this.sim = sim;
    this.site = site;
    this.server = site.url;
    this.#options = options;
  }

  /** Another client of the same cache. What is given here goes before what the visit was started with. */
  async open({ rule, ...options }: VisitOptions & { readonly cacheDir?: string } = {}): Promise<Trust> {
    const { rule: usual, ...others } = this.#options;
    const trust = await openTrust({
      server: this.server,
      policy: { repositories: [{ match: "**", tofu: true, ...usual, ...rule }] },
      cacheDir: this.cacheDir,
      dockerConfig: this.cacheDir,
      environment: {},
      now: () => this.sim.now,
      ...others,
      ...options,
      limits: { tries: 1, ...others.limits, ...options.limits },
    });
    this.#open.push(trust);
    return trust;
  }

  /** A client in the given state. It was there, if it was, with what the site serves now. */
  async client(stance: Stance, options: VisitOptions = {}): Promise<Trust> {
    const trust = await this.open(options);
    if (stance === "a fresh client") return trust;
    await this.ask(trust);
    return stance === "a running client" ? trust : this.open(options);
  }

  ask(trust: Trust, tag = "app"): Promise<ResolvedImage> {
    return trust.resolve(`${this.sim.repository}:${tag}`);
  }

  /** The file of the repository's state, if there is one. */
  stateFile(): string | undefined {
    const found = readdirSync(this.cacheDir, { recursive: true, encoding: "utf8" });
    const file = found.find((name) => name.endsWith("state.json"));
    return file && join(this.cacheDir, file);
  }

  state(): StoredState | undefined {
    const file = this.stateFile();
    return file === undefined ? undefined : JSON.parse(readFileSync(file, "utf8"));
  }

  /** What is on disk is what was published, and nothing else. */
  expectHonestState(): void {
    const state = this.state();
    if (state === undefined) return;
    const honest = new Set(
      this.sim.generations.flatMap((files) => [...files.values()].map((bytes) => bytes.toString("utf8"))),
    );
    for (const text of [...state.roots, state.timestamp, state.snapshot]) {
      if (text !== null) expect(honest.has(text)).toBe(true);
    }
  }

  /** Something new is published, and the client gets it, without anybody cleaning up. */
  async recovers(trust: Trust): Promise<void> {
    const { sim } = this;
    sim.repair();
    this.site.answer = () => false;
    // A thief of the online keys has made versions of his own.
    sim.snapshot.version += 10;
    sim.timestamp.version += 10;
    const target = someTarget(`after ${sim.generations.length}`);
    sim.targetsOf("targets").names.set("new", target);
    sim.publish();
    const { digest } = await this.ask(trust, "new");
    expect(digest).toBe(`sha256:${target.sha256}`);
    expect(this.state()?.timestampVersion).toBe(sim.timestamp.version);
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map((trust) => trust.close()));
    await this.site.close();
    rmSync(this.cacheDir, { recursive: true, force: true });
  }
}

export async function startVisit(options: VisitOptions = {}): Promise<Visit> {
  const sim = await Simulator.create();
  return new Visit(sim, await startSite(sim), options);
}
