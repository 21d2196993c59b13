/**
 * Asks the running server of a configuration whether it is ready, the way a client on the same machine reaches it.
 *
 * Invariants:
 * - Only the server of this configuration counts. Over TLS it has to prove itself by the CA in its data directory, or
 *   by the certificate that the operator gave; whose name is in it does not matter, for the address is this machine's.
 * - Answer and time are bounded, and nothing of an answer reaches a terminal but printable ASCII.
 */
import { readFileSync, statSync } from "node:fs";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { Config } from "../config.ts";
import { ProbeError, systemCode } from "./errors.ts";
import { localUrl } from "./listener.ts";
import { tlsPaths } from "./tls-paths.ts";

/** Milliseconds for the whole exchange. */
const longest = 5_000;
const mostAnswer = 65_536;
const mostFile = 1_048_576;
const socketMark = "unix:";

/**
 * Where the probes of this configuration are answered: a URL without trailing slash, or `unix:PATH`. Throws
 * `ADDRESS_UNKNOWN` for a port that the server chooses itself.
 */
export function probeAddress({ server, operations }: Config): string {
  if (!operations.enabled && server.socket !== undefined) return `${socketMark}${server.socket}`;
  const { host, port, plainHttp } = operations.enabled ? operations : server;
  if (port === 0) {
    throw new ProbeError(
      "ADDRESS_UNKNOWN",
      `The server chooses ${operations.enabled ? "operations.port" : "server.port"} itself: set it, or name the server's ready file with --ready-file.`,
    );
  }
  return localUrl(host, port, !plainHttp);
}

/** The same from what the server wrote when it became ready. Throws `NO_ANSWER` if there is no such file. */
export function addressInReadyFile(path: string): string {
  let facts: unknown;
  try {
    facts = JSON.parse(readBounded(path));
  } catch (error) {
    throw noAnswer(`The ready file ${path} cannot be read (${systemCode(error)})`, error);
  }
  const { url, operations } = Object(facts) as { url?: unknown; operations?: unknown };
  const address = operations ?? url;
  if (typeof address === "string" && (address.startsWith(socketMark) || URL.canParse(address)))
    return address;
  throw noAnswer(`The ready file ${path} names no address`);
}

/** Resolves if the server at `address` says that it is ready. Throws `NOT_READY` or `NO_ANSWER`. */
export async function askReady(address: string, config: Config): Promise<void> {
  const { status, text } = await ask(address, config);
  if (status === 200) return;
  const said = text.replaceAll(/[^\x20-\x7e]/g, "?");
  if (status === 503) throw new ProbeError("NOT_READY", `The server is not ready: ${said}`);
  throw noAnswer(`What answers at ${address} knows no readiness (status ${status})`);
}

function ask(address: string, config: Config): Promise<{ status: number; text: string }> {
  const secure = address.startsWith("https:");
  const options = {
    ...placeOf(address),
    agent: false,
    ...(secure ? { ...proofOf(config), checkServerIdentity: () => undefined } : {}),
  };
  return new Promise((resolve, reject) => {
    const sent = (secure ? requestHttps : requestHttp)({ ...options, path: "/readyz" });
    const fail = (why: string, cause?: unknown) => {
      clearTimeout(timer);
      reject(noAnswer(`Nothing at ${address} answers as this server would (${why})`, cause));
      sent.destroy();
    };
    const timer = setTimeout(() => fail(`not within ${longest} ms`), longest);
    sent.on("error", (error) => fail(systemCode(error), error));
    sent.on("response", (response) => {
      let text = "";
      response.setEncoding("latin1");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > mostAnswer) fail("its answer does not end");
      });
      response.on("error", (error) => fail(systemCode(error), error));
      response.on("end", () => {
        clearTimeout(timer);
        resolve({ status: response.statusCode ?? 0, text });
      });
    });
    sent.end();
  });
}

function placeOf(address: string): { host: string; port: string } | { socketPath: string } {
  if (address.startsWith(socketMark)) return { socketPath: address.slice(socketMark.length) };
  const { hostname, port } = new URL(address);
  return { host: hostname.replace(/^\[(.*)\]$/, "$1"), port };
}

/** What the server's certificate has to rest on. A leaf in it is enough: the operator's own need not be a CA. */
function proofOf({ data, tls }: Config): { ca: string; allowPartialTrustChain: boolean } {
  const path = tls.certificate ?? tlsPaths(data).authority;
  try {
    return { ca: readBounded(path), allowPartialTrustChain: true };
  } catch (error) {
    throw noAnswer(
      `The certificate ${path} to know the server by cannot be read (${systemCode(error)})`,
      error,
    );
  }
}

function readBounded(path: string): string {
  const { size } = statSync(path);
  if (size > mostFile) throw Object.assign(new Error(`${path} is too large`), { code: "EFBIG" });
  return readFileSync(path, "utf8");
}

function noAnswer(what: string, cause?: unknown): ProbeError {
  return new ProbeError(
    "NO_ANSWER",
    `${what}: start the server, or give the configuration that it was started with.`,
    cause,
  );
}
