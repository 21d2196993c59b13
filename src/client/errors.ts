/**
 * The errors of the client library: one class, and what it says to people and programs. What each code means is in
 * `refusals.ts`.
 *
 * A message is one sentence. It may name references, repositories, roles, key IDs, server origins and the caller's own
 * files; never a credential, a token or the text of an answer. What lay underneath is in `cause`. A name that stands in
 * it may be a stranger's choice: what a terminal would obey is replaced.
 */
import { malformedCodes, unauthenticCodes, VidimusError } from "../core/errors.ts";
import { type Actor, type Ending, endings, rowOf, type TrustCode } from "./refusals.ts";

export {
  type Actor,
  type ClientCode,
  clientCodes,
  type Ending,
  endings,
  type TrustCode,
} from "./refusals.ts";

const unauthentic: ReadonlySet<string> = new Set(unauthenticCodes);
const malformed: ReadonlySet<string> = new Set(malformedCodes);

export interface TrustErrorContext {
  /** The image reference or target that was asked for. */
  readonly reference?: string | undefined;
  readonly repository?: string | undefined;
  readonly role?: string | undefined;
  /** A file of the caller's, with the line (from 1) where the trouble is. */
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  /** Who has to act and what they do next, where it is known better than by the code alone. */
  readonly remedy?: { readonly who?: Actor; readonly next: string } | undefined;
  /** Small public facts for programs. */
  readonly detail?: Readonly<Record<string, string | number | readonly string[]>> | undefined;
  readonly cause?: unknown;
}

/** Control characters but for white space, and what changes the direction of text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
const commanding = /[\0-\x08\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** The one error that this library throws for anything but a mistake in calling it (`TypeError`). */
export class TrustError extends Error {
  override readonly name = "TrustError";
  readonly code: TrustCode;
  readonly reference: string | undefined;
  readonly repository: string | undefined;
  readonly role: string | undefined;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly remedy: TrustErrorContext["remedy"];
  readonly detail: TrustErrorContext["detail"];

  constructor(code: TrustCode, message: string, context: TrustErrorContext = {}) {
    super(
      message.replaceAll(commanding, "?"),
      context.cause === undefined ? undefined : { cause: context.cause },
    );
    this.code = code;
    this.reference = context.reference;
    this.repository = context.repository;
    this.role = context.role;
    this.file = context.file;
    this.line = context.line;
    this.remedy = context.remedy;
    this.detail = context.detail;
  }
}

/** An error of the core as one of the client, with what the client knows beside it; others come back as they are. */
export function asTrustError(error: unknown, context: TrustErrorContext = {}): unknown {
  if (error instanceof TrustError) {
    const { message, code } = error;
    const known = Object.fromEntries(Object.entries(error).filter(([, value]) => value !== undefined));
    return new TrustError(code, message, { ...context, ...known, cause: error.cause });
  }
  if (!(error instanceof VidimusError)) return error;
  if (!unauthentic.has(error.code) && !malformed.has(error.code)) return error;
  const of = context.repository === undefined ? "" : `${context.repository}: `;
  return new TrustError(
    error.code as TrustCode,
    of === "" ? sentence(error.message) : stopped(`${of}${error.message}`),
    {
      ...context,
      role: error.role ?? context.role,
      detail: error.detail,
      cause: error,
    },
  );
}

function sentence(message: string): string {
  return stopped(message.charAt(0).toUpperCase() + message.slice(1));
}

function stopped(message: string): string {
  return /[.!?]$/.test(message) ? message : `${message}.`;
}

export interface Explanation {
  readonly code: TrustCode;
  readonly ending: Ending;
  /** One line: what is wrong. */
  readonly what: string;
  /** Who has to act, and what they do next. */
  readonly who: Actor;
  readonly next: string;
}

/** The one line and the next step for an error of this library; undefined for any other error. */
export function explain(error: unknown): Explanation | undefined {
  const known = asTrustError(error);
  if (!(known instanceof TrustError)) return undefined;
  const { ending, who, next } = { ...rowOf(known.code), ...known.remedy };
  return { code: known.code, ending, what: oneLine(known), who, next };
}

function oneLine({ file, line, message }: TrustError): string {
  const place = file === undefined ? "" : line === undefined ? `${file}: ` : `${file}:${line}: `;
  return `${place}${message}`.replaceAll(/\s+/g, " ");
}

const order = Object.keys(endings) as Ending[];

/** The worst of some endings; undefined of none. */
export function worst(all: readonly Ending[]): Ending | undefined {
  return order.find((each) => all.includes(each));
}
