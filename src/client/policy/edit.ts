/**
 * Pins in a policy file: added and removed with everything else in the file left as it is, comments and order included;
 * only the spaces inside of brackets and before comments may come out otherwise. A text that would not be a good policy is
 * never written.
 */
import { dirname, isAbsolute, relative, resolve } from "node:path";
import type { Document, YAMLMap, YAMLSeq } from "yaml";
import { chooseRule } from "../../policy/choose.ts";
import { comparedPattern, parsePattern } from "../../policy/pattern.ts";
import { trimmed } from "../../policy/schema.ts";
import type { Pins, Rule, TrustPolicy } from "../../policy/trust-policy.ts";
import { commandOf } from "../command.ts";
import { TrustError } from "../errors.ts";
import { parsePolicy } from "./file.ts";
import { noRule, unruled } from "./no-rule.ts";

export interface PinChange {
  readonly text: string;
  /** The rule that was changed, as the file names it: `registry.example.test/**`. */
  readonly rule: string;
  /** Where the rule leads; undefined: nowhere. */
  readonly server: string | undefined;
  /** What was added or removed. */
  readonly keyIds: readonly string[];
  /** The rule as it is now. */
  readonly now: Pick<Rule, "pins" | "tofu">;
}

export interface ListedPins {
  readonly match: string;
  readonly keys: readonly string[];
  readonly certificates: readonly string[];
  readonly ca: string | undefined;
}

/** Rules that pin something, in their order. */
export function pinsOf({ rules }: TrustPolicy): readonly ListedPins[] {
  return rules.flatMap(({ match, pins }) => (pins === undefined ? [] : [{ match: match.text, ...pins }]));
}

/** The trust server that was asked, as a rule without one is given it. */
export interface Asked {
  readonly server?: string;
  /** Path of the file of its authority. */
  readonly ca?: string;
  /** It was named for this very call, and is no default. */
  readonly isNamed?: boolean;
}

/**
 * Adds key IDs to the rule that speaks for a repository; if none does, a rule for it alone is added at the end. Where
 * neither the rule nor the policy says which server to ask, it is written down, with the file of its authority. An empty
 * text becomes a whole policy. A pattern means the rule that matches the same names.
 * Throws `NO_SERVER` where the rule would lead nowhere, `POLICY_INVALID`, `REFERENCE_INVALID`.
 * @param file the policy's path; files it names are written relative to its folder
 */
export async function withPins(
  text: string,
  file: string,
  repository: string,
  keyIds: readonly string[],
  asked: Asked = {},
): Promise<PinChange> {
  const { document, policy, index } = await open(text, file, repository);
  const { isMap, isSeq } = await import("yaml");
  const rules = sequence(document, ["repositories"], isSeq);
  const at = index ?? rules.items.length;
  if (index === undefined) rules.add(document.createNode({ match: repository }));
  const rule = rules.items[at];
  if (!isMap(rule)) throw new TrustError("POLICY_INVALID", "A rule of the policy is no mapping.", { file });
  const named = policy.rules[at]?.server ?? policy.server;
  const server = named ?? asked.server;
  if (server === undefined) throw leadsNowhere(repository, file);
  let isLed = false;
  if (named === undefined && (index === undefined || asked.isNamed === true)) {
    // A policy that begins here says once for all its rules where they lead. A default of the surroundings goes into no
    // rule that its author left without a server.
    if (text.trim() === "") document.set("server", server);
    else rule.set("server", server);
    isLed = true;
  }
  if (asked.ca !== undefined && trimmed(server) === trimmed(asked.server ?? ""))
    isLed = setAuthority(document, file, server, asked.ca) || isLed;
  // A rule's own `root` stands in the place of the defaults': what they demand goes on being demanded.
  const inherited = document.getIn(["defaults", "root"], true);
  if (!rule.has("root") && isMap(inherited)) rule.set("root", inherited.clone());
  const keys = rule.getIn(["root", "pins", "keys"], true);
  const present = isSeq(keys) ? keys.items.map(String) : [];
  const fresh = keyIds.filter((id) => !present.includes(id));
  const changed = { rule: String(rule.get("match")), server, keyIds: fresh };
  if (fresh.length === 0 && present.length > 0 && !isLed)
    return { text, ...changed, now: ruleAt(policy, at) };
  if (isSeq(keys)) for (const id of fresh) keys.add(document.createNode(id));
  else rule.setIn(["root", "pins", "keys"], document.createNode(fresh));
  const written = await checked(document, file, text);
  return { text: written.text, ...changed, now: ruleAt(written.policy, at) };
}

function leadsNowhere(repository: string, file: string): TrustError {
  const what = `Neither the policy nor an option names a trust server for ${repository}.`;
  return new TrustError("NO_SERVER", what, { file, repository });
}

/** Names a server's authority, unless the policy says already how this server is known. Whether it did not. */
function setAuthority(document: Document, file: string, server: string, ca: string): boolean {
  const known = document.get("servers") as YAMLMap | undefined;
  if (known?.items.some(({ key }) => trimmed(String(key)) === trimmed(server)) === true) return false;
  const beside = relative(dirname(resolve(file)), resolve(ca));
  const path = isAbsolute(beside) || beside.startsWith("..") ? resolve(ca) : beside;
  document.setIn(["servers", server], document.createNode({ ca: path }));
  return true;
}

