/**
 * A repository at one competitor, published to it, with uploads of its next versions signed beforehand: whoever sends
 * them does nothing else. Its keys are its own, so that no server can keep the keys of one for another.
 */
import type { TargetContent } from "../../src/core/format/format.ts";
import { type ListedKey, notaryKeyId } from "../../src/core/keys.ts";
import { encodeUpload } from "../../src/publisher/upload.ts";
import { makeRoot, makeTargets } from "../../test/support/bare/collection.ts";
import { type Body, repositoryPath } from "../../test/support/bare/exchange.ts";
import {
  bareKey,
  certificateKey,
  generatePrivateKey,
  makeRootCertificate,
} from "../../test/support/bare/keys.ts";
import { contents } from "../place.ts";
import type { Sender } from "./sender.ts";

const year = 365 * 86_400_000;

export class Collection {
  readonly name: string;
  readonly path: string;
  readonly #targetsKey = bareKey(generatePrivateKey("ecdsa"));
  readonly #targets: ReadonlyMap<string, TargetContent>;
  /** The newest version that the server took. */
  version = 1;

  private constructor(name: string, targets: number) {
    this.name = name;
    this.path = repositoryPath(name);
    this.#targets = contents(targets);
  }

  /** Publishes root 1 and targets 1 with so many targets. */
  static async publish(sender: Sender, name: string, targets: number): Promise<Collection> {
    const made = new Collection(name, targets);
    const rootKey = generatePrivateKey("ecdsa");
    const now = Date.now();
    const certificate = await makeRootCertificate(rootKey, name, new Date(now));
    const holders = {
      root: { keys: [certificateKey(rootKey, certificate)], threshold: 1 },
      targets: { keys: [made.#targetsKey], threshold: 1 },
    };
    const online = {
      timestamp: await onlineKey(sender, name, "timestamp"),
      snapshot: await onlineKey(sender, name, "snapshot"),
    };
    const files = new Map([
      ["root", makeRoot({ version: 1, expires: now + 5 * year }, holders, online)],
      ["targets", made.#sign(1, made.#targets)],
    ]);
    const { status, bytes } = await sender.post(made.path, await encodeUpload(files));
    if (status !== 200) throw new Error(`${name} was not taken: ${status} ${bytes.toString("utf8", 0, 500)}`);
    return made;
  }

  file(name: string): string {
    return `${this.path}${name}`;
  }

  /** Versions that follow one another, the first of them next. With `newTag` each has one target more than at first. */
  async next(count: number, newTag = false): Promise<Body[]> {
    const bodies: Body[] = [];
    for (let version = this.version + 1; version <= this.version + count; version++) {
      bodies.push(await this.#upload(version, newTag));
    }
    return bodies;
  }

  /** For each of the next versions so many uploads, of which a server can take one. */
  async volleys(rivals: number, count: number): Promise<Body[][]> {
    const volleys: Body[][] = [];
    for (let version = this.version + 1; version <= this.version + count; version++) {
      const bodies: Body[] = [];
      for (let each = 0; each < rivals; each++) bodies.push(await this.#upload(version, false));
      volleys.push(bodies);
    }
    return volleys;
  }

  #upload(version: number, newTag: boolean): Promise<Body> {
    const [first] = this.#targets.values();
    const targets =
      newTag && first !== undefined ? new Map([...this.#targets, [`w${version}`, first]]) : this.#targets;
    return encodeUpload(new Map([["targets", this.#sign(version, targets)]]));
  }

  #sign(version: number, targets: ReadonlyMap<string, TargetContent>): Buffer {
    return makeTargets({ version, expires: Date.now() + year }, targets, [this.#targetsKey]);
  }
}

async function onlineKey(sender: Sender, name: string, role: string): Promise<ListedKey> {
  const { status, bytes } = await sender.get(repositoryPath(name, `${role}.key`));
  if (status !== 200) throw new Error(`no ${role} key for ${name}: ${status}`);
  const key = JSON.parse(bytes.toString("utf8")) as { keytype: string; keyval: { public: string } };
  return {
    id: notaryKeyId(key.keytype, key.keyval.public),
    keytype: key.keytype,
    public: key.keyval.public,
  };
}
