/**
 * The people of a Notary that is moved: owners, a delegate, readers who slept at each step. They publish with the stock clients, and
 * with our commands what those cannot make; their directories outlive the server.
 */
import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { selfSigned } from "./certificates.ts";
import { Crowd, copyOf } from "./crowd.ts";
import type { DockerPlace } from "./docker-engine.ts";
import { pull, pushTrusted } from "./docker-images.ts";
import { addSigner, generateKey, inspect } from "./docker-signers.ts";
import { type Answer, fetchFrom } from "./https.ts";
import { namesAndRoles, refusal } from "./notary.ts";
import type { TrustServerAddress } from "./trust-server.ts";

const releases = "targets/releases";

export const repositories = {
  /** The server signs its snapshot; a delegate signs `targets/releases`; its root's key is rotated twice. */
  app: "registry.example.test/people/app",
  /** Its owner signs the snapshot. */
  own: "registry.example.test/people/own",
  /** Two people sign its root, and two its `targets/releases`. */
  quorum: "registry.example.test/people/quorum",
  /** Deleted. */
  gone: "registry.example.test/people/gone",
} as const;
const { app, own, quorum, gone } = repositories;

const before = ["from-alice", "one", "rotated-1", "rotated-2"];

/** Readers who have not looked for some time: since before the first rotation, the second, the third. */
export const sleepers = ["sleeper", "slept-since-1", "slept-since-2"] as const;

export class MovingPeople extends Crowd {
  constructor(at: TrustServerAddress, place: DockerPlace, directory: string) {
    super(at, place, directory, "people/app");
  }

  /** The same people, told another address. */
  told(at: TrustServerAddress): MovingPeople {
    return new MovingPeople(at, this.place, this.directory);
  }

  /** The same people, byte for byte, in directories of their own at another server. */
  movedTo(at: TrustServerAddress, directory: string): MovingPeople {
    return new MovingPeople(at, this.place, copyOf(this.directory, directory));
  }

  /** Every repository that is left after `fill`. */
  get all(): readonly string[] {
    return [this.image, app, own, quorum].sort();
  }

  /** Everything that happens before the move. */
  async fill(): Promise<void> {
    const owner = this.person("owner");
    for (const repository of [app, own]) {
      await owner.do(["init", repository, "-p"]);
      if (repository === app) await owner.do(["key", "rotate", repository, "snapshot", "-r"]);
      await this.add(repository, "one");
    }
    const alice = this.person("alice");
    const key = await selfSigned(alice.directory, "alice");
    await owner.do(["delegation", "add", app, releases, key.certificate, "--all-paths", "-p"]);
    await alice.do(["key", "import", key.privateKey, "-r", releases]);
    await alice.do(["add", app, "from-alice", alice.file("content", "by alice"), "-r", releases, "-p"]);
    for (const repository of [app, own]) await this.names("sleeper", repository);
    for (const times of [1, 2]) {
      await owner.do(["key", "rotate", app, "root"], { input: "yes\n" });
      await this.add(app, `rotated-${times}`);
      await this.names(`slept-since-${times}`, app);
    }
    await owner.do(["key", "rotate", app, "timestamp", "-r"]);
    for (const repository of [app, own]) await this.names("reader", repository);
    await owner.do(["init", gone, "-p"]);
    await owner.do(["delete", gone, "--remote"]);
    await this.#fillImage();
    await this.#fillQuorum();
  }

