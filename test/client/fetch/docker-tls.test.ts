import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { describe, expect, it } from "vitest";
import { dockerTls } from "../../../src/client/fetch/docker-tls.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import {
  fetcherFor,
  get,
  secureServer,
  serverPair,
  trustCodeOf,
  trustErrorOf,
} from "../../support/fetching.ts";

function folder(name: string, files: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, "tls", name), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, "tls", name, file), text);
  return directory;
}

const server = "https://notary.example.test:4443/path";
const name = "notary.example.test:4443";

describe("Docker's folder for a server", () => {
  it("adds its CAs to those of Node, so that a fetcher trusts the server", async () => {
    const pair = await serverPair();
    const real = await secureServer((_request, response) => void response.end("yes"), pair);
    const found = await dockerTls(
      folder(`127.0.0.1:${real.port}`, { "ca.crt": pair.ca, "note.txt": "" }),
      real.url,
    );
    expect(found.clientCertificate).toBeUndefined();
    expect(found.ca).toContain(rootCertificates[0]);
    expect(String(await get(fetcherFor(real.url, found)))).toBe("yes");
  });

  it("holds the client certificate", async () => {
    const pair = await serverPair();
    const found = await dockerTls(folder(name, { "me.cert": pair.cert, "me.key": pair.key }), server);
    expect(found).toEqual({ clientCertificate: { certificate: pair.cert, key: pair.key } });
  });

  it.each(["notary.example.test", "notary.example.test:443"])(
    "on the usual port may be %s",
    async (usual) => {
      const pair = await serverPair();
      const found = await dockerTls(folder(usual, { "a.crt": pair.ca }), "https://notary.example.test");
      expect(found.ca).toContain(pair.ca);
    },
  );

  it("that is not there gives nothing", async () => {
    expect(await dockerTls(temporaryDirectory(), server)).toEqual({});
    expect(await dockerTls(folder("notary.example.test", { "a.crt": "no PEM" }), server)).toEqual({});
  });

  it("with a certificate without key is FILE_UNREADABLE and names the key", async () => {
    const pair = await serverPair();
    const error = await trustErrorOf(dockerTls(folder(name, { "me.cert": pair.cert }), server));
    expect(error.code).toBe("FILE_UNREADABLE");
    expect(error.file).toMatch(/me\.key$/);
  });

  it.each<[string, (pem: string) => Readonly<Record<string, string>>]>([
    ["no certificate in a CA file", () => ({ "ca.crt": "no PEM" })],
    ["too large a file", (pem) => ({ "ca.crt": pem + " ".repeat(1_048_576) })],
    ["two client certificates", (pem) => ({ "a.cert": pem, "a.key": "", "b.cert": pem, "b.key": "" })],
    ["too many files", () => Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`${i}.txt`, ""]))],
  ])("with %s is INPUT_INVALID", async (_what, files) => {
    const pair = await serverPair();
    expect(await trustCodeOf(dockerTls(folder(name, files(pair.ca)), server))).toBe("INPUT_INVALID");
  });

  it("with a folder in place of a file is INPUT_INVALID", async () => {
    const directory = folder(name, {});
    mkdirSync(join(directory, "tls", name, "a.crt"));
    expect(await trustCodeOf(dockerTls(directory, server))).toBe("INPUT_INVALID");
  });

  it("is looked for under an address that may be spoken to only", async () => {
    expect(await trustCodeOf(dockerTls(temporaryDirectory(), "http://notary.example.test"))).toBe(
      "OPTION_INVALID",
    );
  });
});
