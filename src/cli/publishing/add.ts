/** `vidimus add`, `add-digest` and `remove`: targets, staged. */
import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import type { RepositoryCopy } from "../../client/repository-copy.ts";
import type { TargetContent } from "../../core/format/format.ts";
import { type Json, parseJson } from "../../core/json.ts";
import type { Edit } from "../../publisher/edits.ts";
import { EditError } from "../../publisher/errors.ts";
import { publishedFile } from "../../publisher/lapsed.ts";
import { printable } from "../output.ts";
import type { Progress } from "../progress.ts";
import { addPublishFlags, type Publishing, stage } from "./tools.ts";

interface AddFlags {
  readonly role: string;
  readonly move?: true;
  readonly custom?: string;
}

export function addTargets(parent: Command, publishing: Publishing): void {
  const add = parent
    .command("add")
    .description("sign a file under a name")
    .argument("<repository>", "name of the repository")
    .argument("<name>", "what it is called there")
    .argument("<file>", "the file")
    .addHelpText("after", examples("vidimus add registry.acme.example/firmware v1.2/boot.bin boot.bin"));
  withTargetFlags(add).action(async (repository: string, name: string, file: string) => {
    await stage(add, publishing, repository, async (copy, { progress }) => [
      added(copy, name, await factsOfFile(file, progress), add.opts<AddFlags>(), publishing),
    ]);
  });
  const digest = parent
    .command("add-digest")
    .description("sign what is known by its length and digest")
    .argument("<repository>", "name of the repository")
    .argument("<name>", "what it is called there")
    .requiredOption("--size <bytes>", "its length")
    .requiredOption("--sha256 <hex>", "its SHA-256")
    .option("--sha512 <hex>", "its SHA-512")
    .addHelpText(
      "after",
      examples(
        `vidimus add-digest registry.acme.example/app 1.2 --size 528 --sha256 ${"0123456789abcdef".repeat(4)}`,
      ),
    );
  withTargetFlags(digest).action(async (repository: string, name: string) => {
    const flags = digest.opts<AddFlags & { size: string; sha256: string; sha512?: string }>();
    const target = readDigest(digest, flags);
    await stage(digest, publishing, repository, (copy) => [added(copy, name, target, flags, publishing)]);
  });
  const remove = parent
    .command("remove")
    .description("take signatures back: the names are signed no more")
    .argument("<repository>", "name of the repository")
    .argument("<names...>", "names of targets")
    .option("--role <role>", "the role that signs them", "targets")
    .addHelpText("after", examples("vidimus remove registry.acme.example/app 1.0 1.1"));
  addPublishFlags(remove, { publishes: true }).action(async (repository: string, names: string[]) => {
    const { role } = remove.opts<{ role: string }>();
    await stage(remove, publishing, repository, (copy) => names.map((name) => removed(copy, role, name)));
  });
}

function withTargetFlags(command: Command): Command {
  command
    .option("--role <role>", "the role that signs it", "targets")
    .option("--move", "the name may be signed already: it becomes another")
    .option("--custom <file>", "JSON that is signed with it");
  return addPublishFlags(command, { publishes: true });
}

function added(
  copy: RepositoryCopy,
  name: string,
  facts: TargetContent,
  { role, move, custom }: AddFlags,
  { context }: Publishing,
): Edit {
  const present = publishedFile(copy, role)?.signed.target(name)?.hashes.get("sha256");
  if (present !== undefined && present !== facts.sha256 && move !== true) {
    throw new EditError(
      "MOVE_NOT_ASKED",
      `${printable(name)} is signed by ${role} as sha256:${present} already, and would become sha256:${facts.sha256}: give --move if that is meant.`,
    );
  }
  const target =
    custom === undefined ? facts : { ...facts, custom: readCustom(custom, context.readFile(custom)) };
  return { edit: "add", role, name, target, stood: present ?? null };
}

function removed(copy: RepositoryCopy, role: string, name: string): Edit {
  const present = publishedFile(copy, role)?.signed.target(name)?.hashes.get("sha256");
  if (present === undefined)
    throw new EditError("TARGET_UNKNOWN", `${role} signs no ${printable(name)}: see vidimus repo show.`);
  return { edit: "remove", role, name, stood: present };
}

function readCustom(file: string, text: string): Json {
  try {
    return parseJson(Buffer.from(text, "utf8"), { controlCharacters: false }).value;
  } catch (error) {
    throw new EditError(
      "EDIT_IMPOSSIBLE",
      `${printable(file)} is no JSON that can be signed: ${(error as Error).message}`,
    );
  }
}

function readDigest(
  command: Command,
  { size, sha256, sha512 }: { size: string; sha256: string; sha512?: string },
): TargetContent {
  if (!/^[0-9]{1,15}$/.test(size)) command.error("error: --size takes a number of bytes");
  if (!/^[0-9a-f]{64}$/.test(sha256)) command.error("error: --sha256 takes 64 lower-case hex digits");
  if (sha512 !== undefined && !/^[0-9a-f]{128}$/.test(sha512))
    command.error("error: --sha512 takes 128 lower-case hex digits");
  return { length: Number(size), sha256, sha512 };
}

async function factsOfFile(path: string, progress: Progress): Promise<TargetContent> {
  const [sha256, sha512] = [createHash("sha256"), createHash("sha512")];
  let length = 0;
  try {
    const { size } = statSync(path);
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      length += chunk.length;
      progress.tell(`hashing ${path}: ${Math.min(100, Math.floor((length / Math.max(1, size)) * 100))} %`);
      sha256.update(chunk);
      sha512.update(chunk);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new EditError("EDIT_IMPOSSIBLE", `${printable(path)} cannot be read (${code}): name another file.`);
  }
  return { length, sha256: sha256.digest("hex"), sha512: sha512.digest("hex") };
}
