/** `vidimus delegation` and `threshold`: who signs what. */
import { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import type { RepositoryCopy } from "../../client/repository-copy.ts";
import { canonicalKeyId } from "../../core/keys.ts";
import { isTopRole, parentRole, type TopRole } from "../../core/names.ts";
import type { Edit } from "../../publisher/edits.ts";
import { EditError } from "../../publisher/errors.ts";
import { count } from "../../publisher/words.ts";
import { formatTable, printable, printJson, printLine } from "../output.ts";
import { listedKeys } from "./key-arguments.ts";
import { addPublishFlags, atDesk, type Desk, type Publishing, stage } from "./tools.ts";
import { pathText, wordFor } from "./view.ts";

export function addRoles(parent: Command, publishing: Publishing): void {
  addDelegation(parent, publishing);
  addThreshold(parent, publishing);
}

const collect = (value: string, all: readonly string[]) => [...all, value];

function addDelegation(parent: Command, publishing: Publishing): void {
  const { context } = publishing;
  const delegation = new Command("delegation")
    .description("who else may sign which names")
    .copyInheritedSettings(parent);

  const add = delegation
    .command("add")
    .description("make a delegation, or give it more keys or paths")
    .argument("<repository>", "name of the repository")
    .argument("<role>", "targets/NAME")
    .option(
      "--key <key>",
      "a key of yours, or the PEM file of anybody's public key; may be repeated",
      collect,
      [],
    )
    .option("--path <prefix>", "names that begin so; may be repeated", collect, [])
    .option("--all-paths", "every name")
    .option("--threshold <number>", "how many of its keys must sign")
    .addHelpText(
      "after",
      examples("vidimus delegation add registry.acme.example/app targets/releases --key bob.pem --all-paths"),
    );
  addPublishFlags(add, { publishes: true }).action(async (repository: string, role: string) => {
    const flags = add.opts<{ key: string[]; path: string[]; allPaths?: true; threshold?: string }>();
    await stage(add, publishing, repository, async (copy, desk) => [
      {
        edit: "delegation",
        role: await withPaths(copy, desk, delegated(role), flags),
        addKeys: await listedKeys(flags.key, desk),
        addPaths: flags.allPaths === true ? [""] : flags.path,
        ...(flags.threshold !== undefined && { threshold: thresholdIn(add, flags.threshold) }),
      },
    ]);
  });

  const remove = delegation
    .command("remove")
    .description("remove keys or paths from a delegation; with neither, the delegation itself")
    .argument("<repository>", "name of the repository")
    .argument("<role>", "targets/NAME")
    .option("--key <id>", "a key that it lists; may be repeated", collect, [])
    .option("--path <prefix>", "a path that it has; may be repeated", collect, [])
    .addHelpText("after", examples("vidimus delegation remove registry.acme.example/app targets/releases"));
  addPublishFlags(remove, { publishes: true }).action(async (repository: string, role: string) => {
    const { key, path } = remove.opts<{ key: string[]; path: string[] }>();
    await stage(remove, publishing, repository, (copy): readonly Edit[] => {
      const present = copy.targets
        .get(parentRole(delegated(role)) ?? "")
        ?.signed.delegations.find((each) => each.role === role);
      if (present === undefined)
        throw new EditError("ROLE_UNKNOWN", `Nobody delegates to ${printable(role)}.`);
      if (key.length === 0 && path.length === 0) return [{ edit: "delegation-removal", role }];
      const gone = path.find((each) => !present.paths.includes(each));
      if (gone !== undefined)
        throw new EditError(
          "EDIT_IMPOSSIBLE",
          `${printable(role)} has no path ${printable(JSON.stringify(gone))}.`,
        );
      return [
        {
          edit: "delegation",
          role,
          removeKeys: key.map((id) => meant(present.keys.values(), id, role)),
          removePaths: path,
        },
      ];
    });
  });

  for (const [name, what] of [
    ["list", "list delegations with their keys, thresholds and paths"],
    ["tree", "show delegations as they lie below one another"],
    ["paths", "list which roles may sign a name"],
  ] as const) {
    const command = delegation
      .command(name)
      .description(what)
      .argument("<repository>", "name of the repository");
    if (name === "paths") command.argument("[target]", "only roles that may sign this name");
    command.addHelpText("after", examples(`vidimus delegation ${name} registry.acme.example/app`));
    addPublishFlags(command).action(async (repository: string, target: unknown) => {
      await atDesk(command, publishing, async ({ trust, json, view }) => {
        const copy = await trust.copy(repository);
        const all = delegationsOf(copy, typeof target === "string" ? target : undefined);
        if (json)
          return printJson(context, {
            format: "vidimus-delegations/1",
            repository: copy.repository,
            delegations: all,
          });
        const key = (id: string) => wordFor(id, view.nameOf);
        const rows = all.map(({ role, threshold, keyIds, paths, targets, unusable }) =>
          [
            name === "tree" ? `${"  ".repeat(role.split("/").length - 2)}${role.split("/").at(-1)}` : role,
            `${threshold} of ${keyIds.map(key).join(", ") || "no key"}`,
            paths.map(pathText).join(", ") || "nothing",
            unusable ?? (targets === undefined ? "no file yet" : count(targets, "target")),
          ].map(printable),
        );
        printLine(
          context,
          rows.length === 0
            ? noDelegation(copy, typeof target === "string" ? target : undefined)
            : formatTable([["ROLE", "SIGNED BY", "PATHS", "HOLDS"], ...rows]),
        );
      });
    });
  }
  parent.addCommand(delegation);
}

/** A new delegation that may sign no name would be of no use to anybody. Throws `EDIT_IMPOSSIBLE`. */
async function withPaths(
  { targets, server, repository }: RepositoryCopy,
  { staging }: Desk,
  role: string,
  { path, allPaths }: { readonly path: readonly string[]; readonly allPaths?: true },
): Promise<string> {
  if (path.length > 0 || allPaths === true) return role;
  const present = targets.get(parentRole(role) ?? "")?.signed.delegations ?? [];
  const { edits } = await staging.read({ server, repository });
  const isStaged = edits.some((each) => each.edit === "delegation" && each.role === role);
  if (isStaged || present.some((each) => each.role === role)) return role;
  throw new EditError(
    "EDIT_IMPOSSIBLE",
    `${printable(role)} would be new and could sign no name: say which with --path PREFIX, or --all-paths.`,
  );
}

function noDelegation({ repository }: RepositoryCopy, target: string | undefined): string {
  return target === undefined
    ? `${printable(repository)} has no delegation: targets signs every name.`
    : `No delegation covers ${printable(target)}: targets alone may sign it.`;
}

interface DelegationDocument {
  readonly role: string;
  readonly threshold: number;
  readonly keyIds: readonly string[];
  readonly paths: readonly string[];
  readonly targets: number | undefined;
  readonly unusable: string | undefined;
}

function delegationsOf(
  { targets, unusable }: RepositoryCopy,
  covering: string | undefined,
): readonly DelegationDocument[] {
  return [...targets.values()]
    .flatMap(({ signed }) =>
      signed.delegations
        .filter(({ paths }) => covering === undefined || paths.some((path) => covering.startsWith(path)))
        .map(({ role, threshold, keys, paths }) => ({
          role,
          threshold,
          keyIds: [...keys.values()].map(canonicalKeyId),
          paths,
          targets: targets.get(role)?.signed.size,
          unusable: unusable.get(role),
        })),
    )
    .sort((a, b) => (a.role < b.role ? -1 : 1));
}

function addThreshold(parent: Command, publishing: Publishing): void {
  const threshold = new Command("threshold")
    .description("how many people must sign a role")
    .copyInheritedSettings(parent);
  const set = threshold
    .command("set")
    .description("let a role need this many signatures by different keys")
    .argument("<repository>", "name of the repository")
    .argument("<role>", "root, targets or targets/NAME")
    .argument("<number>", "signatures")
    .addHelpText("after", examples("vidimus threshold set registry.acme.example/app targets/releases 2"));
  addPublishFlags(set, { publishes: true }).action(async (repository: string, role: string, text: string) => {
    const number = thresholdIn(set, text);
    await stage(set, publishing, repository, (): readonly Edit[] => [
      isTopRole(role)
        ? { edit: "threshold", role: offline(role), threshold: number }
        : { edit: "delegation", role: delegated(role), threshold: number },
    ]);
  });
  parent.addCommand(threshold);
}

function thresholdIn(command: Command, text: string): number {
  if (!/^[1-9][0-9]{0,2}$/.test(text)) command.error("error: a threshold is a number from 1 to 999");
  return Number(text);
}

function offline(role: TopRole): TopRole {
  if (role === "root" || role === "targets") return role;
  throw new EditError("EDIT_IMPOSSIBLE", `${role} is signed by the server: its threshold is 1.`);
}

export function delegated(role: string): string {
  if (parentRole(role) !== undefined && role.startsWith("targets/")) return role;
  throw new EditError("ROLE_UNKNOWN", `${printable(role)} is no delegated role, such as targets/releases.`);
}

/** The bare ID of the one listed key that begins so. Throws `KEY_NOT_LISTED`. */
export function meant(
  keys: Iterable<Parameters<typeof canonicalKeyId>[0]>,
  text: string,
  role: string,
): string {
  const ids = [...keys].map(canonicalKeyId);
  const found = [...new Set(ids)].filter((id) => text.length >= 8 && id.startsWith(text));
  if (found.length === 1 && found[0] !== undefined) return found[0];
  throw new EditError(
    "KEY_NOT_LISTED",
    `${printable(role)} lists no key ${printable(text)}; it lists ${ids.map((id) => id.slice(0, 12)).join(", ") || "none"}. Give at least 8 digits.`,
  );
}
