/** `vidimus key public` and `certificate`: what others are given, so that they can name this key as a signer. */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { type CliContext, printable, printJson, printLine } from "../output.ts";
import { addKeyFlags, addPassphraseFlags, type KeyFlags, type Keys, withKeys } from "./flags.ts";
import { nameOf } from "./output.ts";

const day = 86_400_000;
const tenYears = 3_650;

export function addKeyPublic(parent: Command, context: CliContext): void {
  const command = parent
    .command("public")
    .description("write the public part of a key as PEM, for whoever lets it sign")
    .argument("<key>", "its name, its ID, or the first eight digits of it or more")
    .argument("[file]", "a file that is not there yet (default: standard output)")
    .addHelpText("after", examples("vidimus key public release", "vidimus key public release public.pem"));
  addPassphraseFlags(addKeyFlags(command)).action(async (text: string, path: string | undefined) => {
    await withKeys(command, context, async (keys) => {
      const pem = await publicPemOf(keys, text);
      await give(context, path, pem, `the public part of ${nameOf((await keys.ring.find(text)).info)}`);
    });
  });
}

export function addKeyCertificate(parent: Command, context: CliContext): void {
  const command = parent
    .command("certificate")
    .description("write a certificate by which a key can sign the root of a repository")
    .argument("<key>", "a P-256 key: its name, its ID, or the first eight digits of it or more")
    .argument("<repository>", "name of the repository, or a path above it with /* at its end")
    .argument("[file]", "a file that is not there yet (default: standard output)")
    .option("--days <number>", "how long it is good", String(tenYears))
    .addHelpText(
      "after",
      examples("vidimus key certificate release registry.acme.example/app certificate.pem"),
    );
  addPassphraseFlags(addKeyFlags(command)).action(
    async (text: string, repository: string, path: string | undefined) => {
      const { days, json } = command.opts<KeyFlags & { days: string }>();
      if (!/^[1-9][0-9]{0,4}$/.test(days)) command.error("error: --days takes a number from 1 to 99999");
      await withKeys(command, context, async ({ ring, passphrases }) => {
        const { makeRootCertificate } = await import("../../publisher/custody/certificates.ts");
        const { info } = await ring.find(text);
        const key = await ring.open(info.id, passphrases);
        try {
          const now = Date.now();
          const end = new Date(now + Number(days) * day);
          const { pem } = await makeRootCertificate(key, repository, new Date(now - 60_000), end);
          if (json === true) {
            printJson(context, {
              format: "vidimus-certificate/1",
              key: info.id,
              repository,
              certificate: pem,
            });
            return;
          }
          await give(context, path, pem, `a certificate of ${nameOf(info)} for ${printable(repository)}`);
        } finally {
          key.close();
        }
      });
    },
  );
}

/** In PEM. An encrypted file of the stock clients says its public part only once it is open. */
export async function publicPemOf({ ring, passphrases }: Keys, text: string): Promise<string> {
  const { publicPem } = await import("../../publisher/custody/public.ts");
  const { info, custody } = await ring.find(text);
  if (info.listed !== undefined) return publicPem(info.listed);
  const key = await custody.open(info.id, passphrases);
  key.close();
  return publicPem(key.info.listed);
}

async function give(context: CliContext, path: string | undefined, pem: string, what: string): Promise<void> {
  if (path === undefined || path === "-") {
    context.stdout(pem);
    return;
  }
  const [{ writeExport }, { refuseExisting }] = await Promise.all([
    import("../../publisher/custody/export.ts"),
    import("../../publisher/custody/key-store.ts"),
  ]);
  await refuseExisting(path);
  await writeExport(path, Buffer.from(pem, "latin1"));
  printLine(context, `Wrote ${what} to ${printable(path)}.`);
}
