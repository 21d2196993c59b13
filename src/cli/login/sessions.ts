/** Where sessions are kept: written whole, readable by their owner alone. */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import {
  type KnownServer,
  type KnownServers,
  readSessions,
  sessionsFile,
  sessionsFormat,
} from "../../client/fetch/session-credentials.ts";
import { replaceFile } from "../../client/files/replace-file.ts";
import { AccessError } from "../access/errors.ts";

export class Sessions {
  readonly #file: string;

  /** Throws `LOGIN_REFUSED` where no place for them is known. */
  constructor(environment: Readonly<Record<string, string | undefined>>) {
    const file = sessionsFile(environment);
    if (file === undefined)
      throw new AccessError(
        "LOGIN_REFUSED",
        "There is no home directory to keep a session in: set HOME or VIDIMUS_SESSIONS.",
      );
    this.#file = file;
  }

  /** Throws `CREDENTIALS`. */
  async of(server: string): Promise<KnownServer | undefined> {
    return (await readSessions(this.#file)).get(server);
  }

  /** Throws `CREDENTIALS`, and `LOGIN_REFUSED` where nothing can be written. */
  async set(server: string, known: KnownServer): Promise<void> {
    const all: KnownServers = new Map([...(await readSessions(this.#file)), [server, known]]);
    const text = JSON.stringify({ format: sessionsFormat, servers: Object.fromEntries(all) }, null, 2);
    try {
      await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 });
      await replaceFile(this.#file, Buffer.from(`${text}\n`));
    } catch (cause) {
      const why = (cause as NodeJS.ErrnoException).code ?? "unknown";
      throw new AccessError(
        "LOGIN_REFUSED",
        `The file ${this.#file} cannot be written (${why}): mend its rights, or set VIDIMUS_SESSIONS.`,
        cause,
      );
    }
  }
}
