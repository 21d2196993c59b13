/**
 * One script, played against every server of the run: the same people, the same commands, and the same
 * outcome expected from each, so that the servers are compared with each other by being compared with it.
 *
 * An outcome holds only what the script decides (exit codes, names, roles, classes of refusal, numbers of
 * versions), nothing random, so that equal means equal.
 */

import { mkdtempSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, inject, test } from "vitest";
import { type DockerPerson, dockerPerson } from "./docker.ts";
import type { DockerPlace } from "./docker-engine.ts";
import { findLinuxkit } from "./linuxkit.ts";
import { type NotaryPerson, notaryPerson } from "./notary.ts";
import type { ServerKind, TrustServerAddress } from "./trust-server.ts";

/** What a script is given: a server, a repository name nobody else uses, and people. */
export interface Stage {
  readonly server: TrustServerAddress;
  /** The repository's name; not a prefix of another scenario's. */
  readonly repository: string;
  /** A directory of this scenario on this server. */
  readonly directory: string;
  /** A person with the `notary` command line; the same name is the same person. */
  person(name: string): NotaryPerson;
}

/** A stage with an engine and a registry; `repository` is then a name in that registry. */
export interface DockerStage extends Stage {
  readonly place: DockerPlace;
  /** A person with the `docker` command line who is logged in under this name; with `""` without credentials. */
  docker(name: string): DockerPerson;
}

export type Script<On extends Stage, Outcome> = (stage: On) => Promise<Outcome>;

/**
 * Both sides of an intended difference. `because` are words of its heading in docs/divergences.md; a
 * difference that the page does not have fails.
 */
export interface Divergence<Outcome> {
  readonly because: string;
  readonly reference: Outcome;
  readonly vidimus: Outcome;
}

const divergencesPage = resolve(import.meta.dirname, "../../../docs/divergences.md");

let scenarios = 0;

/** Registers a test: the script plays on each server at the same time and must come out as expected. */
export function scenario<Outcome>(title: string, script: Script<Stage, Outcome>, expected: Outcome): void {
  register(title, notaryStage, script, { reference: expected, vidimus: expected });
}

/** Like `scenario`, where Vidimus is meant to come out differently. */
export function divergence<Outcome>(
  title: string,
  script: Script<Stage, Outcome>,
  expected: Divergence<Outcome>,
): void {
  register(`${title} (differs: ${expected.because})`, notaryStage, documented(expected, script), expected);
}

/** Like `scenario`, with the `docker` command line. */
export function dockerScenario<Outcome>(
  title: string,
  script: Script<DockerStage, Outcome>,
  expected: Outcome,
): void {
  register(title, dockerStage, script, { reference: expected, vidimus: expected });
}

/** Like `dockerScenario`, where a `linuxkit` is at hand; elsewhere it is skipped, as docs/testing.md says. */
export function linuxkitScenario<Outcome>(
  title: string,
  script: (stage: DockerStage, linuxkit: string) => Promise<Outcome>,
  expected: Outcome,
): void {
  const program = findLinuxkit() ?? "";
  const maker = { ...dockerStage, possible: () => program !== "" && dockerStage.possible() };
  register(title, maker, (stage) => script(stage, program), { reference: expected, vidimus: expected });
}

/** Like `divergence`, with the `docker` command line. */
export function dockerDivergence<Outcome>(
  title: string,
  script: Script<DockerStage, Outcome>,
  expected: Divergence<Outcome>,
): void {
  register(`${title} (differs: ${expected.because})`, dockerStage, documented(expected, script), expected);
}

/** The same script, which on Vidimus also wants the difference to be on the page. */
function documented<On extends Stage, Outcome>(
  { because }: Divergence<Outcome>,
  script: Script<On, Outcome>,
): Script<On, Outcome> {
  return async (on) => {
    if (on.server.kind === "vidimus") {
      const headings = readFileSync(divergencesPage, "utf8").match(/^#+ .*$/gm) ?? [];
      if (!headings.some((heading) => heading.toLowerCase().includes(because))) {
        throw new Error(`docs/divergences.md has no heading with the words "${because}"`);
      }
    }
    return await script(on);
  };
}

/** Makes stages for one kind of script, or says that this machine cannot. */
interface StageMaker<On extends Stage> {
  possible(): boolean;
  make(server: TrustServerAddress, number: number): On;
}

function register<On extends Stage, Outcome>(
  title: string,
  maker: StageMaker<On>,
  script: Script<On, Outcome>,
  expected: Readonly<Record<ServerKind, Outcome>>,
): void {
  scenarios += 1;
  const number = scenarios;
  test.skipIf(!maker.possible())(title, async () => {
    const servers = inject("servers");
    const outcomes = await Promise.all(
      servers.map(async (server) => [server.kind, await script(maker.make(server, number))] as const),
    );
    expect(Object.fromEntries(outcomes)).toEqual(
      Object.fromEntries(servers.map(({ kind }) => [kind, expected[kind]])),
    );
  });
}

const notaryStage: StageMaker<Stage> = {
  possible: () => inject("notary"),
  make: (server, number) => {
    const directory = mkdtempSync(join(inject("scratch"), `${server.kind}-${number}-`));
    const person = remember((name) => notaryPerson(server, join(directory, name)));
    const unique = directory.slice(-6).toLowerCase();
    const repository = `registry.example.test/${unique}/scenario-${number}-end`;
    return { server, repository, directory, person };
  },
};

const dockerStage: StageMaker<DockerStage> = {
  possible: () => inject("docker") !== null && inject("notary"),
  make: (server, number) => {
    const place = inject("docker");
    if (place === null) throw new Error("no docker engine");
    const base = notaryStage.make(server, number);
    const repository = base.repository.replace("registry.example.test", place.registry);
    const docker = remember((name) =>
      dockerPerson(place, server, join(base.directory, `docker-${name}`), name),
    );
    return { ...base, place, repository, docker };
  },
};

/** The same name gives the same person. */
function remember<Person>(make: (name: string) => Person): (name: string) => Person {
  const people = new Map<string, Person>();
  return (name) => {
    const person = people.get(name) ?? make(name);
    people.set(name, person);
    return person;
  };
}
