/** The keys that a server signs its own roles with, as stock clients ask for them (notary-protocol.md 1.3). */
import { MalformedError } from "../../core/errors.ts";
import { isObject, member, parseJson } from "../../core/json.ts";
import { type ListedKey, notaryKeyId } from "../../core/keys.ts";
import { PublishError } from "../errors.ts";
import type { Sender } from "../send.ts";

/** The key that the server will sign with (notary-protocol.md 1.3). */
export async function onlineKey(
  { repository, fetcher }: Sender,
  role: "timestamp" | "snapshot",
  method: "GET" | "POST" = "GET",
): Promise<ListedKey> {
  const { status, body, code } = await fetcher.call({
    right: { of: "repository", repository, actions: method === "GET" ? "pull,push" : "*" },
    method,
    path: `/v2/${repository}/_trust/tuf/${role}.key`,
    maxBytes: 65_536,
    signal: AbortSignal.timeout(30_000),
  });
  if (status === 200) return readOnlineKey(role, body);
  const own = code === undefined ? "" : ` (${code})`;
  throw new PublishError(
    "PUBLISH_REFUSED",
    `${fetcher.origin} gives no ${role} key for ${repository}: it answered ${status}${own}.`,
    { serverCode: code },
  );
}

/** A key route's answer (notary-protocol.md 1.3). Throws `BAD_SHAPE`. */
export function readOnlineKey(role: "timestamp" | "snapshot", bytes: Buffer): ListedKey {
  const { value } = parseJson(bytes, { controlCharacters: false });
  const keytype = isObject(value) ? member(value, "keytype") : undefined;
  const keyval = isObject(value) ? member(value, "keyval") : undefined;
  const text = isObject(keyval) ? member(keyval, "public") : undefined;
  if (typeof keytype !== "string" || typeof text !== "string") {
    throw new MalformedError("BAD_SHAPE", `The server's ${role} key has no type or no public part.`, {
      role,
    });
  }
  return { id: notaryKeyId(keytype, text), keytype, public: text };
}
