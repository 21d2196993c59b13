/**
 * The log: one record one line, on standard error. JSON for machines, readable lines for a terminal. In both, control
 * characters are escaped, so that nobody's input can forge a line or steer a terminal (threat L1), and every record
 * passes through `redact` (threat L2).
 */
import pino, { type DestinationStream, type Logger } from "pino";
import { hideCredentials, redact } from "./redact.ts";

export interface LoggerOptions {
  readonly level: string;
  readonly format: "json" | "pretty";
  readonly destination: DestinationStream;
}

/** Most characters that wait for standard error; what comes while it takes nothing is lost beyond them. */
const mostWaiting = 1024 * 1024;

/**
 * Standard error; what is still in memory is written when the process ends. Where it cannot be written, because its disk is
 * full for example, the server goes on and tries again with the next line: a server without a log is better than none.
 */
export function standardError(): DestinationStream {
  const stream = pino.destination({ fd: 2, sync: false, minLength: 0, maxLength: mostWaiting });
  let isFailing = false;
  stream.on("error", () => {
    isFailing = true;
  });
  stream.on("write", () => {
    isFailing = false;
  });
  // The library's own would try for ever, and the process never end.
  const flush = stream.flushSync.bind(stream);
  stream.flushSync = () => {
    if (!isFailing) flush();
  };
  return stream;
}

export function createLogger({ level, format, destination }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (record) =>
          redact(Object.fromEntries(Object.entries(record).map(shownMember))) as Record<string, unknown>,
      },
      // The records are ready when these would run; pino's own would unfold a request again.
      serializers: {
        err: (value: unknown) => value,
        req: (value: unknown) => value,
        res: (value: unknown) => value,
      },
      hooks: { streamWrite: redactLine },
    },
    format === "json" ? destination : { write: (line) => destination.write(prettyLine(line)) },
  );
}

/** Requests and answers of Node or the framework shrink to what identifies them. */
function shownMember([name, value]: [string, unknown]): [string, unknown] {
  if (typeof value !== "object" || value === null) return [name, value];
  if (name === "req") {
    const { id, method, url, remoteAddress, ip } = value as Record<string, unknown>;
    return [name, { id, method, url, remoteAddress: remoteAddress ?? ip }];
  }
  if (name === "res") return [name, { statusCode: (value as { statusCode?: unknown }).statusCode }];
  return [name, value];
}

/** The second wall: the finished line, with bindings and message, and the escapes that JSON leaves out. */
function redactLine(line: string): string {
  return `${escapeControls(hideCredentials(line.trimEnd()))}\n`;
}

/** Control characters, line and paragraph separators and direction marks, as JSON escapes. */
export function escapeControls(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const quiet: ReadonlySet<string> = new Set(["level", "time", "pid", "msg"]);

/** A JSON record as one readable line: time, level, message, then the other members. */
export function prettyLine(line: string): string {
  const record = new Map<string, unknown>(Object.entries(JSON.parse(line)));
  const text = (name: string): string => String(record.get(name) ?? "");
  const rest = [...record]
    .filter(([name]) => !quiet.has(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const parts = [text("time").slice(11, 19), text("level").toUpperCase().padEnd(5), text("msg"), ...rest];
  return `${escapeControls(parts.join(" "))}\n`;
}
