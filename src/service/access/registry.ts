/**
 * Whether a registry knows somebody: it is asked with the same name and password, so that nobody needs a second one.
 *
 * - It is asked once without credentials. A registry that lets everybody in then knows nobody, and nobody is verified by it.
 * - Where it wants Basic, its `/v2/` is asked again with the credentials. Where it wants a token, its token service is, over
 *   HTTPS, or where it lies beside the registry itself.
 * - Only a plain 200 is a yes and only 401 or 403 is a no. Everything else is nobody's answer (`OVERLOADED`): nobody gets in,
 *   and nobody is counted as having failed.
 */
import { RefusedError } from "../../core/errors.ts";

export interface RegistryAnswer {
  readonly status: number;
  /** `WWW-Authenticate`, empty if there is none. */
  readonly challenge: string;
}

/** One GET without redirects, within bounds of its own. Rejects with whatever keeps it from an answer. */
export type AskRegistry = (url: URL, authorization: string | undefined) => Promise<RegistryAnswer>;

/** `registry`: its address, without a path. */
export async function knownToRegistry(
  registry: URL,
  { name, password }: { readonly name: string; readonly password: string },
  ask: AskRegistry,
): Promise<boolean> {
  const base = new URL("/v2/", registry);
  const open = await answerOf(() => ask(base, undefined));
  if (open.status !== 401) throw unusable(`it answered ${open.status} without credentials`);
  const basic = `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
  const place = /^\s*basic\b/i.test(open.challenge) ? base : tokenService(open.challenge, registry, name);
  const { status } = await answerOf(() => ask(place, basic));
  if (status === 200) return true;
  if (status === 401 || status === 403) return false;
  throw unusable(`it answered ${status}`);
}

async function answerOf(question: () => Promise<RegistryAnswer>): Promise<RegistryAnswer> {
  try {
    return await question();
  } catch (error) {
    throw unusable("it cannot be reached", error);
  }
}

function tokenService(challenge: string, registry: URL, name: string): URL {
  if (!/^\s*bearer\b/i.test(challenge)) throw unusable("it asks for neither Basic nor a token");
  const values = new Map(
    [...challenge.matchAll(/([a-z]+)="([^"]*)"/gi)].map(([, key = "", value = ""]) => [
      key.toLowerCase(),
      value,
    ]),
  );
  const realm = URL.parse(values.get("realm") ?? "");
  if (realm === null || (realm.protocol !== "https:" && realm.origin !== registry.origin)) {
    throw unusable("its token service has no address that credentials may be sent to");
  }
  realm.searchParams.set("service", values.get("service") ?? "");
  realm.searchParams.set("account", name);
  return realm;
}

function unusable(why: string, cause?: unknown): RefusedError {
  return new RefusedError(
    "OVERLOADED",
    "The registry that knows the passwords gives no usable answer now: try again in a few seconds.",
    { cause: cause ?? new Error(why) },
  );
}
