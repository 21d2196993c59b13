/**
 * `pin add|list|remove`: the root keys that a policy trusts. What is pinned is for a person to decide, who compares the
 * fingerprint with what the publisher says on another way; so adding needs that person, or the key IDs as arguments.
 */
import { realpath, stat } from "node:fs/promises";
import { Command } from "commander";
import { signedName } from "../../policy/pattern.ts";
import { whileWriting } from "../cache-lock.ts";
import { type Explanation, endings, TrustError } from "../errors.ts";
import type { TrustOptions } from "../options.ts";
import { type Asked, type PinChange, pinsOf, withoutPins, withPins } from "../policy-edit.ts";
import { largestPolicy, parsePolicy, readPolicyFile } from "../policy-file.ts";
import { readText } from "../read-file.ts";
import { parseReference } from "../reference.ts";
import { replaceFile } from "../replace-file.ts";
import type { FoundRoot } from "../root-inspection.ts";
import { openTrust } from "../trust.ts";
import type { ClientContext } from "./context.ts";
import {
  addTrustFlags,
  policyPath,
  refuseUnusedServer,
  type TrustFlags,
  trustOptions,
  usualPolicy,
} from "./flags.ts";
import { confirm } from "./pin-confirm.ts";
import { printJson, UsageError } from "./report.ts";
import { count, formatTable, forTerminal } from "./table.ts";

interface PinFlags extends TrustFlags {
  readonly key: readonly string[];
  readonly files?: boolean;
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
    .argument(
      "<repository>",
      "name of the repository; with --key also a pattern such as registry.example.test/acme/**",
    )
    .option("--files", "it holds files: take its name as it is written, as `verify --repository` does")
    .option("--key <id>", "pin this key without asking; may be repeated", collect, [])
    .option("--replaced", "the repository was deleted and made anew: forget what is known of the old one")
    .option("--json", "print a document");
  addTrustFlags(add).action(async (repository: string, flags: PinFlags) => {
    finish(await addPins(context, nameOf(repository, flags), flags));
  });
  const list = pin
    .command("list")
    .description("list what the policy pins")
    .option("--json", "print a document");
  addTrustFlags(list).action(async (flags: PinFlags) => finish(await listPins(context, flags)));
  const remove = pin
    .command("remove")
    .description("remove pins from the rule that speaks for a repository")
    .argument("<repository>", "name of the repository, or the rule's pattern")
    .option("--files", "it holds files: take its name as it is written")
    .option("--key <id>", "remove this key; may be repeated", collect, [])
    .option("--all", "remove every pin of the rule")
    .option("--json", "print a document");
  addTrustFlags(remove).action(async (repository: string, flags: PinFlags) => {
    finish(await removePins(context, nameOf(repository, flags), flags));
  });
  parent.addCommand(pin);
}

/** `nginx` stands for `docker.io/library/nginx`, as for every image. A pattern, and a name of files, are as written. */
function nameOf(text: string, { files = false }: PinFlags): string {
  if (text.includes("*")) return text;
  return files ? signedName(text) : parseReference(text).name;
}

async function addPins(context: ClientContext, repository: string, flags: PinFlags): Promise<number> {
  const path = policyPath(flags, context) ?? usualPolicy;
  const text = await readIfThere(path);
  if (repository.includes("*")) return await addToPattern(context, repository, flags, path);
  const { policy: _, ...options } = trustOptions(flags, context);
  const before = await openTrust({ ...options, policy: text === undefined ? {} : path });
  let root: FoundRoot;
  try {
    root = await before.root(repository);
    refuseUnusedServer(flags, [root.server]);
  } catch (error) {
    throw withOtherName(error, repository);
  } finally {
    await before.close();
  }
  const chosen = flags.key.length > 0 ? keysGiven(root, flags.key) : await keysConfirmed(context, root);
  if (chosen === undefined) {
    context.stderr("Nothing was pinned.\n");
    return 0;
  }
  const change = await edit(path, (now) => withPins(now, path, repository, chosen, askedBy(flags, options)));
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
  sayAdded(context, path, change);
  if (forgotten)
    context.stdout(`What was known of an earlier ${repository} is forgotten: it was made anew.\n`);
  if (problem !== undefined)
    context.stderr(
      `${forTerminal(`It cannot be used yet. ${problem.what} ${problem.who}: ${problem.next}`)}\n`,
    );
  return exitOf(problem);
}

