/**
 * Brings the signatures of a request to a proposal, and stops for ever where the publication would be committed. Prints
 * `at the commit` then.
 */
import { bareService } from "../bare-service.ts";

const [directory = "", text = ""] = process.argv.slice(2);
const { repository, id, signatures } = JSON.parse(text);
setInterval(() => {}, 60_000);

const { service } = await bareService(directory, (store) => ({
  ...store,
  commit: () => {
    console.log("at the commit");
    return new Promise<never>(() => undefined);
  },
}));
await service.proposals.sign(
  repository,
  id,
  signatures.map((each: { role: string; keyId: string; method: string; signature: string }) => ({
    role: each.role,
    signatures: [
      { keyId: each.keyId, method: each.method, signature: Buffer.from(each.signature, "base64") },
    ],
  })),
  { name: "last", method: "none", address: "" },
  true,
);
