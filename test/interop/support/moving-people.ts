/**
 * The people of a Notary that is moved: owners, a delegate, readers who slept at each step. They publish with the stock clients, and
 * with our commands what those cannot make; their directories outlive the server.
 */
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { selfSigned } from "./certificates.ts";
import { type DockerPerson, dockerPerson } from "./docker.ts";
import type { DockerPlace } from "./docker-engine.ts";
import { pull, pushTrusted } from "./docker-images.ts";
import { addSigner, generateKey, inspect } from "./docker-signers.ts";
import { type Answer, fetchFrom } from "./https.ts";
import { listedTargets, type NotaryPerson, namesAndRoles, notaryPerson, refusal } from "./notary.ts";
import { type Result, run } from "./process.ts";
import type { DockerStage } from "./scenario.ts";
import type { TrustServerAddress } from "./trust-server.ts";
import { vidimusPublisher } from "./vidimus-publisher.ts";

const program = join(import.meta.dirname, "../../../bin/vidimus.js");
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

export class MovingPeople {
  readonly #at: TrustServerAddress;
  readonly #place: DockerPlace;
  readonly directory: string;
  readonly image: string;

  constructor(at: TrustServerAddress, place: DockerPlace, directory: string) {
    this.#at = at;
    this.#place = place;
    this.directory = directory;
    this.image = `${place.registry}/people/app`;
    mkdirSync(directory, { recursive: true });
  }

