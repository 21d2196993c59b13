/** `vidimus expiring`: what ends soon on a trust server, or was signed long ago. */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { exitCodes } from "../exit-codes.ts";
import { csvText, type FormFlags } from "../forms.ts";
import { formatTable, printable, printJson, printLine } from "../output.ts";
import { readExpiring, readSignatures } from "./documents.ts";
import { type AskedServer, type Asking, addServerFlags, atServer, everyPage } from "./server.ts";

interface Flags extends FormFlags {
  readonly within?: string;
  readonly signaturesOlderThan?: string;
  readonly check?: true;
}

const duration = /^[1-9][0-9]{0,4}d$/;

export function addExpiring(parent: Command, asking: Asking): void {
  const expiring = parent
    .command("expiring")
    .description("list what ends soon on a trust server: roles, certificates, pinned authorities, tokens")
    .option("--within <days>", "how far ahead (default: 90d); what has ended already is always listed")
    .option("--signatures-older-than <days>", "list targets that were signed so long ago, instead")
    .option("--check", "end with 75 if there is anything to list")
    .addHelpText(
      "after",
      examples(
        "vidimus expiring --within 90d",
        "vidimus expiring --within 30d --csv",
        "vidimus expiring --signatures-older-than 180d --json",
      ),
    );
  addServerFlags(expiring).action(async () => {
    const { within = "90d", signaturesOlderThan, ...flags } = expiring.opts<Flags>();
    for (const text of [within, signaturesOlderThan ?? within]) {
      if (!duration.test(text)) expiring.error(`error: ${printable(text)}: give whole days, such as 90d`);
    }
    await atServer(expiring, asking, async (server) => {
      const found =
        signaturesOlderThan === undefined
          ? await ends(asking, server, within, flags)
          : await signatures(asking, server, signaturesOlderThan, flags);
      if (found > 0 && flags.check === true) asking.finish(exitCodes.expiring.code);
    });
  });
}

/** How much there is. */
async function ends(
  { context }: Asking,
  server: AskedServer,
  within: string,
  form: FormFlags,
): Promise<number> {
  const pages = await everyPage(
    server,
    (after) => ({
      right: "audit",
      method: "GET",
      path: `/api/v1/expiring?${query({ within, after, limit: "200" })}`,
    }),
    readExpiring,
  );
  const found = pages
    .flatMap(({ expiring }) => expiring)
    .sort((a, b) => (a.expires < b.expires ? -1 : a.expires > b.expires ? 1 : 0));
  const at = pages[0]?.at ?? "";
  if (form.json === true) {
    printJson(context, { format: "vidimus-expiring/1", server: server.origin, at, expiring: found });
    return found.length;
  }
  const rows = found.map(
    ({ expires, kind, repository = "", role = "", name = "", keyId = "", owner = "" }) => [
      expires,
      kind,
      repository,
      role,
      name,
      keyId,
      owner,
    ],
  );
  if (form.csv === true)
    context.stdout(csvText([["expires", "kind", "repository", "role", "name", "keyId", "owner"], ...rows]));
  else if (rows.length === 0) printLine(context, `Nothing on ${server.origin} ends within ${within}.`);
  else {
    const shown = rows.map(
      ([expires = "", kind = "", repository = "", role = "", name = "", , owner = ""]) => [
        left(expires, at),
        expires.slice(0, 10),
        kind,
        repository || "(server)",
        role,
        owner === "" ? name : `${name} (${owner})`,
      ],
    );
    printLine(context, formatTable([["LEFT", "ENDS", "WHAT", "REPOSITORY", "ROLE", "NAME"], ...shown]));
  }
  return found.length;
}

async function signatures(
  { context }: Asking,
  server: AskedServer,
  olderThan: string,
  form: FormFlags,
): Promise<number> {
  const pages = await everyPage(
    server,
    (after) => ({
      right: "audit",
      method: "GET",
      path: `/api/v1/old-signatures?${query({ olderThan, after, limit: "200" })}`,
    }),
    readSignatures,
  );
  const found = pages.flatMap((page) => page.signatures);
  if (form.json === true) {
    const at = pages[0]?.at ?? "";
    printJson(context, { format: "vidimus-old-signatures/1", server: server.origin, at, signatures: found });
    return found.length;
  }
  const rows = found.map(({ repository, role, target, signed = "", firstSeen = "", orOlder }) => [
    signed,
    firstSeen,
    orOlder === undefined ? "" : String(orOlder),
    repository,
    role,
    target,
  ]);
  if (form.csv === true) {
    context.stdout(csvText([["signed", "firstSeen", "orOlder", "repository", "role", "target"], ...rows]));
  } else if (rows.length === 0) {
    printLine(context, `No target on ${server.origin} was signed more than ${olderThan} ago.`);
  } else {
    const shown = rows.map(([signed = "", seen = "", orOlder = "", ...rest]) => [
      signed.slice(0, 10) || `seen ${seen.slice(0, 10)}${orOlder === "true" ? " or before" : ""}`,
      ...rest,
    ]);
    printLine(context, formatTable([["SIGNED", "REPOSITORY", "ROLE", "TARGET"], ...shown]));
  }
  return found.length;
}

function query(given: Readonly<Record<string, string | undefined>>): string {
  const said = Object.entries(given).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as [string, string]],
  );
  return new URLSearchParams(said).toString();
}

/** Whole days, rounded down; `over` where none is left. */
function left(expires: string, at: string): string {
  const milliseconds = Date.parse(expires) - Date.parse(at);
  return milliseconds <= 0 ? "over" : `${Math.floor(milliseconds / 86_400_000)}d`;
}
