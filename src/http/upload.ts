/**
 * Reading an upload: multipart, one part a file, the role in the file name (notary-protocol.md 1.4).
 *
 * The splitting is the library's (`Dicer` of @fastify/busboy, which hands out the headers of each part untouched: a
 * form parser would cut the path off a file name and turn `targets/root` into `root`). What is checked here: the
 * content type, that there is no content encoding, every bound while the bytes arrive, and that each part names
 * exactly one file in exactly one way. Nothing is believed of a part's own content type.
 */

import type { IncomingMessage } from "node:http";
import { MIMEType } from "node:util";
import { Dicer } from "@fastify/busboy";
import { MalformedError } from "../core/errors.ts";
import { checkRole } from "../core/names.ts";
import type { UploadedFile } from "../service/service.ts";
import { isStillLetIn } from "./auth/still.ts";
import { Block } from "./block.ts";
import type { ByteBudget, Share } from "./budget.ts";

export interface UploadLimits {
  /** Bytes of the whole body. */
  readonly uploadBytes: number;
  readonly uploadFiles: number;
}

const maxPartHeaders = 20;
const maxPartHeaderBytes = 8_192;
const boundaryForm = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/;

/**
 * Reads an upload, hands its files to `use` in the order they came, and resolves as `use` does. Until then its bytes
 * count against the budget. Throws `MalformedError`s and `OVERLOADED`.
 */
export async function withUpload<T>(
  request: IncomingMessage,
  limits: UploadLimits,
  budget: ByteBudget,
  use: (files: UploadedFile[]) => Promise<T>,
): Promise<T> {
  let abandon: (error: Error) => void = () => undefined;
  const share = budget.open((error) => abandon(error));
  try {
    const files = await readUpload(request, limits, share, (how) => {
      abandon = how;
    });
    share.settle();
    await isStillLetIn(request);
    return await use(files);
  } finally {
    share.close();
  }
}

async function readUpload(
  request: IncomingMessage,
  limits: UploadLimits,
  share: Share,
  onAbandon: (how: (error: Error) => void) => void,
): Promise<UploadedFile[]> {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
    throw new MalformedError("UNSUPPORTED_ENCODING", "Send the upload without a content encoding.");
  }
  const boundary = boundaryOf(request.headers["content-type"]);
  if (Number(request.headers["content-length"] ?? 0) > limits.uploadBytes) throw tooLarge(limits);
  return await new Promise((resolve, reject) => {
    const upload = new UploadReader(boundary, limits, share, resolve, (error) => {
      // The rest of the body is of no interest; the connection is closed with the answer.
      request.unpipe();
      request.removeAllListeners("data");
      request.resume();
      reject(error);
    });
    onAbandon((error) => upload.fail(error));
    request.on("data", (chunk: Buffer) => upload.write(chunk));
    request.once("end", () => upload.end());
    request.once("close", () => upload.abort());
    request.once("error", () => upload.abort());
  });
}

class UploadReader {
  readonly #dicer: Dicer;
  readonly #limits: UploadLimits;
  readonly #share: Share;
  readonly #files: UploadedFile[] = [];
  readonly #reject: (error: Error) => void;
  #bytes = 0;
  #parts = 0;
  #openParts = 0;
  #finished = false;
  #ended = false;
  #done = false;
  readonly #resolve: (files: UploadedFile[]) => void;

