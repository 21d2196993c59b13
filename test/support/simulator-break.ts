/**
 * Ways to break a simulated repository, by name. Each changes what is served and nothing else; `sim.repair()` undoes
 * them all.
 *
 * What refers to a broken file still names the honest one, as it is for an attacker in the middle. After `vouch` the
 * snapshot and timestamp name what is served, as it is for a thief of the online keys.
 */
import { canonicalBytes } from "../../src/core/canonical.ts";
import { notary } from "../../src/core/format/notary.ts";
import type { Json } from "../../src/core/json.ts";
import type { PublisherKey } from "./bare/keys.ts";
import { sealWith } from "./bare/seal.ts";
import {
  encodeSnapshot,
  encodeTimestamp,
  newKey,
  type RoleState,
  type Simulated,
} from "./simulator-roles.ts";

/** The signed part of a file, open to every change. */
export type SignedJson = { [name: string]: Json };

export class Breaker {
  readonly #simulator: Simulated;
  #vouched = 0;

  constructor(simulator: Simulated) {
    this.#simulator = simulator;
  }

  /** For `Simulator.repair`. */
  reset(): void {
    this.#vouched = 0;
  }

  /** One bit of the first signature is flipped. */
  flipSignature(role: string): void {
    const { message, signatures } = notary.parse(role, this.#file(role));
    const [first, ...rest] = signatures;
    if (first === undefined) throw new TypeError(`${role} is not signed`);
    const signature = Buffer.from(first.signature);
    signature[0] = (signature[0] as number) ^ 1;
    this.serve(role, notary.seal(message, [{ ...first, signature }, ...rest]));
  }

  /** The signatures are taken away. */
  unsign(role: string): void {
    this.serve(role, notary.seal(notary.parse(role, this.#file(role)).message, []));
  }

  /** Somebody else signs the same content, with a key of his own unless told. */
  signWith(role: string, keys: readonly PublisherKey[] = [newKey()]): void {
    this.serve(role, sealWith(notary, Buffer.from(notary.parse(role, this.#file(role)).message), keys));
  }

  /** The content is changed under the old signatures. */
  tamper(role: string): void {
    const { message, signatures } = notary.parse(role, this.#file(role));
    const signed = JSON.parse(Buffer.from(message).toString("utf8")) as SignedJson;
    this.serve(role, notary.seal(canonicalBytes({ ...signed, tampered: true }), signatures));
  }

  /** The content is changed and signed anew, by the role's own keys unless told. */
  rewrite(role: string, edit: (signed: SignedJson) => void, keys = this.#keys(role)): void {
    const { message } = notary.parse(role, this.#file(role));
    const signed = JSON.parse(Buffer.from(message).toString("utf8")) as SignedJson;
    edit(signed);
    this.serve(role, sealWith(notary, canonicalBytes(signed), keys));
  }

  /** The same content under another version, properly signed. */
  version(role: string, version: number): void {
    this.rewrite(role, (signed) => {
      signed.version = version;
    });
  }

  /** The same content with an expiry a second ago, properly signed. */
  expire(role: string): void {
    this.rewrite(role, (signed) => {
      signed.expires = `${new Date(this.#simulator.now - 1_000).toISOString().slice(0, 19)}Z`;
    });
  }

  /** The file of an earlier generation, counted from 0. */
  replay(role: string, generation: number): void {
    const bytes = this.#simulator.generations[generation]?.get(role);
    if (bytes === undefined) throw new TypeError(`generation ${generation} has no ${role}`);
    this.serve(role, bytes);
  }

  /** All files of an earlier generation, counted from 0; the roots stay. */
  replayAll(generation: number): void {
    for (const role of this.#simulator.generations[generation]?.keys() ?? []) this.replay(role, generation);
  }

  /** One role's file is served as another's. */
  serveAs(role: string, other: string): void {
    this.serve(role, this.#file(other));
  }

  /** The last byte is missing. */
  truncate(role: string): void {
    this.serve(role, this.#file(role).subarray(0, -1));
  }

  /** The file cannot be had. */
  withhold(role: string): void {
    this.#simulator.served.delete(role);
  }

  /** A new snapshot and timestamp, honestly signed, name what is served now; except the given roles. */
  vouch(...except: readonly string[]): void {
    const { served, snapshot } = this.#simulator;
    this.#vouched++;
    const listed = new Map([...served].filter(([role]) => !except.includes(role)));
    const canonical = encodeSnapshot(listed, snapshot.expires, snapshot.version + this.#vouched);
    this.serve("snapshot", sealWith(notary, canonical, this.#keys("snapshot")));
    this.stamp();
  }

  /** A new timestamp, honestly signed, names the snapshot that is served now. */
  stamp(): void {
    const { served, timestamp } = this.#simulator;
    if (this.#vouched === 0) this.#vouched++;
    const canonical = encodeTimestamp(served, timestamp.expires, timestamp.version + this.#vouched);
    this.serve("timestamp", sealWith(notary, canonical, this.#keys("timestamp")));
  }

  /** Serves any bytes. For a root by its version, write into `sim.roots`. */
  serve(role: string, bytes: Buffer): void {
    this.#simulator.served.set(role, bytes);
  }

  #file(role: string): Buffer {
    const bytes = this.#simulator.served.get(role);
    if (bytes === undefined) throw new TypeError(`${role} is not served`);
    return bytes;
  }

  #keys(role: string): readonly PublisherKey[] {
    const { root, snapshot, timestamp } = this.#simulator;
    const states: ReadonlyMap<string, RoleState> = new Map([
      ["root", root],
      ["snapshot", snapshot],
      ["timestamp", timestamp],
    ]);
    const { signers, keys } = states.get(role) ?? this.#simulator.targetsOf(role);
    return signers ?? keys;
  }
}
