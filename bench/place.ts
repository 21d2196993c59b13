/**
 * Where everything is measured: a Vidimus server as a process of its own with TLS on loopback, repositories published to
 * it, and a scratch directory. All of it is gone afterwards.
 */
import { hash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TargetContent } from "../src/core/format/format.ts";
import { startVidimus } from "../test/interop/support/vidimus-server.ts";
import { publishFirst } from "../test/support/bare/collection.ts";
import {
  bareKey,
  certificateKey,
  generatePrivateKey,
  makeRootCertificate,
} from "../test/support/bare/keys.ts";

export interface Place {
  readonly url: string;
  /** Path of the authority's PEM. */
  readonly ca: string;
  /** Path of a policy that believes the first contact, as the stock client does. */
  readonly policy: string;
  /** A path in the scratch directory that nothing has used yet. */
  fresh(): string;
  /** Publishes a repository with so many targets, the first of which is `tag`. */
  publish(repository: string, targets: number): Promise<void>;
  close(): Promise<void>;
}

export const tag = "v00000";
const year = 365 * 86_400_000;

export async function openPlace(): Promise<Place> {
  const scratch = mkdtempSync(join(tmpdir(), "vidimus-bench-"));
  const server = await startVidimus(join(scratch, "server")).catch((error: unknown) => {
    rmSync(scratch, { recursive: true, force: true });
    throw error;
  });
  const policy = join(scratch, "trust.yaml");
  writeFileSync(
    policy,
    `version: 1\nserver: ${server.url}\nservers:\n  ${server.url}:\n    ca: ${server.ca}\nrepositories:\n  - match: "**"\n    tofu: true\n`,
  );
  const authority = readFileSync(server.ca, "utf8");
  const rootKey = generatePrivateKey("ecdsa");
  const targetsKey = bareKey(generatePrivateKey("ecdsa"));
  let used = 0;
  return {
    url: server.url,
    ca: server.ca,
    policy,
    fresh: () => join(scratch, `fresh-${++used}`),
    async publish(repository, targets) {
      const now = Date.now();
      const certificate = await makeRootCertificate(rootKey, repository, new Date(now));
      await publishFirst(
        { url: server.url, ca: authority },
        {
          repository,
          holders: {
            root: { keys: [certificateKey(rootKey, certificate)], threshold: 1 },
            targets: { keys: [targetsKey], threshold: 1 },
          },
          targets: contents(targets),
          rootExpires: now + 5 * year,
          targetsExpires: now + year,
        },
      );
    },
    async close() {
      await server.stop();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

/** So many targets, the first of which is `tag`. */
export function contents(count: number): ReadonlyMap<string, TargetContent> {
  return new Map(
    Array.from({ length: count }, (_, index) => {
      const name = `v${String(index).padStart(tag.length - 1, "0")}`;
      const length = 1_000 + index;
      return [name, { length, sha256: hash("sha256", name, "hex"), sha512: hash("sha512", name, "hex") }];
    }),
  );
}
