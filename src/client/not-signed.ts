/** What is said of a name that nobody signs who counts: who else signs it, or which names are signed. */
import { TrustError } from "./errors.ts";
import { namesThatCount, signedElsewhere } from "./lookup.ts";
import type { RepositoryView } from "./repository-view.ts";

/** Names in one sentence, and letters of each: they are the publisher's choice. */
const mostNames = 5;
const longestName = 80;

/** @param isAssumed whether nobody wrote the name: without a tag, `latest` is meant */
export async function notSigned(view: RepositoryView, name: string, isAssumed = false): Promise<TrustError> {
  const { repository } = view.scope;
  const elsewhere = await signedElsewhere(view, name);
  if (elsewhere.length > 0)
    return new TrustError(
      "NOT_SIGNED_IN_ROLE",
      `${name} in ${repository} is signed by ${elsewhere.join(", ")} only, which the policy does not count.`,
      { detail: { roles: elsewhere } },
    );
  const names = await namesThatCount(view, mostNames);
  const assumed = isAssumed ? `No tag was given, so ${name} is meant. ` : "";
  const signed =
    names.shown.length === 0
      ? "no name is signed there"
      : `signed are ${names.shown.map((each) => each.slice(0, longestName)).join(", ")}` +
        (names.more ? " and more" : "");
  return new TrustError(
    "NOT_SIGNED",
    `${assumed}Nobody who counts signs ${name} in ${repository}; ${signed}.`,
    {
      detail: { signed: names.shown },
      ...(names.shown.length === 0
        ? {}
        : {
            remedy: {
              who: "you",
              next: "Check the name and its tag; if they are right, have the publisher sign it.",
            },
          }),
    },
  );
}