/** No root is shown for a pattern, which many repositories match: who gives key IDs has compared them already. */
async function addToPattern(
  context: ClientContext,
  pattern: string,
  flags: PinFlags,
  path: string,
): Promise<number> {
  const bad = flags.key.find((id) => !/^[0-9a-f]{64}$/.test(id));
  if (flags.key.length === 0) throw new UsageError("For a pattern, give the key IDs with --key.");
  if (bad !== undefined)
    throw new UsageError(`--key takes 64 lower-case hex digits, not ${forTerminal(bad)}.`);
  if (flags.replaced === true) throw new UsageError("--replaced is for one repository, not for a pattern.");
  const asked = askedBy(flags, trustOptions(flags, context));
  const change = await edit(path, async (now) => {
    const made = await withPins(now, path, pattern, flags.key, asked);
    refuseUnusedServer(flags, made.server === undefined ? [] : [made.server]);
    return made;
  });
  const { rule, keyIds: added } = change;
  if (flags.json === true) printJson(context, { format: "vidimus-pin/1", policy: path, rule, added });
  else sayAdded(context, path, change);
  return 0;
}

function askedBy(flags: TrustFlags, { server, ca }: TrustOptions): Asked {
  return { ...(server && { server }), ...(ca && { ca }), isNamed: flags.server !== undefined };
}

function sayAdded({ stdout }: ClientContext, path: string, { rule, keyIds }: PinChange): void {
  const added = keyIds.length === 0 ? "pins these keys already" : `pins ${keyIds.join(", ")}`;
  stdout(`${path}: the rule ${rule} ${added}.\n`);
}

/** A name without a host means an image's: where there is nothing under that, the name of files is told. */
function withOtherName(error: unknown, repository: string): unknown {
  const hub = /^docker\.io\/(?:library\/)?(.*)$/.exec(repository)?.[1];
  if (!(error instanceof TrustError) || error.code !== "NO_TRUST_DATA" || hub === undefined) return error;
  const other = `A repository of files that is called ${hub} itself is pinned with: pin add --files ${hub}`;
  return new TrustError(error.code, `${error.message} ${other}`, error);
}

/** What was asked for is done; the code says whether it helps. */
function exitOf(problem: Explanation | undefined): number {
  return problem === undefined ? 0 : endings[problem.ending].exit;
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
    "Does the publisher say the same, on another way than this network? Type yes or y to pin: ",
  );
  return /^y(?:es)?$/i.test(answer.trim()) ? root.keys.map(({ keyId }) => keyId) : undefined;
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
  const change = await edit(path, (now) =>
    withoutPins(now, path, repository, flags.all === true ? "all" : flags.key),
  );
  const { rule, keyIds: removed, now } = change;
  const left =
    (now.pins?.keys.length ?? 0) +
    (now.pins?.certificates.length ?? 0) +
    (now.pins?.ca === undefined ? 0 : 1);
  if (flags.json === true) {
    printJson(context, { format: "vidimus-pin/1", policy: path, rule, removed, left });
    return 0;
  }
  context.stdout(
    `${path}: ${count(removed.length, "pin was", "pins were")} removed from the rule ${rule}.\n`,
  );
  if (rule.includes("*")) context.stdout(`${ofAll(rule, left, now.tofu)}\n`);
  return 0;
}

/** What the removal means for every name that the rule speaks for. */
function ofAll(rule: string, left: number, tofu: boolean): string {
  const names = `every name that ${rule} matches and no more specific rule speaks for`;
  if (left > 0)
    return `This holds for ${names}: a root that fits none of the ${count(left, "pin", "pins")} left is refused.`;
  return tofu
    ? `This holds for ${names}: the first root that is met is trusted, for the rule says tofu: true.`
    : `Now ${names} is refused (NO_PIN).`;
}

async function readIfThere(path: string): Promise<string | undefined> {
  if ((await stat(path).catch(() => undefined)) === undefined) return undefined;
  const text = await readText(path, "policy", largestPolicy, "POLICY_INVALID");
  await parsePolicy(text, path);
  return text;
}

/**
 * Changes the policy as it is now, one at a time: what somebody wrote into it while a person was asked, or while the server
 * was, stays. It keeps its mode; a new one is readable to all. A link stays one: what it leads to is replaced.
 */
async function edit(path: string, change: (text: string) => Promise<PinChange>): Promise<PinChange> {
  try {
    const there = await stat(path).catch(() => undefined);
    const place = there === undefined ? path : await realpath(path);
    return await whileWriting(place, async (held) => {
      const before = (await readIfThere(path)) ?? "";
      const changed = await change(before);
      const mode = (there?.mode ?? 0o644) & 0o777;
      if (changed.text !== before) await replaceFile(place, Buffer.from(changed.text, "utf8"), mode, held);
      return changed;
    });
  } catch (cause) {
    if (cause instanceof TrustError || cause instanceof UsageError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === undefined) throw cause;
    throw new TrustError("OUTPUT_UNWRITABLE", `The policy cannot be written (${code}).`, {
      file: path,
      cause,
    });
  }
}
