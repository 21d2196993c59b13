/** `vidimus rotate`, `root renew`, `resign` and `witness`: other keys for a role, and signing again what is there. */
import { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import type { RepositoryCopy } from "../../client/repository-copy.ts";
import { canonicalKeyId, type ListedKey, openKey } from "../../core/keys.ts";
import { isTopRole, parentRole } from "../../core/names.ts";
import { hiding } from "../../publisher/custody/errors.ts";
import type { Edit } from "../../publisher/edits.ts";
import { EditError } from "../../publisher/errors.ts";
import { onlineKey } from "../../publisher/keys/online.ts";
import { printable } from "../output.ts";
import { listedKeys } from "./key-arguments.ts";
import { delegated, meant } from "./roles.ts";
import { addPublishFlags, type Desk, type Publishing, stage } from "./tools.ts";

/** @param keys the group of commands about keys, which has `rotate` as well */
export function addSigningAgain(parent: Command, keys: Command | undefined, publishing: Publishing): void {
  addRotate(parent, publishing, "vidimus rotate");
  if (keys !== undefined) addRotate(keys, publishing, "vidimus key rotate");
  addRenew(parent, publishing);
  addResign(parent, publishing);
}

const collect = (value: string, all: readonly string[]) => [...all, value];

function addRotate(parent: Command, publishing: Publishing, called: string): void {
  const rotate = parent
    .command("rotate")
    .description("give a role other keys: yours, other people's, or a new one of the server")
    .argument("<repository>", "name of the repository")
    .argument("<role>", "root, targets, targets/NAME, snapshot or timestamp")
    .option("--add <key>", "a key of yours, or the PEM file of anybody's; may be repeated", collect, [])
    .option("--remove <id>", "a key that the role lists; may be repeated", collect, [])
    .option("--server-key", "snapshot and timestamp: a new key that the server holds")
    .addHelpText(
      "after",
      examples(
        `${called} registry.acme.example/app targets --add release-2027 --remove 1aa9d4f8`,
        `${called} registry.acme.example/app snapshot --server-key`,
      ),
    );
  addPublishFlags(rotate, { publishes: true }).action(async (repository: string, role: string) => {
    const { add, remove, serverKey } = rotate.opts<{ add: string[]; remove: string[]; serverKey?: true }>();
    const isOnline = role === "snapshot" || role === "timestamp";
    if (isOnline !== (serverKey === true) || (serverKey === true) === add.length + remove.length > 0)
      rotate.error("error: give --server-key for snapshot and timestamp, --add and --remove for other roles");
    await stage(rotate, publishing, repository, async (copy, desk): Promise<readonly Edit[]> => {
      if (isOnline) {
        const key = await onlineKey(await desk.trust.sender(repository), role, "POST");
        const old = copy.root.signed.roles.get(role)?.keys.keys() ?? [];
        return [{ edit: "keys", role, add: [key], remove: [...old] }];
      }
      const keys = isTopRole(role)
        ? copy.root.signed.roles.get(role)?.keys
        : copy.targets
            .get(parentRole(delegated(role)) ?? "")
            ?.signed.delegations.find((each) => each.role === role)?.keys;
      if (keys === undefined) throw new EditError("ROLE_UNKNOWN", `Nobody delegates to ${printable(role)}.`);
      const gone = remove.map((id) => meant(keys.values(), id, role));
      const come = await listedKeys(add, desk, role === "root" ? copy.repository : undefined);
      return [
        isTopRole(role)
          ? { edit: "keys", role, add: come, remove: gone }
          : { edit: "delegation", role, addKeys: come, removeKeys: gone },
      ];
    });
  });
}

function addResign(parent: Command, publishing: Publishing): void {
  const resign = parent
    .command("resign")
    .description("sign roles again: a later expiry, and the date of this signing on every target")
    .argument("<repository>", "name of the repository")
    .argument("[roles...]", "root, targets or targets/NAME (default: targets)")
    .addHelpText("after", examples("vidimus resign registry.acme.example/app targets targets/releases"));
  const witness = parent
    .command("witness")
    .description("sign roles again as they are: for keys that were exchanged")
    .argument("<repository>", "name of the repository")
    .argument("<roles...>", "targets or targets/NAME")
    .addHelpText("after", examples("vidimus witness registry.acme.example/app targets/releases"));
  for (const [command, dated] of [
    [resign, true],
    [witness, false],
  ] as const) {
    addPublishFlags(command, { publishes: true }).action(
      async (repository: string, roles: readonly string[]) => {
        const wanted = roles.length === 0 ? ["targets"] : roles;
        await stage(command, publishing, repository, () =>
          wanted.map(
            (role): Edit => ({ edit: "resign", role: role === "root" ? role : targetsRole(role), dated }),
          ),
        );
      },
    );
  }
}

function addRenew(parent: Command, publishing: Publishing): void {
  const root = new Command("root").description("the root of a repository").copyInheritedSettings(parent);
  const renew = root
    .command("renew")
    .description("sign the root again with a later expiry, and with new certificates for keys that are here")
    .argument("<repository>", "name of the repository")
    .addHelpText("after", examples("vidimus root renew registry.acme.example/app"));
  addPublishFlags(renew, { publishes: true }).action(async (repository: string) => {
    await stage(renew, publishing, repository, async (copy, desk): Promise<readonly Edit[]> => {
      const ending = await endingHere(copy, desk, desk.tools.now() + desk.tools.lifetimes.root);
      const add = await listedKeys(ending.map(canonicalKeyId), desk, copy.repository);
      const keys: readonly Edit[] = add.length === 0 ? [] : [{ edit: "keys", role: "root", add, remove: [] }];
      return [...keys, { edit: "resign", role: "root", dated: false }];
    });
  });
  parent.addCommand(root);
}

/** Root keys of ours whose certificates end before an instant. Throws the fault of a damaged file that would be one. */
export async function endingHere(
  { root }: RepositoryCopy,
  { ring }: Desk,
  end: number,
): Promise<readonly ListedKey[]> {
  const { found, faults } = await ring.survey();
  const here = new Set(found.map(({ info }) => info.id));
  const listed = [...(root.signed.roles.get("root")?.keys.values() ?? [])];
  const ending = listed.filter((key) => {
    const validTo = openKey(key)?.certificates?.leaf.validToDate.getTime();
    return validTo !== undefined && validTo < end;
  });
  const absent = new Set(ending.map(canonicalKeyId).filter((id) => !here.has(id)));
  const fault = hiding(faults, (id) => absent.has(id));
  if (fault?.about !== undefined) throw fault;
  return ending.filter((key) => here.has(canonicalKeyId(key)));
}

function targetsRole(role: string): string {
  return role === "targets" ? role : delegated(role);
}
