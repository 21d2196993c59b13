/** `vidimus prune` and `promote`: signatures that are old, and names that go from one role to another. */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import type { RepositoryCopy } from "../../client/repository-copy.ts";
import type { TargetContent } from "../../core/format/format.ts";
import { signedAtOf } from "../../policy/rules/ages.ts";
import { targetsContentOf } from "../../publisher/contents.ts";
import type { Edit } from "../../publisher/edits.ts";
import { EditError } from "../../publisher/errors.ts";
import { publishedFile } from "../../publisher/lapsed.ts";
import { exitCodes } from "../exit-codes.ts";
import { formatTable, printable, printJson, printLine } from "../output.ts";
import { addPublishFlags, atDesk, type Publishing, stage } from "./tools.ts";

const day = 86_400_000;

interface Old {
  readonly role: string;
  readonly name: string;
  readonly sha256: string;
  /** RFC 3339; undefined where no date was signed. */
  readonly signedAt: string | undefined;
}

export function addOld(parent: Command, publishing: Publishing): void {
  addPrune(parent, publishing);
  addPromote(parent, publishing);
}

function addPrune(parent: Command, publishing: Publishing): void {
  const { context, finish } = publishing;
  const prune = parent
    .command("prune")
    .description("take back old signatures: shows them first, and stages their removal with --yes")
    .argument("<repository>", "name of the repository")
    .option("--role <role>", "only of this role (default: of every role)")
    .option("--older-than <days>", "signed longer ago than this")
    .option("--unknown-age", "with --older-than: also those that carry no date of signing")
    .option("--pattern <text>", "whose names match; * stands for anything")
    .option("--yes", "stage the removal")
    .addHelpText(
      "after",
      examples(
        "vidimus prune registry.acme.example/app --older-than 180",
        "vidimus prune registry.acme.example/app --pattern 'nightly-*' --yes",
      ),
    );
  addPublishFlags(prune, { publishes: true }).action(async (repository: string) => {
    const flags = prune.opts<{
      role?: string;
      olderThan?: string;
      unknownAge?: true;
      pattern?: string;
      yes?: true;
    }>();
    const { olderThan, pattern, role, unknownAge } = flags;
    if (olderThan === undefined && pattern === undefined)
      prune.error("error: say what is old: --older-than DAYS, --pattern TEXT, or both");
    if (olderThan !== undefined && !/^[0-9]{1,5}$/.test(olderThan))
      prune.error("error: --older-than takes whole days");
    const wanted: Wanted = {
      role,
      before: olderThan === undefined ? undefined : publishing.client.now() - Number(olderThan) * day,
      unknown: unknownAge === true,
      pattern: pattern === undefined ? undefined : asPattern(pattern),
    };
    if (flags.yes === true) {
      await stage(prune, publishing, repository, (copy) =>
        oldIn(copy, wanted).map(
          (each): Edit => ({ edit: "remove", role: each.role, name: each.name, stood: each.sha256 }),
        ),
      );
      return;
    }
    await atDesk(prune, publishing, async ({ trust, json }) => {
      const found = oldIn(await trust.copy(repository), wanted);
      if (json) printJson(context, { format: "vidimus-prune/1", repository, old: found });
      else {
        const rows = found.map(({ role: of, name, sha256, signedAt }) =>
          [name, `sha256:${sha256}`, of, signedAt ?? "no date"].map(printable),
        );
        printLine(
          context,
          rows.length === 0
            ? "Nothing is that old."
            : formatTable([["NAME", "DIGEST", "ROLE", "SIGNED"], ...rows]),
        );
      }
      if (found.length === 0) return;
      context.stderr("Nothing was removed. To stage the removal of these, give --yes.\n");
      finish(exitCodes.unconfirmed.code);
    });
  });
}

interface Wanted {
  readonly role: string | undefined;
  /** Milliseconds. */
  readonly before: number | undefined;
  readonly unknown: boolean;
  readonly pattern: RegExp | undefined;
}

function oldIn(
  { targets }: RepositoryCopy,
  { role: only, before, unknown, pattern }: Wanted,
): readonly Old[] {
  const found: Old[] = [];
  for (const [role, { signed }] of targets) {
    if (only !== undefined && role !== only) continue;
    for (const name of signed.targetNames()) {
      const target = signed.target(name);
      const sha256 = target?.hashes.get("sha256");
      if (target === undefined || sha256 === undefined) continue;
      if (pattern !== undefined && !pattern.test(name)) continue;
      const date = signedAtOf(target);
      const isDated = date !== undefined && !Number.isNaN(date);
      if (before !== undefined && !(isDated ? date < before : unknown)) continue;
      found.push({ role, name, sha256, signedAt: isDated ? new Date(date).toISOString() : undefined });
    }
  }
  return found;
}

function asPattern(text: string): RegExp {
  const parts = text.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "su");
}

function addPromote(parent: Command, publishing: Publishing): void {
  const promote = parent
    .command("promote")
    .description("sign in one role what another role signs already")
    .argument("<repository>", "name of the repository")
    .argument("<names...>", "names of targets")
    .requiredOption("--from <role>", "the role that signs them")
    .requiredOption("--to <role>", "the role that shall sign them")
    .option("--move", "names may be signed there already as something else")
    .option("--remove", "take them back in the first role")
    .addHelpText(
      "after",
      examples("vidimus promote registry.acme.example/app 1.2 --from targets/staging --to targets/releases"),
    );
  addPublishFlags(promote, { publishes: true }).action(
    async (repository: string, names: readonly string[]) => {
      const { from, to, move, remove } = promote.opts<{
        from: string;
        to: string;
        move?: true;
        remove?: true;
      }>();
      if (from === to) promote.error("error: --from and --to name the same role");
      await stage(promote, publishing, repository, (copy): readonly Edit[] => {
        const source = copy.targets.get(from);
        if (source === undefined) throw new EditError("ROLE_UNKNOWN", `${printable(from)} has no file.`);
        const { targets } = targetsContentOf(from, source.signed);
        return names.flatMap((name): readonly Edit[] => {
          const target: TargetContent | undefined = targets.get(name);
          if (target === undefined)
            throw new EditError("TARGET_UNKNOWN", `${printable(from)} signs no ${printable(name)}.`);
          const stood = publishedFile(copy, to)?.signed.target(name)?.hashes.get("sha256") ?? null;
          if (stood !== null && stood !== target.sha256 && move !== true)
            throw new EditError(
              "MOVE_NOT_ASKED",
              `${printable(name)} is signed by ${printable(to)} as sha256:${stood} already: give --move if it shall become another.`,
            );
          const gone: readonly Edit[] =
            remove === true ? [{ edit: "remove", role: from, name, stood: target.sha256 }] : [];
          return [{ edit: "add", role: to, name, target, stood }, ...gone];
        });
      });
    },
  );
}
