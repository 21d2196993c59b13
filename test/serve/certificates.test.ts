import { X509Certificate } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureCertificate, fingerprint, type MadeCertificate } from "../../src/serve/certificates.ts";

const day = 86_400_000;
const now = Date.UTC(2026, 0, 1);
const names = ["localhost", "127.0.0.1", "::1"];
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "vidimus-tls-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function ensure(
  changes: { now?: number; names?: string[]; readOnly?: boolean } = {},
): Promise<MadeCertificate> {
  return ensureCertificate({ directory, names, now, readOnly: false, ...changes });
}

const authorityPem = () => readFileSync(join(directory, "tls", "ca.crt"), "utf8");

describe("first start", () => {
  it("makes a CA for ten years and a certificate for 397 days", async () => {
    const made = await ensure();
    const authority = new X509Certificate(authorityPem());
    expect(made.pair.notAfter).toBe(now + 397 * day);
    expect(authority.validToDate.getTime()).toBe(now + 3652 * day);
    expect(authority.ca).toBe(true);
  });

  it("issues the certificate under the CA, for every name", async () => {
    const certificate = new X509Certificate((await ensure()).pair.certificate);
    const authority = new X509Certificate(authorityPem());
    expect(certificate.verify(authority.publicKey) && certificate.checkIssued(authority)).toBe(true);
    expect([
      certificate.checkHost("localhost"),
      certificate.checkIP("127.0.0.1"),
      certificate.checkIP("::1"),
    ]).toEqual(["localhost", "127.0.0.1", "::1"]);
    expect(certificate.ca).toBe(false);
  });

  it("gives private keys mode 0600 and the CA 0644, whatever the umask", async () => {
    const umask = process.umask(0);
    try {
      await ensure();
    } finally {
      process.umask(umask);
    }
    const modes = ["ca.crt", "ca.key", "server.pem"].map(
      (file) => statSync(join(directory, "tls", file)).mode & 0o777,
    );
    expect(modes).toEqual([0o644, 0o600, 0o600]);
  });

  it("leaves no drafts behind", async () => {
    await ensure();
    expect(readdirSync(join(directory, "tls")).sort()).toEqual(["ca.crt", "ca.key", "server.pem"]);
  });

  it("names the fingerprint of the CA", async () => {
    const made = await ensure();
    expect(made.authorityFingerprint).toBe(fingerprint(authorityPem()));
    expect(made.authorityFingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  });
});

describe("second start", () => {
  it("reuses everything", async () => {
    const first = await ensure();
    expect(await ensure({ now: now + day })).toEqual(first);
  });

  it("does not renew with 31 days left", async () => {
    const first = await ensure();
    expect((await ensure({ now: now + 366 * day })).pair).toEqual(first.pair);
  });

  it.each([
    ["29 days left", { now: now + 368 * day }],
    ["an expired certificate", { now: now + 500 * day }],
    ["changed names", { names: ["trust.example"] }],
    ["names in another order", { names: [...names].reverse() }],
  ])("renews under the same CA: %s", async (_name, changes) => {
    const first = await ensure();
    const second = await ensure(changes);
    expect(second.authorityFingerprint).toBe(first.authorityFingerprint);
    expect(second.pair.certificate).not.toBe(first.pair.certificate);
    expect(
      new X509Certificate(second.pair.certificate).verify(new X509Certificate(authorityPem()).publicKey),
    ).toBe(true);
  });

  it("renews a certificate that is damaged", async () => {
    await ensure();
    writeFileSync(join(directory, "tls", "server.pem"), "not a certificate");
    expect((await ensure()).pair.notAfter).toBe(now + 397 * day);
  });

  it("never issues beyond the end of the CA", async () => {
    await ensure();
    const late = now + 3600 * day;
    expect((await ensure({ now: late })).pair.notAfter).toBe(now + 3652 * day);
  });

  it("does not renew again and again when the CA itself ends within 30 days", async () => {
    await ensure();
    const first = await ensure({ now: now + 3640 * day });
    expect((await ensure({ now: now + 3641 * day })).pair).toEqual(first.pair);
  });

  it("warns when the CA has less than a year", async () => {
    expect((await ensure()).warning).toBeUndefined();
    expect((await ensure({ now: now + 3300 * day })).warning).toContain("2036-01-01");
  });
});

describe("a lost CA", () => {
  const content = () =>
    Object.fromEntries(
      readdirSync(join(directory, "tls")).map((file) => [
        file,
        readFileSync(join(directory, "tls", file), "utf8"),
      ]),
    );

  it.each([
    ["its key and the server's certificate", []],
    ["its key alone", ["server.pem"]],
    ["the server's certificate alone", ["ca.key"]],
  ])("is not made anew beside %s, which stay as they are", async (_name, alsoLost) => {
    await ensure();
    for (const file of ["ca.crt", ...alsoLost]) rmSync(join(directory, "tls", file));
    const before = content();
    await expect(ensure()).rejects.toMatchObject({ code: "CERTIFICATE_MISSING" });
    expect(content()).toEqual(before);
  });

  it("is to be restored, says a read-only start as well", async () => {
    await ensure();
    rmSync(join(directory, "tls", "ca.crt"));
    await expect(ensure({ readOnly: true })).rejects.toThrow(/restore it from the back-up/);
  });

  it("is made anew once its whole folder is removed", async () => {
    const first = await ensure();
    rmSync(join(directory, "tls"), { recursive: true });
    expect((await ensure()).authorityFingerprint).not.toBe(first.authorityFingerprint);
  });

  it("never costs a key that appears in the meantime", async () => {
    mkdirSync(join(directory, "tls"));
    symlinkSync("elsewhere", join(directory, "tls", "ca.key"));
    await expect(ensure()).rejects.toMatchObject({ code: "DATA_UNUSABLE" });
    expect(readdirSync(join(directory, "tls"))).toEqual(["ca.key"]);
    expect(readlinkSync(join(directory, "tls", "ca.key"))).toBe("elsewhere");
  });

  it("leaves no key behind that has no certificate", async () => {
    mkdirSync(join(directory, "tls"));
    symlinkSync("elsewhere", join(directory, "tls", "ca.crt"));
    await expect(ensure()).rejects.toMatchObject({ code: "DATA_UNUSABLE" });
    expect(readdirSync(join(directory, "tls"))).toEqual(["ca.crt"]);
  });
});

describe("refusals", () => {
  it.each(["ca.key", "server.pem"])("a key that others can read: %s", async (file) => {
    await ensure();
    chmodSync(join(directory, "tls", file), 0o640);
    await expect(ensure({ names: ["trust.example"] })).rejects.toMatchObject({ code: "KEY_EXPOSED" });
  });

  it("an expired CA", async () => {
    await ensure();
    await expect(ensure({ now: now + 3653 * day })).rejects.toMatchObject({ code: "CERTIFICATE_EXPIRED" });
  });

  it("a renewal without the CA's key", async () => {
    await ensure();
    rmSync(join(directory, "tls", "ca.key"));
    await expect(ensure({ names: ["trust.example"] })).rejects.toMatchObject({ code: "KEY_UNREADABLE" });
  });

  it("a renewal with another CA's key", async () => {
    await ensure();
    const own = authorityPem();
    rmSync(join(directory, "tls"), { recursive: true });
    await ensure();
    writeFileSync(join(directory, "tls", "ca.crt"), own);
    await expect(ensure()).rejects.toMatchObject({ code: "KEY_MISMATCH" });
  });

  it("a damaged CA", async () => {
    await ensure();
    writeFileSync(join(directory, "tls", "ca.crt"), "x");
    await expect(ensure()).rejects.toMatchObject({ code: "CERTIFICATE_BAD" });
  });

  it("a read-only start without certificate", async () => {
    await expect(ensure({ readOnly: true })).rejects.toMatchObject({ code: "CERTIFICATE_MISSING" });
    expect(readdirSync(directory)).toEqual([]);
  });
});

it("a read-only start uses what is there, even near its end", async () => {
  const first = await ensure();
  expect((await ensure({ readOnly: true, now: now + 390 * day })).pair).toEqual(first.pair);
});
