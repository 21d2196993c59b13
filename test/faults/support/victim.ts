/**
 * A living repository that strangers aim at. What they send is what its owner could publish next, with something wrong in
 * it, so that each upload gets as far as its fault lets it.
 *
 * What was taken all the same must say what the owner signed, read by a parser that is not the server's: spaces between
 * members are nobody's content. Anything else is told.
 */
import { isDeepStrictEqual } from "node:util";
import { uploadOf } from "../../support/multipart.ts";
import { type Files, listed, newKey, Owner } from "../../support/publisher.ts";
import type { History } from "./history.ts";
import { memento } from "./keeper.ts";
import { factOf, type Line, type Watcher } from "./watcher.ts";

const delegated = "targets/releases";
/** What is published together. */
const sorts = [["targets"], ["targets", delegated], ["root", "targets", delegated]] as const;

/** What the owner could publish next. */
export interface Next {
  readonly files: Files;
  /** It was published. */
  readonly commit: () => void;
}

export class Victim {
  readonly repository = "example.org/victim";
  readonly #history: History;
  readonly #owner: Owner;
  /** Of what was acknowledged last, by role. */
  readonly #standing = new Map<string, string>();
  #nexts: readonly Next[] = [];

  private constructor(history: History, owner: Owner) {
    this.#history = history;
    this.#owner = owner;
  }

  static async make(line: Line, history: History): Promise<Victim> {
    const at = line.now();
    const key = async (role: string) => {
      const repository = "example.org/victim";
      const began = history.tick();
      const { body } = await line.client.request(`/v2/${repository}/_trust/tuf/${role}.key`);
      const { keytype, keyval } = JSON.parse(body.toString("utf8"));
      const made = listed(keytype, keyval.public);
      const ended = history.tick();
      history.add({ kind: "key", repository, keyId: made.id, outcome: "acknowledged", began, ended });
      return made;
    };
    const options = { at, timestamp: await key("timestamp"), snapshot: await key("snapshot") };
    const owner = await Owner.make("example.org/victim", options);
    owner.delegate(delegated, [newKey()]);
    for (let i = 0; i < 20; i++) owner.addTarget(`${i}`, i % 2 === 0 ? "targets" : delegated);
    const victim = new Victim(history, owner);
    await victim.publish(line, { files: owner.first(), commit: () => undefined });
    return victim;
  }

  /** One of what could be published next. */
  next(choice: number): Next {
    return this.#nexts[choice % this.#nexts.length] as Next;
  }

  /** As its owner does it. Throws unless it is taken. */
  async publish(line: Line, next: Next): Promise<void> {
    const began = this.#history.tick();
    const path = `/v2/${this.repository}/_trust/tuf/`;
    const { status, code } = await line.client.request(path, uploadOf(next.files));
    if (status !== 200) throw new Error(`the owner's own publication was refused: ${status} ${code}`);
    this.#acknowledged(next, next.files, began);
  }

  /** Notes how an upload ended that was made of `next`. What is wrong with that, if anything. */
  noted(next: Next, sent: Files, began: number, status: number): string | undefined {
    if (status !== 200) {
      // The files beside it are good, and may yet be published with others.
      this.#add(
        new Map([...sent].filter(([role, bytes]) => next.files.get(role) !== bytes)),
        "refused",
        began,
      );
      return undefined;
    }
    const wrong = [...sent].find(([role, bytes]) => !saysTheSame(bytes, next.files.get(role)));
    if (wrong !== undefined) return `a ${wrong[0]} was taken that its owner never signed so`;
    if (sent.size !== next.files.size) return "a part of what belongs together was taken";
    this.#acknowledged(next, sent, began);
    return undefined;
  }

  /** What differs from what was acknowledged last. */
  async difference(line: Line, watcher: Watcher): Promise<string[]> {
    const view = await watcher.view(line, this.repository);
    return [...this.#standing]
      .filter(([role, sha256]) => view?.files.get(role)?.sha256 !== sha256)
      .map(([role]) => `${role} is not what was acknowledged last`);
  }

  #acknowledged(next: Next, sent: Files, began: number): void {
    this.#add(sent, "acknowledged", began);
    for (const [role, bytes] of sent) this.#standing.set(role, factOf(bytes).sha256);
    next.commit();
    this.#nexts = sorts.map((roles) => {
      const before = memento(this.#owner);
      this.#owner.addTarget(`${this.#history.tick()}`);
      const files = this.#owner.next(...roles);
      const commit = memento(this.#owner);
      before();
      return { files, commit };
    });
  }

  #add(files: Files, outcome: "acknowledged" | "refused", began: number): void {
    const { repository } = this;
    const facts = new Map([...files].flatMap(([role, bytes]) => factIfAny(role, bytes)));
    const ended = this.#history.tick();
    this.#history.add({ kind: "publish", repository, life: 1, files: facts, outcome, began, ended });
  }
}

/** Of what is no file any more there is nothing to note. */
function factIfAny(role: string, bytes: Buffer): [string, ReturnType<typeof factOf>][] {
  try {
    return [[role, factOf(bytes)]];
  } catch {
    return [];
  }
}

function saysTheSame(bytes: Buffer, valid: Buffer | undefined): boolean {
  if (valid === undefined) return false;
  try {
    return isDeepStrictEqual(
      JSON.parse(bytes.toString("utf8")).signed,
      JSON.parse(valid.toString("utf8")).signed,
    );
  } catch {
    return false;
  }
}
