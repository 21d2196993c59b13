/**
 * The signed part of Notary targets metadata, delegations included (notary-protocol.md 3.3, 4.1).
 *
 * A file may list 200,000 targets, and mostly one of them is asked for: each entry is checked here and read only
 * when somebody asks.
 */
import { MalformedError } from "../errors.ts";
import { isObject, type JsonObject, member } from "../json.ts";
import { maxDelegations, maxPaths, maxTargetName, maxTargets } from "../limits.ts";
import type { Delegation, TargetFile, Targets } from "../model.ts";
import { isDelegatedRole, parentRole } from "../names.ts";
import { eachEntry, length, list, Shape, text } from "../shape.ts";
import { checkHashes, readHashes } from "./notary-meta.ts";
import { KeyUses, readKeys, readRoleKeys } from "./notary-root.ts";

const targetDigests = ["sha256", "sha512"];
const targetShape = new Shape("a target", ["hashes", "length", "custom"]);
const delegationsShape = new Shape('"delegations"', ["keys", "roles"]);
const delegationShape = new Shape("a delegation", ["name", "keyids", "paths", "threshold"]);

export function readTargets(
  role: string,
  signed: JsonObject,
): Pick<Targets, "size" | "targetNames" | "target" | "delegations"> {
  const size = eachEntry(signed, "targets", maxTargets, (name, value) => {
    if (name.length > maxTargetName) {
      throw new MalformedError(
        "TOO_LARGE",
        `Make the name of a target at most ${maxTargetName} characters long.`,
      );
    }
    const entry = targetShape.read(value);
    checkHashes(entry, "a target", targetDigests);
    if (member(entry, "length") !== undefined) length(entry);
  });
  const given = member(signed, "targets");
  const targets: JsonObject = isObject(given) ? given : {};
  return {
    size,
    targetNames: () => Object.keys(targets),
    target: (name) => readTarget(member(targets, name)),
    delegations: readDelegations(role, signed),
  };
}

function readTarget(value: ReturnType<typeof member>): TargetFile | undefined {
  if (!isObject(value)) return undefined;
  return {
    length: member(value, "length") === undefined ? 0 : length(value),
    hashes: readHashes(value),
    custom: member(value, "custom"),
  };
}

function readDelegations(role: string, signed: JsonObject): Delegation[] {
  const value = member(signed, "delegations");
  if (value === undefined || value === null) return [];
  const object = delegationsShape.read(value);
  const keys = readKeys(object);
  const names = new Set<string>();
  const uses = new KeyUses();
  return list(object, "roles", maxDelegations).map((item) => {
    const entry = delegationShape.read(item);
    const name = text(entry, "name", 1_024);
    if (!isDelegatedRole(name) || parentRole(name) !== role) {
      throw new MalformedError(
        "BAD_DELEGATION",
        "A file delegates to its direct children only, named role/child.",
      );
    }
    if (names.has(name)) throw new MalformedError("BAD_DELEGATION", "Delegate to each role at most once.");
    names.add(name);
    return { role: name, paths: readPaths(entry), ...readRoleKeys(name, entry, keys, uses) };
  });
}

function readPaths(entry: JsonObject): string[] {
  return list(entry, "paths", maxPaths).map((path) => {
    if (typeof path !== "string" || path.length > maxTargetName) {
      throw new MalformedError(
        "BAD_DELEGATION",
        `Make each path a string of at most ${maxTargetName} characters.`,
      );
    }
    return path;
  });
}
