/** `vidimus register`: whose keys they are. */
import { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { addTrustFlags } from "../../client/cli/flags.ts";
import { addFormFlags, type FormFlags } from "../forms.ts";
import { printable, printJson, printLine } from "../output.ts";
import type { Publishing } from "../publishing/tools.ts";
import { askingServer } from "./desk.ts";
import { keyIdOf } from "./key-id.ts";
import { type Line, printLines } from "./table.ts";

const someKey = "0123456789abcdef".repeat(4);

export function addRegister(parent: Command, publishing: Publishing): void {
  const register = new Command("register")
    .description("the server's register of keys: whose they are, where they are kept, since when")
    .copyInheritedSettings(parent);
  addAdd(register, publishing);
  addList(register, publishing);
  parent.addCommand(register);
}

function addAdd(parent: Command, { context, client }: Publishing): void {
  const add = parent
    .command("add")
    .description("say whose key it is; in the place of what was said of the same key and beginning")
    .argument("<key>", "ID of the bare key: vidimus key list, vidimus audit keys")
    .requiredOption("--owner <name>", "whose it is")
    .option("--custody <text>", "where its private half is kept")
    .option("--since <instant>", "from when on (default: now)")
    .option("--until <instant>", "until when")
    .option("--json", "print a document")
    .addHelpText(
      "after",
      examples(
        `vidimus register add ${someKey} --owner 'Ann A.' --custody 'YubiKey 7, safe B' --since 2026-01-01T00:00:00Z`,
      ),
    );
  addTrustFlags(add).action(async (key: string) => {
    const {
      owner,
      custody = "",
      since,
      until,
      json,
    } = add.opts<{
      owner: string;
      custody?: string;
      since?: string;
      until?: string;
      json?: true;
    }>();
    const entry = {
      key: keyIdOf(add, key),
      owner,
      custody,
      since: since ?? new Date(client.now()).toISOString(),
      ...(until !== undefined && { until }),
    };
    const { document, isFirst } = await askingServer(add, client, async (ask) => {
      const made = await ask("POST", "/api/v1/keys", entry);
      const query = new URLSearchParams({ owner });
      const { keys } = (await ask("GET", `/api/v1/keys?${query.toString()}`)) as Page;
      return { document: made, isFirst: keys.length === 1 };
    });
    if (json === true) return printJson(context, document);
    printLine(
      context,
      printable(`The register has it: ${entry.key.slice(0, 12)} is ${owner}'s since ${entry.since}.`),
    );
    // An owner is whatever somebody writes: who is misspelt is somebody else.
    if (isFirst)
      printLine(
        context,
        printable(`It is all that the register has of ${owner}: vidimus register list shows every owner.`),
      );
  });
}

interface Page {
  readonly keys: readonly {
    readonly key: string;
    readonly owner: string;
    readonly custody: string;
    readonly since: string;
    readonly until?: string;
    readonly registered: { readonly at: string; readonly by: string };
  }[];
  readonly next?: string;
}

function addList(parent: Command, { context, client }: Publishing): void {
  const list = parent
    .command("list")
    .description("list the keys in the register")
    .option("--owner <name>", "only those of this owner")
    .addHelpText("after", examples("vidimus register list", "vidimus register list --owner 'Ann A.' --csv"));
  addTrustFlags(addFormFlags(list)).action(async () => {
    const flags = list.opts<FormFlags & { owner?: string }>();
    const lines: Line[] = [];
    await askingServer(list, client, async (ask) => {
      for (let after: string | undefined; ; ) {
        const query = new URLSearchParams({
          ...(flags.owner !== undefined && { owner: flags.owner }),
          ...(after !== undefined && { after }),
        });
        const { keys, next } = (await ask("GET", `/api/v1/keys?${query.toString()}`)) as Page;
        for (const { until, registered, ...each } of keys) {
          lines.push({
            ...each,
            until: until ?? null,
            registeredAt: registered.at,
            registeredBy: registered.by,
          });
        }
        if (next === undefined) return;
        after = next;
      }
    });
    const columns = ["key", "owner", "custody", "since", "until"];
    printLines(
      context,
      flags,
      lines,
      { columns, fields: [...columns, "registeredAt", "registeredBy"] },
      { format: "vidimus-register/1" },
      "The register has no such key.",
    );
  });
}
