/**
 * `vidimus key deny`: a stolen key. The server stops counting it at once; what lists it is shown, and what open proposals hold a
 * signature of it; and the publications that take it out are proposed, signed by the keys at hand, so that the remaining signers
 * only sign.
 */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { addTrustFlags } from "../../client/cli/flags.ts";
import { exitCodes } from "../exit-codes.ts";
import { addFormFlags, type FormFlags } from "../forms.ts";
import { printJson, printLine } from "../output.ts";
import { addPublishFlags, atDesk, type Publishing } from "../publishing/tools.ts";
import { type Ask, askingServer, askOf } from "./desk.ts";
import { keyIdOf } from "./key-id.ts";
import { afterRepair, type Held, heldText, type Repair, repaired, usesText } from "./repair.ts";
import { type Line, printLines } from "./table.ts";

const someKey = "0123456789abcdef".repeat(4);

export function addDenials(key: Command, publishing: Publishing): void {
  addDeny(key, publishing);
  addAllow(key, publishing);
  addDenied(key, publishing);
}

function addDeny(parent: Command, publishing: Publishing): void {
  const { context, finish } = publishing;
  const deny = parent
    .command("deny")
    .description(
      "a stolen key: it counts in nothing new on the server; shows what lists it and what it has signed that is open, and proposes to take it out",
    )
    .argument("<key>", "ID of the bare key")
    .option("--reason <text>", "why, for the record")
    .option("--no-repair", "propose nothing")
    .option("--expires <days>", "until when what is signed is good, in days (default: root 730, others 365)")
    .addHelpText("after", examples(`vidimus key deny ${someKey} --reason 'laptop lost' --no-repair`));
  addPublishFlags(deny).action(async (text: string) => {
    const { reason = "", repair } = deny.opts<{ reason?: string; repair: boolean }>();
    const id = keyIdOf(deny, text);
    await atDesk(deny, publishing, async (desk) => {
      const ask = askOf(await desk.trust.sender("vidimus/audit"));
      const { changed, proposals = [] } = (await ask("POST", `/api/v1/keys/${id}/deny`, { reason })) as {
        changed: boolean;
        proposals?: readonly Held[];
      };
      const uses = await usesOf(ask, id);
      const repairs: Repair[] = [];
      if (repair) {
        for (const [repository, roles] of uses) repairs.push(await repaired(desk, repository, roles, id));
      }
      const held: Held[] = [];
      for (const each of proposals) held.push(await afterRepair(desk, each, repairs));
      if (desk.json) {
        const touched = [...uses].map(([repository, roles]) => ({ repository, roles }));
        const document = { format: "vidimus-key-denial/1", key: id, changed, uses: touched };
        printJson(context, { ...document, proposals: held, repairs });
      } else {
        printLine(context, changed ? "The server counts it no more." : "The server denied it already.");
        printLine(context, usesText(uses, repairs));
        printLine(context, heldText(held));
      }
      if (repairs.some(({ proposal, left, broken }) => proposal === null || left.length + broken.length > 0))
        finish(exitCodes.repairMissing.code);
    });
  });
}

/** Roles by repository. */
async function usesOf(ask: Ask, id: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const uses = new Map<string, readonly string[]>();
  for (let after: string | undefined; ; ) {
    const query = new URLSearchParams({ key: id, ...(after !== undefined && { after }) });
    const { lines, next } = (await ask("GET", `/api/v1/audit/keys?${query.toString()}`)) as {
      lines: readonly { readonly repository: string; readonly role: string }[];
      next?: string;
    };
    for (const { repository, role } of lines) {
      uses.set(repository, [...new Set([...(uses.get(repository) ?? []), role])]);
    }
    if (next === undefined) return uses;
    after = next;
  }
}

function addAllow(parent: Command, { context, client }: Publishing): void {
  const allow = parent
    .command("allow")
    .description("lift the denial of a key")
    .argument("<key>", "ID of the bare key")
    .option("--json", "print a document")
    .addHelpText("after", examples(`vidimus key allow ${someKey}`));
  addTrustFlags(allow).action(async (text: string) => {
    const id = keyIdOf(allow, text);
    const document = await askingServer(allow, client, (ask) => ask("POST", `/api/v1/keys/${id}/allow`, {}));
    const { changed } = document as { changed: boolean };
    if (allow.opts<{ json?: true }>().json === true) printJson(context, document);
    else printLine(context, changed ? "The server counts it again." : "The server did not deny it.");
  });
}

function addDenied(parent: Command, { context, client }: Publishing): void {
  const denied = parent
    .command("denied")
    .description("list the keys that the server denies")
    .addHelpText("after", examples("vidimus key denied"));
  addTrustFlags(addFormFlags(denied)).action(async () => {
    const { keys } = (await askingServer(denied, client, (ask) => ask("GET", "/api/v1/keys/denied"))) as {
      keys: readonly Line[];
    };
    const flags = denied.opts<FormFlags>();
    const document = { format: "vidimus-denied-keys/1" };
    const columns = ["key", "at", "by", "reason"];
    printLines(context, flags, keys, { columns, fields: columns }, document, "The server denies no key.");
  });
}
