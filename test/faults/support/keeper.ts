/**
 * The people of one repository: they publish, rotate keys, delete and begin anew, one thing after the other, and write
 * down what they were told. When they were not told, or told that nobody knows, they read before they go on.
 *
 * What was on its way when only one process of several died may come to pass after that reading. So a doubt is taken up
 * again at each refusal, until something was acknowledged after it.
 */
import type { ListedKey } from "../../../src/core/keys.ts";
import type { Answer } from "../../support/client.ts";
import { uploadOf } from "../../support/multipart.ts";
import { type Files, listed, newKey, newRootKey, Owner } from "../../support/publisher.ts";
import type { Chance } from "./chance.ts";
import type { FileFact, History, Outcome, Viewing } from "./history.ts";
import { factOf, type Line, type Watcher } from "./watcher.ts";

const delegated = "targets/releases";

/** What a keeper must find out before it goes on. */
type Doubt =
  | {
      readonly kind: "publish";
      readonly files: ReadonlyMap<string, FileFact>;
      /** The drafts as they were before, and as they are if it happened. */
      readonly restore: () => void;
      readonly redo: () => void;
    }
  | { readonly kind: "remove" };

export interface KeeperParts {
  readonly history: History;
  readonly watcher: Watcher;
  readonly chance: Chance;
}

export class Keeper {
  readonly repository: string;
  readonly #parts: KeeperParts;
  #owner: Owner | undefined;
  #life = 0;
  #doubt: Doubt | undefined;
  /** What had not happened when it was looked for, and yet may. */
  #late: Doubt | undefined;
  /** Every acknowledged version of the present life, by role. */
  readonly #kept = new Map<string, Set<number>>();
  /** Answers that were no acknowledgement, by code: how often. */
  readonly answers = new Map<string, number>();
  acknowledged = 0;

  constructor(repository: string, parts: KeeperParts) {
    this.repository = repository;
    this.#parts = parts;
  }

  /** Does one thing. Resolves false when the server did not answer. */
  async step(line: Line): Promise<boolean> {
    if (this.#doubt !== undefined && !(await this.#settle(line))) return false;
    const owner = this.#owner;
    if (owner === undefined) return await this.#begin(line);
    const { chance } = this.#parts;
    if (chance.happens(0.04)) return await this.#remove(line);
    if (chance.happens(0.15)) return await this.#rotate(line, owner);
    const restore = memento(owner);
    const role = chance.pick(["targets", "targets", delegated, "both"]);
    const roles = role === "both" ? ["targets", delegated] : [role];
    for (const each of roles) owner.addTarget(`${this.#parts.history.tick()}`, each);
    return await this.#publish(line, owner, owner.next(...roles), restore);
  }

  /** At rest: what it knows of the present life is asked for again. */
  async recall(line: Line): Promise<void> {
    if (this.#doubt !== undefined) await this.#settle(line);
    if (this.#owner === undefined) return;
    for (const [role, versions] of this.#kept) {
      for (const version of versions)
        await this.#parts.watcher.recall(line, this.repository, this.#life, role, version);
    }
  }

  async #begin(line: Line): Promise<boolean> {
    const at = line.now();
    const timestamp = await this.#key(line, "timestamp", "GET");
    const snapshot = timestamp && (await this.#key(line, "snapshot", "GET"));
    if (snapshot === undefined || timestamp === undefined) return false;
    const owner = await Owner.make(this.repository, { at, timestamp, snapshot });
    owner.delegate(delegated, [newKey()]);
    this.#owner = owner;
    this.#life += 1;
    this.#kept.clear();
    return await this.#publish(line, owner, owner.first(), () => {
      this.#owner = undefined;
    });
  }

  /** A new key for an online role, or for the root itself, which the old one signs as well. */
  async #rotate(line: Line, owner: Owner): Promise<boolean> {
    const restore = memento(owner);
    const { root } = owner;
    const role = this.#parts.chance.pick(["timestamp", "snapshot", "root"]);
    if (role === "root") {
      const next = await newRootKey(this.repository, line.now());
      root.keys.root = [next.listed];
      root.signers = [...root.signers.slice(-1), next];
    } else {
      const key = await this.#key(line, role, "POST");
      if (key === undefined) return false;
      root.keys[role] = [key];
      root.signers = root.signers.slice(-1);
    }
    return await this.#publish(line, owner, owner.next("root", "targets"), restore);
  }

