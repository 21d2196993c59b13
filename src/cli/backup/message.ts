/** What the commands for backups print. Pure. */
import { join } from "node:path";
import type { Manifest } from "../../backup/manifest.ts";

/** What is in a backup, but not a word of the secret. */
function describe({ made, by, store, parts }: Manifest): string[] {
  const { repositories, metadata, publications, onlineKeys } = store.counts;
  const bytes = parts.find(({ name }) => name === "vidimus.sqlite")?.bytes ?? 0;
  const tls = parts.some(({ name }) => name === "tls/ca.key");
  return [
    `Backup of ${made} by Vidimus ${by}`,
    `  store   ${repositories} repositories, ${metadata} files of metadata, ${publications} changes, ${onlineKeys} sealed online keys`,
    `          ${bytes} bytes, schema ${store.schema}`,
    `  TLS     ${tls ? "the server's own CA and certificate, with their private keys" : "nothing: the server made no CA"}`,
  ];
}

/** Lines of what is in a backup, and whether the secret is. */
export function describeBackup(manifest: Manifest): string[] {
  return [
    ...describe(manifest),
    manifest.secretIncluded
      ? "  secret  INCLUDED: whoever opens this backup has the online keys"
      : "  secret  NOT included: keep the key-encryption key apart from this backup; without it the online keys are lost",
  ];
}

/** Lines for whoever has restored it into `directory`. */
export function describeRestored(manifest: Manifest, directory: string): string[] {
  const kek = join(directory, "kek");
  return [
    ...describe(manifest),
    `Restored into ${directory}. Before the server is started:`,
    `- make everything in it the server's own, if you are somebody else: chown -R`,
    manifest.secretIncluded
      ? `- the key-encryption secret came along: it is ${kek}; with signer.secret set, it is not needed there`
      : `- the backup has no key-encryption key: put it at ${kek} with mode 0600, or set signer.secret`,
    `- the settings that the server had are in ${join(directory, "restored")}, to read: none is taken from there`,
    "- clients that have seen newer metadata refuse older ones: what was published since has to be published again",
    "- the high-water mark is not in a backup: keep the one of the last server, which shows that this state is older",
  ];
}
