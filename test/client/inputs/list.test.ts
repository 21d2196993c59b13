import { describe, expect, it } from "vitest";
import { digest, reading } from "./reading.ts";

const { places, references, locked, refused } = reading("list");

describe("a plain list", () => {
  it("names one image a line, with comments and blank lines between", async () => {
    const text = "# all\n\n  a/b:1\t# why\nc#d\r\n\t\r\n   # none\r\ne:2";
    expect(await references(text)).toEqual(["a/b:1", "c#d", "e:2"]);
    expect(await places(text)).toEqual(["3 list", "4 list", "7 list"]);
  });

  it("keeps everything but the references", async () => {
    const text = "\uFEFF# all\r\n a:1\t# why\r\n\r\nb:2";
    expect(await locked(text)).toBe(text.replace("a:1", `a:1@${digest}`).replace("b:2", `b:2@${digest}`));
  });

  it("may be empty", async () => {
    expect(await references("")).toEqual([]);
  });

  it.each([
    ["two references on a line", "a\nb c\n", 2],
    ["a NUL", "a\0\n", 1],
    ["a lone carriage return", "a\rb\n", 1],
    ["much white space that is not all spaces", `${" ".repeat(1_000_000)}\u00a0\n`, 1],
    ["a no-break space", "a\u00a0b\n", 1],
  ])("is refused for %s", async (_, text, line) => {
    await refused(text, "INPUT_INVALID", line);
  });

  it("is refused with too many lines", async () => {
    await expect(references("a\n".repeat(10_001))).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });
});
