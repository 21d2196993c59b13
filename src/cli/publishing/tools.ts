/**
 * What the commands of publishers have in common: a trust for the verified copy, keys, staged edits, and how a command ends. No
 * command of these ever sends anything that was not shown or asked for by its arguments.
 */

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import type { Command } from "commander";
import type { ClientContext } from "../../client/cli/context.ts";
import { addTrustFlags, type TrustFlags, trustOptions } from "../../client/cli/flags.ts";
import { holdToNamed } from "../../client/cli/sending.ts";
import { commandOf } from "../../client/command.ts";
import { TrustError } from "../../client/errors.ts";
import type { RepositoryCopy } from "../../client/repository-copy.ts";
import { openTrust, type Trust } from "../../client/trust.ts";
import { notary } from "../../core/format/notary.ts";
import { badRepositoryName, isRepositoryName } from "../../core/names.ts";
import { applyEdits } from "../../publisher/apply.ts";
import { KeyError } from "../../publisher/custody/errors.ts";
import { draftOf } from "../../publisher/draft.ts";
import { defaultLifetimes, type Edit, type Lifetimes, type Staged } from "../../publisher/edits.ts";
import { PublishError } from "../../publisher/errors.ts";
import { isThere } from "../../publisher/first.ts";
import { type PinOutlook, pinOutlookOf } from "../../publisher/pin-outlook.ts";
import { type Publication, type PublisherTools, publishEdits } from "../../publisher/publish.ts";
import { Staging, together } from "../../publisher/staging.ts";
import { count } from "../../publisher/words.ts";
import { addKeyFlags, addPassphraseFlags, type KeyFlags, type Keys, withKeys } from "../keys/flags.ts";
import { type CliContext, printable, printJson, printLine } from "../output.ts";
import { type Progress, progressOf } from "../progress.ts";
import { changesText, pinLines, type ViewOptions } from "./view.ts";

export interface PublishFlags extends TrustFlags, KeyFlags {
  readonly staging?: string;
  readonly publish?: true;
  readonly expires?: string;
}

/** What a command is run in. */
export interface Publishing {
  readonly context: CliContext;
  readonly client: ClientContext;
  /** Told the exit code of a command that ends otherwise than well. */
  readonly finish: (code: number) => void;
}

export interface Desk extends Keys {
  readonly trust: Trust;
  readonly staging: Staging;
  readonly tools: PublisherTools;
  readonly view: ViewOptions;
  readonly json: boolean;
  readonly readFile: (path: string) => string;
  readonly progress: Progress;
}

export function addPublishFlags(command: Command, { publishes = false } = {}): Command {
  addTrustFlags(command);
  addKeyFlags(command);
  addPassphraseFlags(command);
  command.option("--staging <dir>", "where edits wait (default: VIDIMUS_STAGING, or ~/.vidimus/staging)");
  if (publishes)
    command
      .option("-p, --publish", "publish at once, with everything that is staged")
      .option(
        "--expires <days>",
        "until when what is signed is good, in days (default: root 730, others 365)",
      );
  return command;
}

/**
 * Runs a command with all it needs, and closes it again.
 * @param policy `begun`: where none is, the command makes one; `perhaps`: also where the surroundings name one that is not there
 */