  async #fillImage(): Promise<void> {
    await pushTrusted(this.docker("owner"), this.stage(), "v1");
    const key = await generateKey(this.docker("alice"), "alice");
    await addSigner(this.docker("owner"), this.stage(), "alice", key);
    await pushTrusted(this.docker("alice"), this.stage(), "v2");
    await pull(this.docker("reader"), this.stage(), "v2");
  }

  async #fillQuorum(): Promise<void> {
    const ann = this.laptop("ann", quorum);
    const [, ben] = [await ann.key("ann"), await ann.key("ben"), await ann.key("targets")];
    await ann.do("repo", "init", quorum, "--root", "ann", "--targets", "targets");
    await ann.do("rotate", quorum, "root", "--add", "ben", "--publish");
    const both = ["--key", "ann", "--key", "ben", "--all-paths", "--threshold", "2"];
    await ann.do("delegation", "add", quorum, releases, ...both, "--publish");
    const digest = ["--size", "3", "--sha256", "a".repeat(64)];
    await ann.do("add-digest", quorum, "two", ...digest, "--role", releases, "--publish");
    await ann.do("threshold", "set", quorum, "root", "2", "--publish");
    await this.names("reader", quorum);
    // From here on each has one key.
    const from = join(ann.home, ".vidimus", "keys");
    const to = join(this.laptop("ben", quorum).home, ".vidimus", "keys");
    mkdirSync(to, { recursive: true, mode: 0o700 });
    for (const each of readdirSync(from).filter((name) => name.includes(ben)))
      renameSync(join(from, each), join(to, each));
  }

  /** What a client says that has never been here and pins a key of the root: the right one, and another. */
  async pinned(): Promise<string[]> {
    const root = servedRoot(await fetchFrom(this.at, `/v2/${own}/_trust/tuf/root.json`));
    const said: string[] = [];
    for (const id of [root, "ab".repeat(32)]) {
      const who = this.person(`pinned-${id.slice(0, 8)}`);
      const configuration = { trust_pinning: { certs: { [own]: [id] }, disable_tofu: true } };
      said.push(refusal(await who.try(["list", own], { configuration })));
    }
    return said;
  }

  /** What every client reads from the moment of the move on, without a word. */
  async read(who: readonly string[] = sleepers): Promise<string[][]> {
    const seen: string[][] = [];
    for (const each of ["reader", ...who, "newcomer"]) seen.push([each, ...(await this.names(each, app))]);
    await this.person("reader").do(["lookup", app, "one"]);
    await this.person("reader").do(["verify", app, "one", "-i", this.#content(), "-q"]);
    seen.push(["own", ...(await this.names("reader", own))]);
    const list = await this.person("reader").do(["list", quorum]);
    seen.push(["quorum", ...namesAndRoles(list)]);
    seen.push(["image", await pull(this.docker("reader"), this.stage(), "v2")]);
    return seen;
  }

  /** The same names, and the same bytes behind them. */
  expected(digest: unknown, who: readonly string[] = sleepers): unknown[] {
    return [
      ...["reader", ...who, "newcomer"].map((each) => [each, ...before]),
      ["own", "one"],
      ["quorum", `two@${releases}`],
      ["image", digest],
    ];
  }

  #content(): string {
    return this.person("owner").file("content", "content");
  }

  /**
   * The roots that name the new server's keys, each as its owner can: by the stock client alone, by our command, by two people. What
   * our commands said, by repository.
   */
  async adoptAll(): Promise<Readonly<Record<string, string>>> {
    const owner = this.person("owner");
    for (const role of ["timestamp", "snapshot"]) await owner.do(["key", "rotate", own, role, "-r"]);
    await owner.do(["key", "rotate", own, "snapshot"]);
    const opened = await this.laptop("ann", quorum).do("adopt", quorum, "--propose");
    const id = /Proposal ([0-9a-f]{16})/.exec(opened)?.[1] ?? "";
    return {
      [app]: await this.adopt(app, owner.trustDirectory),
      [this.image]: await this.adopt(this.image, this.cacheOf("docker-owner")),
      [quorum]: await this.laptop("ben", quorum).do("proposal", "sign", quorum, id, "--yes"),
    };
  }

  /** The owner, on a laptop with a stock client's directory. */
  adopt(repository: string, trustDirectory: string): Promise<string> {
    return this.laptop("owner", repository).do("adopt", repository, "--trust-dir", trustDirectory);
  }

  /** What people do once a repository is adopted. What readers see then, in the order of the commands. */
  async goOn(): Promise<string[][]> {
    const [owner, alice] = [this.person("owner"), this.person("alice")];
    await this.add(app, "since");
    await alice.do(["add", app, "since-by-alice", alice.file("content", "by alice"), "-r", releases, "-p"]);
    await this.add(own, "since");
    for (const role of ["timestamp", "snapshot"]) await owner.do(["key", "rotate", app, role, "-r"]);
    await owner.do(["key", "rotate", app, "targets"]);
    await owner.do(["key", "rotate", app, "root"], { input: "yes\n" });
    const seen: string[][] = [];
    for (const who of ["reader", ...sleepers, "newcomer"]) {
      seen.push([who, ...(await this.names(who, app))]);
      seen.push([who, ...(await this.names(who, own))]);
    }
    const next = await pushTrusted(this.docker("alice"), this.stage(), "v3");
    const pulled = await pull(this.docker("reader"), this.stage(), "v3");
    seen.push(["image", pulled === next ? "the same" : pulled]);
    seen.push(["signers", ...(await inspect(this.docker("reader"), this.stage())).signers]);
    return seen;
  }

  expectedSince(): string[][] {
    const all = [...before, "since", "since-by-alice"].sort();
    return [
      ...["reader", ...sleepers, "newcomer"].flatMap((who) => [
        [who, ...all],
        [who, "one", "since"],
      ]),
      ["image", "the same"],
      ["signers", "alice"],
    ];
  }
}

/** The ID of its one key. */
function servedRoot({ body }: Answer): string {
  const { signed } = JSON.parse(body.toString("utf8")) as {
    signed: { roles: { root: { keyids: string[] } } };
  };
  return signed.roles.root.keyids[0] ?? "";
}
