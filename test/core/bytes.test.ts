import { describe, expect, it } from "vitest";
import {
  compareCodePoints,
  decodeBase64,
  decodeUtf8,
  digestBase64,
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
