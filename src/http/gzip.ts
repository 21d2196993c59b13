/** Whether a caller takes gzip (RFC 9110 12.5.3), and the compressed form of a file. */
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";

const gzipped = promisify(gzip);

/** Metadata is digests and keys, which nothing makes much smaller: higher levels gain one part in two hundred. */
const level = constants.Z_BEST_SPEED;

/** Linear in the header, of which only the beginning counts. */
export function acceptsGzip(header: string): boolean {
  if (header === "gzip") return true;
  let any = false;
  for (const each of header.split(",", 20)) {
    const [coding = "", ...parameters] = each.split(";").map((part) => part.trim().toLowerCase());
    const accepted = !parameters.some((parameter) => /^q=0(?:\.0{0,3})?$/.test(parameter));
    if (coding === "gzip" || coding === "x-gzip") return accepted;
    if (coding === "*") any = accepted;
  }
  return any;
}

/** In a thread beside this one. Undefined if it would not be smaller. */
export async function compressed(bytes: Buffer): Promise<Buffer | undefined> {
  const smaller = await gzipped(bytes, { level });
  return smaller.length < bytes.length ? smaller : undefined;
}
