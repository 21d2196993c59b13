/**
 * `pin add|list|remove`: the root keys that a policy trusts. What is pinned is for a person to decide, who compares the
 * fingerprint with what the publisher says on another way; so adding needs that person, or the key IDs as arguments.
 */
import { realpath, stat } from "node:fs/promises";
import { Command } from "commander";
import { type Explanation, endings, explain, TrustError } from "../errors.ts";
import type { TrustOptions } from "../options.ts";
import { pinsOf, withoutPins, withPins } from "../policy-edit.ts";
import { largestPolicy, parsePolicy, readPolicyFile } from "../policy-file.ts";
import { readText } from "../read-file.ts";
import { parseReference } from "../reference.ts";
import { replaceFile } from "../replace-file.ts";
import type { FoundRoot } from "../root-inspection.ts";
import { openTrust, type Trust } from "../trust.ts";
import type { ClientContext } from "./context.ts";
import {
  addTrustFlags,
  policyPath,
  refuseUnusedServer,
  type TrustFlags,
  trustOptions,
  usualPolicy,
} from "./flags.ts";
import { printJson, UsageError } from "./report.ts";
import { formatTable, forTerminal } from "./table.ts";

interface PinFlags extends TrustFlags {
  readonly key: readonly string[];
  readonly replaced?: boolean;
  readonly all?: boolean;
  readonly json?: boolean;
}

export function addPin(parent: Command, context: ClientContext, finish: (code: number) => void): void {
  const collect = (value: string, all: readonly string[]) => [...all, value];
  const pin = new Command("pin")
    .description("root keys that the policy trusts")
    .copyInheritedSettings(parent);
  const add = pin
    .command("add")
    .description("show the root of a repository, with the fingerprint to compare, and pin its keys")
    .argument("<repository>", "full name of the repository, as the policy matches it")
    .option("--key <id>", "pin this key without asking; may be repeated", collect, [])
    .option("--replaced", "the repository was deleted and made anew: forget what is known of the old one")
    .option("--json", "print a document");
  addTrustFlags(add).action(async (repository: string, flags: PinFlags) => {
    finish(await addPins(context, nameOf(repository), flags));
  });
  const list = pin
    .command("list")
    .description("list what the policy pins")
    .option("--json", "print a document");
  addTrustFlags(list).action(async (flags: PinFlags) => finish(await listPins(context, flags)));
  const remove = pin
    .command("remove")
    .description("remove pins from the rule that speaks for a repository")
    .argument("<repository>", "full name of the repository")
    .option("--key <id>", "remove this key; may be repeated", collect, [])
    .option("--all", "remove every pin of the rule")
    .option("--json", "print a document");
  addTrustFlags(remove).action(async (repository: string, flags: PinFlags) => {
    finish(await removePins(context, nameOf(repository), flags));
  });
  parent.addCommand(pin);
}

/** `nginx` stands for `docker.io/library/nginx`, as everywhere. */
function nameOf(text: string): string {
  return parseReference(text).name;
}

async function addPins(context: ClientContext, repository: string, flags: PinFlags): Promise<number> {
  const path = policyPath(flags, context) ?? usualPolicy;
  const text = await readIfThere(path);
  const { policy: _, ...options } = trustOptions(flags, context);
  const before = await openTrust({ ...options, policy: text === undefined ? {} : path });
  let root: FoundRoot;
  try {
    root = await before.root(repository);
    refuseUnusedServer(flags, [root.server]);
  } finally {
    await before.close();
  }
  const chosen = flags.key.length > 0 ? keysGiven(root, flags.key) : await keysConfirmed(context, root);
  if (chosen === undefined) {
    context.stderr("Nothing was pinned.\n");
    return 0;
  }
  const change = await withPins(text ?? "", path, repository, chosen, options);
  await write(path, change.text);
  const { forgotten, problem } = await confirm(
    { ...options, policy: path },
    repository,
    flags.replaced === true,
  );
  if (flags.json === true) {
    const { rule, keyIds: added } = change;
    printJson(context, { format: "vidimus-pin/1", policy: path, rule, added, root, forgotten, problem });
    return exitOf(problem);
  }
  const added = change.keyIds.length === 0 ? "was pinned already" : `pins ${change.keyIds.join(", ")}`;
  context.stdout(`${path}: the rule ${change.rule} ${added}.\n`);
  if (forgotten)
    context.stdout(`What was known of an earlier ${repository} is forgotten: it was made anew.\n`);
  if (problem !== undefined)
    context.stderr(
      `${forTerminal(`It cannot be used yet. ${problem.what} ${problem.who}: ${problem.next}`)}\n`,
    );
  return exitOf(problem);
}

/** What was asked for is done; the code says whether it helps. */
function exitOf(problem: Explanation | undefined): number {
  return problem === undefined ? 0 : endings[problem.ending].exit;
}

interface Confirmed {
  /** Whether the repository was made anew, and what was known of the old one is forgotten. */
  readonly forgotten: boolean;
  /** Why it cannot be used although it is pinned. */
  readonly problem: Explanation | undefined;
}

/**
 * Whether the repository can be used now. One that was made anew does not follow from what is cached; the old is forgotten
 * only where the caller says that it was replaced, for who serves an old root again looks the same from here.
 */
