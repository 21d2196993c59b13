/**
 * One proposal on one screen: what changes, what weakens, who signed, who is missing. All of it is derived from the signed bytes
 * and this machine's own verified copy, but for the lines that say that the server says them.
 */
import { canonicalKeyId } from "../../core/keys.ts";
import type { Review } from "../../publisher/review.ts";
import { formatTable, printable } from "../output.ts";
import { changesText, pinLines, red, standingText, type ViewOptions, wordFor } from "./view.ts";

export function reviewText(review: Review, view: ViewOptions): string {
  const { proposal, server, standing, denied, broken, digest, isFirst, follows, pins } = review;
  const { id, repository, state, note, release, opened, expires, reason } = proposal;
  const warn = (text: string) => red(`! ${text}`, view.color);
  const said = [
    ...(release === "" ? [] : [["release", release]]),
    ...(note === "" ? [] : [["note", note]]),
    ["opened", `${minuteOf(opened.at)} by ${opened.by}`],
    ["expires", minuteOf(expires)],
    ...(reason === "" ? [] : [["reason", reason]]),
    ...(denied.length === 0 ? [] : [["denied", deniedText(review, view)]]),
  ].map((row) => row.map(printable));
  return [
    `Proposal ${printable(id)} of ${printable(repository)} at ${server}: ${printable(state)}`,
    ...(isFirst
      ? [warn("The repository is not there yet: hold every key against what its owner says of it.")]
      : []),
    ...(follows || state !== "open"
      ? []
      : [warn("It does not follow what is current: it cannot be published, whoever signs it.")]),
    "",
    changedText(review, view),
    ...(state === "open" ? brokenLines(broken, warn) : []),
    ...(state === "open" ? pinLines(pins, repository, view) : []),
    "",
    "Signatures",
    standingText(standing, view),
    "",
    "The server says",
    formatTable(said)
      .split("\n")
      .map((line) => `  ${line}`)
      .join("\n"),
    "",
    `Digest of what is signed: ${digest}`,
  ].join("\n");
}

/** Who signed in vain, in the server's words. */
export function deniedText({ denied }: Pick<Review, "denied">, { nameOf }: ViewOptions): string {
  const who = denied.map((key) => wordFor(key, nameOf)).join(", ");
  return `what ${who} signed does not count, for the operator has denied that key: others have to sign`;
}

function changedText(review: Review, view: ViewOptions): string {
  const { changes, proposal, draft } = review;
  const hasEnded = proposal.state !== "open" && proposal.state !== "published";
  if (!isCompared(review)) return settledText(proposal, draft.files);
  if (changes.length === 0) return "It changes nothing but versions.";
  return `${hasEnded ? "It would have changed\n" : ""}${changesText(changes, view)}`;
}

/** What it rested on is over, and this machine has what came after it: a difference to that would be another one. */
function settledText({ repository, state }: Review["proposal"], files: Review["draft"]["files"]): string {
  if (state !== "published")
    return "Others have published since: what it would have changed cannot be told any more.";
  const lines = files.map(({ role, file }) => {
    const command = `vidimus audit changes ${repository} ${role} --to ${file.signed.version}`;
    return `  ${role} ${file.signed.version}: ${command}`;
  });
  return ["It is published. What it changed:", ...lines.map(printable)].join("\n");
}

/** Whether its changes are against what it rests on. A signer of an open one sees them in any case. */
function isCompared({ proposal: { state }, follows }: Review): boolean {
  return state === "open" || follows;
}

function brokenLines(broken: readonly string[], warn: (text: string) => string): readonly string[] {
  return broken.map((role) =>
    warn(`${printable(role)} must be signed again by its new keys before readers take it.`),
  );
}

/** What whoever looks could do next; empty where no key here is missing. */
export function nextText({ proposal, standing }: Review, { nameOf }: ViewOptions): string {
  const isMine = standing.some(
    ({ signed, needed, missing }) =>
      signed.length < needed && missing.some((key) => nameOf(canonicalKeyId(key)) !== undefined),
  );
  if (!isMine || proposal.state !== "open") return "";
  return `\nTo sign it: vidimus proposal sign ${printable(proposal.repository)} ${printable(proposal.id)}`;
}

/** An instant in UTC to the minute; whatever else it is, as it is. */
function minuteOf(instant: string): string {
  return instant.replace(/^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}):[0-9.]+Z$/, "$1 $2 UTC");
}

export function reviewDocument(review: Review): object {
  const { proposal, server, changes, standing, denied, broken, digest, isFirst, follows, pins } = review;
  const { id, repository, state, note, release, opened, expires, reason } = proposal;
  return {
    format: "vidimus-review/1",
    id,
    repository,
    server,
    state,
    digest,
    first: isFirst,
    follows,
    changes: isCompared(review) ? changes : null,
    needs: standing.map(({ role, by, needed, signed, missing }) => ({
      role,
      by,
      needed,
      signed: signed.map(({ canonicalId }) => canonicalId),
      missing: missing.map(canonicalKeyId),
    })),
    broken,
    pins: pins ?? null,
    said: { note, release, opened, expires, reason, denied },
  };
}
