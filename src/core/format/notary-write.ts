/**
 * Writing Notary files: exactly the form that the original's own encoder gives, since an original server that is
 * sent anything else hashes other bytes than it stores (notary-protocol.md 2.5, 3.2).
 */
import { canonicalBytes, canonicalText } from "../canonical.ts";
import { formatDate } from "../dates.ts";
import type { Json } from "../json.ts";
import type { ListedKey } from "../keys.ts";
import type { Kind } from "../model.ts";
import type { FileFacts, FormatRules, RoleContent } from "./format.ts";

export const notaryTypes: Readonly<Record<Kind, string>> = {
  root: "Root",
  targets: "Targets",
  snapshot: "Snapshot",
  timestamp: "Timestamp",
};

type Writer = Pick<
  FormatRules,
  "encodeRoot" | "encodeTargets" | "encodeSnapshot" | "encodeTimestamp" | "seal"
>;

export const notaryWriter: Writer = {
  encodeRoot({ version, expires, keys, roles }) {
    return canonicalBytes({
      _type: notaryTypes.root,
      consistent_snapshot: false,
      expires: formatDate(expires),
      keys: keyObjects(keys),
      roles: Object.fromEntries(Object.entries(roles).map(([role, content]) => [role, roleObject(content)])),
      version,
    });
  },

  encodeTargets({ version, expires, targets, keys, delegations }) {
    return canonicalBytes({
      _type: notaryTypes.targets,
      delegations: {
        keys: keyObjects(keys),
        roles: delegations.map(({ role, paths, ...content }) => ({
          ...roleObject(content),
          name: role,
          // Go leaves an empty list of paths out.
          ...(paths.length > 0 && { paths }),
        })),
      },
      expires: formatDate(expires),
      targets: ownMembers(
        [...targets].map(([name, { custom, ...facts }]) => [
          name,
          custom === undefined ? fileObject(facts) : { ...fileObject(facts), custom },
        ]),
      ),
      version,
    });
  },

  encodeSnapshot({ version, expires, meta }) {
    return canonicalBytes({
      _type: notaryTypes.snapshot,
      expires: formatDate(expires),
      meta: ownMembers([...meta].map(([role, facts]) => [role, fileObject(facts)])),
      version,
    });
  },

  encodeTimestamp({ version, expires, snapshot }) {
    return canonicalBytes({
      _type: notaryTypes.timestamp,
      expires: formatDate(expires),
      meta: { snapshot: fileObject(snapshot) },
      version,
    });
  },

  seal(canonical, signatures) {
    const signed = Buffer.from(canonical.buffer, canonical.byteOffset, canonical.length).toString("utf8");
    const entries = signatures.map(
      ({ keyId, method, signature }) =>
        `{"keyid":${canonicalText(keyId)},"method":${canonicalText(method)},"sig":"${Buffer.from(signature).toString("base64")}"}`,
    );
    return Buffer.from(`{"signed":${goEscapes(signed)},"signatures":[${entries.join(",")}]}`, "utf8");
  },
};

/** The five characters that Go's encoder never writes raw (notary-protocol.md 3.2, wire form). */
function goEscapes(canonical: string): string {
  return canonical.replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function fileObject({ length, sha256, sha512 }: FileFacts): { readonly [name: string]: Json } {
  const base64 = (hex: string) => Buffer.from(hex, "hex").toString("base64");
  return {
    hashes:
      sha512 === undefined ? { sha256: base64(sha256) } : { sha256: base64(sha256), sha512: base64(sha512) },
    length,
  };
}

function roleObject({ keyIds, threshold }: RoleContent): { readonly [name: string]: Json } {
  return { keyids: keyIds, threshold };
}

function keyObjects(keys: readonly ListedKey[]): Json {
  return ownMembers(
    keys.map(({ id, keytype, public: publicText }) => [
      id,
      { keytype, keyval: { private: null, public: publicText } },
    ]),
  );
}

/** Like `Object.fromEntries`, which keeps `__proto__` a member as well; said here because it matters. */
function ownMembers(entries: readonly (readonly [string, Json])[]): Json {
  return Object.fromEntries(entries);
}
