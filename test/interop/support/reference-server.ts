/**
 * Debian's `notary-server` with `notary-signer`, as an organisation would run the two: mutual TLS between
 * them, ECDSA keys, memory storage unless they are given databases. Everything lives in the given directory.
 */

import { writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { type Authority, createAuthority } from "./certificates.ts";
import { fetchFrom } from "./https.ts";
import { freePort, start } from "./process.ts";
import type { TrustServer } from "./trust-server.ts";

export interface ReferenceOptions {
  /** Who signs its certificate; one of its own when absent. */
  readonly authority?: Authority;
  /** The value of `auth` in its configuration; nobody has to show who he is when absent. */
  readonly auth?: unknown;
  /** Databases with their tables, as the original's driver names them: of PostgreSQL by a URL, else of MySQL. */
  readonly databases?: { readonly server: string; readonly signer: string };
  readonly plainHttp?: boolean;
  /** A program with its arguments that starts both. */
  readonly through?: readonly string[];
}

/** Of the signer's keys, under the alias `interop`. */
export const oldPassphrase = "a passphrase for keys that live as long as a test";

export async function startReferenceServer(
  directory: string,
  options: ReferenceOptions = {},
): Promise<TrustServer> {
  await mkdir(directory, { recursive: true });
  const authority = options.authority ?? (await createAuthority(directory));
  const tls = await authority.issueTls("server");
  const [port, signerPort] = [await freePort(), await freePort()];
  const env = {
    PATH: process.env.PATH ?? "",
    NOTARY_SIGNER_DEFAULT_ALIAS: "interop",
    NOTARY_SIGNER_INTEROP: oldPassphrase,
    HOME: directory,
  };
  const storage = (database: string | undefined) =>
    database === undefined
      ? { backend: "memory" }
      : { backend: database.startsWith("postgres:") ? "postgres" : "mysql", db_url: database };
  const command = (name: string): [string, string[]] => {
    const [program = "", ...args] = [...(options.through ?? []), name];
    return [program, args];
  };
  const configuration = (name: string, value: unknown) => {
    const file = join(directory, name);
    writeFileSync(file, JSON.stringify(value));
    return `-config=${file}`;
  };

  const [signerProgram, signerArgs] = command("notary-signer");
  const signer = await start(
    signerProgram,
    [
      ...signerArgs,
      configuration("signer.json", {
        server: {
          grpc_addr: `127.0.0.1:${signerPort}`,
          tls_cert_file: tls.certificate,
          tls_key_file: tls.privateKey,
          client_ca_file: authority.ca,
        },
        logging: { level: "error" },
        storage: storage(options.databases?.signer),
      }),
    ],
    { env, log: join(directory, "signer.log"), ready: () => accepts(signerPort) },
  );
  const url = `${options.plainHttp ? "http" : "https"}://127.0.0.1:${port}`;
  const [serverProgram, serverArgs] = command("notary-server");
  try {
    const server = await start(
      serverProgram,
      [
        ...serverArgs,
        configuration("server.json", {
          server: {
            http_addr: `127.0.0.1:${port}`,
            ...(!options.plainHttp && { tls_cert_file: tls.certificate, tls_key_file: tls.privateKey }),
          },
          trust_service: {
            type: "remote",
            hostname: "127.0.0.1",
            port: String(signerPort),
            key_algorithm: "ecdsa",
            tls_ca_file: authority.ca,
            tls_client_cert: tls.certificate,
            tls_client_key: tls.privateKey,
          },
          ...(options.auth === undefined ? {} : { auth: options.auth }),
          logging: { level: "error" },
          storage: storage(options.databases?.server),
        }),
      ],
      {
        env,
        log: join(directory, "server.log"),
        ready: async () =>
          options.plainHttp
            ? await accepts(port)
            : (await fetchFrom({ url, ca: authority.ca }, "/_notary_server/health")).status === 200,
      },
    );
    return {
      kind: "reference",
      url,
      ca: options.plainHttp ? "" : authority.ca,
      pids: [server.pid, signer.pid],
      stop: async () => {
        await server.stop();
        await signer.stop();
      },
    };
  } catch (error) {
    await signer.stop();
    throw error;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
