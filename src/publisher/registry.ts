/**
 * What a registry holds under a reference: the digest and length of an image's manifest, or of the index of several. That is
 * what is signed by docker, too, so the bytes themselves are hashed here and no header is believed.
 */
import type { Fetcher } from "../client/fetch/fetcher.ts";
import { sha256Hex } from "../core/bytes.ts";
import { PublishError } from "./errors.ts";

export interface ImageFacts {
  /** `sha256:` and 64 hex digits, of the manifest's or index's bytes. */
  readonly digest: string;
  readonly length: number;
  readonly kind: "image" | "index";
  /** `linux/amd64`, of an index that says so. */
  readonly platforms: readonly string[];
}

const manifests = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];
const indexes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];

/** Registries hold no larger manifests (OCI distribution specification, "Pushing manifests"). */
const largestManifest = 4 * 1_024 * 1_024;
const mostPlatforms = 100;

/**
 * @param repository as the registry names it, without its host
 * @param reference a tag, or `sha256:…`
 * @param account whose credentials are looked up: the name with its host
 * Throws `IMAGE_UNKNOWN`, `IMAGE_DIFFERS`, `REGISTRY_ANSWER`, and what a fetcher throws.
 */
export async function imageFacts(
  fetcher: Fetcher,
  repository: string,
  reference: string,
  account: string,
): Promise<ImageFacts> {
  const { status, type, body } = await fetcher.call({
    right: { of: "repository", repository: account, tokenFor: repository, actions: "pull" },
    method: "GET",
    path: `/v2/${repository}/manifests/${reference}`,
    accept: [...indexes, ...manifests].join(", "),
    maxBytes: largestManifest,
    signal: AbortSignal.timeout(60_000),
  });
  const name = `${account}${reference.startsWith("sha256:") ? "@" : ":"}${reference}`;
  if (status === 404)
    throw new PublishError(
      "IMAGE_UNKNOWN",
      `${fetcher.origin} has no ${name}: push it first, or correct the name.`,
    );
  if (status !== 200)
    throw new PublishError(
      "REGISTRY_ANSWER",
      `${fetcher.origin} answered ${status} when it was asked for ${name}.`,
    );
  const kind = indexes.includes(type ?? "") ? "index" : manifests.includes(type ?? "") ? "image" : undefined;
  if (kind === undefined) {
    throw new PublishError(
      "REGISTRY_ANSWER",
      `${fetcher.origin} gives ${name} as ${JSON.stringify(type ?? "nothing")}, which is no manifest that is signed.`,
    );
  }
  const digest = `sha256:${sha256Hex(body)}`;
  if (reference.startsWith("sha256:") && reference !== digest) {
    throw new PublishError(
      "IMAGE_DIFFERS",
      `${fetcher.origin} was asked for ${reference} and gave ${digest}: nothing was signed. Ask who runs the registry.`,
    );
  }
  return { digest, length: body.length, kind, platforms: kind === "index" ? platformsIn(body) : [] };
}

function platformsIn(body: Buffer): readonly string[] {
  try {
    const { manifests: all } = JSON.parse(body.toString("utf8")) as {
      manifests?: readonly { platform?: { os?: unknown; architecture?: unknown } }[];
    };
    return (all ?? []).slice(0, mostPlatforms).flatMap(({ platform }) => {
      const { os, architecture } = platform ?? {};
      const isKnown = typeof os === "string" && typeof architecture === "string" && os !== "unknown";
      return isKnown ? [`${os}/${architecture}`] : [];
    });
  } catch {
    return [];
  }
}

export interface RegistryOptions {
  /** `https://host[:port]`; plain HTTP for loopback only. */
  readonly url: string;
  /** PEM of its authority, instead of the system's. */
  readonly ca: string | undefined;
  /** Token services elsewhere that Docker's credentials may be sent to. */
  readonly realms: readonly string[];
  readonly dockerConfig: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Throws `OPTION_INVALID`. */
export async function openRegistry({
  url,
  ca,
  realms,
  dockerConfig,
  environment,
}: RegistryOptions): Promise<Fetcher> {
  const [{ createFetcher }, { dockerCredentials }] = await Promise.all([
    import("../client/fetch/http-fetcher.ts"),
    import("../client/fetch/docker-credentials.ts"),
  ]);
  return createFetcher({
    server: url,
    ca,
    tokenRealms: realms,
    credentials: dockerCredentials({ directory: dockerConfig, environment }),
    environment,
  });
}
