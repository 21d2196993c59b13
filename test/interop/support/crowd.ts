/**
 * People with the stock clients, with our commands, and whoever runs a server: what all tests about moving have in common. Each has
 * a directory of their own, which outlives servers; all are told one address.
 */
import { copyFileSync, cpSync, mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { type DockerPerson, dockerPerson } from "./docker.ts";
import type { DockerPlace } from "./docker-engine.ts";
import { listedTargets, type NotaryPerson, notaryPerson } from "./notary.ts";
import { type Result, run } from "./process.ts";
import type { DockerStage } from "./scenario.ts";
import type { TrustServerAddress } from "./trust-server.ts";
import { type Publisher, vidimusPublisher } from "./vidimus-publisher.ts";

const program = join(import.meta.dirname, "../../../bin/vidimus.js");

export class Crowd {
  readonly at: TrustServerAddress;
  readonly place: DockerPlace;
  readonly directory: string;
  /** The repository of their docker clients. */
  readonly image: string;

  /** @param name of the image's repository within the registry */
  constructor(at: TrustServerAddress, place: DockerPlace, directory: string, name: string) {
    this.at = at;
    this.place = place;
    this.directory = directory;
    this.image = `${place.registry}/${name}`;
    mkdirSync(directory, { recursive: true });
  }

  person(who: string): NotaryPerson {
    return notaryPerson(this.at, join(this.directory, who));
  }

  docker(who: string): DockerPerson {
    return dockerPerson(this.place, this.at, join(this.directory, `docker-${who}`), who);
  }

  stage(): DockerStage {
    return {
      server: this.at,
      place: this.place,
      repository: this.image,
      directory: this.directory,
      person: (who) => this.person(who),
      docker: (who) => this.docker(who),
    };
  }

  /** The trust directory of a stock client: its keys, and its cache. */
  cacheOf(who: string): string {
    return who.startsWith("docker-")
      ? join(this.directory, who, "docker", "trust")
      : this.person(who).trustDirectory;
  }

  /** What somebody's `notary` lists. */
  async names(who: string, repository: string): Promise<string[]> {
    return listedTargets(await this.person(who).do(["list", repository])).map(({ name }) => name);
  }

  /** The owner publishes a name, for always the same content. */
  add(repository: string, target: string): Promise<Result> {
    const owner = this.person("owner");
    return owner.do(["add", repository, target, owner.file("content", "content"), "-p"]);
  }

  /** Somebody with our commands, at a laptop, who believes the first root of a repository. */
  laptop(who: string, repository: string): Publisher & { readonly home: string } {
    const home = join(this.directory, `laptop-${who}`);
    const made = vidimusPublisher(this.at, home);
    copyFileSync(this.at.ca, join(home, "ca.pem"));
    made.file("trust.yaml", JSON.stringify({ repositories: [{ match: repository, tofu: true }] }));
    const here = ["--server", this.at.url, "--ca", "ca.pem", "--no-input"];
    return {
      ...made,
      home,
      do: (...args) => made.do(...args, ...here),
      try: (...args) => made.try(...args, ...here),
    };
  }

  /** A command of whoever runs the server: with an empty home and nothing in the environment. */
  operator(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Result> {
    const home = mkdtempSync(join(this.directory, "operator-"));
    return run(process.execPath, [program, ...args, "--server", this.at.url, "--ca", this.at.ca], {
      env: { PATH: process.env.PATH ?? "", HOME: home, ...environment },
      cwd: home,
    });
  }
}

/** Copies of all directories of people, as they are now. */
export function copyOf(from: string, to: string): string {
  cpSync(from, to, { recursive: true });
  return to;
}
