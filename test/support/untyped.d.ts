/** Of packages that bring no types, what the tests use. */
declare module "oidc-provider" {
  import type { IncomingMessage, ServerResponse } from "node:http";

  interface IdToken {
    scope: string;
    set(name: string, value: unknown): void;
    issue(options: { use: "idtoken" }): Promise<string>;
  }

  export default class Provider {
    constructor(issuer: string, configuration: object);
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
    readonly Client: { find(id: string): Promise<object | undefined> };
    readonly IdToken: new (
      claims: object,
      parts: { client: object },
    ) => IdToken;
  }
}