export async function atDesk<T>(
  command: Command,
  { context, client }: Publishing,
  run: (desk: Desk) => Promise<T>,
  policy: "as named" | "begun" | "perhaps" = "as named",
): Promise<T> {
  const flags = command.opts<PublishFlags>();
  const { policy: path, ...options } = trustOptions(flags, client);
  const mayBeMissing = policy === "begun" || (policy === "perhaps" && flags.policy === undefined);
  const isMissing = mayBeMissing && typeof path === "string" && !existsSync(path);
  const progress = progressOf(context);
  const trust = await openTrust({
    ...options,
    onEvent: (event) =>
      event.type === "request" && progress.tell(`reading ${event.repository}: ${event.file}`),
    ...(path !== undefined && { policy: isMissing ? {} : path }),
  });
  holdToNamed(trust, flags, client);
  try {
    return await withKeys(command, context, async (keys) => {
      const names = new Map((await keys.ring.list()).map(({ id, name }) => [id, name]));
      const view: ViewOptions = {
        color: context.isOutputTerminal === true && context.env.NO_COLOR === undefined,
        nameOf: (id) => names.get(id),
      };
      const tools: PublisherTools = {
        trust,
        format: notary,
        keys: keys.ring,
        unlocking: keys.passphrases,
        lifetimes: lifetimesOf(command, flags.expires),
        now: client.now,
        doing: (what) => progress.tell(what),
        foresaw: (outlook, repository) =>
          sayForeseen(context, outlook, repository, view, flags.json === true),
      };
      const staging = new Staging(flags.staging ?? stagingFolder(context.env));
      const { readFile } = context;
      return await run({
        ...keys,
        trust,
        staging,
        tools,
        view,
        json: flags.json === true,
        readFile,
        progress,
      });
    });
  } catch (error) {
    throw await asPublisherIsTold(error, trust);
  } finally {
    await trust.close();
  }
}

/** Before anything is signed; beside a document on standard error. */
function sayForeseen(
  context: CliContext,
  outlook: PinOutlook | undefined,
  repository: string,
  view: ViewOptions,
  json: boolean,
): void {
  for (const line of pinLines(outlook, repository, view))
    if (json) context.stderr(`${line}\n`);
    else printLine(context, line);
}

/** For commands that are of use before there is a policy: the surroundings may name where it will be. */
export function atAnyDesk<T>(
  command: Command,
  publishing: Publishing,
  run: (desk: Desk) => Promise<T>,
): Promise<T> {
  return atDesk(command, publishing, run, "perhaps");
}

/** A reader is sent to the publisher, who is the one that asks here; and no rule is wanted for what is not there yet. */
async function asPublisherIsTold(error: unknown, trust: Trust): Promise<unknown> {
  if (!(error instanceof TrustError)) return error;
  const { code, message, repository = "NAME", remedy, cause } = error;
  // No rule will ever speak for what no repository can be called.
  if (code === "NO_RULE" && !isRepositoryName(repository)) return oddName(repository);
  const isUnruled = code === "NO_RULE" && (await isMissing(trust, repository));
  if (!isUnruled && (code !== "NO_TRUST_DATA" || remedy !== undefined)) return error;
  const init = commandOf("repo", "init", repository, "--root", "KEY", "--targets", "KEY");
  const next = `Check the name and the server; if it is to be made: ${init}`;
  const what = isUnruled ? `${repository} has no trust data at the trust server.` : message;
  return new TrustError("NO_TRUST_DATA", what, { ...error, cause, remedy: { who: "you", next } });
}

function oddName(repository: string): TrustError {
  return new TrustError("BAD_REPOSITORY_NAME", badRepositoryName, { repository });
}

/** Whether the server, which is asked once, says so. */
async function isMissing(trust: Trust, repository: string): Promise<boolean> {
  try {
    return !(await isThere(await trust.sender(repository)));
  } catch {
    return false;
  }
}

function stagingFolder({ VIDIMUS_STAGING, HOME }: CliContext["env"]): string {
  if (VIDIMUS_STAGING !== undefined && isAbsolute(VIDIMUS_STAGING)) return VIDIMUS_STAGING;
  return join(HOME || homedir(), ".vidimus", "staging");
}

const day = 86_400_000;

function lifetimesOf(command: Command, expires: string | undefined): Lifetimes {
  if (expires === undefined) return defaultLifetimes;
  if (!/^[1-9][0-9]{0,4}$/.test(expires)) command.error("error: --expires takes whole days, 1 to 99999");
  const time = Number(expires) * day;
  return { root: time, targets: time, delegations: time };
}

/**
 * Stages edits after trying them on what is current, shows what they change, and publishes where that was asked for.
 * @param make gives the edits, from a verified copy
 */
