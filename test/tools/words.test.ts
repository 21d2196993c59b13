import { describe, expect, test } from "vitest";
import { wordFindings } from "../../tools/words.ts";

/** Put together here, so that this file does not hold them. */
const host = ["npmjs", "org"].join(".");
const address = ["https:", "", "packages.acme.example"].join("/");
const home = ["", "home", "alice", "x"].join("/");

describe("words that nothing may hold", () => {
  test.each([
    [`one\ntwo https://packages.${host}/a`, "a.md:2: the host of a package registry"],
    [`registry = ${address}`, "a.md:1: the address of a package registry"],
    [`npm ci ${["--", "registry"].join("")}=x`, "a.md:1: the address of a package registry"],
    [`  "resolved": "${address}/a.tgz"`, "a.md:1: the address of a package registry"],
    [`one\n${home}`, "a.md:2: a path of somebody's machine"],
    [`cd "${home}"`, "a.md:1: a path of somebody's machine"],
    [["C:", "Users", "alice"].join("\\"), "a.md:1: a path of somebody's machine"],
  ])("%j is found", (text, finding) => {
    expect(wordFindings("a.md", text)).toEqual([finding]);
  });

  test.each([
    "the registry of images",
    "https://registry.acme.example/v2/",
    "docs/home/page.md",
    "/var/lib/vidimus/data",
    "src/work/x",
    `.option("${["--", "registry"].join("")} <url>")`,
  ])("%j may stand", (text) => {
    expect(wordFindings("a.md", text)).toEqual([]);
  });
});
