/**
 * Logging in by a browser on this machine: the provider sends the person back to an address of the loopback, on which one
 * answer is waited for (RFC 8252, 7.3), with a code that only this process can use (PKCE, RFC 7636) and only for what it began
 * (state, nonce).
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as oauth from "oauth4webapi";
import { AccessError } from "../access/errors.ts";
import { printable } from "../output.ts";
import { addressOf, type Provider, told } from "./provider.ts";

const path = "/vidimus-login";
/** Milliseconds that a person has. */
const longest = 600_000;
const page = "You can close this window and go back to the terminal.\n";

/** The ID token. Throws `LOGIN_FAILED`. */
export async function byBrowser(provider: Provider, say: (line: string) => void): Promise<string> {
  const { server, client, scope, options } = provider;
  return await told(server.issuer, async () => {
    const [verifier, state, nonce] = [
      oauth.generateRandomCodeVerifier(),
      oauth.generateRandomState(),
      oauth.generateRandomNonce(),
    ];
    const waiting = await listen(state);
    try {
      const begin = addressOf(server.authorization_endpoint ?? "");
      for (const [name, value] of Object.entries({
        response_type: "code",
        client_id: client.client_id,
        redirect_uri: waiting.address,
        scope,
        state,
        nonce,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
      })) {
        begin.searchParams.set(name, value);
      }
      say(`Open ${printable(begin.href)}`);
      const parameters = oauth.validateAuthResponse(server, client, await waiting.answer, state);
      const answer = await oauth.authorizationCodeGrantRequest(
        server,
        client,
        oauth.None(),
        parameters,
        waiting.address,
        verifier,
        options,
      );
      const expected = { expectedNonce: nonce, requireIdToken: true };
      const { id_token = "" } = await oauth.processAuthorizationCodeResponse(
        server,
        client,
        answer,
        expected,
      );
      return id_token;
    } finally {
      waiting.close();
    }
  });
}

interface Waiting {
  readonly address: string;
  readonly answer: Promise<URL>;
  close(): void;
}

/** Whoever comes without the state has come for something else, and ends nothing. */
async function listen(state: string): Promise<Waiting> {
  let take: (answer: URL) => void = () => undefined;
  const answer = new Promise<URL>((resolve, reject) => {
    take = resolve;
    const late = () =>
      reject(
        new AccessError(
          "LOGIN_FAILED",
          "Nobody came back from the browser in time: run vidimus login again.",
        ),
      );
    setTimeout(late, longest).unref();
  });
  // It may end while nobody waits for it.
  answer.catch(() => undefined);
  const server: Server = createServer({ maxHeaderSize: 16_384 }, (request, response) => {
    const url = URL.parse(`http://127.0.0.1${request.url}`);
    const isOurs =
      request.method === "GET" && url?.pathname === path && url.searchParams.get("state") === state;
    response.writeHead(isOurs ? 200 : 404, {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      connection: "close",
    });
    response.end(isOurs ? page : "");
    if (isOurs) take(url);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}${path}`,
    answer,
    close() {
      server.close();
      server.closeIdleConnections();
    },
  };
}
