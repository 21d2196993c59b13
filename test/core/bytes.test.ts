import { describe, expect, it } from "vitest";
import {
  compareCodePoints,
  decodeBase64,
  decodeUtf8,
  digestBase64,
  isBase64,
  isHex,
  sha256Hex,
} from "../../src/core/bytes.ts";
import { outcome } from "../support/refusals.ts";

describe("UTF-8", () => {
  it("is decoded", () => {
    expect(decodeUtf8(Buffer.from("é😀"))).toBe("é😀");
  });

  it("keeps a byte order mark, for others to refuse", () => {
    expect(decodeUtf8(Buffer.from([0xef, 0xbb, 0xbf, 0x61]))).toBe("\ufeffa");
  });

  it("anything else is NOT_UTF8", () => {
    expect(outcome(() => decodeUtf8(Buffer.from([0xff])))).toBe("NOT_UTF8");
  });
});

describe("base64", () => {
  it.each(["", "AA==", "AAA=", "AAAA", "+/+/", "/w=="])("%j is decoded", (text) => {
    expect(decodeBase64(text, "test").toString("base64")).toBe(text);
  });

  it.each([
    ["no padding", "AA"],
    ["short padding", "AA="],
    ["too much padding", "AAAA===="],
    ["bits behind the last byte", "AB=="],
    ["base64url", "-_-_"],
    ["a line break", "AAAA\n"],
    ["a line break inside", "AA\nAA"],
    ["a space", " AAAA"],
    ["junk", "AA!A"],
    ["hex digits of odd length", "abcde"],
    ["padding inside", "AA==AA=="],
  ])("%s is BAD_ENCODING", (_, text) => {
    expect(outcome(() => decodeBase64(text, "test"))).toBe("BAD_ENCODING");
  });
});

describe("base64 of a known size", () => {
  const accepts = (text: string, bytes: number) =>
    outcome(() => decodeBase64(text, "test")) === "accepted" && Buffer.from(text, "base64").length === bytes;
  const sizes = [0, 1, 2, 3, 32, 64];

  it.each(sizes)("any %d bytes are passed", (size) => {
    for (let fill = 0; fill < 256; fill++) {
      expect(isBase64(Buffer.alloc(size, fill).toString("base64"), size)).toBe(true);
    }
  });

  it.each([32, 64])("every other unit at every place of %d bytes: as decoding has it", (size) => {
    const text = Buffer.alloc(size, 0xa5).toString("base64");
    const units = [...Array(256).keys(), 0x141, 0x1041, 0x2041, 0xff21, 0xd841];
    for (let at = 0; at < text.length; at++) {
      for (const unit of units) {
        const other = text.slice(0, at) + String.fromCharCode(unit) + text.slice(at + 1);
        if (isBase64(other, size) !== accepts(other, size)) expect.fail(JSON.stringify([other, at, unit]));
      }
    }
  });

  it.each(sizes)("not %d bytes: any other length", (size) => {
    const text = Buffer.alloc(size).toString("base64");
    for (const other of ["A", "=", "==", "AA==", "AAAA", `${text}=`, `${text}AAAA`, text.slice(0, -1)]) {
      if (other !== text) expect([other, isBase64(other, size)]).toEqual([other, accepts(other, size)]);
    }
  });
});

describe("hex", () => {
  it.each([
    ["00ff", 2, true],
    ["", 0, true],
    ["00FF", 2, false],
    ["00f", 2, false],
    ["00ff00", 2, false],
    ["00fg", 2, false],
    ["00ff\n", 2, false],
  ])("%j of %d bytes: %s", (text, bytes, expected) => {
    expect(isHex(text, bytes)).toBe(expected);
  });
});

describe("digests", () => {
  it("sha256 of nothing, in hex", () => {
    expect(sha256Hex("")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  it("sha256 of abc, in base64", () => {
    expect(digestBase64("sha256", Buffer.from("abc"))).toBe("ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
  });

  it("sha512 of abc, in base64", () => {
    expect(digestBase64("sha512", Buffer.from("abc"))).toBe(
      "3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==",
    );
  });
});

describe("order of names", () => {
  it.each([
    ["a", "b"],
    ["a", "aa"],
    ["", "a"],
    ["Z", "a"],
    ["~", "\u0080"],
    ["\ud7ff", "\ue000"],
    ["\uffff", "\u{10000}"],
    ["\u{10000}", "\u{10ffff}"],
    ["a\uffff", "a\u{10000}"],
  ])("%j comes before %j, as in UTF-8", (a, b) => {
    expect(Math.sign(compareCodePoints(a, b))).toBe(-1);
    expect(Math.sign(compareCodePoints(b, a))).toBe(1);
    expect(Buffer.compare(Buffer.from(a), Buffer.from(b))).toBe(-1);
  });

  it("a name equals itself", () => {
    expect(compareCodePoints("a😀", "a😀")).toBe(0);
  });
});
