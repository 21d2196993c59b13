/** Takes a certificate apart before anything of TLS is used, and then says whether TLS can still be used. */
import { readFileSync } from "node:fs";
import { commonName, parseCertificates } from "../../../src/core/certificates.ts";

const { leaf } = parseCertificates(readFileSync(process.argv[2] ?? "", "utf8"));
const name = commonName(leaf);
const { createSecureContext } = await import("node:tls");
process.stdout.write(`${name} ${typeof createSecureContext}\n`);
