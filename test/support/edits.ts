/** Editing the signed part of a file, to see how it is read. Nothing is verified when reading, so nothing is signed. */
import { canonicalBytes } from "../../src/core/canonical.ts";
import { notary } from "../../src/core/format/notary.ts";
import type { Json } from "../../src/core/json.ts";
import { outcome } from "./refusals.ts";
import type { SignedJson } from "./simulator-break.ts";

export type Edit = (signed: SignedJson) => void;

export function signedPart(role: string, bytes: Buffer): SignedJson {
  return JSON.parse(Buffer.from(notary.parse(role, bytes).message).toString("utf8")) as SignedJson;
}

/** How a role's file is read after an edit: the code of the refusal, or "accepted". */
export function readAfter(role: string, bytes: Buffer, edit: Edit): string {
  const signed = signedPart(role, bytes);
  edit(signed);
  return outcome(() => notary.parse(role, notary.seal(canonicalBytes(signed), [])));
}

/** Sets the member at a path of names with dots between, or takes it away. */
export function set(path: string, value: Json | undefined): Edit {
  return (signed) => {
    const names = path.split(".");
    const last = names.pop() as string;
    const holder = names.reduce<SignedJson>((at, name) => at[name] as unknown as SignedJson, signed);
    if (value === undefined) delete holder[last];
    else holder[last] = value;
  };
}

/** A key as files hold it. */
export function keyObject(keytype: string, publicText: string): Json {
  return { keytype, keyval: { private: null, public: publicText } };
}
