import { describe, expect, it } from "vitest";
import { readTokenUri } from "../../../src/publisher/custody/pkcs11/uri.ts";
import { keyCodeOf } from "../../contract/custody.ts";

describe("a pkcs11: URI", () => {
  it.each([
    ["pkcs11:", {}],
    ["pkcs11:token=My%20token;object=release", { token: "My token", object: "release" }],
    ["pkcs11:id=%01%ffA;type=private", { id: Buffer.from([1, 255, 65]) }],
    [
      "PKCS11:serial=12;manufacturer=m;model=x;slot-id=7?module-path=/usr/lib/a.so",
      { serial: "12", manufacturer: "m", model: "x", slotId: 7, module: "/usr/lib/a.so" },
    ],
    ["pkcs11:token=%C3%A4%3B%3F", { token: "ä;?" }],
    ["pkcs11:token=", { token: "" }],
    ["pkcs11:object=a=b", { object: "a=b" }],
  ])("%s is read", (uri, selection) => {
    expect(readTokenUri(uri)).toEqual(selection);
  });

  it.each([
    ["a PIN", "pkcs11:token=a?pin-value=1234"],
    ["a PIN in the path", "pkcs11:token=a;pin-value=1234"],
    ["where a PIN is", "pkcs11:token=a?pin-source=file:/pin"],
    ["a name of a module", "pkcs11:token=a?module-name=softhsm2"],
    ["something unknown", "pkcs11:token=a;x-vendor=b"],
    ["an attribute twice", "pkcs11:token=a;token=b"],
    ["a type that is no key", "pkcs11:type=cert"],
    ["an attribute of the query in the path", "pkcs11:module-path=/a"],
    ["an attribute of the path in the query", "pkcs11:?token=a"],
    ["an attribute without a value", "pkcs11:token"],
    ["an empty attribute", "pkcs11:token=a;;object=b"],
    ["half a percent", "pkcs11:token=%4"],
    ["a percent without digits", "pkcs11:token=%zz"],
    ["a blank", "pkcs11:token=my token"],
    ["a letter beyond ASCII", "pkcs11:token=ä"],
    ["bytes that are not UTF-8", "pkcs11:token=%ff"],
    ["a slot that is no number", "pkcs11:slot-id=0x1"],
    ["two question marks", "pkcs11:?module-path=/a?module-path=/b"],
    ["another scheme", "http://a"],
    ["no end", `pkcs11:token=${"a".repeat(5_000)}`],
    ["a member of every object", "pkcs11:constructor=a"],
  ])("with %s is refused", async (_what, uri) => {
    const reading = async () => readTokenUri(uri);
    expect(await keyCodeOf(reading(), "1234")).toBe("TOKEN_UNREADABLE");
  });
});