async function confirm(options: TrustOptions, repository: string, replaced: boolean): Promise<Confirmed> {
  const trust = await openTrust(options);
  let forgotten = false;
  try {
    try {
      await trust.check(repository);
    } catch (error) {
      if (!replaced || !(await isMadeAnew(trust, repository, error))) throw error;
      await trust.forget(repository);
      forgotten = true;
      await trust.check(repository);
    }
    return { forgotten, problem: undefined };
  } catch (error) {
    const problem = explain(error);
    if (problem === undefined) throw error;
    return { forgotten, problem };
  } finally {
    await trust.close();
  }
}

const anew: ReadonlySet<string> = new Set([
  "REPOSITORY_REPLACED",
  "ROOT_NOT_SIGNED_BY_PREVIOUS",
  "PIN_MISMATCH",
]);

/** Also where a stranger's root was met before the right one was pinned: the pins fit what is served, not what is cached. */
async function isMadeAnew(trust: Trust, repository: string, error: unknown): Promise<boolean> {
  if (!(error instanceof TrustError) || !anew.has(error.code)) return false;
  return (await trust.root(repository)).pinned === true;
}

function keysGiven(root: FoundRoot, given: readonly string[]): readonly string[] {
  const known = new Set(root.keys.flatMap(({ keyId, certificateId }) => [keyId, certificateId]));
  const other = given.find((id) => !known.has(id));
  if (other === undefined) return given;
  throw new TrustError(
    "PIN_MISMATCH",
    `${other} is no key of the root of ${root.repository}, which has ${root.keys.map(({ keyId }) => keyId).join(", ")}.`,
    { repository: root.repository },
  );
}

async function keysConfirmed(
  context: ClientContext,
  root: FoundRoot,
): Promise<readonly string[] | undefined> {
  const { stderr, ask } = context;
  const lines = [
    `repository   ${root.repository} at ${root.server}`,
    `root         version ${root.version}, until ${root.expires}; ${root.threshold} of ${root.keys.length} keys must sign`,
    ...root.keys.flatMap(({ keyId, certificateId, algorithm, fingerprint, certificateEnds }) => [
      `key ID       ${keyId} (${algorithm})`,
      ...(certificateId === keyId ? [] : [`  or, of its certificate, ${certificateId}`]),
      ...(fingerprint === undefined ? [] : [`certificate  until ${certificateEnds}, SHA-256 ${fingerprint}`]),
    ]),
  ];
  stderr(`${lines.join("\n")}\n`);
  if (ask === undefined) {
    throw new UsageError(
      "Nobody can be asked here: compare the key IDs above with the publisher's, and give them with --key.",
    );
  }
  const answer = await ask(
    "Does the publisher say the same, on another way than this network? Type yes to pin: ",
  );
  return answer.trim().toLowerCase() === "yes" ? root.keys.map(({ keyId }) => keyId) : undefined;
}

async function listPins(context: ClientContext, flags: PinFlags): Promise<number> {
  const path = policyPath(flags, context) ?? usualPolicy;
  const pins = pinsOf(await readPolicyFile(path));
  if (flags.json === true) {
    printJson(context, { format: "vidimus-pins/1", policy: path, pins });
    return 0;
  }
  const rows = pins.flatMap(({ match, keys, certificates, ca }) => [
    ...keys.map((id) => [match, "key", id]),
    ...certificates.map((id) => [match, "certificate", id]),
    ...(ca === undefined ? [] : [[match, "CA", ca]]),
  ]);
  context.stdout(
    rows.length === 0
      ? `${path} pins nothing.\n`
      : `${formatTable([["repositories", "what", "pin"], ...rows], context.columns)}\n`,
  );
  return 0;
}

async function removePins(context: ClientContext, repository: string, flags: PinFlags): Promise<number> {
  if ((flags.all === true) === flags.key.length > 0) throw new UsageError("Give either --key or --all.");
  const path = policyPath(flags, context) ?? usualPolicy;
  const text = (await readIfThere(path)) ?? "";
  const change = await withoutPins(text, path, repository, flags.all === true ? "all" : flags.key);
  await write(path, change.text);
  if (flags.json === true)
    printJson(context, { format: "vidimus-pin/1", policy: path, rule: change.rule, removed: change.keyIds });
  else context.stdout(`${path}: ${change.keyIds.length} pins were removed from the rule ${change.rule}.\n`);
  return 0;
}

async function readIfThere(path: string): Promise<string | undefined> {
  if ((await stat(path).catch(() => undefined)) === undefined) return undefined;
  const text = await readText(path, "policy", largestPolicy, "POLICY_INVALID");
  await parsePolicy(text, path);
  return text;
}

/** With the mode that the file has; readable to all if it is new. A link stays one: what it leads to is replaced. */
async function write(path: string, text: string): Promise<void> {
  try {
    const there = await stat(path).catch(() => undefined);
    const place = there === undefined ? path : await realpath(path);
    await replaceFile(place, Buffer.from(text, "utf8"), (there?.mode ?? 0o644) & 0o777);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    throw new TrustError("OUTPUT_UNWRITABLE", `The policy cannot be written (${code}).`, {
      file: path,
      cause,
    });
  }
}
