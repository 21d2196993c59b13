/**
 * A reader who writes down what it saw. It follows a repository from its timestamp down, by digests, as clients do, and
 * verifies what it got with the client's own verifier at the instant it was asked for.
 *
 * Invariant: an answer that is a fault (5xx) or that never came is no observation; it is told apart in `faults`.
 */
import { entryHash, startOfTrail } from "../../../src/core/audit-chain.ts";
import { sha256Hex } from "../../../src/core/bytes.ts";
import { VidimusError } from "../../../src/core/errors.ts";
import type { AuditEntry } from "../../../src/store/contract/audit.ts";
import { type Answer, HttpClient } from "../../support/client.ts";
import { newClient, update } from "../../support/reader.ts";
import type { FeedRow, FileFact, History, TrailEntry, Viewing } from "./history.ts";

/** What a server that lives is asked with. */
export interface Line {
  readonly client: Pick<HttpClient, "request" | "close">;
  /** The instant that the server takes for now. */
  now(): number;
}

/** `ca`: of a server with TLS. */
export function lineTo(port: number, now: () => number = Date.now, ca?: string): Line {
  return { client: new HttpClient(port, ca), now };
}

interface Fault {
  readonly path: string;
  readonly status: number;
  readonly code: string | undefined;
}

interface Seen {
  readonly files: Map<string, Buffer>;
  readonly roots: Map<number, Buffer>;
  missing?: string;
}

class NoAnswer extends Error {}

export class Watcher {
  readonly #history: History;
  readonly faults: Fault[] = [];

  constructor(history: History) {
    this.#history = history;
  }

  /** Undefined: a fault, or nobody answered. */
  async view(line: Line, repository: string): Promise<Viewing | undefined> {
    const began = this.#history.tick();
    const at = line.now();
    const seen: Seen = { files: new Map(), roots: new Map() };
    try {
      await this.#follow(line, repository, seen);
    } catch (error) {
      if (error instanceof NoAnswer) return undefined;
      throw error;
    }
    const { files, roots, missing } = seen;
    const flaw = missing === undefined ? verify(repository, seen, at) : missingFlaw(missing);
    const firstRoot = roots.get(1);
    const view: Viewing = {
      kind: "view",
      repository,
      began,
      ended: this.#history.tick(),
      files: new Map([...files].map(([role, bytes]) => [role, factOf(bytes)])),
      firstRoot: firstRoot && sha256Hex(firstRoot),
      ...(flaw !== undefined && { flaw }),
    };
    this.#history.add(view);
    return view;
  }

  /** Asks for a version of a role and writes down what came. */
  async recall(line: Line, repository: string, life: number, role: string, version: number): Promise<void> {
    const began = this.#history.tick();
    const { status, body } = await this.#get(line, `/v2/${repository}/_trust/tuf/${version}.${role}.json`);
    const sha256 = status === 200 ? sha256Hex(body) : undefined;
    const ended = this.#history.tick();
    this.#history.add({ kind: "recall", repository, life, role, version, sha256, began, ended });
  }

  /** Reads the whole changefeed in pages. */
  async feed(line: Line, page = 1_000): Promise<readonly FeedRow[]> {
    const began = this.#history.tick();
    const rows: FeedRow[] = [];
    for (let full = true; full; ) {
      const path = `/v2/_trust/changefeed?records=${page}&change_id=${rows.at(-1)?.id ?? 0}`;
      const { body } = await this.#get(line, path);
      const { records } = JSON.parse(body.toString("utf8")) as {
        records: readonly Record<string, unknown>[];
      };
      for (const each of records) {
        rows.push({
          id: Number(each.ID),
          repository: String(each.GUN),
          version: Number(each.Version),
          sha256: String(each.SHA256),
          category: each.Category as FeedRow["category"],
        });
      }
      full = records.length === page;
    }
    this.#history.add({ kind: "feed", rows, began, ended: this.#history.tick() });
    return rows;
  }

  /** Reads the audit trail in pages, from after an entry, and makes the hashes again. False: it could not be read. */
  async trail(line: Line, since = { number: 0, hash: startOfTrail }): Promise<boolean> {
    const began = this.#history.tick();
    const entries: TrailEntry[] = [];
    let { hash: previous } = since;
    for (let after: number | undefined = since.number; after !== undefined; ) {
      const page = await this.#trailPage(line, after);
      if (page === undefined) return false;
      for (const entry of page.entries) {
        entries.push(entryOf(entry, entryHash(previous, entry)));
        previous = entry.hash;
      }
      after = page.next;
    }
    const { number: after } = since;
    this.#history.add({ kind: "trail", after, entries, began, ended: this.#history.tick() });
    return true;
  }

