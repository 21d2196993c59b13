/**
 * SIGHUP ends a process that has no handler for it. Whoever asks a server to reload while it starts must not end it: from the
 * first line on it is ignored, until `shutdown.ts` listens. What is read at the start is new anyway.
 */
if (process.argv[2] === "serve") process.on("SIGHUP", () => undefined);
