/**
 * `vidimus sign`: an image or an index of several, by the digest that its registry gives. A person is shown the digest and says
 * yes; a script names it, with the reference or in the metadata file of the builder.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { type ImageReference, parseReference } from "../../client/reference.ts";
import type { RepositoryCopy } from "../../client/repository-copy.ts";
import { canonicalKeyId } from "../../core/keys.ts";
import { hiding } from "../../publisher/custody/errors.ts";
import type { Edit } from "../../publisher/edits.ts";
import { EditError, PublishError } from "../../publisher/errors.ts";
import { publishedFile } from "../../publisher/lapsed.ts";
import { type ImageFacts, imageFacts, openRegistry } from "../../publisher/registry.ts";
import { exitCodes } from "../exit-codes.ts";
import { printable } from "../output.ts";
import { addPublishFlags, type Desk, type Publishing, stage } from "./tools.ts";

interface SignFlags {
  readonly registryUrl?: string;
  readonly registryCa?: string;
  readonly tokenRealm: readonly string[];
  readonly metadata?: string;
  readonly role: readonly string[];
  readonly move?: true;
  readonly input: boolean;
  readonly dockerConfig?: string;
}

/** The person said no, or there was nobody to ask. */
class Declined extends Error {}

const collect = (value: string, all: readonly string[]) => [...all, value];

export function addSign(parent: Command, publishing: Publishing): void {
  const { context, client, finish } = publishing;
  const sign = parent
    .command("sign")
    .description("sign an image or multi-architecture index by the digest that its registry gives")
    .argument("<image>", "NAME[:TAG][@sha256:DIGEST]; with --no-input the digest is required")
    .option(
      "--metadata <file>",
      "a builder's metadata file (buildx build --metadata-file), which names the digest",
    )
    .option(
      "--role <role>",
      "the role that signs it; may be repeated (default: as docker trust chooses)",
      collect,
      [],
    )
    .option("--move", "the tag may be signed already: it becomes another")
    .option(
      "--registry-url <url>",
      "where the registry is (default: https:// and the image's host; http:// on loopback)",
    )
    .option("--registry-ca <file>", "PEM of the authority of the registry's certificate")
    .option(
      "--token-realm <url>",
      "a token service elsewhere that credentials may be sent to; may be repeated",
      collect,
      [],
    )
    .addHelpText(
      "after",
      examples(
        "vidimus sign registry.acme.example/app:1.2",
        `vidimus sign registry.acme.example/app:1.2@sha256:${"0123456789abcdef".repeat(4)} --no-input --publish`,
      ),
    );
  addPublishFlags(sign, { publishes: true }).action(async (text: string) => {
    const flags = sign.opts<SignFlags>();
    const reference = parseReference(text);
    const named =
      flags.metadata === undefined
        ? reference.digest
        : digestIn(flags.metadata, context.readFile(flags.metadata));
    if (named === undefined && !flags.input)
      sign.error("error: with --no-input, name the digest: IMAGE:TAG@sha256:… or --metadata FILE");
    if (reference.digest !== undefined && named !== reference.digest)
      sign.error("error: the digest of the image is not the one in the metadata file");
    try {
      await stage(sign, publishing, reference.name, async (copy, desk) => {
        desk.progress.tell(`asking the registry for ${reference.name}`);
        const facts = await ask(reference, named, flags, publishing);
        if (named === undefined) await confirm(reference, facts, publishing);
        return editsFor(copy, desk, reference, facts, flags);
      });
    } catch (error) {
      if (!(error instanceof Declined)) throw error;
      client.stderr("Nothing was signed.\n");
      finish(exitCodes.unconfirmed.code);
    }
  });
}

