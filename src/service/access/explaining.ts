/**
 * What a request of somebody would be answered, and why: for a user, for whoever is in a team, for a machine's token, for anyone.
 * It decides by the function that every request is decided by (`evaluate.ts`).
 */
import { RefusedError } from "../../core/errors.ts";
import type { AccessStore, Scope, Subject } from "../../store/contract/access.ts";
import { type Decision, decide, type GrantedAction, subjectText } from "./evaluate.ts";
import { isCounting } from "./opaque-tokens.ts";

export type Explained = Subject | { readonly kind: "token"; readonly name: string };

/** A scope with the subject that has it, as text. */
export interface GivenScope extends Scope {
  readonly subject: string;
}

export interface Explanation {
  readonly decision: Decision<GivenScope>;
  /** A disabled user; a token that has ended, or whose owner is disabled. */
  readonly disabled: boolean;
}

type Store = Pick<AccessStore, "user" | "teams" | "permissions" | "permissionsOf" | "machineTokenNamed">;

const page = 1_000;

/** @param repository undefined where the action is of the whole server. Throws `NOT_FOUND` for a team or token that is not there. */
export async function explain(
  store: Store,
  who: Explained,
  asked: { readonly action: GrantedAction; readonly repository: string | undefined },
  at: number,
): Promise<Explanation> {
  const { scopes, disabled } = await scopesOf(store, who, at);
  return { decision: decide(scopes, asked.action, asked.repository), disabled };
}

async function scopesOf(
  store: Store,
  who: Explained,
  at: number,
): Promise<{ readonly scopes: readonly GivenScope[]; readonly disabled: boolean }> {
  switch (who.kind) {
    case "user":
    case "anyone": {
      const user = who.kind === "user" ? who.name : undefined;
      const scopes = (await store.permissionsOf(user)).map(given);
      return { scopes, disabled: user !== undefined && (await store.user(user))?.disabled === true };
    }
    case "team": {
      if (!(await isTeam(store, who.name))) throw missing("team", who.name);
      const isTheirs = ({ kind, name }: Subject) =>
        kind === "anyone" || (kind === "team" && name === who.name);
      const all = await store.permissions();
      return { scopes: all.filter(({ subject }) => isTheirs(subject)).map(given), disabled: false };
    }
    case "token": {
      const token = await store.machineTokenNamed(who.name);
      if (token === undefined) throw missing("token", who.name);
      const scopes = token.scopes.map(({ pattern, actions }) => ({
        subject: `token:${token.name}`,
        pattern,
        actions,
      }));
      return { scopes, disabled: !(await isCounting(store, token, at)) };
    }
  }
}

function given({ subject, pattern, actions }: Scope & { readonly subject: Subject }): GivenScope {
  return { subject: subjectText(subject), pattern, actions };
}

async function isTeam(store: Store, name: string): Promise<boolean> {
  for (let after: string | undefined; ; ) {
    const found = await store.teams({ limit: page, ...(after !== undefined && { after }) });
    if (found.some((each) => each.name === name)) return true;
    if (found.length < page) return false;
    after = found.at(-1)?.name;
  }
}

function missing(what: "team" | "token", name: string): RefusedError {
  const make = what === "team" ? `vidimus team add ${name}` : `vidimus token create ${name} SCOPE`;
  return new RefusedError(
    "NOT_FOUND",
    `There is no ${what} ${name} here: see vidimus ${what} list, or make it by ${make}.`,
  );
}