export async function stage(
  command: Command,
  publishing: Publishing,
  repository: string,
  make: (copy: RepositoryCopy, desk: Desk) => Promise<readonly Edit[]> | readonly Edit[],
): Promise<void> {
  const { publish } = command.opts<PublishFlags>();
  await atDesk(command, publishing, async (desk) => {
    const { staging, trust, tools } = desk;
    desk.progress.tell(`reading ${repository}`);
    const copy = await trust.copy(repository);
    const place = { server: copy.server, repository: copy.repository };
    const { edits: before } = await staging.read(place);
    const edits = await make(copy, desk);
    const signing = { format: tools.format, lifetimes: tools.lifetimes, at: tools.now() };
    const contents = applyEdits(copy, together(before, edits), signing);
    const { edits: all } = await staging.add(place, edits);
    if (publish === true) {
      try {
        await publishStaged(publishing, desk, copy.repository, all);
      } catch (error) {
        // A wrong passphrase leaves nothing: the same command is run again with the right one.
        if (error instanceof KeyError) await staging.exchange(place, edits, before);
        throw error;
      }
      return;
    }
    if (desk.json) printJson(publishing.context, { format: "vidimus-staged/1", ...place, edits: all });
    else
      printLine(
        publishing.context,
        `Staged for ${printable(copy.repository)}: ${count(all.length, "edit")}. See \`vidimus diff ${printable(copy.repository)}\`, then \`vidimus publish ${printable(copy.repository)}\`.`,
      );
    if (contents.root === undefined) return;
    const draft = draftOf(copy.repository, signing, copy, contents);
    const outlook = await pinOutlookOf(tools, draft, new Map());
    sayForeseen(publishing.context, outlook, copy.repository, desk.view, desk.json);
  });
}

/** Publishes what is staged, and takes it out of the staging once the server has it. */
export async function publishStaged(
  { context }: Publishing,
  { staging, tools, view, json, trust }: Desk,
  repository: string,
  edits: readonly Edit[],
): Promise<void> {
  const publication = await publishEdits(tools, repository, edits);
  const { fetcher } = await trust.sender(repository);
  await staging.remove({ server: fetcher.origin, repository: publication.repository }, edits);
  sayPublished(context, publication, view, json);
}

export function sayPublished(
  context: CliContext,
  publication: Publication,
  view: ViewOptions,
  json: boolean,
): void {
  if (json) {
    printJson(context, { format: "vidimus-publication/1", ...publication });
    return;
  }
  const { repository, server, files, changes, rebased, broken, unpinned } = publication;
  if (files.length === 0) {
    printLine(
      context,
      `${printable(repository)} at ${server} says all of this already: nothing was published.`,
    );
    return;
  }
  printLine(context, changesText(changes, view));
  const versions = files.map(({ role, version }) => `${printable(role)} ${version}`).join(", ");
  const again = rebased === 0 ? "" : `, on top of what others published meanwhile (${rebased} times)`;
  printLine(context, `Published ${printable(repository)} at ${server}: ${versions}${again}.`);
  for (const role of broken)
    printLine(
      context,
      `${printable(role)} must be signed again by its new keys before readers take it: vidimus resign ${printable(repository)} ${printable(role)}`,
    );
  if (unpinned.length > 0)
    printLine(
      context,
      `Whoever pins its root, and not its new keys, refuses it until they are pinned: vidimus pin add ${printable(repository)}${unpinned.map((id) => ` --key ${id}`).join("")}`,
    );
}

/** Throws `NOTHING_STAGED`. */
export async function stagedFor({ staging, trust }: Desk, repository: string): Promise<Staged> {
  const sender = await trust.sender(repository);
  const staged = await staging.read({ server: sender.fetcher.origin, repository: sender.repository });
  if (staged.edits.length > 0) return staged;
  if (!isRepositoryName(sender.repository)) throw oddName(sender.repository);
  throw new PublishError(
    "NOTHING_STAGED",
    `Nothing is staged for ${printable(sender.repository)}: stage something with vidimus add, remove, delegation or threshold.`,
  );
}
