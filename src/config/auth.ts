/** The keys of `auth`: how callers are authenticated, and by whom. */
import { z } from "zod";
import { choice, duration, text, textWithDefault, toggle } from "./fields.ts";
import { oidc } from "./oidc.ts";

export const auth = z.strictObject({
  mode: choice(
    ["none", "token", "builtin"],
    "none",
    "How callers are authenticated. none: not at all, everybody may do everything. token: by tokens of a service that speaks Docker's token protocol. builtin: by names and passwords that this server knows, and tokens that it makes itself. See docs/access.md.",
  ),
  acceptAnonymous: toggle(
    false,
    "Start without authentication although the server can be reached from other machines.",
  ),
  anonymousRead: toggle(
    false,
    "Let whoever has no token read every repository. For auth.mode token and builtin.",
  ),
  builtin: z
    .strictObject({
      realm: text(
        "Address of this server's token endpoint as clients reach it: https://NAME/token. Requests never decide it. https, or http on a loopback address.",
      ),
      service: textWithDefault(
        "vidimus",
        "Name of this server in its tokens. Another one than the registry's, or its tokens would count here.",
      ),
      key: text(
        "PEM file of the private key (P-256) that tokens are signed with. Default: token-key.pem in the data directory, made on first start.",
      ),
      tokenLifetime: duration({ least: "1m", most: "1h", value: "5m" }, "How long a token is valid."),
      sessionLifetime: duration(
        { least: "1h", most: "366d", value: "30d" },
        "How long a login lasts where a client keeps a refresh token in the place of the password.",
      ),
      passwordFile: text(
        "File with names and passwords as htpasswd -B writes it (bcrypt), such as the registry's own. Read again when it has changed.",
      ),
      registry: text(
        "Address of a registry that is asked whether a name and password are right, for names that have no password here: https, or http on a loopback address.",
      ),
      registryAuthority: text("PEM file of the CA of that registry, if it is not a public one."),
      rememberFor: duration(
        { least: "1s", most: "10m", value: "60s" },
        "How long a right password of the file or the registry is remembered: it can go on working so long after it was changed there.",
      ),
    })
    .prefault({}),
  oidc: oidc.prefault({}),
  token: z
    .strictObject({
      realm: text(
        "Address of the token service, as clients are told it. Requests never decide it. https, or http on a loopback address.",
      ),
      service: text(
        "Name of this server at the token service: the audience of the tokens that count. Another one than the registry's, or its tokens would count here.",
      ),
      issuer: text("Issuer (iss) of the tokens that count."),
      certificates: text(
        "PEM file of the certificates that the token service signs with, or of the authorities over them. This or auth.token.jwks; read again on SIGHUP.",
      ),
      jwks: text("File with the token service's public keys as a JSON Web Key Set. Read again on SIGHUP."),
    })
    .prefault({}),
});
