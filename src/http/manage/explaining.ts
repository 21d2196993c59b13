/** Who may do what, explained; and names that nobody has, which are taken as they are, with a word about it. */
import type { z } from "zod";
import {
  isOidcName,
  isPersonName,
  isRepositoryAction,
  isServerAction,
  subjectOf,
} from "../../service/access/evaluate.ts";
import { type Explained, explain, type GivenScope } from "../../service/access/explaining.ts";
import type { AccessStore, Subject } from "../../store/contract/access.ts";
import type { BuiltinAccess } from "../auth/builtin.ts";
import { bad } from "./asking.ts";
import type * as schemas from "./people-schemas.ts";

type Logins = Pick<BuiltinAccess["logins"], "isKnown">;

export function subjectIn(text: string): Subject {
  const subject = subjectOf(text);
  if (subject === undefined) throw bad("subject: write user:NAME, team:NAME or anyone");
  return subject;
}

function explainedIn(text: string): Explained {
  const [, name = ""] = /^token:(.+)$/s.exec(text) ?? [];
  if (isPersonName(name)) return { kind: "token", name };
  const subject = subjectOf(text);
  if (subject === undefined) throw bad("subject: write user:NAME, team:NAME, token:NAME or anyone");
  return subject;
}

/** Throws `BAD_PARAMETER`, and `NOT_FOUND` for a team or token that is not there. */
export async function explanationOf(
  { subject, action, repository }: z.output<typeof schemas.explainQuery>,
  {
    store,
    logins,
    now,
  }: { readonly store: AccessStore; readonly logins: Logins; readonly now: () => number },
): Promise<z.input<typeof schemas.explanation>> {
  const who = explainedIn(subject);
  if (!isRepositoryAction(action) && !isServerAction(action)) throw bad("action: there is no such action");
  if (isRepositoryAction(action) && repository === undefined)
    throw bad("repository: name one for this action");
  const of = isServerAction(action) ? undefined : repository;
  const { decision, disabled } = await explain(store, who, { action, repository: of }, now());
  const shown = ({ subject: text, pattern, actions }: GivenScope) => ({
    subject: text,
    pattern,
    actions: [...actions],
  });
  return {
    format: "vidimus-explanation/1",
    allowed: decision.allowed && !disabled,
    disabled,
    ...(decision.allowed && { by: shown(decision.by) }),
    near: decision.allowed ? [] : decision.near.map(shown),
    ...(who.kind === "user" && (await warningsOf(logins, who.name))),
  };
}

/** A user need not be known before something is given to them; but a name may be misspelt. */
export async function warningsOf(logins: Logins, user: string): Promise<{ readonly warnings?: string[] }> {
  // Whom an identity provider knows is known to it alone.
  if (isOidcName(user) || (await logins.isKnown(user))) return {};
  return {
    warnings: [
      `Nobody here is called ${user}: unless your registry knows them, make the user by vidimus user add ${user}.`,
    ],
  };
}
