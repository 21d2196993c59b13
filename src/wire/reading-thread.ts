/** The program of a thread that reads (`reading.ts` starts it). */
import { parentPort } from "node:worker_threads";
import { serveReading } from "../threads/thread.ts";

const { notary } = await import("../core/format/notary.ts");
if (parentPort !== null) serveReading(parentPort, notary);
