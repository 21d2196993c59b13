/** What an application needs that knows its callers itself: made in `src/wire/builtin.ts`, once for a process. */
import type { Administration } from "../../service/access/administration.ts";
import type { Logins } from "../../service/access/logins.ts";
import type { Principal } from "../../service/service.ts";
import type { Minter } from "./minting.ts";
import type { Oidc } from "./oidc.ts";

export interface BuiltinAccess {
  readonly logins: Logins;
  readonly administration: Administration;
  readonly minter: Minter;
  /** Absent: no identity provider is known. */
  readonly oidc?: Oidc;
  /** Address of the token endpoint, as clients reach it. */
  readonly realm: string;
  /** Name of this server in tokens. */
  readonly service: string;
  /** Milliseconds that a token lives, and a session without a password. */
  readonly tokenLifetime: number;
  readonly sessionLifetime: number;
  readonly now: () => number;
  /** Told of each token that makes somebody an administrator, before it is given out. */
  readonly onAdministrator: (principal: Principal) => Promise<void>;
}