  constructor(
    boundary: string,
    limits: UploadLimits,
    share: Share,
    resolve: (files: UploadedFile[]) => void,
    reject: (error: Error) => void,
  ) {
    this.#limits = limits;
    this.#share = share;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#dicer = new Dicer({ boundary, maxHeaderPairs: maxPartHeaders });
    this.#dicer.on("part", (part) => this.#part(part));
    this.#dicer.on("error", () => this.fail(badUpload("ends before its closing boundary")));
    this.#dicer.on("finish", () => {
      this.#finished = true;
      this.#complete();
    });
  }

  write(chunk: Buffer): void {
    if (this.#done) return;
    this.#bytes += chunk.length;
    try {
      if (this.#bytes > this.#limits.uploadBytes) throw tooLarge(this.#limits);
      this.#share.take(chunk.length);
      this.#dicer.write(chunk);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  end(): void {
    this.#ended = true;
    if (!this.#done) this.#dicer.end();
    this.#complete();
  }

  abort(): void {
    this.fail(badUpload("broke off"));
  }

  #part(part: Dicer.PartStream): void {
    this.#openParts++;
    const block = new Block();
    let role: string | undefined;
    if (++this.#parts > this.#limits.uploadFiles) {
      this.fail(
        new MalformedError("BAD_UPLOAD", `Send at most ${this.#limits.uploadFiles} files in one upload.`),
      );
    }
    part.on("header", (headers) => {
      try {
        role = roleOfPart(headers as Record<string, string[]>);
      } catch (error) {
        this.fail(error as Error);
      }
    });
    part.on("data", (chunk: Buffer) => {
      if (!this.#done) block.append(chunk);
    });
    part.on("error", () => this.fail(badUpload("has a part that ends too early")));
    part.on("end", () => {
      this.#openParts--;
      if (role === undefined) this.fail(badUpload("has a part without readable headers"));
      else this.#files.push({ role, bytes: block.take() });
      this.#complete();
    });
  }

  #complete(): void {
    if (this.#done || !this.#finished || !this.#ended || this.#openParts > 0) return;
    this.#done = true;
    this.#resolve(this.#files);
  }

  /** Ends the reading, if it has not ended. */
  fail(error: Error): void {
    if (this.#done) return;
    this.#done = true;
    this.#reject(error);
  }
}

function boundaryOf(contentType: string | undefined): string {
  let type: MIMEType;
  try {
    type = new MIMEType(contentType ?? "");
  } catch {
    throw new MalformedError("BAD_UPLOAD", "Send the files as multipart/form-data.");
  }
  const boundary = type.params.get("boundary") ?? "";
  if (type.type !== "multipart" || !boundaryForm.test(boundary)) {
    throw new MalformedError(
      "BAD_UPLOAD",
      "Send the files as multipart/form-data with a boundary of 1 to 70 characters.",
    );
  }
  return boundary;
}

/** Exactly one `filename`, and no `filename*`, in exactly one Content-Disposition. */
function roleOfPart(headers: Record<string, string[]>): string {
  const values = Object.hasOwn(headers, "content-disposition") ? (headers["content-disposition"] ?? []) : [];
  const size = Object.values(headers).reduce((sum, each) => sum + each.join("").length, 0);
  const [value = ""] = values;
  if (values.length !== 1 || size > maxPartHeaderBytes) throw noFilename();
  const names = value.match(/filename\*?\s*=/gi) ?? [];
  if (names.length !== 1 || names[0]?.includes("*")) throw noFilename();
  let filename: string;
  try {
    filename = new MIMEType(`part/${value}`).params.get("filename") ?? "";
  } catch {
    throw noFilename();
  }
  const transfer = headers["content-transfer-encoding"]?.join(",").toLowerCase() ?? "binary";
  if (!["binary", "8bit", "7bit"].includes(transfer)) throw badUpload("has a part with a transfer encoding");
  const role = filename.endsWith(".json") ? filename.slice(0, -".json".length) : filename;
  if (role === "") throw noFilename();
  checkRole(role);
  return role;
}

function noFilename(): MalformedError {
  return new MalformedError(
    "NO_FILENAME",
    'Give each part one Content-Disposition with one filename="ROLE".',
  );
}

function badUpload(what: string): MalformedError {
  return new MalformedError("BAD_UPLOAD", `The upload ${what}; send it again, whole.`);
}

function tooLarge({ uploadBytes }: UploadLimits): MalformedError {
  return new MalformedError("UPLOAD_TOO_LARGE", `Send at most ${uploadBytes} bytes in one upload.`);
}
