/** Commands that take a right to the whole server, against one that takes the tokens of a service elsewhere. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { endings } from "../../src/client/errors.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { plainServer, type TestServer } from "../support/fetching.ts";
import { Person } from "../support/person.ts";
import { runningServer } from "../support/running-server.ts";
import { type Entry, issuer, service, TokenService } from "../support/token-service.ts";

const rights: Readonly<Record<string, readonly string[]>> = {
  admin: ["registry:catalog:*", "vidimus:server:audit", "vidimus:server:admin"],
  auditor: ["vidimus:server:audit"],
  lister: ["registry:catalog:*"],
};

let realm: TestServer;
let ann: Person;

beforeAll(async () => {
  const tokens = await TokenService.make(Date.now);
  realm = await plainServer((request, response) => {
    const [user = ""] = Buffer.from(request.authorization?.slice(6) ?? "", "base64")
      .toString()
      .split(":");
    const scope = new URL(request.url, "http://x").searchParams.get("scope") ?? "";
    const [type = "", name = "", actions = ""] = scope.split(":");
    const isGiven = rights[user]?.includes(scope) === true;
    const access: readonly Entry[] = isGiven ? [{ type, name, actions: actions.split(",") }] : [];
    void tokens.token({ access }).then((token) => response.end(JSON.stringify({ token })));
  });
  const certificates = join(temporaryDirectory(), "tokens.pem");
  writeFileSync(certificates, tokens.certificate);
  const server = await runningServer({
    "auth.mode": "token",
    "auth.token.realm": `${realm.url}/token`,
    "auth.token.service": service,
    "auth.token.issuer": issuer,
    "auth.token.certificates": certificates,
  });
  ann = new Person(server);
  const known = { ca: ann.home.at("ca.pem"), tokenRealms: [realm.url] };
  const policy = { default: "refuse", server: server.url, servers: { [server.url]: known } };
  ann.home.write("trust.yaml", JSON.stringify(policy));
});

const as = async (user: string, ...args: readonly string[]) => {
  ann.env = user === "" ? {} : { VIDIMUS_USER: user, VIDIMUS_PASSWORD: "of the service" };
  return await ann.run(...args);
};

describe.each([
  ["auditor", "lister", exitCodes.auditRefused.code, "vidimus:server:audit", ["audit", "keys"]],
  ["auditor", "lister", exitCodes.asked.code, "vidimus:server:audit", ["expiring"]],
  ["admin", "auditor", exitCodes.asked.code, "vidimus:server:admin", ["gc", "plan"]],
  ["lister", "auditor", exitCodes.refused.code, "registry:catalog:*", ["proposal", "list"]],
])("with the tokens of %s and %s", (who, other, refused, scope, args) => {
  it(`vidimus ${args.join(" ")} is done, and refused`, async () => {
    expect(await as(who, ...args)).toMatchObject({ code: 0, err: "" });
    const asked = new URL(realm.seen.at(-1)?.url ?? "", "http://x").searchParams;
    expect([asked.get("scope"), asked.get("service")]).toEqual([scope, service]);
    const { code, err } = await as(other, ...args);
    expect([code, err]).toEqual([refused, expect.stringContaining("FORBIDDEN")]);
    expect(await as("", ...args)).toMatchObject({ code: endings.unreachable.exit });
  });
});
