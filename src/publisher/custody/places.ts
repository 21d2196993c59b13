/** Where the keys of a person usually lie. */
import { homedir } from "node:os";
import { join } from "node:path";

export interface UsualPlaces {
  /** Our own folder. */
  readonly keys: string;
  /** The stock clients' trust directories: Docker's, then that of `notary`. */
  readonly trustDirectories: readonly [docker: string, notary: string];
}

export function usualPlaces(env: Readonly<Record<string, string | undefined>>): UsualPlaces {
  const home = env.HOME || homedir();
  return {
    keys: env.VIDIMUS_KEYS || join(home, ".vidimus", "keys"),
    trustDirectories: [join(env.DOCKER_CONFIG || join(home, ".docker"), "trust"), join(home, ".notary")],
  };
}