  async #trailPage(line: Line, after: number): Promise<TrailPage | undefined> {
    try {
      const { body } = await this.#get(line, `/api/v1/audit/trail?limit=1000&after=${after}`);
      return JSON.parse(body.toString("utf8")) as TrailPage;
    } catch (error) {
      if (error instanceof NoAnswer) return undefined;
      throw error;
    }
  }

  async #follow(line: Line, repository: string, seen: Seen): Promise<void> {
    const base = `/v2/${repository}/_trust/tuf/`;
    const timestamp = await this.#get(line, `${base}timestamp.json`);
    if (timestamp.status === 404) return;
    seen.files.set("timestamp", timestamp.body);
    const named = async (role: string, meta: Record<string, Reference>): Promise<Buffer | undefined> => {
      const hex = Buffer.from(meta[role]?.hashes.sha256 ?? "", "base64").toString("hex");
      const { status, body } = await this.#get(line, `${base}${role}.${hex}.json`);
      if (status === 404) {
        seen.missing = role;
        return undefined;
      }
      seen.files.set(role, body);
      return body;
    };
    const snapshot = await named("snapshot", signedOf(timestamp.body).meta);
    if (snapshot === undefined) return;
    const { meta } = signedOf(snapshot);
    for (const role of Object.keys(meta)) if ((await named(role, meta)) === undefined) return;
    const root = seen.files.get("root");
    const newest = root === undefined ? 0 : signedOf(root).version;
    for (let version = 1; version < newest; version++) {
      const { status, body } = await this.#get(line, `${base}${version}.root.json`);
      if (status !== 200) {
        seen.missing = `version ${version} of the root`;
        return;
      }
      seen.roots.set(version, body);
    }
    if (root !== undefined) seen.roots.set(newest, root);
  }

  async #get(line: Line, path: string): Promise<Answer> {
    let answer: Answer;
    try {
      answer = await line.client.request(path);
    } catch {
      throw new NoAnswer();
    }
    const { status, code } = answer;
    if (status === 200 || status === 404) return answer;
    this.faults.push({ path, status, code });
    throw new NoAnswer();
  }
}

interface TrailPage {
  readonly entries: readonly AuditEntry[];
  readonly next?: number;
}

interface Detail {
  readonly files?: readonly { readonly role: string; readonly to: number }[];
  readonly keyId?: string;
}

function entryOf({ number, kind, repository, hash, detail }: AuditEntry, made: string): TrailEntry {
  const { files, keyId } = detailOf(detail);
  const isPublication = kind === "repository.published";
  const versions = isPublication ? new Map(files?.map(({ role, to }) => [role, to])) : undefined;
  return { number, kind, repository, hash, made, files: versions, keyId };
}

/** One that was damaged tells nothing, and its hash says so. */
function detailOf(text: string): Detail {
  try {
    return JSON.parse(text) as Detail;
  } catch {
    return {};
  }
}

interface Reference {
  readonly hashes: { readonly sha256: string };
}

// biome-ignore lint/suspicious/noExplicitAny: what a server sent is looked at as it is
function signedOf(bytes: Buffer): any {
  return JSON.parse(bytes.toString("utf8")).signed;
}

export function factOf(bytes: Buffer): FileFact {
  return { version: signedOf(bytes).version, sha256: sha256Hex(bytes) };
}

function missingFlaw(what: string): Viewing["flaw"] {
  return { kind: "missing", sentence: `${what} is named and not served` };
}

/** As a client that starts at the first root. */
function verify(repository: string, { files, roots }: Seen, now: number): Viewing["flaw"] {
  if (files.size === 0) return undefined;
  try {
    const source = { served: files, roots, now, repository };
    const unavailable = update(newClient(source), source);
    return unavailable.length === 0
      ? undefined
      : { kind: "unverified", sentence: `${unavailable[0]} lacks signatures` };
  } catch (error) {
    if (!(error instanceof VidimusError || error instanceof TypeError)) throw error;
    return { kind: "unverified", sentence: error.message };
  }
}
