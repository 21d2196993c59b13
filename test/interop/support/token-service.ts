/**
 * A token service such as registries have (notary-protocol.md chapter 6), with users, passwords and what each may do.
 * Its tokens carry the certificate of the key that signed them, which is how Debian's notary-server knows them.
 */

import { createPrivateKey, randomUUID, X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { SignJWT } from "jose";
import type { Authority } from "./certificates.ts";
import { startReferenceServer } from "./reference-server.ts";
import type { ServerKind, TrustServer } from "./trust-server.ts";
import { startVidimus } from "./vidimus-server.ts";

export interface User {
  readonly password: string;
  /** Actions in every repository: `pull`, `push`, `*`. */
  readonly may: readonly string[];
}

export interface TokenService {
  /** What names this service, by `https://` alone. */
  readonly origin: string;
  /** The value of `auth` in the configuration of notary-server. */
  readonly settings: unknown;
  /** The same in the configuration of Vidimus. */
  readonly ours: object;
  /** Requests so far: the user, or `nobody`, and the scope. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

const [service, issuer] = ["notary.example.test", "auth.example.test"];
const lifetime = 300;

/** @param users by name; who gives no credentials gets a token that allows nothing */
export async function startTokenService(
  authority: Authority,
  users: ReadonlyMap<string, User>,
): Promise<TokenService> {
  const [tls, signer] = [
    await authority.issueTls("tokens"),
    await authority.issueSigner("tokens-key", issuer),
  ];
  const key = createPrivateKey(readFileSync(signer.privateKey));
  const x5c = [new X509Certificate(readFileSync(signer.certificate)).raw.toString("base64")];
  const asked: string[] = [];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const query = new URL(request.url ?? "", "https://unused.example.test").searchParams;
    const [, type, name, actions] = /^(\w+):(.+):([^:]+)$/.exec(query.get("scope") ?? "") ?? [];
    const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    const [userName = "", password] = Buffer.from(basic ?? "", "base64")
      .toString("utf8")
      .split(":");
    asked.push(`${userName || "nobody"} ${actions}`);
    const user = users.get(userName);
    if (basic !== undefined && user?.password !== password) {
      response.writeHead(401).end();
      return;
    }
    const wanted = actions?.split(",") ?? [];
    const granted = wanted.filter((action) => user?.may.includes(action));
    const token = await new SignJWT({ access: [{ type, name, actions: granted }] })
      .setProtectedHeader({ alg: "ES256", typ: "JWT", x5c })
      .setIssuer(issuer)
      .setAudience(service)
      .setSubject(userName)
      .setJti(randomUUID())
      .setIssuedAt()
      .setNotBefore("1 minute ago")
      .setExpirationTime(`${lifetime}s`)
      .sign(key);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ token, expires_in: lifetime }));
  }

  const server = createServer(
    { cert: readFileSync(tls.certificate), key: readFileSync(tls.privateKey) },
    (request, response) => {
      answer(request, response).catch((error: unknown) => response.destroy(error as Error));
    },
  );
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const options = { realm: `${origin}/auth/token`, service, issuer, rootcertbundle: authority.ca };
  return {
    origin,
    settings: { type: "token", options },
    ours: { mode: "token", token: { realm: options.realm, service, issuer, certificates: authority.ca } },
    asked,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

/** A trust server that wants this service's tokens. Its authorities are those of both: clients have one file for all. */
export async function startWithTokens(
  kind: ServerKind,
  directory: string,
  authority: Authority,
  tokens: TokenService,
  /** More of `auth`, for Vidimus. */
  more: Readonly<Record<string, unknown>> = {},
): Promise<TrustServer> {
  if (kind === "reference")
    return await startReferenceServer(directory, { authority, auth: tokens.settings });
  mkdirSync(directory, { recursive: true });
  const file = join(directory, "vidimus.yaml");
  writeFileSync(file, JSON.stringify({ auth: { ...tokens.ours, ...more } }));
  const server = await startVidimus(directory, { flags: ["--config", file] });
  const ca = join(directory, "authorities.crt");
  writeFileSync(ca, [server.ca, authority.ca].map((each) => readFileSync(each, "utf8")).join(""));
  return { ...server, ca };
}
