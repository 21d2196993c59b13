/** One key as a file for elsewhere. */
import type { Secret } from "./custody.ts";
import { KeyError } from "./errors.ts";
import { type ScryptCost, sealKey, writeKeyFile } from "./key-file.ts";
import { type TakenKey, writeKey } from "./key-store.ts";
import { type TextForm, writeKeyText } from "./key-text.ts";
import { listedOf } from "./private-key.ts";

export interface Export {
  readonly format: "vidimus" | TextForm;
  /** Instead of the key's own. */
  readonly role: string | undefined;
  /** Undefined: in the clear, which our own format cannot be. */
  readonly secret: Secret | undefined;
}

/** Hands the bytes to `give`, and wipes them when that has ended, well or not. Throws `KEY_UNSUPPORTED`, and what `give` throws. */
export async function exportKey(
  taken: TakenKey,
  wanted: Export,
  give: (bytes: Buffer) => Promise<void> | void,
  testingOnly?: ScryptCost,
): Promise<void> {
  const bytes = await bytesOf(taken, wanted, testingOnly);
  try {
    await give(bytes);
  } finally {
    bytes.fill(0);
  }
}

async function bytesOf(
  taken: TakenKey,
  { format, role, secret }: Export,
  testingOnly: ScryptCost | undefined,
): Promise<Buffer> {
  const { key, name, repository } = taken;
  const said = role ?? taken.role;
  if (format !== "vidimus") {
    if (format === "notary" && said === undefined) {
      throw new KeyError(
        "KEY_UNSUPPORTED",
        "In the stock clients' form each key has a role: say which with --role.",
      );
    }
    return Buffer.from(
      await writeKeyText(key, format, { role: said, repository, path: taken.info.id }, secret),
    );
  }
  if (secret === undefined) throw new TypeError("our own format is always locked");
  return writeKeyFile({
    listed: listedOf(key),
    name,
    role: said,
    repository,
    seal: await sealKey(key, secret, testingOnly),
  });
}

/** Throws `KEY_EXISTS`, `KEY_FILE_UNWRITABLE`. */
export async function writeExport(path: string, bytes: Uint8Array): Promise<void> {
  await writeKey(undefined, path, bytes, "new");
}
