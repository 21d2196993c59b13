/** `vidimus audit log`: entries of the audit trail, oldest first, page after page, as a data directory or a server has them. */

import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import type { AuditEntry, AuditQuery } from "../../store/contract/audit.ts";
import { addFormFlags, csvText, type FormFlags } from "../forms.ts";
import { type CliContext, jsonText, printable } from "../output.ts";
import { addTrailFlags, withTrailFrom } from "./source.ts";

interface Flags extends FormFlags {
  readonly repository?: string;
  readonly kind?: string;
  readonly actor?: string;
  readonly since?: string;
  readonly until?: string;
  readonly after?: string;
}

const page = 500;
const columns = ["number", "at", "kind", "actor", "method", "address", "repository", "detail", "hash"];

export function addAuditLog(parent: Command, context: CliContext): void {
  const command = parent
    .command("log")
    .addHelpText(
      "after",
      examples(
        "vidimus audit log --data /var/lib/vidimus --kind repository.removed --since 2027-01-01",
        "vidimus audit log --server https://trust.example --csv",
      ),
    )
    .description("print the audit trail of a data directory, beside which a server may run, or of a server")
    .option("--repository <name>", "what is about this repository")
    .option("--kind <kind>", "what is of this kind, such as repository.published")
    .option("--actor <name>", "what this principal did")
    .option("--since <time>", "what was done at this time or later (RFC 3339, or a date)")
    .option("--until <time>", "what was done before this time")
    .option("--after <number>", "what comes after the entry of this number");
  addTrailFlags(addFormFlags(command, "print one JSON object a line")).action(async () => {
    const flags = command.opts<Flags>();
    const instant = (text: string | undefined, name: string) => {
      const at = text === undefined ? undefined : Date.parse(text);
      if (Number.isNaN(at)) command.error(`error: --${name} takes a time such as 2030-01-31T12:00:00Z`);
      return at;
    };
    if (flags.after !== undefined && !/^\d{1,15}$/.test(flags.after))
      command.error("error: --after takes the number of an entry");
    const since = instant(flags.since, "since");
    const until = instant(flags.until, "until");
    const query: AuditQuery = {
      ...(flags.repository !== undefined && { repository: flags.repository }),
      ...(flags.kind !== undefined && { kind: flags.kind }),
      ...(flags.actor !== undefined && { actor: flags.actor }),
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      direction: "forwards",
      limit: page,
    };
    const show = flags.json ? jsonOf : flags.csv ? csvOf : lineOf;
    await withTrailFrom(command, context, async ({ list }) => {
      if (flags.csv) context.stdout(csvText([columns]));
      let from: number | undefined = flags.after === undefined ? 0 : Number(flags.after);
      while (from !== undefined) {
        const found = await list({ ...query, from });
        for (const entry of found.entries) context.stdout(show(entry));
        from = found.next;
      }
    });
  });
}

function lineOf({ number, at, kind, actor, repository, detail }: AuditEntry): string {
  const who = `${actor.name} (${actor.method}${actor.address === "" ? "" : ` from ${actor.address}`})`;
  const about = repository === "" ? "" : ` ${repository}`;
  const text = `${number} ${instantOf(at)} ${kind}${about} by ${who}${detail === "{}" ? "" : ` ${detail}`}`;
  return `${printable(text)}\n`;
}

function jsonOf({ detail, at, ...entry }: AuditEntry): string {
  return `${jsonText({ ...entry, at: instantOf(at), milliseconds: at, detail: parsed(detail) })}\n`;
}

/** What is no JSON was not written by a Vidimus: it is shown as it is. */
function parsed(detail: string): unknown {
  try {
    return JSON.parse(detail);
  } catch {
    return detail;
  }
}

function csvOf({ number, at, kind, actor, repository, detail, hash }: AuditEntry): string {
  const { name, method, address } = actor;
  return csvText([[number, instantOf(at), kind, name, method, address, repository, detail, hash]]);
}

function instantOf(at: number): string {
  return new Date(at).toISOString();
}
