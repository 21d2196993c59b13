/** Two servers, an old one with a history and one that takes over, and what goes between them. */

import { noCredentials } from "../../src/client/fetch/credentials.ts";
import { createFetcher } from "../../src/client/fetch/http-fetcher.ts";
import type { FetcherOptions } from "../../src/client/fetch/options.ts";
import { sha256Hex } from "../../src/core/bytes.ts";
import { notary } from "../../src/core/format/notary.ts";
import { type CrawlLimits, usualCrawlLimits } from "../../src/moving/crawl.ts";
import { destination } from "../../src/moving/destination.ts";
import { type NotarySource, type NotaryWays, notarySource } from "../../src/moving/notary-source.ts";
import { offerOf } from "../../src/moving/offer.ts";
import { paceOf } from "../../src/moving/pace.ts";
import type { Source } from "../../src/moving/source.ts";
import { type TakeOver, takeOver } from "../../src/moving/take-over.ts";
import { newRootKey, type Owner } from "./publisher.ts";
import type { TestServer } from "./server.ts";

export const app = "registry.example.org:5000/team/app";

function fetcherTo(port: number, limits: FetcherOptions["limits"] = {}) {
  return createFetcher({
    server: `http://127.0.0.1:${port}`,
    credentials: noCredentials,
    environment: {},
    limits: { connections: 32, ...limits },
    testingOnlyFirstDelay: 1,
  });
}

export function sourceAt(port: number, ways: NotaryWays = {}): NotarySource {
  return notarySource(fetcherTo(port, { tries: 1 }), paceOf(10_000), ways);
}

/** Runs an import; the rest as a command would have it. */
export async function importFrom(
  source: Source,
  to: TestServer,
  repositories: Iterable<string> | AsyncIterable<string>,
  changes: Partial<TakeOver> & { readonly limits?: CrawlLimits } = {},
) {
  const fetcher = fetcherTo(to.port);
  try {
    return await takeOver(
      {
        offer: offerOf(
          {
            source,
            format: notary,
            limits: changes.limits ?? usualCrawlLimits,
            now: () => to.clock.now(),
          },
          { past: true },
        ),
        destination: destination(async () => fetcher, fetcher.origin),
        dryRun: false,
        inFlight: 12,
        ...changes,
      },
      repositories,
    );
  } finally {
    fetcher.close();
    source.close();
  }
}

export async function publishOn(
  server: TestServer,
  owner: Owner,
  ...roles: readonly string[]
): Promise<void> {
  const { status, body } = await server.publish(owner.repository, owner.next(...roles), {
    unavailable: "any",
  });
  if (status !== 200) throw new Error(body.toString("utf8"));
}

/** Two rotations of the root's key, a delegation, one below its threshold, several versions of everything. */
export async function withHistory(server: TestServer, repository = app): Promise<Owner> {
  const owner = await server.owner(repository);
  await server.publish(repository, owner.first());
  owner.addTarget("1.0");
  await publishOn(server, owner, "targets");
  owner.delegate("targets/releases");
  owner.delegate("targets/gone");
  await publishOn(server, owner, "targets", "targets/releases", "targets/gone");
  for (let each = 0; each < 2; each++) {
    const key = await newRootKey(repository, server.clock.now());
    owner.root.signers = [...owner.root.signers.slice(-1), key];
    owner.root.keys.root = [key.listed];
    await publishOn(server, owner, "root");
    owner.addTarget(`2.${each}`, "targets/releases");
    await publishOn(server, owner, "targets/releases");
  }
  owner.targets.delegations.splice(1, 1);
  owner.roles.delete("targets/gone");
  await publishOn(server, owner, "targets");
  return owner;
}

/** Every file that a server has of a repository, by the name of its version: what must be the same to the byte. */
export async function everyVersion(server: TestServer, repository: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const { current } = await server.store.state(repository);
  for (const [role, { version: newest }] of current) {
    for (let version = 1; version <= newest; version++) {
      const { status, body } = await server.file(repository, `${version}.${role}.json`);
      if (status === 200) found.set(`${version}.${role}`, body.toString("utf8"));
    }
    const now = await server.file(repository, `${role}.json`);
    found.set(role, now.body.toString("utf8"));
  }
  return found;
}

/** What a server has of repositories at this moment, as a source that stays as it is. */
export async function recorded(
  server: TestServer,
  ...repositories: readonly string[]
): Promise<Source & { readonly files: Map<string, Buffer> }> {
  const files = new Map<string, Buffer>();
  for (const repository of repositories) {
    for (const [name, text] of await everyVersion(server, repository)) {
      const bytes = Buffer.from(text);
      files.set(`${repository} ${name}.json`, bytes);
      files.set(`${repository} ${name.replace(/^[0-9]+\./, "")}.${sha256Hex(bytes)}.json`, bytes);
    }
  }
  return {
    origin: "https://notary.example.org",
    files,
    async *names() {
      yield* repositories;
    },
    file: async (repository, name) => files.get(`${repository} ${name}`),
    close: () => undefined,
  };
}
