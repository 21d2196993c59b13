/** Which files an original server takes by its publish interface, and stores as they were sent. */
import { canonicalText } from "../../core/canonical.ts";
import { isObject, type Json, member } from "../../core/json.ts";
import type { Metadata } from "../../core/model.ts";
import { isExpired } from "../../core/verify.ts";
import { BackError } from "../errors.ts";

/** Throws `EXPORT_EXPIRED` and `EXPORT_FORM`. */
export function refuseFile(repository: string, { role, signed, bytes }: Metadata, at: number): void {
  if (isExpired(signed, at)) {
    throw new BackError(
      "EXPORT_EXPIRED",
      `${role} ${signed.version} of ${repository} has expired, and a publish interface takes nothing that has: bring it into the database with --server-db.`,
    );
  }
  // An original server names another digest in its timestamp than that of the snapshot it stores (notary-protocol.md 2.5).
  if (role === "snapshot" && !isWrittenAsStock(bytes)) {
    throw new BackError(
      "EXPORT_FORM",
      `Snapshot ${signed.version} of ${repository} is written in another form than an original server's own, which would lose it: bring it into the database with --server-db.`,
    );
  }
}

/** Whether an original server that reads and writes it gets the same bytes. */
export function isWrittenAsStock(bytes: Buffer): boolean {
  const value = JSON.parse(bytes.toString("utf8")) as Json;
  if (!isObject(value)) return false;
  const [signed, signatures] = [member(value, "signed"), member(value, "signatures")];
  if (signed === undefined || !isObject(signed) || !Array.isArray(signatures)) return false;
  const entries = (signatures as readonly Json[]).map((each) => {
    const text = (name: string) => JSON.stringify(isObject(each) ? member(each, name) : undefined);
    return `{"keyid":${text("keyid")},"method":${text("method")},"sig":${text("sig")}}`;
  });
  const written = `{"signed":${canonicalText(signed)},"signatures":[${entries.join(",")}]}`;
  const members = Object.keys(signed).sort().join(" ");
  return (
    members === "_type expires meta version" &&
    /^[^.]+(\.[0-9]{0,8}[1-9])?(Z|[+-](?!00:00)[0-9:]{5})$/.test(String(member(signed, "expires"))) &&
    bytes.equals(Buffer.from(written))
  );
}
