/**
 * References to images: `[host[:port]/]path[:tag][@sha256:digest]`, by the grammar of the OCI distribution
 * specification and with Docker's rule for names without a host. Written here because the packages that read
 * references accept what registries and builders do not (docs/adr/0017).
 *
 * One reference has one full name: `nginx`, `library/nginx` and `index.docker.io/library/nginx` are
 * `docker.io/library/nginx`. A host is lower case there, and keeps its port (`policy/host.ts`). The full name is what is
 * signed (Notary's GUN) and what policies and `trust` blocks match; the text that builders are given keeps the name as it
 * was written.
 */
import { isHost, signedHost } from "../policy/host.ts";
import { demandText } from "./arguments.ts";
import { TrustError } from "./errors.ts";

export interface ImageReference {
  /** The name as it was written, without tag and digest. */
  readonly written: string;
  /** Host and path, normalised: the repository. */
  readonly name: string;
  /** `docker.io`, `registry.example.test:5000`. */
  readonly host: string;
  /** Below the host: `library/nginx`. */
  readonly path: string;
  readonly tag: string | undefined;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string | undefined;
}

const longestName = 255;
const longest = 1_024;
const hostForm =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?$/;
const pathComponent = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagForm = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const digestForm = /^sha256:[0-9a-f]{64}$/;
const bareDigest = /^[0-9a-f]{64}$/;

/** Throws `REFERENCE_INVALID` with the reason. */
export function parseReference(text: string): ImageReference {
  demandText(text, "parseReference: text");
  if (text.length === 0 || text.length > longest)
    throw invalid(text, `is not 1 to ${longest} characters long`);
  const at = text.indexOf("@");
  const digest = at === -1 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !digestForm.test(digest)) {
    throw invalid(text, "has a digest that is not sha256: and 64 lower-case hex digits");
  }
  const rest = at === -1 ? text : text.slice(0, at);
  const colon = rest.lastIndexOf(":");
  // The colon of a port has a slash behind it; the colon of a tag has none.
  const tagged = colon > rest.lastIndexOf("/");
  const tag = tagged ? rest.slice(colon + 1) : undefined;
  if (tag !== undefined && !tagForm.test(tag)) throw invalid(text, "has a tag that no registry accepts");
  const written = tagged ? rest.slice(0, colon) : rest;
  if (bareDigest.test(written)) throw invalid(text, "is an image's ID, not its name");
  return { written, ...fullName(written, text), tag, digest };
}

/** What a name means as an image's; undefined if no image is called so. Names of repositories that hold none mean themselves. */
export function imageName(name: string): string | undefined {
  try {
    return parseReference(name).name;
  } catch (error) {
    if (error instanceof TrustError) return undefined;
    throw error;
  }
}

function fullName(written: string, text: string): Pick<ImageReference, "name" | "host" | "path"> {
  const slash = written.indexOf("/");
  const first = slash === -1 ? "" : written.slice(0, slash);
  const hosted = slash !== -1 && isHost(first);
  const host = hosted ? signedHost(first) : "docker.io";
  const below = hosted ? written.slice(slash + 1) : written;
  const path = host === "docker.io" && !below.includes("/") ? `library/${below}` : below;
  if (!hostForm.test(host)) throw invalid(text, "has a host that is none");
  if (!path.split("/").every((part) => pathComponent.test(part))) {
    throw invalid(
      text,
      "has a path that no registry accepts (lower-case letters, digits, and . _ - between them)",
    );
  }
  const name = `${host}/${path}`;
  if (name.length > longestName) throw invalid(text, `has a name of more than ${longestName} characters`);
  return { name, host, path };
}

/** The reference that a builder is given: the name as it was written, the tag if there is one, and the digest. */
export function lockedReference({ written, tag }: ImageReference, digest: string): string {
  return `${written}${tag === undefined ? "" : `:${tag}`}@${digest}`;
}

function invalid(text: string, why: string): TrustError {
  const shown = text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 120);
  return new TrustError("REFERENCE_INVALID", `The image reference "${shown}" ${why}.`, { reference: shown });
}