  /** The same people, byte for byte, at another server. */
  movedTo(at: TrustServerAddress, directory: string): MovingPeople {
    cpSync(this.directory, directory, { recursive: true });
    return new MovingPeople(at, this.#place, directory);
  }

  person(who: string): NotaryPerson {
    return notaryPerson(this.#at, join(this.directory, who));
  }

  docker(who: string): DockerPerson {
    return dockerPerson(this.#place, this.#at, join(this.directory, `docker-${who}`), who);
  }

  stage(): DockerStage {
    return {
      server: this.#at,
      place: this.#place,
      repository: this.image,
      directory: this.directory,
      person: (who) => this.person(who),
      docker: (who) => this.docker(who),
    };
  }

  /** Folders that `vidimus import trustdir` is given. */
  cacheOf(who: string): string {
    return who.startsWith("docker-")
      ? join(this.directory, who, "docker", "trust")
      : this.person(who).trustDirectory;
  }

  async names(who: string, repository: string = app): Promise<string[]> {
    return listedTargets(await this.person(who).do(["list", repository])).map(({ name }) => name);
  }

  /** Somebody with our commands, at a laptop. */
  laptop(who: string, repository: string = quorum) {
    const home = join(this.directory, `laptop-${who}`);
    const made = vidimusPublisher(this.#at, home);
    copyFileSync(this.#at.ca, join(home, "ca.pem"));
    made.file("trust.yaml", JSON.stringify({ repositories: [{ match: repository, tofu: true }] }));
    const here = ["--server", this.#at.url, "--ca", "ca.pem", "--no-input"];
    return {
      home,
      key: made.key,
      do: (...args: readonly string[]) => made.do(...args, ...here),
      try: (...args: readonly string[]) => made.try(...args, ...here),
    };
  }

  /** A command of whoever runs the new server, whose home is empty. */
  operator(...args: readonly string[]): Promise<Result> {
    const home = mkdtempSync(join(this.directory, "operator-"));
    const flags = [...args, "--server", this.#at.url, "--ca", this.#at.ca];
    return run(process.execPath, [program, ...flags], {
      env: { PATH: process.env.PATH ?? "", HOME: home },
      cwd: home,
    });
  }

  /** Everything that happens before the move. */
  async fill(): Promise<void> {
    const owner = this.person("owner");
    const file = owner.file("content", "content");
    for (const repository of [app, own]) {
      await owner.do(["init", repository, "-p"]);
      if (repository === app) await owner.do(["key", "rotate", repository, "snapshot", "-r"]);
      await owner.do(["add", repository, "one", file, "-p"]);
    }
    const alice = this.person("alice");
    const key = await selfSigned(alice.directory, "alice");
    await owner.do(["delegation", "add", app, releases, key.certificate, "--all-paths", "-p"]);
    await alice.do(["key", "import", key.privateKey, "-r", releases]);
    await alice.do(["add", app, "from-alice", alice.file("content", "by alice"), "-r", releases, "-p"]);
    for (const repository of [app, own]) await this.names("sleeper", repository);
    for (const times of [1, 2]) {
      await owner.do(["key", "rotate", app, "root"], { input: "yes\n" });
      await owner.do(["add", app, `rotated-${times}`, file, "-p"]);
      await this.names(`slept-since-${times}`);
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
    const ann = this.laptop("ann");
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
    const to = join(this.laptop("ben").home, ".vidimus", "keys");
    mkdirSync(to, { recursive: true, mode: 0o700 });
    for (const each of readdirSync(from).filter((name) => name.includes(ben)))
      renameSync(join(from, each), join(to, each));
  }

  /** What a client says that has never been here and pins a key of the root: the right one, and another. */
  async pinned(): Promise<string[]> {
    const root = servedRoot(await fetchFrom(this.#at, `/v2/${own}/_trust/tuf/root.json`));
    const said: string[] = [];
    for (const id of [root, "ab".repeat(32)]) {
      const who = this.person(`pinned-${id.slice(0, 8)}`);
      const configuration = { trust_pinning: { certs: { [own]: [id] }, disable_tofu: true } };
      said.push(refusal(await who.try(["list", own], { configuration })));
    }
    return said;
  }

  /** What every client reads from the moment of the move on, without a word. */
  async read(sleepers: readonly string[]): Promise<string[][]> {
    const seen: string[][] = [];
    for (const who of ["reader", ...sleepers, "newcomer"]) seen.push([who, ...(await this.names(who))]);
    await this.person("reader").do(["lookup", app, "one"]);
    await this.person("reader").do(["verify", app, "one", "-i", this.#content(), "-q"]);
    seen.push(["own", ...(await this.names("reader", own))]);
    const list = await this.person("reader").do(["list", quorum]);
    seen.push(["quorum", ...namesAndRoles(list)]);
    seen.push(["image", await pull(this.docker("reader"), this.stage(), "v2")]);
    return seen;
  }

  /** The same names, and the same bytes behind them. */
  expected(sleepers: readonly string[], digest: unknown): unknown[] {
    return [
      ...["reader", ...sleepers, "newcomer"].map((who) => [who, ...before]),
      ["own", "one"],
      ["quorum", `two@${releases}`],
      ["image", digest],
    ];
  }

  #content(): string {
    return this.person("owner").file("content", "content");
  }

  /** What people do once a repository is adopted. What readers see then, in the order of the commands. */
  async goOn(sleepers: readonly string[]): Promise<string[][]> {
    const [owner, alice] = [this.person("owner"), this.person("alice")];
    await owner.do(["add", app, "since", this.#content(), "-p"]);
    await alice.do(["add", app, "since-by-alice", alice.file("content", "by alice"), "-r", releases, "-p"]);
    await owner.do(["add", own, "since", this.#content(), "-p"]);
    for (const role of ["timestamp", "snapshot"]) await owner.do(["key", "rotate", app, role, "-r"]);
    await owner.do(["key", "rotate", app, "targets"]);
    await owner.do(["key", "rotate", app, "root"], { input: "yes\n" });
    const seen: string[][] = [];
    for (const who of ["reader", ...sleepers, "newcomer"]) {
      seen.push([who, ...(await this.names(who))]);
      seen.push([who, ...(await this.names(who, own))]);
    }
    const next = await pushTrusted(this.docker("alice"), this.stage(), "v3");
    const pulled = await pull(this.docker("reader"), this.stage(), "v3");
    seen.push(["image", pulled === next ? "the same" : pulled]);
    seen.push(["signers", ...(await inspect(this.docker("reader"), this.stage())).signers]);
    return seen;
  }

  expectedSince(sleepers: readonly string[]): string[][] {
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
