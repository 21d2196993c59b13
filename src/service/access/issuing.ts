/**
 * What a request for a token gets: of what it asks for, what the permissions of whoever asks give. Asking for too much is no
 * fault; the token then says less (distribution's token protocol).
 */
import type { Scope } from "../../store/contract/access.ts";
import { decide, isRepositoryAction, isServerAction } from "./evaluate.ts";

/** One resource in the words of the token protocol. */
export interface AccessEntry {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

export const mostScopes = 50;

/** `TYPE:NAME:ACTION,…`; undefined if it is nothing of that form. A name may have colons. */
export function parseScope(text: string): AccessEntry | undefined {
  const first = text.indexOf(":");
  const last = text.lastIndexOf(":");
  if (first <= 0 || last <= first + 1 || text.length > 1_024) return undefined;
  const actions = [
    ...new Set(
      text
        .slice(last + 1)
        .split(",")
        .filter((each) => each !== ""),
    ),
  ];
  return { type: text.slice(0, first), name: text.slice(first + 1, last), actions };
}

/** Entries without any action are left out. */
export function grantedEntries(wanted: readonly AccessEntry[], scopes: readonly Scope[]): AccessEntry[] {
  return wanted
    .map((entry) => ({
      ...entry,
      actions: entry.actions.filter((action) => isGranted(entry, action, scopes)),
    }))
    .filter(({ actions }) => actions.length > 0);
}

function isGranted({ type, name }: AccessEntry, action: string, scopes: readonly Scope[]): boolean {
  if (type === "repository") return isRepositoryAction(action) && decide(scopes, action, name).allowed;
  if (type === "registry")
    return name === "catalog" && action === "*" && decide(scopes, "catalog", undefined).allowed;
  if (type !== "vidimus" || name !== "server") return false;
  return isServerAction(action) && action !== "catalog" && decide(scopes, action, undefined).allowed;
}
