/**
 * A server with nothing but answers: reads them all, looks the path up, sends. Arguments: `http`, `https` or `fastify`,
 * the file of answers, the file that gets the address; for `https` key and certificate.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import fastify from "fastify";

const [kind, answersFile, readyFile, key, certificate] = process.argv.slice(2);
const answers = new Map(
  JSON.parse(readFileSync(answersFile, "utf8")).map(({ path, file, headers }) => [
    path,
    { headers, named: pairs(headers), bytes: readFileSync(file) },
  ]),
);

function pairs(headers) {
  return Object.fromEntries(headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]]] : [])));
}

function answer(request, response) {
  const found = answers.get(request.url);
  if (found === undefined) response.writeHead(404).end();
  else response.writeHead(200, found.headers).end(found.bytes);
}

let server;
if (kind === "fastify") {
  const app = fastify();
  app.get("/*", (request, reply) => {
    const found = answers.get(request.raw.url);
    if (found === undefined) reply.code(404).send();
    else reply.headers(found.named).send(found.bytes);
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  server = app.server;
} else {
  server =
    kind === "https"
      ? createTlsServer({ key: readFileSync(key), cert: readFileSync(certificate) }, answer)
      : createServer(answer);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
}
writeFileSync(`${readyFile}.new`, String(server.address().port));
renameSync(`${readyFile}.new`, readyFile);
process.on("SIGTERM", () => process.exit(0));
