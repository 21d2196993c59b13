/**
 * Notary's own `trust_pinning` (notary-protocol.md 7.3, 7.5), read from a `config.json` so that pins that exist need not be
 * written twice. Whether a first use is trusted is the policy's to say; `disable_tofu: true` overrules a policy that
 * allows it, and `false` allows nothing. Unlike Notary, names count with their case, `certs` are checked on every update, and paths of `ca` are relative
 * to the configuration file (docs/divergences.md).
 */
import { dirname, resolve } from "node:path";
import type { Json, JsonObject } from "../../core/json.ts";
import { isObject, member } from "../../core/json.ts";
import { JsonFile, listOf, string } from "../files/json-file.ts";
import { readText } from "../files/read-file.ts";

/** What the configuration says of one repository. */
export type NotaryPins = { readonly certificates: readonly string[] } | { readonly ca: string };

export interface NotaryConfig {
  readonly disableTofu: boolean;
  /** Undefined: it pins nothing for this name. An empty list pins nothing that exists, so everything is refused. */
  pinsFor(repository: string): NotaryPins | undefined;
}

const largest = 1_048_576;
const most = 10_000;

/** Throws `POLICY_INVALID`. */
export async function readNotaryConfig(path: string): Promise<NotaryConfig> {
  const json = new JsonFile(
    await readText(path, "Notary configuration", largest, "POLICY_INVALID"),
    path,
    "POLICY_INVALID",
    "Notary configuration",
  );
  const object = json.object();
  const pinning = member(object, "trust_pinning") ?? {};
  if (!isObject(pinning)) throw json.fault(object, "trust_pinning");
  const certs = table(json, pinning, "certs", (value) => listOf(value, most, string));
  const authorities = table(json, pinning, "ca", string);
  const disableTofu = member(pinning, "disable_tofu") ?? false;
  if (typeof disableTofu !== "boolean") throw json.fault(pinning, "disable_tofu");
  return {
    disableTofu,
    pinsFor(repository) {
      const own = certs.get(repository) ?? longest(starred(certs), repository);
      if (own !== undefined) return { certificates: own };
      const ca = longest(authorities, repository);
      return ca === undefined ? undefined : { ca: resolve(dirname(path), ca) };
    },
  };
}

function table<T>(
  json: JsonFile,
  pinning: JsonObject,
  name: string,
  as: (value: Json) => T | undefined,
): ReadonlyMap<string, T> {
  const value = member(pinning, name) ?? {};
  if (!isObject(value)) throw json.fault(pinning, name);
  const rows = new Map<string, T>();
  for (const [key, each] of Object.entries(value)) {
    const read = as(each);
    if (read === undefined) throw json.fault(value, key);
    rows.set(key, read);
  }
  return rows;
}

/** Entries that end in a star, under what stands before it. */
function starred<T>(rows: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  return new Map(
    [...rows].filter(([key]) => key.endsWith("*")).map(([key, value]) => [key.slice(0, -1), value]),
  );
}

/** The value of the longest key that the repository begins with. */
function longest<T>(rows: ReadonlyMap<string, T>, repository: string): T | undefined {
  let best: string | undefined;
  for (const key of rows.keys()) {
    if (repository.startsWith(key) && (best === undefined || key.length > best.length)) best = key;
  }
  return best === undefined ? undefined : rows.get(best);
}
