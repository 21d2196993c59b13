/** Asking a registry whether a name and password are right: requests within bounds of their own, without redirects. */
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { AskRegistry, RegistryAnswer } from "../service/access/registry.ts";

/** Milliseconds for one question; questions under way. */
const longest = 5_000;
const mostUnderWay = 32;
const mostHeader = 16_384;

interface Asked {
  readonly name: string;
  readonly password: string;
}

/** `authority`: PEM of its CA; undefined: the public ones. */
export async function registryAsker(
  registry: URL,
  authority: string | undefined,
): Promise<(credentials: Asked) => Promise<boolean>> {
  const { knownToRegistry } = await import("../service/access/registry.ts");
  let underWay = 0;
  const ask: AskRegistry = async (url, authorization) => {
    if (underWay >= mostUnderWay) throw new Error("too many questions are under way");
    underWay += 1;
    try {
      return await get(url, authorization, authority);
    } finally {
      underWay -= 1;
    }
  };
  return (credentials) => knownToRegistry(registry, credentials, ask);
}

function get(
  url: URL,
  authorization: string | undefined,
  authority: string | undefined,
): Promise<RegistryAnswer> {
  return new Promise((resolve, reject) => {
    const isSecure = url.protocol === "https:";
    const headers = authorization === undefined ? {} : { authorization };
    const common = { headers, agent: false, maxHeaderSize: mostHeader };
    const sent = isSecure
      ? requestHttps(url, { ...common, ...(authority !== undefined && { ca: authority }) })
      : requestHttp(url, common);
    const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${longest} ms`)), longest);
    sent.on("close", () => clearTimeout(timer));
    sent.on("error", reject);
    sent.on("response", (response) => {
      resolve({ status: response.statusCode ?? 0, challenge: response.headers["www-authenticate"] ?? "" });
      // The body is of no interest.
      response.destroy();
    });
    sent.end();
  });
}
