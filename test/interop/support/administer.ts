/** The management API, as who holds the data directory of a server asks it. */
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";

/** What each answers, as an object. Throws where one is refused. */
export async function administer(
  data: string,
  url: string,
  changes: readonly (readonly [method: string, path: string, body?: object])[],
): Promise<readonly unknown[]> {
  const token = readFileSync(join(data, "operator-token"), "utf8").trim();
  const answers: unknown[] = [];
  for (const [method, path, body] of changes) {
    const ca = readFileSync(join(data, "tls", "ca.crt"));
    const headers = { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) };
    answers.push(
      await new Promise((resolve, reject) => {
        const sent = request(`${url}/api/v1/${path}`, { method, ca, headers }, (answer) => {
          let text = "";
          answer.setEncoding("utf8");
          answer.on("data", (chunk: string) => {
            text += chunk;
          });
          answer.on("end", () =>
            (answer.statusCode ?? 500) < 300
              ? resolve(JSON.parse(text))
              : reject(new Error(`${path}: ${text}`)),
          );
        });
        sent.on("error", reject);
        sent.end(body && JSON.stringify(body));
      }),
    );
  }
  return answers;
}
