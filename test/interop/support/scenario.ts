/**
 * One script, played against every server of the run: the same people, the same commands, and the same
 * outcome expected from each, so that the servers are compared with each other by being compared with it.
 *
 * An outcome holds only what the script decides (exit codes, names, roles, classes of refusal, numbers of
 * versions), nothing random, so that equal means equal.
 */

import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
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

export type Script<Outcome> = (stage: Stage) => Promise<Outcome>;

/** Both sides of an intended difference; `because` is its heading in docs/divergences.md. */
export interface Divergence<Outcome> {
  readonly because: string;
  readonly reference: Outcome;
  readonly vidimus: Outcome;
}

let scenarios = 0;

/** Registers a test: the script plays on each server at the same time and must come out as expected. */
export function scenario<Outcome>(title: string, script: Script<Outcome>, expected: Outcome): void {
  register(title, script, { reference: expected, vidimus: expected });
}

/** Like `scenario`, where Vidimus is meant to come out differently. */
export function divergence<Outcome>(
  title: string,
  script: Script<Outcome>,
  expected: Divergence<Outcome>,
): void {
  register(`${title} (differs: ${expected.because})`, script, expected);
}

function register<Outcome>(
  title: string,
  script: Script<Outcome>,
  expected: Readonly<Record<ServerKind, Outcome>>,
): void {
  scenarios += 1;
  const number = scenarios;
  test.skipIf(!inject("notary"))(title, async () => {
    const servers = inject("servers");
    const outcomes = await Promise.all(
      servers.map(async (server) => [server.kind, await script(stage(server, number))] as const),
    );
    expect(Object.fromEntries(outcomes)).toEqual(
      Object.fromEntries(servers.map(({ kind }) => [kind, expected[kind]])),
    );
  });
}

function stage(server: TrustServerAddress, number: number): Stage {
  const directory = mkdtempSync(join(inject("scratch"), `${server.kind}-${number}-`));
  const people = new Map<string, NotaryPerson>();
  return {
    server,
    repository: `registry.example.test/${directory.slice(-6).toLowerCase()}/scenario-${number}-end`,
    directory,
    person: (name) => {
      const known = people.get(name) ?? notaryPerson(server, join(directory, name));
      people.set(name, known);
      return known;
    },
  };
}
