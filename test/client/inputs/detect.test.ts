import { describe, expect, it } from "vitest";
import { detectFormat } from "../../../src/client/inputs/detect.ts";
import { readInput } from "../../../src/client/inputs/read.ts";

describe("the format of a file", () => {
  it.each([
    ["Dockerfile", "", "dockerfile"],
    ["a/b/Dockerfile.alpine", "", "dockerfile"],
    ["C:\\a\\app.dockerfile", "", "dockerfile"],
    ["Containerfile", "", "dockerfile"],
    ["compose.yaml", "", "compose"],
    ["docker-compose.test.yml", "", "compose"],
    ["images.txt", "", "list"],
    ["images.list", "", "list"],
    ["a.yml", "services: {a: {image: b}}\n", "compose"],
    ["a.yml", "services: [{image: b}]\n", "linuxkit"],
    ["a.yml", "files: [&s [{image: b}]]\nservices: *s\n", "linuxkit"],
    ["a.yaml", "kernel: {image: b}\n", "linuxkit"],
    ["Dockerfile.yml", "init: []\n", "linuxkit"],
    [undefined, "onboot: []\n", "linuxkit"],
    [undefined, "# x\nservices:\n  a: {image: b}\n", "compose"],
    [undefined, "# syntax=x\nARG A=b\nFROM $A\n", "dockerfile"],
    ["build", "from a\n", "dockerfile"],
    ["build", "# all\na/b:1 # why\nc\n", "list"],
  ] as const)("of %s with %j is %s", (name, text, format) => {
    expect(detectFormat(name, text)).toBe(format);
  });

  it.each([
    [undefined, ""],
    [undefined, "hello world\n"],
    [undefined, "ARG X=1\n"],
    [undefined, "services:\n"],
    ["a.yml", "kernel: {}\nservices: {}\n"],
    ["a.yml", "volumes: []\n"],
    ["a.yml", "- a\n"],
    ["a.yml", "a: [\n"],
    ["build", "a\0\n"],
  ])("of %s with %j is not clear", (name, text) => {
    expect(() => detectFormat(name, text)).toThrow(
      expect.objectContaining({ code: "INPUT_INVALID", file: name ?? "-" }),
    );
  });

  it("may be given", async () => {
    expect((await readInput("images.txt", "FROM a\n", { format: "dockerfile" })).format).toBe("dockerfile");
  });

  it("of standard input is found in its text", async () => {
    expect(await readInput("-", "FROM a\n")).toMatchObject({ format: "dockerfile", file: "-" });
  });
});
