/** Odd names by the thousand: what passes can be a path, a key and a column, and means one thing everywhere. */
import { posix } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { isDelegatedRole, isRepositoryName, isRole, isTopRole } from "../../src/core/names.ts";
import { propertyTimeout, runs } from "../support/properties.ts";

const pieces = [
  "a",
  "B",
  "0",
  "/",
  "//",
  ".",
  "..",
  "/../",
  "-",
  "_",
  "_trust",
  "/_trust/",
  ":",
  ":5000",
  "localhost:5000/",
  "[::1]:80/",
  "%2f",
  "%00",
  "\\",
  "\0",
  "\n",
  "\r",
  "\t",
  " ",
  "*",
  "?",
  "#",
  "@",
  "\u001b",
  "\u007f",
  "\u00e9",
  "e\u0301",
  "\u200d",
  "\u202e",
  "\u2028",
  "\ud800",
  "\udc00",
  "\uff0e",
  "\uff0f",
  "\u2024",
  "😀",
  "targets",
  "targets/",
  "root",
  "releases",
  "__proto__",
  "constructor",
  ".json",
  "x".repeat(64),
];
const oddName = fc.oneof(
  fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join("")),
  fc
    .array(fc.constantFrom("a", "B1", "c.d", "_x", "..", "_trust", "-"), { maxLength: 6 })
    .map((p) => p.join("/")),
  fc
    .array(fc.constantFrom("a", "b_c", "-d", "E", "", "."), { maxLength: 18 })
    .map((p) => ["targets", ...p].join("/")),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ unit: "binary-ascii", maxLength: 300 }),
);

/** The grammar of repository names once more, letter by letter. */
function isNameByHand(name: string): boolean {
  const segments = name.split("/");
  const plain = (part: string) =>
    part !== "" &&
    [...part].every((c) => "._-".includes(c) || isAlphanumeric(c)) &&
    isAlphanumeric(part[0] as string);
  const host = (part: string) => {
    const colon = part.lastIndexOf(":");
    const [address, port] = [part.slice(0, colon), part.slice(colon + 1)];
    const digits = port.length >= 1 && port.length <= 5 && [...port].every((c) => c >= "0" && c <= "9");
    const dotted = plain(address) && !address.includes("_") && isAlphanumeric(address.at(-1) as string);
    const bracketed =
      address.length > 2 &&
      address.startsWith("[") &&
      address.endsWith("]") &&
      [...address.slice(1, -1)].every((c) => ":.0123456789abcdefABCDEF".includes(c));
    return colon > 0 && digits && (dotted || bracketed);
  };
  return (
    name.length <= 255 &&
    segments.every((part, i) => plain(part) || (i === 0 && segments.length > 1 && host(part)))
  );
}

function isAlphanumeric(c: string): boolean {
  return (c >= "0" && c <= "9") || (c >= "a" && c <= "z") || (c >= "A" && c <= "Z");
}

it(
  "repository names are those of the grammar, by another reading of it",
  () => {
    const seen = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(oddName, (name) => {
        const accepted = isRepositoryName(name);
        seen[accepted ? "accepted" : "refused"]++;
        expect(accepted).toBe(isNameByHand(name));
      }),
      runs(10_000),
    );
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(0);
  },
  propertyTimeout,
);

it(
  "a repository name stays itself in a URL, whoever normalises it",
  () => {
    fc.assert(
      fc.property(oddName, (name) => {
        fc.pre(isRepositoryName(name));
        const path = `/v2/${name}/_trust/tuf/root.json`;
        expect(new URL(path, "https://localhost").pathname).toBe(path);
        expect(posix.normalize(path)).toBe(path);
        expect(decodeURIComponent(path)).toBe(path);
      }),
      { ...runs(3_000), maxSkipsPerRun: 1_000 },
    );
  },
  propertyTimeout,
);

it(
  "a name of older servers is text in its one form, without tricks",
  () => {
    fc.assert(
      fc.property(oddName, (name) => {
        fc.pre(isRepositoryName(name, { older: true }));
        expect(name.isWellFormed()).toBe(true);
        expect(name.normalize("NFC")).toBe(name);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
        expect(Buffer.from(name).toString("utf8")).toBe(name);
        expect(/[\p{Cc}\p{Cf}\u2028\u2029*]/u.test(name)).toBe(false);
        for (const part of name.split("/")) expect(["", ".", "..", "_trust"]).not.toContain(part);
      }),
      { ...runs(3_000), maxSkipsPerRun: 1_000 },
    );
  },
  propertyTimeout,
);

it(
  "every name is also a name of older servers",
  () => {
    fc.assert(
      fc.property(oddName, (name) => {
        if (isRepositoryName(name)) expect(isRepositoryName(name, { older: true })).toBe(true);
      }),
      runs(3_000),
    );
  },
  propertyTimeout,
);

it(
  "a role is one of four, or a clean path below targets",
  () => {
    fc.assert(
      fc.property(oddName, (role) => {
        expect(isRole(role)).toBe(isTopRole(role) || isDelegatedRole(role));
        if (!isDelegatedRole(role)) return;
        expect(posix.normalize(`/${role}`)).toBe(`/${role}`);
        expect(role.split("/")[0]).toBe("targets");
        expect(role.length).toBeLessThanOrEqual(255);
        for (const c of role) expect("abcdefghijklmnopqrstuvwxyz0123456789-_/").toContain(c);
      }),
      runs(10_000),
    );
  },
  propertyTimeout,
);
