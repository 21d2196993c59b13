/** `vidimus repo`: repositories as a whole. */

import { existsSync, readFileSync } from "node:fs";
import { Command } from "commander";
import { whileWriting } from "../../client/cache/lock.ts";
import { examples } from "../../client/cli/examples.ts";
import { policyPath, usualPolicy } from "../../client/cli/flags.ts";
import { replaceFile } from "../../client/files/replace-file.ts";
import { withPins } from "../../client/policy/edit.ts";
import type { RepositoryCopy } from "../../client/repository-copy.ts";
import type { ListedKey } from "../../core/keys.ts";
import { canonicalKeyId } from "../../core/keys.ts";
import { firstDraft, type NewRepository, publishNew } from "../../publisher/first.ts";
import { Opened } from "../../publisher/publish.ts";
import { formatTable, printable, printJson, printLine } from "../output.ts";
import { listedKeys } from "./key-arguments.ts";
import { propose, reviewOf, sayNext, sayState } from "./proposal-desk.ts";
import { addRepoDelete } from "./repo-delete.ts";
import { addRepoList } from "./repo-list.ts";
import { addPublishFlags, atDesk, type Desk, type Publishing, sayPublished } from "./tools.ts";
import { wordFor } from "./view.ts";

const collect = (value: string, all: readonly string[]) => [...all, value];

export function addRepo(parent: Command, publishing: Publishing): void {
  const repo = new Command("repo")
    .description("make, show and delete repositories")
    .copyInheritedSettings(parent);
  addInit(repo, publishing);
  addShow(repo, publishing);
  addRepoList(repo, publishing);
  addRepoDelete(repo, publishing);
  parent.addCommand(repo);
}

function addInit(parent: Command, publishing: Publishing): void {
  const init = parent
    .command("init")
    .description(
      "make a repository: its root and targets signed by people, snapshot and timestamp by the server",
    )
    .argument("<repository>", "name of the repository")
    .option(
      "--root <key>",
      "a key of yours (P-256), or the PEM file of another's certificate; may be repeated",
      collect,
      [],
    )
    .option(
      "--targets <key>",
      "a key of yours, or the PEM file of another's public key; may be repeated",
      collect,
      [],
    )
    .option("--propose", "collect the signatures of several people in a proposal")
    .option("--note <text>", "with --propose: what the others should know")
    .option("--root-threshold <number>", "how many of the root's keys must sign", "1")
    .option("--targets-threshold <number>", "how many of the targets' keys must sign", "1")
    .option("--expires <days>", "until when what is signed is good, in days (default: root 730, targets 365)")
    .addHelpText(
      "after",
      examples("vidimus repo init registry.acme.example/app --root offline-root --targets release"),
    );
  addPublishFlags(init).action(async (repository: string) => {
    const flags = init.opts<{
      root: string[];
      targets: string[];
      rootThreshold: string;
      targetsThreshold: string;
      propose?: true;
      note?: string;
    }>();
    if (flags.root.length === 0 || flags.targets.length === 0)
      init.error("error: name at least one key with --root and one with --targets: see vidimus key generate");
    const number = (text: string) => {
      if (!/^[1-9][0-9]{0,1}$/.test(text)) init.error("error: a threshold is a number from 1 to 99");
      return Number(text);
    };
    await atDesk(
      init,
      publishing,
      async (desk) => {
        const root = await listedKeys(flags.root, desk, repository);
        const wanted = {
          repository,
          root: { keys: root, threshold: number(flags.rootThreshold) },
          targets: { keys: await listedKeys(flags.targets, desk), threshold: number(flags.targetsThreshold) },
        };
        if (flags.propose === true) {
          const { server } = await proposeNew(publishing, desk, wanted, flags.note);
          await pin(init, publishing, repository, server, root);
          return;
        }
        const publication = await publishNew(desk.tools, wanted);
        const pinned = await pin(init, publishing, repository, publication.server, root);
        sayPublished(publishing.context, publication, desk.view, desk.json);
        if (!desk.json)
          printLine(
            publishing.context,
            `${pinned} pins its root now: keep that file with what verifies ${printable(repository)}.`,
          );
      },
      "begun",
    );
  });
}

/** The first draft as a proposal, signed by the keys that are here. */
async function proposeNew(
  publishing: Publishing,
  desk: Desk,
  wanted: NewRepository,
  note: string | undefined,
): Promise<{ readonly server: string }> {
  const draft = await firstDraft(desk.tools, wanted);
  const sender = await desk.trust.sender(wanted.repository);
  const opened = new Opened(desk.tools);
  try {
    const made = await propose(desk, opened, draft, note === undefined ? {} : { note });
    sayState(publishing, desk, await reviewOf(desk, made, undefined, sender.fetcher.origin), desk.json);
    if (!desk.json) sayNext(publishing, made);
    return { server: sender.fetcher.origin };
  } finally {
    opened.close();
  }
}

