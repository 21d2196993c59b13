/**
 * `vidimus key certificate`: a root key as others list it. A root of Notary lists keys in certificates that are made out to the
 * repository (notary-protocol.md 7.4), so whoever makes a root with the key of somebody else needs theirs.
 */
import type { Command } from "commander";
import { addKeyFlags, addPassphraseFlags, examples, type KeyFlags, withKeys } from "./key-flags.ts";
import { type CliContext, printJson } from "./output.ts";

const minute = 60_000;
const tenYears = 3_650 * 86_400_000;

export function addKeyCertificate(parent: Command, context: CliContext): void {
  const command = parent
    .command("certificate")
    .description("print a root key in a certificate, for others who list it in the root of a repository")
    .argument("<key>", "its name, its ID, or the first eight digits of it or more")
    .argument("<repository>", "name of the repository, or a path above it followed by /*")
    .addHelpText("after", examples("vidimus key certificate release registry.acme.example/app"));
  addPassphraseFlags(addKeyFlags(command)).action(async (text: string, repository: string) => {
    const { json } = command.opts<KeyFlags>();
    const { makeRootCertificate } = await import("../publisher/custody/certificates.ts");
    await withKeys(command, context, async ({ ring, passphrases }) => {
      const { info, custody } = await ring.find(text);
      const key = await custody.open(info.id, passphrases);
      try {
        const now = Date.now();
        const from = new Date(now - minute);
        const { pem } = await makeRootCertificate(key, repository, from, new Date(now + tenYears));
        if (json === true)
          printJson(context, { format: "vidimus-certificate/1", key: info.id, repository, certificate: pem });
        else context.stdout(pem);
      } finally {
        key.close();
      }
    });
  });
}
