/**
 * One proposal on one screen: what changes, what weakens, who signed, who is missing. All of it is derived from the signed bytes
 * and this machine's own verified copy, but for the lines that say that the server says them.
 */
import { canonicalKeyId } from "../../core/keys.ts";
import type { Review } from "../../publisher/review.ts";
import { formatTable, printable } from "../output.ts";
import { changesText, pinLines, red, standingText, type ViewOptions } from "./view.ts";

export function reviewText(review: Review, view: ViewOptions): string {
  const { proposal, server, changes, standing, broken, digest, isFirst, follows, pins } = review;
  const { id, repository, state, note, release, opened, expires, reason } = proposal;
  const warn = (text: string) => red(`! ${text}`, view.color);
  const said = [
    ...(release === "" ? [] : [["release", release]]),
    ...(note === "" ? [] : [["note", note]]),
    ["opened", `${opened.at} by ${opened.by}`],
    ...(reason === "" ? [] : [["reason", reason]]),
  ].map((row) => row.map(printable));
  return [
    `Proposal ${id} of ${printable(repository)} at ${server}: ${state}, until ${expires}`,
    ...(isFirst
      ? [warn("The repository is not there yet: hold every key against what its owner says of it.")]
      : []),
    ...(follows || state !== "open"
      ? []
      : [warn("It does not follow what is current: it cannot be published, whoever signs it.")]),
    "",
    changes.length === 0 ? "It changes nothing but versions." : changesText(changes, view),
    ...broken.map((role) =>
      warn(`${printable(role)} must be signed again by its new keys before readers take it.`),
    ),
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

export function reviewDocument(review: Review): object {
  const { proposal, server, changes, standing, broken, digest, isFirst, follows, pins } = review;
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
    changes,
    needs: standing.map(({ role, by, needed, signed, missing }) => ({
      role,
      by,
      needed,
      signed: signed.map(({ canonicalId }) => canonicalId),
      missing: missing.map(canonicalKeyId),
    })),
    broken,
    pins: pins ?? null,
    said: { note, release, opened, expires, reason },
  };
}
