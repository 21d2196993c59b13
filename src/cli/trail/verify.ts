/**
 * `vidimus audit verify`: whether the audit trail is whole, and extends the heads that somebody kept. The trail of a server is read
 * over its interface and verified here: that a server calls it good is worth nothing.
 */

import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { headKeyId, readHead, type SignedHead } from "../../core/audit-head.ts";
import { VidimusError } from "../../core/errors.ts";
import { TrailCheck, type TrailFault } from "../../core/trail-check.ts";
import { exitCodes } from "../exit-codes.ts";
import { type CliContext, printable, printJson, printLine } from "../output.ts";
import { addTrailFlags, withTrailFrom } from "./source.ts";

const format = "vidimus-audit-verification/1";
const page = 500;
const mostHeads = 100_000;

interface Flags {
  readonly since?: string;
  readonly key?: string;
  readonly json?: true;
  readonly server?: string;
}

/** `finish` is told the exit code. */
export function addAuditVerify(parent: Command, context: CliContext, finish: (code: number) => void): void {
  const command = parent
    .command("verify")
    .addHelpText(
      "after",
      examples(
        "vidimus audit verify --data /var/lib/vidimus",
        "vidimus audit verify --server https://trust.example",
      ),
    )
    .description("make the hashes of the audit trail again, and compare them with heads that were sent out")
    .option(
      "--since <file>",
      "a file with signed heads as the server sent them: lines of its head file or log, a webhook's body",
    )
    .option("--key <id>", "ID of the key that must have signed them")
    .option("--json", "print JSON");
  addTrailFlags(command).action(async () => {
    const { since, key, json, server } = command.opts<Flags>();
    if (key !== undefined && since === undefined) command.error("error: --key is of the heads of --since");
    const heads = since === undefined ? [] : readHeads(since, key, context, finish);
    if (heads === undefined) return;
    const check = await withTrailFrom(command, context, async ({ list, head }) => {
      // Its two answers must agree, too.
      const made = new TrailCheck(head === undefined ? heads : [...heads, head]);
      let from: number | undefined = 0;
      while (from !== undefined) {
        const found = await list({ direction: "forwards", limit: page, from });
        from = made.add(found.entries) ? found.next : undefined;
      }
      return made;
    });
    const fault = check.finish();
    const { number, hash } = check;
    const keys = [...new Set(heads.map(headKeyId))];
    const good = fault === undefined;
    if (json)
      printJson(context, {
        format,
        good,
        entries: number,
        hash,
        heads: heads.length,
        keys,
        ...(fault && { fault }),
      });
    else printLine(context, good ? soundLine(number, heads, keys) : sentenceOf(fault, server));
    finish(good ? exitCodes.ok.code : exitCodes.trailBroken.code);
  });
}

/** Every line of the file, or the one document that it is; undefined: one of them is no head, which was said. */
function readHeads(
  file: string,
  key: string | undefined,
  context: CliContext,
  finish: (code: number) => void,
): readonly SignedHead[] | undefined {
  const refuse = (why: string) => {
    context.stderr(`${printable(why)}\n`);
    finish(exitCodes.headBad.code);
    return undefined;
  };
  let lines: string[];
  try {
    const text = context.readFile(file);
    // A webhook's body that somebody has indented.
    lines = /^\s*\{\s*\n/.test(text) ? [text] : text.split("\n");
  } catch {
    return refuse(`${file} cannot be read: name a file with heads, and see to its rights.`);
  }
  const heads: SignedHead[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    if (heads.length === mostHeads)
      return refuse(`${file} has more than ${mostHeads} heads: give a part of it.`);
    try {
      heads.push(readHead(line.trim()));
    } catch (error) {
      if (!(error instanceof VidimusError)) throw error;
      return refuse(`Line ${index + 1} of ${file}: ${error.message}`);
    }
  }
  if (heads.length === 0) return refuse(`${file} has no head: give a line as the server sent it.`);
  const other = key === undefined ? undefined : heads.find((head) => headKeyId(head) !== key);
  if (other === undefined) return heads;
  return refuse(`A head is signed by key ${headKeyId(other)} and not by ${key}: find out whose it is.`);
}

function soundLine(number: number, heads: readonly SignedHead[], keys: readonly string[]): string {
  const whole = `${number} entries were verified`;
  if (heads.length === 0) return `${whole}: the trail is whole in itself. Compare it with a head by --since.`;
  return `${whole}: the trail extends ${heads.length} heads, signed by ${keys.join(", ")}.`;
}

/** `server`: whose trail it is; undefined: that of a data directory. */
function sentenceOf({ kind, number, head }: TrailFault, server: string | undefined): string {
  const keep =
    server === undefined
      ? "keep this directory"
      : "keep the heads, and ask who runs the server for its directory";
  switch (kind) {
    case "gap":
      return `TRAIL_BROKEN: entry ${number} is missing: restore a backup, and ${keep}.`;
    case "altered":
      return `TRAIL_BROKEN: entry ${number}, or the one before, was altered: restore a backup, and ${keep}.`;
    case "rewritten":
      return `TRAIL_REWRITTEN: at entry ${number} the trail is another than the head of ${instantOf(head?.at)} says: it was made anew, or the store is another; ${keep}, and find out who wrote to it.`;
    case "truncated":
      return `TRAIL_TRUNCATED: entry ${number} is missing, and the head of ${instantOf(head?.at)} says ${head?.number}: an older backup was restored, or the end was cut off.`;
  }
}

function instantOf(at = 0): string {
  return new Date(at).toISOString();
}
