/** The version of the client's package; `tools/client-package.ts` holds it to client/package.json. */
export const clientVersion = "0.1.0";