/**
 * Removes key IDs, or every pin, from the rule that speaks for a repository. Throws `NO_RULE` if none does;
 * `OPTION_INVALID` for an ID that the rule does not pin, since the one that was meant would stay.
 */
export async function withoutPins(
  text: string,
  file: string,
  repository: string,
  keyIds: readonly string[] | "all",
): Promise<PinChange> {
  const { document, policy, index } = await open(text, file, repository);
  if (index === undefined) {
    const { hint } = unruled(repository, policy, []);
    const remedy = {
      who: "you",
      next: `Look which rules pin: ${commandOf("pin", "list", "--policy", file)}`,
    } as const;
    throw noRule(repository, { hint, remedy });
  }
  const { isSeq } = await import("yaml");
  const rule = String(document.getIn(["repositories", index, "match"]));
  if (keyIds !== "all") refuseUnpinned(keyIds, policy.rules[index]?.pins, rule, file);
  const at = ["repositories", index, "root", "pins"];
  const gone: string[] = [];
  for (const list of ["keys", "certificates"]) {
    const ids = document.getIn([...at, list], true);
    if (!isSeq(ids)) continue;
    for (let i = ids.items.length - 1; i >= 0; i--) {
      const id = String(ids.get(i));
      if (keyIds !== "all" && !keyIds.includes(id)) continue;
      ids.delete(i);
      gone.push(id);
    }
    if (ids.items.length === 0) document.deleteIn([...at, list]);
  }
  const authority = keyIds === "all" && document.hasIn([...at, "ca"]);
  if (authority) document.deleteIn([...at, "ca"]);
  const server = policy.rules[index]?.server ?? policy.server;
  if (gone.length === 0 && !authority)
    return { text, rule, server, keyIds: gone, now: ruleAt(policy, index) };
  const pins = document.getIn(at);
  if ((pins as YAMLMap | undefined)?.items.length === 0) document.deleteIn(at);
  const root = document.getIn(["repositories", index, "root"]);
  if ((root as YAMLMap | undefined)?.items.length === 0) document.deleteIn(["repositories", index, "root"]);
  const written = await checked(document, file, text);
  return { text: written.text, rule, server, keyIds: gone, now: ruleAt(written.policy, index) };
}

function refuseUnpinned(keyIds: readonly string[], pins: Pins | undefined, rule: string, file: string): void {
  const known = [...(pins?.keys ?? []), ...(pins?.certificates ?? [])];
  const odd = keyIds.find((id) => !known.includes(id));
  if (odd === undefined) return;
  const what = known.length === 0 ? "no key by its ID" : known.join(", ");
  throw new TrustError("OPTION_INVALID", `The rule ${rule} does not pin ${odd}; it pins ${what}.`, { file });
}

async function open(
  text: string,
  file: string,
  repository: string,
): Promise<{ document: Document; policy: TrustPolicy; index: number | undefined }> {
  const { parseDocument } = await import("yaml");
  const whole = text.trim() === "" ? "version: 1\ndefault: refuse\nrepositories: []\n" : text;
  const policy = await parsePolicy(whole, file);
  const document = parseDocument(whole) as Document;
  if (repository.includes("*")) {
    const pattern = patternOf(repository);
    const index = policy.rules.findIndex(({ match }) => comparedPattern(match) === pattern);
    return { document, policy, index: index === -1 ? undefined : index };
  }
  const chosen = chooseRule(policy, repository);
  if (chosen !== undefined && "ambiguous" in chosen) {
    const names = chosen.ambiguous.map(({ match }) => match.text).join(" and ");
    throw new TrustError(
      "POLICY_INVALID",
      `${names} speak equally for ${repository}: make one more specific.`,
      { file },
    );
  }
  return {
    document,
    policy,
    index: chosen === undefined ? undefined : policy.rules.indexOf(chosen.rule),
  };
}

function sequence(
  document: Document,
  path: readonly string[],
  isSeq: (node: unknown) => node is YAMLSeq,
): YAMLSeq {
  const present = document.getIn(path, true);
  if (isSeq(present)) {
    // `[]` becomes a list of lines.
    present.flow = false;
    return present;
  }
  const made = document.createNode([]) as YAMLSeq;
  document.setIn(path, made);
  return made;
}

function patternOf(text: string): string {
  const pattern = parsePattern(text);
  if (typeof pattern !== "string") return comparedPattern(pattern);
  throw new TrustError("REFERENCE_INVALID", `${text} is no pattern of the policy: ${pattern}.`);
}

function ruleAt({ rules }: TrustPolicy, index: number): PinChange["now"] {
  return { pins: rules[index]?.pins, tofu: rules[index]?.tofu ?? false };
}

/** @param before the text as it was, whose brackets are padded or not */
async function checked(
  document: Document,
  file: string,
  before: string,
): Promise<{ text: string; policy: TrustPolicy }> {
  const flowCollectionPadding = /[[{] /.test(before);
  const text = document.toString({ lineWidth: 0, flowCollectionPadding });
  return { text, policy: await parsePolicy(text, file) };
}
