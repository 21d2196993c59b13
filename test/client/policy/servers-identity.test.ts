import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { checkOptions, type TrustOptions } from "../../../src/client/options.ts";
import { parsePolicyValue } from "../../../src/client/policy/file.ts";
import { besidePolicy, Servers, trimmed } from "../../../src/client/policy/servers.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import {
  closeLater,
  get,
  secureServer,
  serverPair,
  trustCodeOf,
  trustErrorOf,
} from "../../support/fetching.ts";

async function servers(policy: object, options: TrustOptions): Promise<Servers> {
  const environment = { HOME: temporaryDirectory() };
  const made = new Servers(checkOptions({ environment, ...options }), await parsePolicyValue(policy));
  closeLater(() => made.close());
  return made;
}

/** A server with a certificate nobody knows, and the file of its authority. */
async function strange(options = {}) {
  const pair = await serverPair();
  const seen = await secureServer((_, response) => void response.end("{}"), { ...pair, ...options });
  const folder = temporaryDirectory();
  writeFileSync(join(folder, "ca.pem"), pair.ca);
  return { url: seen.url, folder, ca: join(folder, "ca.pem"), policy: join(folder, "policy.yml") };
}

describe("a file that a policy names", () => {
  it("lies beside the policy, if that is a file", () => {
    expect(besidePolicy("ca.pem", { policy: "/etc/vidimus/policy.yml" })).toBe("/etc/vidimus/ca.pem");
    expect(besidePolicy("/ca.pem", { policy: "/etc/vidimus/policy.yml" })).toBe("/ca.pem");
    expect(besidePolicy("ca.pem", { policy: {} })).toBe(resolve("ca.pem"));
    expect(besidePolicy("ca.pem", {})).toBe(resolve("ca.pem"));
  });
});

it("addresses are compared without slashes at their end", () => {
  expect(["https://a.test", "https://a.test/", "https://a.test/x//"].map(trimmed)).toEqual([
    "https://a.test",
    "https://a.test",
    "https://a.test/x",
  ]);
});

describe("a server's fetcher", () => {
  it("is made once", async () => {
    const all = await servers({}, {});
    expect(await all.fetcher("http://127.0.0.1:1")).toBe(await all.fetcher("http://127.0.0.1:1"));
    expect(await all.fetcher("http://127.0.0.1:2")).not.toBe(await all.fetcher("http://127.0.0.1:1"));
  });

  it("knows nobody's certificate by itself: TLS_UNTRUSTED", async () => {
    const { url } = await strange();
    expect(await trustCodeOf(get(await (await servers({}, {})).fetcher(url)))).toBe("TLS_UNTRUSTED");
  });

  it("knows the authority that the policy names for it, beside the policy", async () => {
    const { url, policy } = await strange();
    const all = await servers({ servers: { [`${url}/`]: { ca: "ca.pem" } } }, { policy });
    expect((await get(await all.fetcher(url)))?.toString()).toBe("{}");
  });

  it("does not know the authority of another server", async () => {
    const { url, policy } = await strange();
    const all = await servers({ servers: { "https://other.example.test": { ca: "ca.pem" } } }, { policy });
    expect(await trustCodeOf(get(await all.fetcher(url)))).toBe("TLS_UNTRUSTED");
  });

  it("knows the authority of the options, if it is their server", async () => {
    const { url, ca } = await strange();
    const own = await servers({}, { server: `${url}/`, ca });
    expect((await get(await own.fetcher(url)))?.toString()).toBe("{}");
    const other = await servers({}, { server: "https://other.example.test", ca });
    expect(await trustCodeOf(get(await other.fetcher(url)))).toBe("TLS_UNTRUSTED");
  });

  it("takes the options before the policy", async () => {
    const { url, ca, folder, policy } = await strange();
    writeFileSync(join(folder, "wrong.pem"), (await serverPair()).ca);
    const all = await servers({ servers: { [url]: { ca: "wrong.pem" } } }, { policy, server: url, ca });
    expect((await get(await all.fetcher(url)))?.toString()).toBe("{}");
  });

  it("knows what Docker's folder has for the server, if nobody says more", async () => {
    const { url, ca } = await strange();
    const dockerConfig = temporaryDirectory();
    const folder = join(dockerConfig, "tls", new URL(url).host);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "ca.crt"), readFileSync(ca));
    const all = await servers({}, { dockerConfig });
    expect((await get(await all.fetcher(url)))?.toString()).toBe("{}");
  });
});

describe("files that cannot be read: the fault of what names them", () => {
  it.each([{ ca: "missing.pem" }, { clientCertificate: { certificate: "missing.pem", key: "missing.key" } }])(
    "%j",
    async (settings) => {
      const url = "https://127.0.0.1:1";
      const policy = join(temporaryDirectory(), "policy.yml");
      const all = await servers({ servers: { [url]: settings } }, { policy });
      expect(await trustErrorOf(all.fetcher(url))).toMatchObject({ code: "POLICY_INVALID" });
      expect(await all.close()).toBeUndefined();
    },
  );
});
