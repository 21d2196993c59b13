/** `vidimus acl add|list|remove|explain`. */
import type { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import type { CliContext } from "../output.ts";
import { asks, examples, group, sayDone, sayTable } from "./tools.ts";

interface PermissionRow {
  readonly subject: string;
  readonly pattern: string;
  readonly actions: readonly string[];
}
interface Explanation {
  readonly allowed: boolean;
  readonly disabled: boolean;
  readonly by?: PermissionRow;
  readonly near: readonly PermissionRow[];
  readonly warnings?: readonly string[];
}

const serverActions = ["catalog", "audit", "admin"];

export function addAcl(parent: Command, context: CliContext, finish: (code: number) => void): void {
  const acl = group(parent, "acl", "who may do what");
  const who = ["<who>", "user:NAME, team:NAME, or anyone"] as const;
  const pattern = ["<pattern>", "a repository's name; * is one segment, ** one or more"] as const;

  const add = acl
    .command("add")
    .argument(...who)
    .argument(...pattern);
  add
    .description("say what somebody may do, in the place of what they had for this pattern")
    .argument("<actions>", "pull,push,propose or *; with the pattern ** also catalog, audit, admin")
    .addHelpText(
      "after",
      examples(
        "vidimus acl add team:dev 'registry.acme.example/**' pull,push",
        "vidimus acl add user:alice '**' admin",
      ),
    );
  asks(add, context, async (server, subject: string, given: string, actions: string) => {
    const document = await server.call("PUT", "permissions", {
      subject,
      pattern: given,
      actions: actions.split(","),
    });
    sayDone(add, context, document, `${subject} may ${actions} on ${given}.`);
  });

  const list = acl
    .command("list")
    .description("list who may do what")
    .addHelpText("after", examples("vidimus acl list"));
  asks(list, context, async (server) => {
    const document = (await server.call("GET", "permissions")) as { permissions: readonly PermissionRow[] };
    const rows = document.permissions.map(({ subject, pattern: of, actions }) => [
      subject,
      of,
      actions.join(","),
    ]);
    sayTable(list, context, document, [["who", "pattern", "actions"], ...rows], "Nobody may do anything.");
  });

  const remove = acl
    .command("remove")
    .description("take a permission away")
    .argument(...who)
    .argument(...pattern);
  remove.addHelpText("after", examples("vidimus acl remove team:dev 'registry.acme.example/**'"));
  asks(remove, context, async (server, subject: string, given: string) => {
    const query = new URLSearchParams({ subject, pattern: given });
    const document = await server.call("DELETE", `permissions?${query}`);
    sayDone(remove, context, document, `${subject} has nothing for ${given} any more.`);
  });

  const explain = acl.command("explain").argument("<who>", "user:NAME, team:NAME, token:NAME, or anyone");
  explain
    .description("whether somebody may do something, and by what; exits with 74 if not")
    .argument("<what>", "REPOSITORY:ACTION,…, or catalog, audit, admin")
    .addHelpText(
      "after",
      examples(
        "vidimus acl explain team:dev registry.acme.example/app:pull,push",
        "vidimus acl explain user:alice registry.acme.example/app:push",
      ),
    );
  asks(explain, context, async (server, subject: string, what: string) => {
    const explained: { what: string; document: Explanation }[] = [];
    for (const each of eachOf(what)) {
      const query = questionOf(subject, each);
      const document = (await server.call("GET", `permissions/explain?${query}`)) as Explanation;
      explained.push({ what: each, document });
    }
    const [first] = explained;
    const sentences = explained.map((each) => sentenceOf(subject, each.what, each.document));
    // The name is the same in all of them.
    const together = {
      format: "vidimus-explanations/1",
      explanations: explained.map((each) => ({ what: each.what, ...each.document })),
      warnings: first?.document.warnings,
    };
    sayDone(explain, context, explained.length === 1 ? first?.document : together, sentences);
    if (!explained.every(({ document }) => document.allowed)) finish(exitCodes.notPermitted.code);
  });
}

/** `NAME:pull,push` are two questions. */
function eachOf(what: string): readonly string[] {
  const at = what.lastIndexOf(":");
  return what
    .slice(at + 1)
    .split(",")
    .map((action) => `${what.slice(0, at + 1)}${action}`);
}

function questionOf(subject: string, what: string): URLSearchParams {
  if (serverActions.includes(what)) return new URLSearchParams({ subject, action: what });
  const at = what.lastIndexOf(":");
  return new URLSearchParams({
    subject,
    repository: what.slice(0, Math.max(at, 0)),
    action: what.slice(at + 1),
  });
}

function sentenceOf(subject: string, what: string, { allowed, disabled, by, near }: Explanation): string {
  const text = (each: PermissionRow) => `${each.subject} ${each.pattern} ${each.actions.join(",")}`;
  if (allowed && by !== undefined) return `Yes: ${subject} may ${what}, by "${text(by)}".`;
  if (disabled) {
    const why = subject.startsWith("token:") ? "has ended, or its owner is disabled" : "is disabled";
    return `No: ${subject} ${why}.`;
  }
  const rest =
    near.length === 0
      ? "nothing that was given matches"
      : `there is only ${near.map((each) => `"${text(each)}"`).join(", ")}`;
  return `No: ${subject} may not ${what}; ${rest}.`;
}