/** Whoever makes a repository knows its keys, and needs no first use. */
async function pin(
  command: Command,
  { client }: Publishing,
  repository: string,
  server: string,
  root: readonly ListedKey[],
): Promise<string> {
  const flags = command.opts<{ policy?: string; ca?: string; server?: string }>();
  const path = policyPath(flags, client) ?? usualPolicy;
  await whileWriting(path, async (held) => {
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    const asked = {
      server,
      ...(flags.ca !== undefined && { ca: flags.ca }),
      isNamed: flags.server !== undefined,
    };
    const change = await withPins(text, path, repository, root.map(canonicalKeyId), asked);
    if (change.text !== text) await replaceFile(path, Buffer.from(change.text, "utf8"), 0o644, held);
  });
  return path;
}

function addShow(parent: Command, publishing: Publishing): void {
  const show = parent
    .command("show")
    .description("show who signs what, until when, and what is signed")
    .argument("<repository>", "name of the repository")
    .addHelpText("after", examples("vidimus repo show registry.acme.example/app"));
  addPublishFlags(show).action(async (repository: string) => {
    await atDesk(show, publishing, async (desk) => {
      const copy = await desk.trust.copy(repository);
      if (desk.json) return printJson(publishing.context, documentOf(copy));
      printLine(publishing.context, textOf(copy, desk));
    });
  });
}

function rolesOf({ root, targets, unusable }: RepositoryCopy) {
  const top = [...root.signed.roles].map(([role, { keys, threshold }]) => {
    const file = role === "root" ? root : role === "targets" ? targets.get(role) : undefined;
    return {
      role,
      keys,
      threshold,
      version: file?.signed.version,
      expires: file?.signed.expires,
      unusable: undefined as string | undefined,
    };
  });
  const below = [...targets.values()].flatMap(({ signed }) =>
    signed.delegations.map(({ role, keys, threshold }) => {
      const file = targets.get(role)?.signed;
      return {
        role,
        keys,
        threshold,
        version: file?.version,
        expires: file?.expires,
        unusable: unusable.get(role),
      };
    }),
  );
  return [...top, ...below].map(({ keys, expires, ...rest }) => ({
    ...rest,
    keyIds: [...keys.values()].map(canonicalKeyId),
    expires: expires === undefined ? undefined : new Date(expires).toISOString(),
  }));
}

function targetsOf({ targets }: RepositoryCopy) {
  return [...targets].flatMap(([role, { signed }]) =>
    [...signed.targetNames()].map((name) => {
      const target = signed.target(name);
      return { name, role, length: target?.length, sha256: target?.hashes.get("sha256") };
    }),
  );
}

function documentOf(copy: RepositoryCopy): object {
  const { repository, server } = copy;
  return {
    format: "vidimus-repository/1",
    repository,
    server,
    roles: rolesOf(copy),
    targets: targetsOf(copy),
  };
}

const mostShown = 200;

function textOf(copy: RepositoryCopy, { view, tools }: Desk): string {
  const now = tools.now();
  const until = (expires: string) => `${expires.slice(0, 10)}${Date.parse(expires) > now ? "" : ", expired"}`;
  const roles = rolesOf(copy).map(({ role, version, threshold, keyIds, expires, unusable }) =>
    [
      role,
      unusable ?? `${version ?? ""}`,
      `${threshold} of ${keyIds.map((id) => wordFor(id, view.nameOf)).join(", ")}`,
      (expires && until(expires)) ??
        (role === "snapshot" || role === "timestamp" ? "by the server" : "no file yet"),
    ].map(printable),
  );
  const all = targetsOf(copy);
  const targets = all
    .slice(0, mostShown)
    .map(({ name, role, sha256 }) => [name, `sha256:${sha256}`, role].map(printable));
  const more = all.length - targets.length;
  return [
    `${printable(copy.repository)} at ${copy.server}`,
    "",
    formatTable([["ROLE", "VERSION", "SIGNED BY", "UNTIL"], ...roles]),
    "",
    targets.length === 0 ? "No target is signed." : formatTable([["NAME", "DIGEST", "ROLE"], ...targets]),
    ...(more > 0 ? [`and ${more} more (all with --json)`] : []),
  ].join("\n");
}
