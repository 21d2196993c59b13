/** What a thread that reads does: one answer for each job, by the same code that reads on the main thread. */
import type { MessagePort } from "node:worker_threads";
import { type Code, MalformedError, type VidimusError } from "../core/errors.ts";
import type { FormatRules } from "../core/format/format.ts";
import type { ListedKey } from "../core/keys.ts";
import { usedKeys } from "../core/model.ts";
import { type PackedFile, pack } from "../core/portable.ts";
import { type NamedBytes, readUpload } from "../core/upload.ts";

export interface ReadingJob {
  /** As copies they are plain bytes. */
  readonly files: readonly { readonly role: string; readonly bytes: Uint8Array }[];
  /** Keys by ID that may have signed them. */
  readonly known: ReadonlyMap<string, ListedKey>;
}

export type ReadingAnswer =
  | { readonly kind: "read"; readonly files: readonly PackedFile[] }
  | {
      readonly kind: "refused";
      readonly code: Code;
      readonly message: string;
      readonly role?: string | undefined;
      readonly detail?: VidimusError["detail"];
    }
  /** Not a refusal: a fault in what reads. */
  | { readonly kind: "broken"; readonly what: string };

/** Serves the jobs that come through a port, until the thread is ended. */
export function serveReading(port: MessagePort, format: Pick<FormatRules, "parse">): void {
  port.on("message", (job: ReadingJob) => {
    const answer = answerTo(job, format);
    const bytes = answer.kind === "read" ? answer.files.map((file) => file.bytes.buffer as ArrayBuffer) : [];
    port.postMessage(answer, [...new Set(bytes)]);
  });
}

function answerTo({ files, known }: ReadingJob, format: Pick<FormatRules, "parse">): ReadingAnswer {
  try {
    const read = [...readUpload(format, files.map(named))];
    // Parents and children may come together, in any order.
    const keys = new Map([...known, ...read.flatMap(({ signed }) => [...usedKeys(signed)])]);
    return { kind: "read", files: read.map((file) => pack(file, keys)) };
  } catch (error) {
    if (!(error instanceof MalformedError)) return { kind: "broken", what: String(error) };
    const { code, message, role, detail } = error;
    return { kind: "refused", code, message, role, detail };
  }
}

function named({ role, bytes }: ReadingJob["files"][number]): NamedBytes {
  return { role, bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}
