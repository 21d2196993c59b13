import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { advisoryFindings, isIn, readAdvisories } from "../../tools/advisories.ts";
import { readLock } from "../../tools/lock.ts";

const root = resolve(import.meta.dirname, "../..");
const advisories = readAdvisories(readFileSync(resolve(root, "tools/advisories.json"), "utf8"));
const lockWith = (place: string, version: string) =>
  readLock(JSON.stringify({ lockfileVersion: 3, packages: { "": {}, [place]: { version } } }));

describe("ranges", () => {
  test.each([
    [">=4.0.0 <4.8.1", "4.0.0", true],
    [">=4.0.0 <4.8.1", "4.8.0", true],
    [">=4.0.0 <4.8.1", "4.8.1", false],
    [">=4.0.0 <4.8.1", "3.99.99", false],
    [">=4.0.0 <4.8.1", "4.10.0", false],
    ["<5.7.2", "5.7.2", false],
    ["<5.7.2", "5.7.2-rc.1", true],
    ["<5.10.0", "5.9.9", true],
    ["=4.29.0", "4.29.0", true],
    ["=4.29.0", "4.29.1", false],
    [">=0.0.0", "0.0.0", true],
  ])("%s and %s: %s", (range, version, expected) => {
    expect(isIn(range, version)).toBe(expected);
  });

  test("what is no version cannot be compared", () => {
    expect(() => isIn("<5.7.2", "latest")).toThrow("is not a version");
  });
});

describe("advisories", () => {
  test("nothing in package-lock.json is known to be bad", () => {
    const lock = readLock(readFileSync(resolve(root, "package-lock.json"), "utf8"));
    expect(advisoryFindings(lock, advisories)).toEqual([]);
  });

  test.each([
    ["fastify", "5.8.4", "CVE-2026-33806"],
    ["fastify", "4.8.0", "CVE-2022-39288"],
    ["@fastify/multipart", "9.0.2", "CVE-2025-24033"],
    ["find-my-way", "9.0.0", "CVE-2024-45813"],
    ["jose", "4.15.4", "CVE-2024-28176"],
    ["jose", "4.9.1", "CVE-2022-36083"],
    ["dicer", "0.3.1", "CVE-2022-24434"],
    ["debug", "4.4.2", "GHSA-8mgj-vmr8-frr6"],
  ])("%s %s is found as %s", (name, version, id) => {
    const findings = advisoryFindings(lockWith(`node_modules/${name}`, version), advisories);
    expect(findings.join("\n")).toContain(`${name} ${version}: ${id}: `);
  });

  test("a bad version below another package is found", () => {
    const lock = lockWith("node_modules/light-my-request/node_modules/cookie", "0.6.0");
    expect(advisoryFindings(lock, advisories)).toHaveLength(1);
  });

  test("a bad version under another name is found", () => {
    const entry = { name: "strip-ansi", version: "7.1.1" };
    const lock = readLock(
      JSON.stringify({ lockfileVersion: 3, packages: { "node_modules/strip-cjs": entry } }),
    );
    expect(advisoryFindings(lock, advisories)).toHaveLength(1);
  });

  test("another package whose name ends alike is not", () => {
    expect(advisoryFindings(lockWith("node_modules/@acme/fastify", "4.8.0"), advisories)).toEqual([]);
  });

  test.each([["^4.0.0"], ["4.x"], [">4.0.0"], ["<4.8"], [""]])("the range %j is refused", (range) => {
    const row = { package: "a", id: "b", affected: [range], what: "c" };
    expect(() => readAdvisories(JSON.stringify({ advisories: [row] }))).toThrow("affected");
  });
});
