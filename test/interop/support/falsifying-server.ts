/**
 * A server in the middle that has stolen the keys of snapshot and timestamp, and passes on files with signatures taken away. Every
 * hash and every other signature is right, so that nothing is left to refuse a file for but the threshold of its role.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../../src/config.ts";
import { sha256Hex } from "../../../src/core/bytes.ts";
import { notary } from "../../../src/core/format/notary.ts";
import { openKeyring } from "../../../src/wire/signer.ts";
import { openStore } from "../../../src/wire/store.ts";
import { httpsServer } from "../../support/https-server.ts";
import { encodeSnapshot, encodeTimestamp } from "../../support/simulator-roles.ts";
import { type Answer, fetchFrom } from "./https.ts";
import { metadataPath, served, servedMetadata } from "./metadata.ts";
import type { TrustServerAddress } from "./trust-server.ts";

/** A Vidimus with the folder that its data lies in. */
export interface Robbed extends TrustServerAddress {
  readonly data: string;
}

const offlineRoles = ["root", "targets", "targets/releases"] as const;
type OfflineRole = (typeof offlineRoles)[number];

/** @param missing the role whose file has one signature less; none: all is as it was, but signed by the thief */
export async function falsified(
  server: Robbed,
  repository: string,
  directory: string,
  missing?: OfflineRole,
): Promise<TrustServerAddress> {
  const files = new Map<string, Buffer>();
  for (const role of offlineRoles) {
    const bytes = await served(server, repository, `${role}.json`);
    files.set(role, role === missing ? withOneLess(role, bytes) : bytes);
  }
  const root = files.get("root") as Buffer;
  for (const [role, encode] of [
    ["snapshot", encodeSnapshot],
    ["timestamp", encodeTimestamp],
  ] as const) {
    const { signed } = notary.parse(role, await served(server, repository, `${role}.json`));
    const canonical = encode(files, signed.expires, signed.version);
    files.set(role, await signedByThief(server, repository, role, canonical));
  }
  const answers = new Map<string, Buffer>();
  for (const [role, bytes] of files) {
    answers.set(metadataPath(repository, `${role}.json`), bytes);
    answers.set(metadataPath(repository, `${role}.${sha256Hex(bytes)}.json`), bytes);
  }
  answers.set(metadataPath(repository, `${notary.parse("root", root).signed.version}.root.json`), root);
  const answer = async (path: string): Promise<Answer> => {
    const body = answers.get(path);
    return body === undefined ? await fetchFrom(server, path) : { status: 200, body };
  };
  const { url, ca } = await httpsServer((request, response) => {
    answer(request.url ?? "").then(
      ({ status, body }) => response.writeHead(status).end(body),
      () => response.destroy(),
    );
  });
  const file = join(mkdtempSync(join(directory, "falsified-")), "ca.crt");
  writeFileSync(file, ca);
  return { kind: "vidimus", url, ca: file };
}

function withOneLess(role: string, bytes: Buffer): Buffer {
  const { message, signatures } = notary.parse(role, bytes);
  if (signatures.length !== 2) throw new Error(`${role} carries ${signatures.length} signatures, not 2`);
  return notary.seal(Buffer.from(message), signatures.slice(0, 1));
}

/** Reads what the running server keeps, with the secret that lies beside it. */
async function signedByThief(
  server: Robbed,
  repository: string,
  role: "snapshot" | "timestamp",
  canonical: Buffer,
): Promise<Buffer> {
  const flags = [
    { flag: "--data", key: "data", text: server.data },
    { flag: "--set", key: "server.readOnly", text: "true" },
  ];
  const { config } = loadConfig({ flags, env: {}, readFile: () => "" });
  const store = await openStore(config, server.data);
  try {
    const record = await store.keyring();
    if (record === undefined) throw new Error("the server has no keys");
    const signer = await openKeyring(config, server.data, record, { settle: false });
    try {
      const root = await servedMetadata(server, repository, "root");
      const keyIds = root.signed.roles?.[role]?.keyids ?? [];
      const [key] = await store.onlineKeys(repository, keyIds);
      if (key?.keytype !== "ecdsa") throw new Error(`the server's key of ${role} is not there`);
      const publicKey = Buffer.from(key.publicKey, "base64");
      const signature = Buffer.from(await signer.sign({ ...key, publicKey }, canonical));
      return notary.seal(canonical, [{ keyId: key.keyId, method: "ecdsa", signature }]);
    } finally {
      await signer.close();
    }
  } finally {
    await store.close();
  }
}