  async #publish(line: Line, owner: Owner, files: Files, restore: () => void): Promise<boolean> {
    const { history } = this.#parts;
    const life = this.#life;
    const drafts = memento(owner);
    const facts = new Map([...files].map(([role, bytes]) => [role, factOf(bytes)]));
    const began = history.tick();
    const outcome = await this.#ask(line, `/v2/${this.repository}/_trust/tuf/`, uploadOf(files));
    const ended = history.tick();
    const { repository } = this;
    history.add({ kind: "publish", repository, life, files: facts, outcome, began, ended });
    if (outcome === "refused") restore();
    const redo = () => {
      this.#owner = owner;
      this.#life = life;
      drafts();
    };
    this.#settled(outcome, { kind: "publish", files: facts, restore, redo });
    if (outcome === "acknowledged") this.#keep(facts);
    return outcome !== "unknown";
  }

  async #remove(line: Line): Promise<boolean> {
    const { history } = this.#parts;
    const began = history.tick();
    const outcome = await this.#ask(line, `/v2/${this.repository}/_trust/tuf/`, { method: "DELETE" });
    const ended = history.tick();
    const { repository } = this;
    history.add({ kind: "remove", repository, life: this.#life, outcome, began, ended });
    if (outcome === "acknowledged") this.#owner = undefined;
    this.#settled(outcome, { kind: "remove" });
    return outcome !== "unknown";
  }

  /** What is in doubt after an answer. */
  #settled(outcome: Outcome, asked: Doubt): void {
    if (outcome === "unknown") this.#doubt = asked;
    if (outcome === "acknowledged") this.#late = undefined;
    if (outcome !== "refused" || this.#late === undefined) return;
    if (this.#late.kind === "publish") this.#late.redo();
    this.#doubt = this.#late;
  }

  async #ask(
    line: Line,
    path: string,
    request: ReturnType<typeof uploadOf> | { method: string },
  ): Promise<Outcome> {
    let answer: Answer;
    try {
      answer = await line.client.request(path, request);
    } catch {
      return "unknown";
    }
    if (answer.status === 200) {
      this.acknowledged += 1;
      return "acknowledged";
    }
    this.#note(answer);
    return isUnknown(answer) ? "unknown" : "refused";
  }

  async #key(line: Line, role: "timestamp" | "snapshot", method: string): Promise<ListedKey | undefined> {
    const { history } = this.#parts;
    const { repository } = this;
    const began = history.tick();
    const add = (outcome: Outcome, keyId?: string) =>
      history.add({ kind: "key", repository, keyId, outcome, began, ended: history.tick() });
    let answer: Answer;
    try {
      answer = await line.client.request(`/v2/${repository}/_trust/tuf/${role}.key`, { method });
    } catch {
      add("unknown");
      return undefined;
    }
    if (answer.status !== 200) {
      this.#note(answer);
      add(isUnknown(answer) ? "unknown" : "refused");
      return undefined;
    }
    const { keytype, keyval } = JSON.parse(answer.body.toString("utf8"));
    const key = listed(keytype, keyval.public);
    add("acknowledged", key.id);
    return key;
  }

  #note({ status, code }: Answer): void {
    const name = `${status} ${code}`;
    this.answers.set(name, (this.answers.get(name) ?? 0) + 1);
  }

  #keep(files: ReadonlyMap<string, FileFact>): void {
    for (const [role, { version }] of files) {
      this.#kept.set(role, (this.#kept.get(role) ?? new Set()).add(version));
    }
  }

  /** Reads what became of the last thing that was done. False: nobody answered. */
  async #settle(line: Line): Promise<boolean> {
    const doubt = this.#doubt;
    const view = await this.#parts.watcher.view(line, this.repository);
    if (view === undefined || doubt === undefined) return false;
    if (doubt.kind === "remove") {
      if (view.files.size === 0) this.#owner = undefined;
    } else if (happened(view, doubt.files)) this.#keep(doubt.files);
    else doubt.restore();
    this.#late = doubt;
    this.#doubt = undefined;
    return true;
  }
}

/** Everything but these two says that nothing happened. */
function isUnknown({ code }: Answer): boolean {
  return code === "COMMIT_UNKNOWN" || code === "INTERNAL";
}

function happened(view: Viewing, files: ReadonlyMap<string, FileFact>): boolean {
  return [...files].some(([role, { sha256 }]) => view.files.get(role)?.sha256 === sha256);
}

/** Puts an owner's drafts back to what they are now, as often as it is asked to. */
function memento({ root, roles }: Owner): () => void {
  const copyOf = (draft: typeof root) => ({ ...draft, keys: { ...draft.keys }, signers: [...draft.signers] });
  const rootNow = copyOf(root);
  const rolesNow = [...roles.values()].map((draft) => {
    const { version } = draft;
    const targets = new Map(draft.targets);
    return () => Object.assign(draft, { version, targets: new Map(targets) });
  });
  return () => {
    Object.assign(root, copyOf(rootNow));
    for (const restore of rolesNow) restore();
  };
}
