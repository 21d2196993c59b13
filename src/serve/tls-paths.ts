/** Where the server keeps the certificates that it makes: a file of its own, for who only wants to find them. */
import { join } from "node:path";

export interface TlsPaths {
  readonly directory: string;
  /** The CA's certificate. */
  readonly authority: string;
  readonly authorityKey: string;
  /** The server's private key and certificate. */
  readonly server: string;
}

/** `data`: the data directory. */
export function tlsPaths(data: string): TlsPaths {
  const directory = join(data, "tls");
  return {
    directory,
    authority: join(directory, "ca.crt"),
    authorityKey: join(directory, "ca.key"),
    server: join(directory, "server.pem"),
  };
}