async function ask(
  { host, path, name, tag = "latest" }: ImageReference,
  named: string | undefined,
  flags: SignFlags,
  { context, client }: Publishing,
): Promise<ImageFacts> {
  const isLoopback = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::|$)/.test(host);
  const registry = await openRegistry({
    url: flags.registryUrl ?? `${isLoopback ? "http" : "https"}://${host}`,
    ca: flags.registryCa === undefined ? undefined : context.readFile(flags.registryCa),
    realms: flags.tokenRealm,
    dockerConfig:
      flags.dockerConfig ?? (context.env.DOCKER_CONFIG || join(context.env.HOME || homedir(), ".docker")),
    environment: client.env,
  });
  try {
    return await imageFacts(registry, path, named ?? tag, name);
  } finally {
    registry.close();
  }
}

async function confirm(
  { name, tag = "latest" }: ImageReference,
  { digest, length, kind, platforms }: ImageFacts,
  { client }: Publishing,
): Promise<void> {
  const what = kind === "index" ? `index for ${platforms.join(", ") || "several images"}` : "image";
  client.stderr(`${printable(name)}:${tag}\n  ${digest}\n  ${what}, ${length} bytes\n`);
  const answer = await client.ask?.("Is that what was built? Type yes or y to sign: ");
  if (answer === undefined)
    throw new PublishError(
      "IMAGE_UNKNOWN",
      "Nobody can be asked here: name the digest that was built, as IMAGE:TAG@sha256:….",
    );
  if (!/^y(?:es)?$/i.test(answer.trim())) throw new Declined();
}

async function editsFor(
  copy: RepositoryCopy,
  desk: Desk,
  { tag = "latest" }: ImageReference,
  { digest, length }: ImageFacts,
  { role, move }: SignFlags,
): Promise<readonly Edit[]> {
  const sha256 = digest.slice("sha256:".length);
  const roles = role.length > 0 ? role : await rolesAtHand(copy, desk, tag);
  return roles.map((each): Edit => {
    const stood = publishedFile(copy, each)?.signed.target(tag)?.hashes.get("sha256") ?? null;
    if (stood !== null && stood !== sha256 && move !== true) {
      throw new EditError(
        "MOVE_NOT_ASKED",
        `${tag} is signed by ${printable(each)} as sha256:${stood} already, and would become ${digest}: give --move if that is meant.`,
      );
    }
    return { edit: "add", role: each, name: tag, target: { length, sha256, sha512: undefined }, stood };
  });
}

/** As `docker trust sign` chooses: every direct delegation whose key is here, or targets without any. */
async function rolesAtHand(
  { targets }: RepositoryCopy,
  { ring }: Desk,
  tag: string,
): Promise<readonly string[]> {
  const delegations = targets.get("targets")?.signed.delegations ?? [];
  if (delegations.length === 0) return ["targets"];
  const { found, faults } = await ring.survey();
  const here = new Set(found.map(({ info }) => info.id));
  const covering = delegations
    .filter(({ paths }) => paths.some((path) => tag.startsWith(path)))
    .map(({ role, keys }) => ({ role, ids: [...keys.values()].map(canonicalKeyId) }));
  const roles = covering.filter(({ ids }) => ids.some((id) => here.has(id))).map(({ role }) => role);
  // Which roles are chosen must not depend on a file that cannot be read.
  const absent = new Set(covering.filter(({ role }) => !roles.includes(role)).flatMap(({ ids }) => ids));
  const fault = hiding(faults, (id) => absent.has(id));
  if (fault !== undefined && (roles.length === 0 || fault.about !== undefined)) throw fault;
  if (roles.length > 0) return roles;
  throw new EditError(
    "ROLE_UNKNOWN",
    `No key here may sign ${printable(tag)} in a delegation (${delegations.map(({ role }) => role).join(", ")}): name the role with --role.`,
  );
}

/** Of `buildx build --metadata-file`. */
function digestIn(file: string, text: string): string {
  try {
    const digest = (JSON.parse(text) as Readonly<Record<string, unknown>>)["containerimage.digest"];
    if (typeof digest === "string" && /^sha256:[0-9a-f]{64}$/.test(digest)) return digest;
  } catch {
    // Told below.
  }
  throw new EditError(
    "EDIT_IMPOSSIBLE",
    `${printable(file)} is no metadata file of a builder with containerimage.digest in it.`,
  );
}
