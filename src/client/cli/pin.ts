/**
 * `pin add|list|remove`: the root keys that a policy trusts. What is pinned is for a person to decide, who compares the
 * fingerprint with what the publisher says on another way; so adding needs that person, or the key IDs as arguments.
 */

import { Command } from "commander";
import { signedName } from "../../policy/pattern.ts";
import { type Explanation, endings, TrustError } from "../errors.ts";
import type { TrustOptions } from "../options.ts";
import type { FoundRoot } from "../pins/root-inspection.ts";
import { type Asked, pinsOf, withoutPins, withPins } from "../policy/edit.ts";
import { readPolicyFile } from "../policy/file.ts";
import { parseReference } from "../reference.ts";
import { openTrust } from "../trust.ts";
import type { ClientContext } from "./context.ts";
import { examples } from "./examples.ts";
import {
  addTrustFlags,
  policyPath,
  refuseUnusedServer,
  type TrustFlags,
  trustOptions,
  usualPolicy,
} from "./flags.ts";
import { confirm } from "./pin-confirm.ts";
import { countPins, rootToCompare, sayAdded, sayPins, sayRemoved, sayUnusable } from "./pin-shown.ts";
import { edit, readIfThere } from "./policy-writing.ts";
import { printJson, UsageError } from "./report.ts";
import { forTerminal } from "./table.ts";

interface PinFlags extends TrustFlags {
  readonly key: readonly string[];
  readonly files?: boolean;
  readonly replaced?: boolean;
  readonly all?: boolean;
  readonly json?: boolean;
  readonly yes?: boolean;
}

export function addPin(parent: Command, context: ClientContext, finish: (code: number) => void): void {
  const collect = (value: string, all: readonly string[]) => [...all, value];
  const pin = new Command("pin")
    .description("root keys that the policy trusts")
    .copyInheritedSettings(parent);
  const add = pin
    .command("add")
    .addHelpText("after", examples(`${context.program} pin add registry.acme.example/app`))
    .description("show the root of a repository, with the fingerprint to compare, and pin its keys")
    .argument(
      "<repository>",
      "name of the repository; with --key also a pattern such as registry.example.test/acme/**",
    )
    .option("--files", "it holds files: take its name as it is written, as `verify --repository` does")
    .option("--key <id>", "pin this key without asking; may be repeated", collect, [])
    .option("--yes", "with --key: also a key that the root does not have yet, ahead of a rotation")
    .option("--replaced", "the repository was deleted and made anew: forget what is known of the old one")
    .option("--json", "print a document");
  addTrustFlags(add).action(async (repository: string, flags: PinFlags) => {
    finish(await addPins(context, nameOf(repository, flags), flags));
  });
  const list = pin
    .command("list")
    .addHelpText("after", examples(`${context.program} pin list`))
    .description("list what the policy pins")
    .option("--json", "print a document");
  addTrustFlags(list).action(async (flags: PinFlags) => finish(await listPins(context, flags)));
  const remove = pin
    .command("remove")
    .addHelpText("after", examples(`${context.program} pin remove registry.acme.example/app --all`))
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
  const chosen =
    flags.key.length > 0 ? await keysGiven(context, root, flags) : await keysConfirmed(context, root);
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
  if (problem !== undefined) sayUnusable(context, problem);
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

/**
 * A key that the root does not have, yet, is no mistake where it is about to be added to it: pinned beforehand, nothing is
 * refused on that day. Throws `PIN_MISMATCH` where nobody says that this is meant, `DECLINED` where somebody says no.
 */
async function keysGiven(
  { stderr, ask }: ClientContext,
  root: FoundRoot,
  { key: given, yes }: PinFlags,
): Promise<readonly string[]> {
  const { repository, keys } = root;
  const known = new Set(keys.flatMap(({ keyId, certificateId }) => [keyId, certificateId]));
  const others = given.filter((id) => !known.has(id));
  const [first] = others;
  if (first === undefined) return given;
  const has = `the root of ${repository}, which has ${keys.map(({ keyId }) => keyId).join(", ")}`;
  const isKeyId = others.every((id) => /^[0-9a-f]{64}$/.test(id));
  if (!isKeyId || (yes !== true && ask === undefined)) {
    const next = isKeyId
      ? "Check the ID; if the publisher has announced that this key will be added, give --yes."
      : "Give the whole ID of the key, 64 lower-case hex digits.";
    throw new TrustError("PIN_MISMATCH", `${first} is no key of ${has}.`, {
      repository,
      remedy: { who: "you", next },
    });
  }
  stderr(`${others.join(", ")}: no key of ${has}. Pinned now, it counts from when it signs the root.\n`);
  if (yes === true) return given;
  const answer = await ask?.(
    "Has the publisher announced it on another way than this network? Type yes or y to pin: ",
  );
  if (/^y(?:es)?$/i.test((answer ?? "").trim())) return given;
  throw declined(repository);
}

/** Throws `DECLINED` unless a person says yes. */
async function keysConfirmed({ stderr, ask }: ClientContext, root: FoundRoot): Promise<readonly string[]> {
  stderr(rootToCompare(root));
  if (ask === undefined) {
    throw new UsageError(
      "Nobody can be asked here: compare the key IDs above with the publisher's, and give them with --key.",
    );
  }
  const answer = await ask(
    "Does the publisher say the same, on another way than this network? Type yes or y to pin: ",
  );
  if (/^y(?:es)?$/i.test(answer.trim())) return root.keys.map(({ keyId }) => keyId);
  throw declined(root.repository);
}

function declined(repository: string): TrustError {
  return new TrustError("DECLINED", `Nothing was pinned for ${repository}: the answer was not yes.`, {
    repository,
  });
}

async function listPins(context: ClientContext, flags: PinFlags): Promise<number> {
  const path = policyPath(flags, context) ?? usualPolicy;
  const pins = pinsOf(await readPolicyFile(path));
  if (flags.json === true) {
    printJson(context, { format: "vidimus-pins/1", policy: path, pins });
    return 0;
  }
  sayPins(context, path, pins);
  return 0;
}

async function removePins(context: ClientContext, repository: string, flags: PinFlags): Promise<number> {
  if ((flags.all === true) === flags.key.length > 0) throw new UsageError("Give either --key or --all.");
  const path = policyPath(flags, context) ?? usualPolicy;
  const change = await edit(path, (now) =>
    withoutPins(now, path, repository, flags.all === true ? "all" : flags.key),
  );
  if (flags.json === true) {
    const { rule, keyIds: removed, now } = change;
    printJson(context, { format: "vidimus-pin/1", policy: path, rule, removed, left: countPins(now) });
  } else sayRemoved(context, path, change);
  return 0;
}
