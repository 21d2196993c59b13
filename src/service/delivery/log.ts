/** The receiver that is always there: a line of the log for each announcement. */
import type { Logger } from "pino";
import type { Receiver } from "./receiver.ts";

export const logReceiverName = "log";

/** What somebody has to act on. */
const urgent = /\.(?:expiry|signature|alarm)\./;

export function logReceiver(logger: Logger): Receiver {
  return {
    name: logReceiverName,
    async tell({ id, type, subject, data }) {
      const level = urgent.test(type) ? "warn" : "info";
      logger[level]({ announcement: id, type, subject, data: JSON.parse(data) }, "announced");
      return { kind: "heard" };
    },
  };
}
