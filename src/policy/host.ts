/**
 * Hosts of registries, as the first segment of a name. One host has many spellings: `REGISTRY.example.test`,
 * `registry.example.test:443` and `registry.example.test:0443` are where `registry.example.test` is.
 *
 * - What is signed (Notary's GUN) has the host in lower case and the port as it was written: Docker signs `host:443/app` and
 *   `host/app` as two repositories.
 * - What is compared has one text for all spellings, so that none slips past a rule.
 */

/** Whether the first of several segments is a host, by Docker's rule. */
export function isHost(first: string): boolean {
  return hasHostForm(first) || first !== first.toLowerCase();
}

/** The host as it stands in names that are signed. `Registry` alone keeps its capital, without which it is no host. */
export function signedHost(host: string): string {
  const lower = host.toLowerCase();
  if (!hasHostForm(lower)) return host;
  return lower === "index.docker.io" ? "docker.io" : lower;
}

/** The same text for every spelling of a host. A single word has its port, without which it is no host. */
export function comparedHost(host: string): string {
  const [, name = host, digits] = /^(.*?)(?::([0-9]+))?$/s.exec(host) ?? [];
  const port = digits === undefined ? 443 : Number(digits);
  const bare = name.startsWith("[") ? bracketed(name) : name.toLowerCase();
  if (port !== 443 || !hasHostForm(bare)) return `${bare}:${port}`;
  return signedHost(bare);
}

/** An IPv6 address has spellings of its own. */
function bracketed(name: string): string {
  return URL.parse(`https://${name}`)?.hostname ?? name.toLowerCase();
}

function hasHostForm(text: string): boolean {
  return /[.:]/.test(text) || text === "localhost";
}
