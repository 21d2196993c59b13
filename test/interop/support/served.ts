/** What a server serves of repositories, for comparing it with another server, or with what was stored before. */

import { fetchFrom } from "./https.ts";
import type { OldFiles } from "./taken-over.ts";
import type { TrustServerAddress } from "./trust-server.ts";

/** As text, which is enough to compare metadata by. @throws for a file that is not there: two refusals would be the same, too. */
async function servedFile(at: TrustServerAddress, repository: string, file: string): Promise<string> {
  const { status, body } = await fetchFrom(at, `/v2/${repository}/_trust/tuf/${file}`);
  if (status !== 200) throw new Error(`${at.url} has no ${file} of ${repository}: ${status}`);
  return body.toString("utf8");
}

export async function versionAt(at: TrustServerAddress, repository: string, role: string): Promise<number> {
  return JSON.parse(await servedFile(at, repository, `${role}.json`)).signed.version;
}

/** Every root, and what is current of every role, delegations included. */
export async function currentFiles(
  at: TrustServerAddress,
  repository: string,
): Promise<Readonly<Record<string, string>>> {
  const newest = await versionAt(at, repository, "root");
  const { signed } = JSON.parse(await servedFile(at, repository, "snapshot.json")) as {
    signed: { meta: Record<string, unknown> };
  };
  const roots = Array.from({ length: newest }, (_, i) => `${i + 1}.root.json`);
  const roles = ["timestamp", "snapshot", ...Object.keys(signed.meta)].map((role) => `${role}.json`);
  const files = [...new Set([...roots, ...roles])].sort();
  const read = files.map(async (file) => [file, await servedFile(at, repository, file)] as const);
  return Object.fromEntries(await Promise.all(read));
}

/**
 * Where a server differs from what was stored elsewhere: each file by version and digest, to the byte.
 * @param current the newest must be what is current, too; without it people may have gone on, by one version after the other
 */
export async function differences(
  files: OldFiles,
  at: TrustServerAddress,
  current: "current" | "gone on" = "current",
): Promise<string[]> {
  const found: string[] = [];
  for (const [repository, roles] of files) {
    const get = (name: string) => fetchFrom(at, `/v2/${repository}/_trust/tuf/${name}`);
    for (const [role, versions] of roles) {
      const newest = versions.at(-1);
      for (const { signed, sha256, bytes } of versions) {
        const names = [`${signed.version}.${role}.json`, `${role}.${sha256}.json`];
        if (newest?.sha256 === sha256 && current === "current") names.push(`${role}.json`);
        for (const name of names) {
          const { status, body } = await get(name);
          if (status !== 200 || !body.equals(bytes)) found.push(`${status} ${repository} ${name}`);
        }
      }
      if (current === "current" || newest === undefined) continue;
      const now = await versionAt(at, repository, role);
      if (now < newest.signed.version) found.push(`${repository} ${role} went back to ${now}`);
      for (let version = newest.signed.version + 1; version <= now; version++) {
        const { status } = await get(`${version}.${role}.json`);
        if (status !== 200) found.push(`${status} ${repository} ${version}.${role}.json`);
      }
    }
  }
  return found;
}
